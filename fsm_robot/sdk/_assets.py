"""Assets: credentials, texts and numbers, calendars."""

from __future__ import annotations

from fsm_robot.sdk import _transport
from fsm_robot.sdk._errors import RefusedError
from fsm_robot.sdk._values import as_json, moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime
    from typing import Any, NoReturn

CREDENTIAL, TEXT, CALENDAR = 1, 2, 3
KINDS = {CREDENTIAL: "a credential", TEXT: "a text", CALENDAR: "a calendar"}
FARTHEST_DAYS = 3660


def credential(name: str) -> Credential:
    """Return a login with its password; the password is kept out of output, log and journal from here on.

    Raises:
        NotFoundError: There is no such asset, or it is not for this robot.
        RefusedError: It is none, or `[sdk] allow` does not name it.
    """
    return Credential(name, _read(name, CREDENTIAL))


def asset(name: str) -> Asset:
    """Return an asset that is a text. Raises as `credential` does."""
    return Asset(name, _read(name, TEXT))


def calendar(name: str) -> Calendar:
    """Return an asset that is a calendar. Raises as `credential` does."""
    return Calendar(name, _read(name, CALENDAR))


class Credential:
    """A login with its password: `login, password = credential("ERP")`.

    Attributes:
        name: Of the asset.
        login: As text.
        password: As a plain text, for a program that takes one needs it.
        expires: When the password ends, in UTC, or None.
    """

    def __init__(self, name: str, row: Mapping[str, object]) -> None:
        self.name = name
        self.login: str = str(row.get("text") or "")
        self.password: str = str(row.get("password") or "")
        self.expires: datetime | None = moment(row.get("expires"))

    def set(self, *, login: str | None = None, password: str | None = None) -> None:
        """Change what is given, here and in the orchestrator. Raises `SdkError`; `ValueError` without anything."""
        if login is None and password is None:
            raise ValueError("set needs a login, a password, or both")
        if password is not None:
            # Before it is on its way: what goes wrong may quote it.
            _transport.tell("hide", text=password)
        _transport.call("asset.set", name=self.name, text=login, password=password)
        self.login = self.login if login is None else login
        self.password = self.password if password is None else password

    def __iter__(self) -> Iterator[str]:
        return iter((self.login, self.password))

    def __repr__(self) -> str:
        return f"<Credential {self.name!r}>"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be saved or sent: pass on its name, and read it again where it is needed")


class Asset:
    """A text of the orchestrator, read once.

    Attributes:
        name: Of the asset.
        text: As it is.
    """

    def __init__(self, name: str, row: Mapping[str, object]) -> None:
        self.name = name
        self.text: str = str(row.get("text") or "")

    @property
    def json(self) -> Any:
        """What the text means as JSON. Raises `ValueError` where it is none."""
        from json import loads

        try:
            return loads(self.text)
        except ValueError as error:
            raise ValueError(f"the text of the asset {self.name} is not JSON: {error}") from None

    @property
    def number(self) -> float:
        """The number that the text is, `1 000,50` too. Raises `ValueError` where it is none."""
        text = "".join(self.text.split())
        if "," in text and "." not in text:
            text = text.replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"the text of the asset {self.name} is not a number") from None
        return int(value) if value.is_integer() and "." not in text else value

    def set(self, value: object) -> None:
        """Change it, here and in the orchestrator; a value that is not text is written as JSON. Raises `SdkError`."""
        from json import dumps

        text = value if isinstance(value, str) else dumps(as_json(value, "value"), ensure_ascii=False)
        _transport.call("asset.set", name=self.name, text=text, password=None)
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Asset {self.name!r}>"


class Calendar:
    """The days off that a calendar of the orchestrator names; Saturdays and Sundays only where it names them.

    Attributes:
        name: Of the asset.
        dates: The days off that it names.
    """

    def __init__(self, name: str, row: Mapping[str, object]) -> None:
        self.name = name
        dates = row.get("dates")
        listed = dates if isinstance(dates, (list, tuple)) else ()
        self.dates: frozenset[date] = frozenset(_day(name, text) for text in listed)

    def is_working_day(self, day: date) -> bool:
        """Return whether a day is none of those off."""
        return _as_day(day) not in self.dates

    def next_working_day(self, day: date) -> date:
        """Return the first working day after `day`. Raises `ValueError` where ten years have none."""
        from datetime import timedelta

        found = _as_day(day)
        for _ in range(FARTHEST_DAYS):
            found += timedelta(days=1)
            if found not in self.dates:
                return found
        raise ValueError(f"the calendar {self.name} has no working day after {day}")

    def __repr__(self) -> str:
        return f"<Calendar {self.name!r}>"


def _read(name: str, kind: int) -> Mapping[str, object]:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the name of an asset must be a text, not {name!r}")
    row: Mapping[str, object] = _transport.call("asset.read", name=name, type=kind)["asset"]
    found = row.get("type")
    if found != kind:
        there = KINDS.get(found, "something else") if isinstance(found, int) else "something else"
        raise RefusedError(f"the asset {name} is {there}, not {KINDS[kind]}")
    return row


def _as_day(day: date) -> date:
    from datetime import datetime

    return day.date() if isinstance(day, datetime) else day


def _day(name: str, text: object) -> date:
    from datetime import date, datetime

    text = str(text).strip()
    try:
        return datetime.strptime(text, "%d.%m.%Y").date() if "." in text else date.fromisoformat(text[:10])
    except ValueError:
        raise RefusedError(f"the calendar {name} holds {text!r}, which is not a date such as 2026-05-09") from None
