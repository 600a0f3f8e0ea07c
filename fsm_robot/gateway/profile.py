"""`server.toml`: what a server does where the vendor's pages leave it open, as `orchestrator probe -o` has found it.

`orchestrator.profile` names it for a robot, `orchestrator serve --like` for a server that does the same. Most of what
it may say needs nothing: rows and empty answers are read in every published form. The rest is obeyed in `objects.py`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import attrs

from fsm_robot.errors import SettingsError

LARGEST_BYTES = 256 * 1024
OBEYED: Mapping[str, tuple[str, ...]] = {
    "names": ("on", "off"),
    "absent": ("keep", "reset"),
    "job_field": ("any", "job_guid", "JobGUID", "none"),
    "add_tag": ("atomic", "racy"),
    "reserves": ("no", "yes"),
    "duplicate": ("400", "200"),
    "unknown": ("404", "200-empty", "500"),
    "level": ("any", "text", "number"),
    "level_numbers": ("debug0", "info1"),
    "task_priority": ("low0", "low1"),
    "postponed": ("kept", "ignored"),
}
"""Quirks that change what is sent; the first value is what is done without a profile."""
LEVELS: Mapping[str, Mapping[str, int]] = {
    "debug0": {"Debug": 0, "Info": 1, "Notice": 2, "Warning": 3, "Error": 4, "Critical": 5},
    "info1": {"Info": 1, "Critical": 2, "Error": 3, "Warning": 4, "Debug": 5},
}
_LIMIT = re.compile(r"([0-9]{1,6})/min:(429|drop)")
_WRITER = "is not what `orchestrator probe -o` writes"


@attrs.frozen
class Profile:
    """What a server does.

    Attributes:
        quirks: Name -> value, those that are not obeyed here included.
        verbs: Call such as `task/update` -> the verbs that it takes.
        guids: `queue:Invoices` -> GUID, for a server that takes no names; a person writes them, below `[names]`.
    """

    quirks: Mapping[str, str] = attrs.field(factory=dict)
    verbs: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    guids: Mapping[str, str] = attrs.field(factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.quirks.get(name, OBEYED[name][0])

    @property
    def log_lines_per_minute(self) -> int | None:
        """How many lines the server takes in a minute, None where nobody knows of a limit."""
        found = _LIMIT.fullmatch(self.quirks.get("log_limit", ""))
        return max(1, int(found[1])) if found else None

    def verb(self, call: str, usual: str) -> str:
        """Return the verb for a call such as `task/update`."""
        taken = self.verbs.get(call, ())
        return usual if not taken or usual in taken else taken[0]

    def level(self, word: str) -> str:
        """Return a level of the log as this server takes it."""
        if self["level"] != "number":
            return word
        return str(LEVELS[self["level_numbers"]].get(word, 1))


def read(path: Path) -> Profile:
    """Return what a file says. Raises `SettingsError` with one sentence."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise SettingsError(f"{path}: is larger than {LARGEST_BYTES >> 10} KiB, so it {_WRITER}")
        document = tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: {_WRITER}: {error}") from error
    quirks, guids = (_texts(path, document, section) for section in ("quirks", "names"))
    for name, value in quirks.items():
        if name in OBEYED and value not in OBEYED[name]:
            raise SettingsError(f"{path}: quirks.{name}: must be one of {', '.join(OBEYED[name])}, not {value!r}")
    return Profile(quirks, _verbs(path, document), guids)


def _texts(path: Path, document: Mapping[str, object], section: str) -> Mapping[str, str]:
    found = document.get(section, {})
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise SettingsError(f"{path}: {_WRITER}: [{section}] holds texts")
    return found


def _verbs(path: Path, document: Mapping[str, object]) -> Mapping[str, tuple[str, ...]]:
    found = document.get("verbs", {})
    known = ("GET", "POST", "PUT", "DELETE")
    if not isinstance(found, dict) or not all(
        isinstance(verbs, list) and verbs and all(verb in known for verb in verbs) for verbs in found.values()
    ):
        raise SettingsError(f'{path}: {_WRITER}: [verbs] holds lists of verbs, such as "task/update" = ["POST"]')
    return {call: tuple(verbs) for call, verbs in found.items()}
