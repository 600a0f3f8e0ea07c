from __future__ import annotations

from pathlib import Path

import pytest

from fsm_robot.errors import SettingsError
from fsm_robot.robot import legacy
from tests.fakes.waiting import GUID


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("rest", "log_off"), [("\r\n0", False), ("\r\n1\r\n", True), ("", True), ("\n\n", True)])
def test_three_lines_are_read_as_the_framework_reads_them(
    tmp_path: Path, encoding: str, rest: str, log_off: bool
) -> None:
    """GUID, host, log-off flag; a missing flag means to log off; whatever Notepad made of the file."""
    file = tmp_path / "settings.txt"
    file.write_bytes(f"{GUID}\r\n https://orchestrator.example/ {rest}".encode(encoding))

    found = legacy.read(file)

    assert (found.robot_guid, found.url, found.log_off) == (GUID, "https://orchestrator.example", log_off)
    assert GUID not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "GUID is missing"),
        (f"{GUID}0\nhttp://x", "is not a GUID"),
        (f"{GUID}\n", "host is missing"),
        (f"{GUID}\nhttp://x\nyes", "must be 0 or 1, not 'yes'"),
    ],
)
def test_wrong_lines_are_named(tmp_path: Path, text: str, said: str) -> None:
    """File, line and what is expected; never the GUID."""
    file = tmp_path / "settings.txt"
    file.write_text(text)

    with pytest.raises(SettingsError, match=said) as caught:
        legacy.read(file)

    assert GUID not in str(caught.value)


def test_absent_file_is_one_sentence(tmp_path: Path) -> None:
    """What and where."""
    with pytest.raises(SettingsError, match="cannot be read"):
        legacy.read(tmp_path / "settings.txt")


def test_usual_place_is_the_vendor_folder_of_the_account() -> None:
    """`%AppData%`, as the vendor's page says."""
    path = legacy.settings_file({"APPDATA": "roaming"})

    assert path == Path("roaming", "Sherpa RPA Python", "settings.txt")


def test_scripts_are_beside_the_framework(tmp_path: Path) -> None:
    """The first of the folders that holds it, or none."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "RobotsOrcFramework.py").touch()

    assert legacy.scripts_folder((tmp_path / "a", tmp_path / "b")) == tmp_path / "b"
    assert legacy.scripts_folder((tmp_path / "a",)) is None
