"""A call of the object API, and what its fields mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import attrs

from fsm_robot.orchestrator.protocol import Answer, GarbledRequestError, WireForm
from fsm_robot.orchestrator.quirks import Quirks
from fsm_robot.orchestrator.rows import RobotRow
from fsm_robot.orchestrator.store import NoSuchError, Store
from fsm_robot.orchestrator.tables.storage import Content

LONGEST_NAME = 500
_LARGEST_NUMBER = 2**31 - 1


class RefusedError(Exception):
    """A call that may not be done; holds the answer."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.answer = Answer(status, {"error": text}, headers=headers or {})


@attrs.frozen
class Asked:
    """A call.

    Attributes:
        store: What the orchestrator remembers.
        form: How rows are put on the wire.
        quirks: How this server differs.
        fields: Parameters by folded name.
        spellings: Folded name -> the name as it came.
        robot: The robot that calls; None for whoever calls with an API key.
        names_robot: What the parameter RobotGUID holds, or empty.
        reference: What stands behind the call in its path: a GUID or a name.
        rest: What stands behind that.
        lax: Whether a robot may set any status of any job.
        upload: A file that came with it, or None.
    """

    store: Store
    form: WireForm
    quirks: Quirks
    fields: Mapping[str, str]
    spellings: Mapping[str, str] = attrs.field(factory=dict)
    robot: RobotRow | None = None
    names_robot: str = attrs.field(default="", repr=False)
    reference: str = ""
    rest: str = ""
    lax: bool = False
    upload: Content | None = None

    @property
    def by_name(self) -> bool:
        """Whether names are taken for GUIDs."""
        return self.quirks["names"] == "on"

    @property
    def robot_id(self) -> int | None:
        """Row of the robot that calls, or that an API key speaks for; None where there is none."""
        if self.robot is not None:
            return self.robot.row_id
        try:
            return self.store.credentials.find(self.names_robot).row_id if self.names_robot else None
        except NoSuchError:
            return None

    def has(self, *names: str) -> bool:
        """Return whether one of these parameters was given, be it empty."""
        return any(name in self.fields for name in names)

    def text(self, *names: str) -> str:
        """Return the first of these parameters that was given, or an empty text."""
        return next((self.fields[name] for name in names if name in self.fields), "")

    def name(self, *names: str) -> str:
        """Return a name, which must be there. Raises `GarbledRequestError`."""
        found = self.text(*names)
        if not found.strip() or len(found) > LONGEST_NAME:
            raise GarbledRequestError(f"{names[0]} must be a text of 1 to {LONGEST_NAME} characters")
        return found

    def number(self, name: str, default: int, lowest: int = 0, highest: int = _LARGEST_NUMBER) -> int:
        """Return a number, `default` where it is missing or empty. Raises `GarbledRequestError`."""
        text = self.text(name).strip()
        if not text:
            return default
        # `isdigit` alone takes `²`, which `int` does not; nor does `int` take thousands of digits.
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and lowest <= int(text) <= highest):
            raise GarbledRequestError(f"{name} must be a number from {lowest} to {highest}")
        return int(text)

    def moment(self, name: str) -> datetime | None:
        """Return a moment, None where it is empty; UTC where it does not say. Raises `GarbledRequestError`."""
        text = self.text(name).strip()
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
            return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            raise GarbledRequestError(f"{name} must be a moment such as 2026-10-31 17:30:00") from None

    def columns(self, given: Mapping[str, Callable[[], object]], defaults: Mapping[str, object]) -> dict[str, object]:
        """Return the columns that an update changes.

        Args:
            given: Column -> what reads it, for the parameters that were given.
            defaults: Column -> what it becomes where it was not given and this server resets what is absent.
        """
        reset = dict(defaults) if self.quirks["absent"] == "reset" else {}
        return {**reset, **{column: read() for column, read in given.items()}}

    def reader(self, **readers: tuple[str, Callable[[str], object]]) -> dict[str, Callable[[], object]]:
        """Return column -> what reads it, for those of `column=(parameter, reader)` whose parameter was given."""
        found: dict[str, Callable[[], object]] = {}
        for column, (name, read) in readers.items():
            if self.has(name):
                found[column] = _bound(read, name)
        return found

    def row(self, document: Mapping[str, object]) -> Answer:
        """Answer with a row."""
        return Answer(200, self.form.row(document))

    def flag(self, name: str) -> int:
        """Return 0 or 1. Raises `GarbledRequestError`."""
        return self.number(name, 0, 0, 1)


def guid_of(guid: str) -> Answer:
    """Answer with the GUID of what was made."""
    return Answer(200, {"guid": guid})


def nothing() -> Answer:
    """Answer as a successful write without a result."""
    return Answer(200, [])


def _bound(read: Callable[[str], object], name: str) -> Callable[[], object]:
    return lambda: read(name)
