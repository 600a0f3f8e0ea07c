from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.errors import SettingsError
from fsm_robot.operations import versions
from fsm_robot.operations.versions import Choice, Place, version_of

PROGRAM = """\
NAME = "{version}-0123456789ab"
def main(program, place=""):
    import sys
    print("{said}", place)
if __name__ == "__main__":
    main("")
"""


def program(path: Path, version: str, said: str = "") -> Path:
    """A file that is made like the real one, and only tells its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__main__.py", PROGRAM.format(version=version, said=said or f"fsm-robot {version}"))
        archive.writestr("payload.zip", b"")
    return path


def started(place: Place) -> str:
    command = [sys.executable, "-I", str(place.folder / "fsm-robot.py"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=60)
    return done.stdout or done.stderr


def test_upgrade_and_back_change_what_the_launcher_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each version stays where it is; the launcher starts the one that is named, told by which place."""
    place = Place(tmp_path / "place")
    old, new = program(tmp_path / "old.pyz", "1.0.0"), program(tmp_path / "new.pyz", "1.10.0")

    assert main(["versions", "upgrade", str(old), "--place", str(place.folder)]) == 0
    assert started(place) == f"fsm-robot 1.0.0 {place.folder}\n"
    assert main(["versions", "upgrade", str(new), "--place", str(place.folder)]) == 0
    assert started(place) == f"fsm-robot 1.10.0 {place.folder}\n"
    assert main(["versions", "back", "--place", str(place.folder)]) == 0
    assert started(place) == f"fsm-robot 1.0.0 {place.folder}\n"

    capsys.readouterr()
    assert main(["versions", "show", "--json", "--place", str(place.folder)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "place": str(place.folder),
        "current": "1.0.0",
        "previous": "1.10.0",
        "versions": ["1.0.0", "1.10.0"],
    }
    assert sorted(path.name for path in place.folder.rglob("*") if path.is_file()) == [
        *("fsm-robot.py", "fsm-robot.pyz", "fsm-robot.pyz", "versions.json")
    ]


def test_a_version_that_does_not_run_here_is_not_named_current(tmp_path: Path) -> None:
    """A crash, and a file that is another version than it says: the old one stays current."""
    place = Place(tmp_path)
    place.use(place.add(program(tmp_path / "1.pyz", "1.0")))

    for version, said in (("2.0", 'a" + 1 + "'), ("3.0", "fsm-robot 2.0")):
        place.add(program(tmp_path / f"{version}.pyz", version, said))
        with pytest.raises(SettingsError, match="does not run here, so nothing was changed"):
            place.use(version)

    assert place.choice() == Choice("1.0")


def test_another_file_of_the_same_version_is_refused_and_the_same_one_is_not(tmp_path: Path) -> None:
    """What robots may run by is never replaced."""
    place = Place(tmp_path / "place")
    file = program(tmp_path / "a.pyz", "1.0")
    assert place.add(file) == "1.0"
    assert place.add(file) == "1.0"

    with pytest.raises(SettingsError, match=r"is another file of version 1\.0"):
        place.add(program(tmp_path / "b.pyz", "1.0", "fsm-robot 1.0 of somebody else"))

    assert place.file("1.0").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read"),
        (b"", "is not a fsm-robot.pyz"),
        (b"PK\x05\x06" + bytes(18), "is not a fsm-robot.pyz"),
        ("../../evil", "does not name a version"),
        ("1.0/..", "does not name a version"),
    ],
)
def test_what_is_no_program_of_ours_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | str | None, problem: str
) -> None:
    """A file cut off on its way, another archive, a version that leads out of the place."""
    file, place = tmp_path / "x.pyz", tmp_path / "place"
    if isinstance(content, str):
        program(file, content)
    elif content is not None:
        file.write_bytes(content)

    assert main(["versions", "add", str(file), "--place", str(place)]) == 2

    told = capsys.readouterr().err
    assert problem in told
    assert told.count("\n") == 1
    assert not place.exists()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"current": 1, "previous": ""}', '{"current": "9.9", "previous": ""}']
)
def test_a_damaged_choice_is_told_by_launcher_and_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    """One sentence, no traceback; `use` sets it right."""
    place = Place(tmp_path)
    place.use(place.add(program(tmp_path / "1.pyz", "1.0")))
    (tmp_path / "versions.json").write_text(content)

    told = started(place)

    assert told.startswith("fsm-robot: ")
    assert told.count("\n") == 1
    assert str(tmp_path) in told
    if "9.9" not in content:
        assert main(["versions", "show", "--place", str(tmp_path)]) == 2
        assert "is damaged" in capsys.readouterr().err
    assert place.use("1.0").current == "1.0"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["use"], "goes with VERSION"),
        (["add"], "goes with FILE"),
        (["back", "1.0"], "takes no file"),
        (["use", "7.0"], "holds no version 7.0; it holds 1.0"),
        (["back"], "has had no version before 1.0"),
    ],
)
def test_wrong_arguments_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    """What goes with which action, and what is there."""
    place = Place(tmp_path)
    place.use(place.add(program(tmp_path / "1.pyz", "1.0")))

    assert main(["versions", *arguments, "--place", str(tmp_path)]) == 2
    assert problem in capsys.readouterr().err
    assert main(["versions", "show"]) == 2
    assert "no launcher has started this" in capsys.readouterr().err


def test_versions_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """1.10 comes after 1.9, and what leads to a version before it."""
    ordered = ("0.9", "1.0.0a2", "1.0.0a10", "1.0.0rc1", "1.0.0", "1.0.0.1", "1.9", "1.10", "10")
    for version in reversed(ordered):
        program(Place(tmp_path).file(version), version)

    assert Place(tmp_path).versions() == ordered
    assert version_of(Place(tmp_path).file("1.10")) == "1.10"
    assert Path(versions.__file__).with_name("launcher.py").is_file()
