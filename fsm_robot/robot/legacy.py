"""What robots of the vendor's own framework keep: `settings.txt`, and the one argument that their scripts get."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from fsm_robot.errors import SettingsError
from fsm_robot.robot.settings import is_guid

FOLDER, NAME = "Sherpa RPA Python", "settings.txt"
FRAMEWORK = ("RobotsOrcFramework.py", "SherpaPython.exe")
LARGEST_BYTES = 64 * 1024


@attrs.frozen
class LegacySettings:
    """The three lines of `settings.txt`."""

    robot_guid: str = attrs.field(repr=False)
    url: str
    log_off: bool


def settings_file(environment: Mapping[str, str] | None = None) -> Path:
    """Return where the vendor's framework keeps its settings for this account."""
    environment = os.environ if environment is None else environment
    return Path(environment.get("APPDATA") or Path.home() / "AppData" / "Roaming") / FOLDER / NAME


def read(path: Path) -> LegacySettings:
    """Return what a `settings.txt` says.

    Raises:
        SettingsError: It is not there, or its lines are not a GUID, a URL and a log-off flag.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST_BYTES:
        raise SettingsError(f"{path}: is larger than {LARGEST_BYTES // 1024} KiB; this is not a settings.txt")
    lines = _text(data).splitlines()
    guid, url, flag = [*(line.strip() for line in lines[:3]), *[""] * 3][:3]
    problems = [
        f"{path}:{number}: {what}"
        for number, wrong, what in (
            (1, not guid, "the robot's GUID is missing; the file has three bare lines: GUID, host, log-off flag"),
            # The value is the password: the message does not repeat it.
            (1, guid and not is_guid(guid), "this is not a GUID; the first line is that of the robot"),
            (2, not url, "the host is missing, such as https://orchestrator.example"),
            (3, flag not in ("", "0", "1"), f"the log-off flag must be 0 or 1, not {flag[:20]!r}"),
        )
        if wrong
    ]
    if problems:
        raise SettingsError(problems)
    # Where the third line is missing the framework logs off.
    return LegacySettings(guid, url.rstrip("/"), flag != "0")


def scripts_folder(candidates: Iterable[Path]) -> Path | None:
    """Return the first folder that holds the vendor's framework: it looks for scripts beside itself."""
    return next((folder for folder in candidates if any((folder / name).is_file() for name in FRAMEWORK)), None)


def argument(process_version_guid: str, job_guid: str, path: Path) -> str:
    """Return the argument that the vendor's framework passes; what its third field means is published nowhere."""
    return f"{process_version_guid}|{job_guid}||{path}"


def _text(data: bytes) -> str:
    # Written by Notepad: with a mark of UTF-8 or UTF-16 or in the account's code page; all three lines are ASCII.
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")
