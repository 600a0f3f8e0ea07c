"""The quickest reader of journals, for commands that read a year of them; the robot does without. Pure.

A robot writes its steps in one form, and says the same few things in it: what was decided is one of a machine's edges,
and most events tell nothing of their own. So a line in that form is taken apart by its form, and each of those texts is
read and looked at once. Any other line goes the way that `record.py` knows.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from fsm_robot.engine.journal.record import (
    LONGEST_LINE_BYTES,
    Parse,
    Record,
    RecordedStep,
    is_step,
    parsed,
    record_of,
)
from fsm_robot.engine.machine.core import CameFrom, StepKind
from fsm_robot.engine.machine.events import Event

# The last `"kind":"` is the one: it can stand in no text, whose quotes would be escaped.
_in_our_form = re.compile(
    rb'\{"record":"step","seq":(0|[1-9][0-9]{0,15}),"at":"([0-9TZ:.-]{1,40})","mono":([0-9]{1,12}\.[0-9]{1,6}),'
    rb'(?:"from":"(callback|inbox|post)",)?"event":(\{.*\}),"kind":"(.*)',
    re.DOTALL,
).fullmatch
_ORIGINS: dict[bytes | None, CameFrom] = {None: "", b"callback": "callback", b"inbox": "inbox", b"post": "post"}
_OF_DECISION = {"kind", "source", "dest", "transition", "callback", "exit_code"}
_SHORT_BYTES = 100
_MOST_REMEMBERED = 1000
_MOST_BRACKETS = 16
# A step that lacks nothing but the part that is looked at.
_NAMED = {"name": ""}

_Decided = tuple[StepKind, str, str, str, str, int | None]


def quickest() -> QuickReader:
    """Return what makes the records of journals: with orjson where the extra `fast` is installed, else without.

    Both read the same, but for whole numbers of more than 64 bits, which orjson makes floats: no key of ours has such.
    """
    try:
        from orjson import loads
    except ImportError:
        return QuickReader()

    def parse(content: bytes) -> object:
        try:
            return loads(content)
        except ValueError:
            return parsed(content)  # half a character, as a script may print it, is none for orjson

    return QuickReader(parse)


@attrs.define(eq=False)
class QuickReader:
    """Does what `record_of` does, and remembers the texts that come again."""

    parse: Parse = parsed
    _decisions: dict[bytes, _Decided | None] = attrs.field(factory=dict)
    _events: dict[bytes, Event] = attrs.field(factory=dict)

    def __call__(self, body: bytes, chain: str) -> Record | str:
        """Return the record of a line up to its chain value, or what keeps it from being one."""
        found = _in_our_form(body)
        if found is None:
            return record_of(body, chain, self.parse)
        seq, at, mono, came_from, told, decision = found.groups()
        decided = self._decisions.get(decision) or self._decided(decision)
        event = self._events.get(told) or self._event(told)
        if decided is None or event is None or len(body) >= LONGEST_LINE_BYTES:
            return record_of(body, chain, self.parse)
        kind, source, dest, transition, callback, exit_code = decided
        # Made as the tuples that they are: what their class does for it in Python takes as long as all of the above.
        step = tuple.__new__(
            RecordedStep,
            (
                int(seq), event, kind, source, dest, transition, callback, exit_code, _ORIGINS[came_from], at.decode(),
                float(mono),
            ),
        )  # fmt: skip
        return Record("step", step, chain)

    def _decided(self, text: bytes) -> _Decided | None:
        """Return what stands behind an event; None where it is not only what a machine decides."""
        if text in self._decisions:
            return None  # known not to be that
        values = self._object(b'{"kind":"%b}' % text)
        decided: _Decided | None = None
        # The robot writes no empty text, and what stands in a line is to be told as it stands.
        if (
            values is not None
            and values.keys() <= _OF_DECISION
            and "" not in values.values()
            and is_step({"seq": 0, "event": _NAMED, **values})
        ):
            get = values.get
            decided = (
                values["kind"],
                get("source", ""),
                values["dest"],
                get("transition", ""),
                get("callback", ""),
                get("exit_code"),
            )
        if len(self._decisions) < _MOST_REMEMBERED:
            self._decisions[text] = decided
        return decided

    def _event(self, text: bytes) -> Event | None:
        """Return the event that a text tells; None where it is told in another form."""
        values = self._object(text)
        if values is None:
            return None
        get = values.get
        name, data, job_run = get("name"), get("data"), get("job_run")
        # As many keys as are told, so none that is not known, and none of them null.
        if type(name) is not str or len(values) != 1 + (data is not None) + (job_run is not None):
            return None
        # What the robot leaves out is to be told as it stands where it is not left out.
        if (data is not None and (type(data) is not dict or not data)) or (
            job_run is not None and type(job_run) is not int
        ):
            return None
        event = Event(name, data or {}, job_run)
        if len(text) < _SHORT_BYTES and len(self._events) < _MOST_REMEMBERED:
            self._events[text] = event
        return event

    def _object(self, text: bytes) -> dict[str, Any] | None:
        if text.count(b"{") + text.count(b"[") > _MOST_BRACKETS:
            return None
        try:
            values = self.parse(text)
        except ValueError:
            return None
        return values if type(values) is dict else None
