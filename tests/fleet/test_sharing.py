"""One file of shared settings: shown first, written into each robot.toml, and no GUID is ever touched."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.cli import main
from fsm_robot.errors import SettingsError
from fsm_robot.fleet.file import read
from fsm_robot.fleet.toml_text import with_values
from fsm_robot.robot.configuration import robot_toml
from fsm_robot.worker import pinned

GUID = "01234567-89ab-cdef-0123-456789abcdef"
FLEET = """
[shared.scripts]
stop_grace_s = 120.0
[shared.logging]
level = "DEBUG"
[[robots]]
folder = 'r/*'
[[robots]]
folder = 'r/вера'
[robots.settings.logging]
level = "WARNING"
"""


def folders(tmp_path: Path) -> Path:
    for name in ("anna", "вера"):
        (tmp_path / "r" / name).mkdir(parents=True)
        values = {("orchestrator", "url"): "http://127.0.0.1:1", ("orchestrator", "robot_guid"): GUID}
        file = tmp_path / "r" / name / "robot.toml"
        file.write_text(robot_toml(values), encoding="utf-8", newline="\n")
        file.chmod(0o600)
    (tmp_path / "fleet.toml").write_text(FLEET, encoding="utf-8")
    return tmp_path / "fleet.toml"


def test_apply_shows_first_writes_what_differs_and_leaves_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Comments, order and GUID stay; a second apply has nothing to do; without --yes nothing is written."""
    fleet = folders(tmp_path)
    before = {path: path.read_text(encoding="utf-8") for path in tmp_path.glob("r/*/robot.toml")}

    assert main(["fleet", "apply", "--file", str(fleet)]) == 2
    assert {path: path.read_text(encoding="utf-8") for path in before} == before
    out = capsys.readouterr().out
    assert out.count("scripts.stop_grace_s: not set -> 120.0") == 2
    assert 'logging.level: not set -> "WARNING"' in out
    assert GUID not in out

    assert main(["fleet", "apply", "--file", str(fleet), "--yes"]) == 0
    levels = {}
    for path, text in before.items():
        after = path.read_text(encoding="utf-8")
        told = tomllib.loads(after)
        levels[path.parent.name] = told["logging"]["level"]
        assert told["orchestrator"]["robot_guid"] == GUID
        assert [line for line in after.splitlines() if line not in text.splitlines()] == [
            "stop_grace_s = 120.0",
            f'level = "{told["logging"]["level"]}"',
        ]
        assert set(text.splitlines()) <= set(after.splitlines())
        if os.name != "nt":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert levels == {"anna": "DEBUG", "вера": "WARNING"}
    capsys.readouterr()
    assert main(["fleet", "apply", "--file", str(fleet)]) == 0
    assert "as the file says" in capsys.readouterr().out
    assert not list(tmp_path.rglob("robot.toml.*"))


def test_value_that_a_robot_would_refuse_is_written_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named with file and key; the others are done."""
    fleet = folders(tmp_path)
    fleet.write_text(FLEET.replace('level = "WARNING"', 'levle = "WARNING"'), encoding="utf-8")

    assert main(["fleet", "apply", "--file", str(fleet), "--yes"]) == 1

    assert "did you mean 'level'" in capsys.readouterr().out
    assert "levle" not in (tmp_path / "r" / "вера" / "robot.toml").read_text(encoding="utf-8")
    assert "120.0" in (tmp_path / "r" / "anna" / "robot.toml").read_text(encoding="utf-8")


def test_add_and_remove_change_only_their_own_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is made; what a person wrote in it stays; what is listed twice or not at all is said."""
    file = tmp_path / "fleet.toml"
    how = ["--file", str(file)]
    assert main(["fleet", "add", r"D:\robots\*", *how]) == 0
    file.write_text(file.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    assert (
        main(["fleet", "add", "/r/вера", "--name", "Вера", "--host", "srv", *how, "--command", "ssh", "srv", "r"]) == 0
    )
    assert [(each.folder, each.name, each.host, each.command) for each in read(file).places] == [
        (r"D:\robots\*", "", "", ()),
        ("/r/вера", "Вера", "srv", ("ssh", "srv", "r")),
    ]
    assert main(["fleet", "add", "/r/вера", "--host", "srv", *how, "--command", "ssh"]) == 2
    assert main(["fleet", "remove", "nobody", *how]) == 2
    assert "listed are" in capsys.readouterr().err

    assert main(["fleet", "remove", "Вера", *how]) == 0

    assert [each.folder for each in read(file).places] == [r"D:\robots\*"]
    assert "# mine" in file.read_text(encoding="utf-8")


def directories(tmp_path: Path) -> dict[str, str]:
    return {
        path.parent.name: tomllib.loads(path.read_text(encoding="utf-8")).get("scripts", {}).get("directory", "")
        for path in tmp_path.glob("r/*/robot.toml")
    }


def test_deploy_is_tried_on_one_given_to_all_and_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy a version, whole or not at all; GUIDs stay; a lock that does not fit leaves all robots as they are."""
    how = ["--file", str(folders(tmp_path))]
    scripts = tmp_path / "new scripts"
    (scripts / "отчёты").mkdir(parents=True)
    (scripts / "отчёты" / "сводка.py").write_text("print(1)\n", encoding="utf-8")
    (scripts / pinned.NAME).write_bytes(pinned.lock_text(pinned.of(scripts)).encode())

    assert main(["fleet", "deploy", str(scripts), "--version", "7", "--robot", "anna", *how]) == 0
    assert directories(tmp_path) == {"anna": "deployed/7", "вера": ""}
    assert main(["fleet", "deploy", str(scripts), "--version", "8", *how]) == 0
    assert directories(tmp_path) == {"anna": "deployed/8", "вера": "deployed/8"}
    copy = tmp_path / "r" / "вера" / "deployed" / "8" / "отчёты" / "сводка.py"
    assert copy.read_text(encoding="utf-8") == "print(1)\n"

    (scripts / "отчёты" / "сводка.py").write_text("print(2)\n", encoding="utf-8")
    assert main(["fleet", "deploy", str(scripts), "--version", "9", *how]) == 2
    assert "is not what its lock says" in capsys.readouterr().err
    assert directories(tmp_path) == {"anna": "deployed/8", "вера": "deployed/8"}
    assert not list(tmp_path.glob("r/*/deployed/*9*"))
    assert main(["fleet", "deploy", str(scripts), "--version", "8", *how]) == 2

    assert main(["fleet", "deploy", "--back", *how]) == 0
    assert directories(tmp_path) == {"anna": "deployed/7", "вера": "scripts"}
    assert GUID in (tmp_path / "r" / "anna" / "robot.toml").read_text(encoding="utf-8")
    assert main(["fleet", "deploy", "--back", "--robot", "вера", *how]) == 2
    assert main(["fleet", "deploy", "--back", "--robot", "nobody", *how]) == 2


NAMES = st.sampled_from(["a", "b", "key"])
VALUES = st.one_of(
    st.integers(-9, 9), st.booleans(), st.floats(-9, 9), st.text(max_size=6), st.lists(st.text(max_size=3), max_size=2)
)
SECTIONS = st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3), max_size=3)
LINES = st.sampled_from(
    ["# a comment", "", "[a] # c", "a = 1", "b = '''x", "y'''", "key = [1,", "2]", "[ b ]", "# key = 3"]
)


@given(st.lists(LINES, max_size=10), SECTIONS)
def test_text_is_changed_to_exactly_what_is_asked_or_not_at_all(
    lines: list[str], values: dict[str, dict[str, object]]
) -> None:
    """Whatever the text looks like: the values are in it, and all other values are as they were."""
    text = "\n".join(lines)
    try:
        after = with_values(text, values, "x.toml")
    except SettingsError:
        return

    told, before = tomllib.loads(after), tomllib.loads(text)
    for section, keys in values.items():
        assert {key: told[section][key] for key in keys} == keys
    for section, part in before.items():
        kept = told[section]
        assert kept == {**part, **values.get(section, {})} if isinstance(part, dict) else kept == part


def test_folder_that_is_not_there_is_listed_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip is noticed when it is made; a pattern and a folder of another machine cannot be looked at."""
    how = ["--file", str(tmp_path / "fleet.toml")]
    (tmp_path / "анна").mkdir()

    for folder, more, warned in (
        ("ана", [], True),
        ("анна", [], False),
        ("*", [], False),
        ("/r/вера", ["--host", "srv", "--command", "ssh"], False),
    ):
        command = [*more[:2], *how, *more[2:]]
        assert main(["fleet", "add", folder, *command]) == 0
        assert ("there is no such folder yet" in capsys.readouterr().err) is warned
