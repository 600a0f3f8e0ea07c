from __future__ import annotations

import os
import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli import main
from fsm_robot.robot.settings import load
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import GUID

URL = "https://orchestrator.example"


@pytest.fixture
def framework(tmp_path: Path) -> Path:
    """A robot of the vendor's framework: its settings beside its program, and a script."""
    folder = tmp_path / "Роботы" / "framework"
    folder.mkdir(parents=True)
    (folder / "settings.txt").write_bytes(f"{GUID}\r\n{URL}/\r\n0\r\n".encode())
    (folder / "SherpaPython.exe").touch()
    (folder / "сводка.py").touch()
    return folder


def written(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "robot.toml").read_text(encoding="utf-8"))


def test_init_writes_settings_that_load_and_a_script(tmp_path: Path) -> None:
    """What a newcomer gets is right at once, and nobody else may read the password."""
    assert main(["init", str(tmp_path / "robot"), "--url", URL, "--robot-guid", GUID]) == 0

    settings = load(tmp_path / "robot" / "robot.toml", {})
    assert (settings.orchestrator.url, settings.orchestrator.robot_guid) == (URL, GUID)
    assert (settings.scripts_directory / "hello.py").is_file()


@pytest.mark.skipif(os.name != "posix", reason="Windows has access lists instead: tests/worker/test_windows.py")
def test_init_writes_the_password_for_this_account_only(tmp_path: Path) -> None:
    """Others of the machine cannot read robot.toml."""
    main(["init", str(tmp_path), "--url", URL, "--robot-guid", GUID])

    assert stat.S_IMODE((tmp_path / "robot.toml").stat().st_mode) == 0o600


def test_init_takes_over_what_the_framework_was_told(
    tmp_path: Path, framework: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """GUID, host and log-off flag; its scripts where they are, with the argument that they know; no script of ours."""
    assert main(["init", str(tmp_path / "robot"), "--from-settings", str(framework / "settings.txt")]) == 0

    settings = load(tmp_path / "robot" / "robot.toml", {})
    assert (settings.orchestrator.url, settings.orchestrator.robot_guid) == (URL, GUID)
    assert settings.session.when_idle == "exit"
    assert settings.scripts_directory == framework
    assert settings.scripts.legacy_argument
    kept = {"robot.guid"} if sys.platform == "win32" else set()  # for this account only, by Windows
    assert {path.name for path in (tmp_path / "robot").iterdir()} == {"robot.toml"} | kept
    assert GUID not in capsys.readouterr().out


def test_scripts_are_given_the_settings_that_were_taken_over(
    robot_folder: RobotFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of the usual place, which another robot of this account may have, or nobody; wherever it is run from."""
    (tmp_path / "Старый робот").mkdir()
    (tmp_path / "Старый робот" / "settings.txt").write_text(f"{robot_folder.guid}\n{robot_folder.server.url}\n0\n")
    monkeypatch.chdir(tmp_path / "Старый робот")
    assert main(["init", str(tmp_path / "new"), "--from-settings", "settings.txt"]) == 0
    monkeypatch.chdir(tmp_path)
    robot_folder.path = tmp_path / "new"
    opens = "import sys\nfile = sys.argv[1].split('|')[3]\nprint(ascii(file), len(open(file).readlines()), 'lines')"
    robot_folder.store.enqueue(robot_folder.script("opens", opens))

    done = robot_folder.run()

    assert (done.exit_code, robot_folder.statuses()) == (0, {"opens": 4}), done.err
    assert f"{str(tmp_path / 'Старый робот' / 'settings.txt')!a} 3 lines" in robot_folder.output()


def test_init_looks_where_the_framework_keeps_its_settings(
    tmp_path: Path, framework: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path it is `%AppData%\\Sherpa RPA Python`; scripts elsewhere are named by --scripts."""
    usual = tmp_path / "roaming" / "Sherpa RPA Python"
    usual.mkdir(parents=True)
    (framework / "settings.txt").rename(usual / "settings.txt")
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))

    assert main(["init", str(tmp_path / "robot"), "--from-settings", "--scripts", str(framework)]) == 0

    assert written(tmp_path / "robot")["scripts"]["directory"] == str(framework)


def test_init_with_a_guid_file_writes_no_guid(tmp_path: Path, framework: Path) -> None:
    """Who keeps the password elsewhere finds only its place, whatever settings.txt held."""
    key = tmp_path / "key"
    key.write_text(GUID)
    arguments = ["--from-settings", str(framework / "settings.txt"), "--robot-guid-file", str(key)]

    assert main(["init", str(tmp_path / "robot"), *arguments]) == 0

    assert GUID not in (tmp_path / "robot" / "robot.toml").read_text(encoding="utf-8")
    assert load(tmp_path / "robot" / "robot.toml", {}).orchestrator.robot_guid == GUID


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from-settings", "absent.txt"], "absent.txt: cannot be read"),
        (["--url", URL, "--robot-guid", "1234"], "--robot-guid: is not a GUID"),
        (["--url", URL, "--robot-guid", GUID, "--scripts", "absent"], "--scripts: there is no folder"),
        (["--url", "orchestrator.example", "--robot-guid", GUID], "must be http"),
    ],
)
def test_init_with_wrong_values_writes_nothing(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, exit code 2, and the folder stays as it was."""
    assert main(["init", str(tmp_path / "robot"), *arguments]) == 2

    assert said in capsys.readouterr().err
    assert not (tmp_path / "robot").exists()


@pytest.mark.parametrize("name", ["robot.toml", "scripts/hello.py"])
def test_init_overwrites_nothing(tmp_path: Path, name: str) -> None:
    """What is there may be somebody's work."""
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")

    assert main(["init", str(tmp_path), "--url", URL, "--robot-guid", GUID]) == 2

    assert file.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]
