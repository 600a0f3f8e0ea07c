"""A step and one JSON line, both ways, chained by hash. Pure. docs/journal.md explains every key."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Literal, NamedTuple, NoReturn, get_args

import attrs

from fsm_robot.engine.machine.core import CameFrom, Step, StepKind
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.redact import cut

FORMAT = 1
CHAIN_HEX_DIGITS = 32
LONGEST_LINE_BYTES = 1 << 20
DEEPEST_LEVEL = 32
LONGEST_TEXT = 4000
MOST_ENTRIES = 500
MOST_SHAPES = 1000
DATA_LEVELS = 16

Damage = Literal["", "torn", "changed"]
"""What ends the trustworthy part of a journal: nothing, a power loss in the last line, a line that was changed."""

Parse = Callable[[bytes], object]
"""What reads JSON; raises `ValueError` where it is none."""

_KINDS = get_args(StepKind)
_ORIGINS = get_args(CameFrom)
_TEXT_OR_BRACKET = r'"(?:[^"\\]|\\.)*"|[\[\]{}]'


class RecordedStep(NamedTuple):  # a tuple takes a quarter of the time that a frozen class does: a log has a million
    """A step as a journal tells it: what `Step` has, and when.

    Attributes:
        at: When, in UTC; empty where the record does not tell.
        mono: Seconds since the run began; None where the record does not tell.
    """

    seq: int
    event: Event
    kind: StepKind
    source: str
    dest: str
    transition: str = ""
    callback: str = ""
    exit_code: int | None = None
    came_from: CameFrom = ""
    at: str = ""
    mono: float | None = None


def _as_values(told: Mapping[str, Any] | RecordedStep) -> Mapping[str, Any]:
    return _told_by(told, told.at, told.mono, told.event.data) if isinstance(told, RecordedStep) else told


def _told_by(step: Step | RecordedStep, at: str, mono: float | None, data: Mapping[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = {"name": step.event.name}
    if data:
        event["data"] = data
    if step.event.job_run is not None:
        event["job_run"] = step.event.job_run
    values = {
        "seq": step.seq,
        "at": at,
        "mono": mono,
        "from": step.came_from,
        "event": event,
        "kind": step.kind,
        "source": step.source,
        "dest": step.dest,
        "transition": step.transition,
        "callback": step.callback,
        "exit_code": step.exit_code,
    }
    return {key: value for key, value in values.items() if value is not None and value != ""}


@attrs.define  # not frozen, which would take twice as long to make: a log has a million of them
class Record:
    """One line of a journal.

    Attributes:
        kind: `header`, `step` or `end`.
        values: Its content, see docs/journal.md; of a step also the step itself, which then is what it tells.
        chain: Hash over the chain value of the line before and this content: a changed line shows, a torn tail too.
    """

    kind: str
    _told: Mapping[str, Any] | RecordedStep = attrs.field(alias="values", eq=_as_values)
    chain: str

    @property
    def values(self) -> Mapping[str, Any]:
        """What stands in the line, by its keys; made anew where the line was read as a step."""
        return _as_values(self._told)

    @property
    def step(self) -> RecordedStep:
        """What a `step` record tells; made anew each time where the line was read as values."""
        if type(self._told) is RecordedStep:
            return self._told
        values, get, event = self.values, self.values.get, self.values["event"]
        return RecordedStep(  # by position: a log has a million of them
            values["seq"],
            Event(event["name"], event.get("data", {}), event.get("job_run")),
            values["kind"],
            get("source", ""),
            values["dest"],
            get("transition", ""),
            get("callback", ""),
            get("exit_code"),
            get("from", ""),
            get("at", ""),
            get("mono"),
        )

    @property
    def event_name(self) -> str:
        """The event of a `step`."""
        told = self._told
        return told.event.name if isinstance(told, RecordedStep) else str(told["event"]["name"])

    def tells_of(self, step: Step, seq: int) -> bool:
        """Return whether a `step` record has this number and tells the decision that `step` is."""
        if type(self._told) is RecordedStep:
            told = self._told
            return (
                told.seq == seq
                and told.dest == step.dest
                and told.kind == step.kind
                and told.source == step.source
                and told.callback == step.callback
                and told.transition == step.transition
                and told.exit_code == step.exit_code
            )
        values, get = self.values, self.values.get
        return (
            values["seq"] == seq
            and values["dest"] == step.dest
            and values["kind"] == step.kind
            and get("source", "") == step.source
            and get("callback", "") == step.callback
            and get("transition", "") == step.transition
            and get("exit_code") == step.exit_code
        )

    @property
    def header(self) -> Mapping[str, object]:
        """What a `header` tells of the run, empty in other records; a journal from elsewhere may hold anything here."""
        return self.values if self.kind == "header" else {}

    @property
    def at(self) -> str:
        """When it was written, in UTC; empty where it does not tell."""
        if type(self._told) is RecordedStep:
            return self._told.at
        return str(self.values.get("at", ""))

    @property
    def exit_code(self) -> int | None:
        """What an `end` says the process ended with; None in other records."""
        return self.values["exit_code"] if self.kind == "end" else None


@attrs.frozen(repr=False)
class Reading:
    """A journal as it was read.

    Attributes:
        records: From the first line on, every one whole and in the chain: line number = position + 1.
        damage: See `Damage`.
        wrong: One sentence that says it, empty where nothing is wrong.
        line: Number of the damaged line, 0 where there is none.
        doubtful: Records behind a changed line that can be read, but that the chain does not vouch for.
        cr_lf: Whether lines end in CR LF: git or an editor wrote the file anew, a robot ends a line with LF alone.
    """

    records: list[Record]
    damage: Damage = ""
    wrong: str = ""
    line: int = 0
    doubtful: list[Record] = attrs.field(factory=list)
    cr_lf: bool = False


def step_values(step: Step, at: str, monotonic_s: float, clean: Callable[[str], str] = str) -> dict[str, Any]:
    """Return what the journal keeps of a step: `at` is UTC, `monotonic_s` seconds since the run began.

    `clean` takes secrets out of a text, before it is cut to what a line may hold.
    """
    return _told_by(step, at, round(monotonic_s, 6), bounded(dict(step.event.data), clean))


def steps_in(records: Iterable[Record]) -> Iterator[RecordedStep]:
    """Yield the steps among these records."""
    for record in records:
        if record.kind == "step":
            told = record._told  # a property would take as long as the rest, and a log has a million
            yield told if type(told) is RecordedStep else record.step


def line_of(kind: str, values: Mapping[str, Any], chain_before: str, clean: Callable[[str], str]) -> tuple[str, str]:
    """Return the line for a record, with its newline, and its chain value; `clean` takes secrets out of the text."""
    content = clean(_ENCODER.encode({"record": kind, **values}))
    if len(content) > LONGEST_LINE_BYTES // 8:
        content = clean(_shortened(kind, values))
    # A lone surrogate, which UTF-8 cannot hold, becomes the JSON escape of itself.
    data = content.encode(errors="backslashreplace")
    content = data.decode()
    chain = _chain(data, chain_before)
    return f'{content[:-1]},"chain":"{chain}"}}\n', chain


def read_lines(lines: Iterable[str]) -> tuple[list[Record], str]:
    """Return the records of a journal up to the first line that is not whole, and what is wrong there.

    The second value is empty where every line is whole; a torn last line is what a power loss leaves.
    """
    reading = read(line.encode(errors="replace") for line in lines)
    return reading.records, reading.wrong


def parsed(content: bytes) -> object:
    """Return what a line without its chain value holds. Raises `ValueError`: it is not JSON."""
    text = content.decode()
    values, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("there is more behind it")
    return values


def record_of(body: bytes, chain: str, parse: Parse = parsed) -> Record | str:
    """Return the record of a line up to its chain value, or what keeps it from being one."""
    content = body + b"}"
    if len(content) > LONGEST_LINE_BYTES:
        return f"is longer than {LONGEST_LINE_BYTES >> 20} MiB"
    if content.count(b"{") + content.count(b"[") > DEEPEST_LEVEL and _depth(content) > DEEPEST_LEVEL:
        return f"is nested deeper than {DEEPEST_LEVEL} levels"
    try:
        values = parse(content)
    except ValueError:
        return "is not a JSON object"
    if type(values) is not dict:
        return "is not a JSON object"
    kind = values.pop("record", None)
    if kind == "step":
        return Record("step", values, chain) if is_step(values) else "is a step record that lacks what a step needs"
    if kind == "header":
        problem = _header_problem(values)
        return problem or Record("header", values, chain)
    if kind == "end":
        return Record("end", values, chain) if _is_end(values) else "is an end record without its exit code"
    return "is not a record of a journal"


MakeRecord = Callable[[bytes, str], Record | str]
"""What makes the record of a line's bytes before its chain value, and of that; or says what keeps it from being one."""


def read(lines: Iterable[bytes], make: MakeRecord = record_of) -> Reading:
    """Return what the lines of a journal, each with its newline, hold. Whatever stands in them, this does not fail.

    `make` is `record_of`, or what does the same quicker (`parsing.py`).
    """
    records: list[Record] = []
    keep = records.append
    before, cr_lf, reading = b"", False, Reading(records)
    rest = iter(lines)
    for number, line in enumerate(rest, start=1):
        body, mark, tail = line.rpartition(b',"chain":"')
        chain = sha256(before + b"\n" + body + b"}").hexdigest()[:CHAIN_HEX_DIGITS]
        before = chain.encode()
        if not mark or tail != before + b'"}\n':
            if not line.endswith(b"\n"):
                # Nothing may follow, so this is where the power went, or a file that is not a journal.
                reading = _torn(records, number, line)
                break
            if not mark:
                reading = _changed(records, number, "is not a line of a journal", rest)
                break
            # Git for Windows may have put a CR before the LF. The chain speaks of what stands before both.
            if tail != before + b'"}\r\n':
                reading = _changed(records, number, "was changed, or a line before it is missing", rest)
                break
            cr_lf = True
        record = make(body, chain)
        if type(record) is str:
            reading = _changed(records, number, record, rest)
            break
        keep(record)  # type: ignore[arg-type]  # `isinstance` would cost a tenth
    return attrs.evolve(reading, cr_lf=True) if cr_lf else reading


def _torn(records: list[Record], number: int, line: bytes) -> Reading:
    if len(line) > LONGEST_LINE_BYTES:
        return Reading(records, "changed", f"line {number} is longer than {LONGEST_LINE_BYTES >> 20} MiB", number)
    return Reading(records, "torn", f"line {number} is torn", number)


def _changed(records: list[Record], number: int, what: str, rest: Iterable[bytes]) -> Reading:
    doubtful = []
    for line in rest:
        record = record_of(line.rpartition(b',"chain":"')[0], "")
        if isinstance(record, Record):
            doubtful.append(record)
    return Reading(records, "changed", f"line {number} {what}", number, doubtful)


def _header_problem(values: Mapping[str, Any]) -> str:
    number = values.get("format")
    if type(number) is not int or number < 1:
        return "is a header without a format number"
    if number > FORMAT:
        return f"says format {number}; this program reads formats up to {FORMAT}, a newer fsm_robot wrote it"
    texts = ("machine", "machine_sha256", "program", "started_at")
    return "" if all(type(values.get(key, "")) is str for key in texts) else "is a header whose texts are none"


def is_step(values: Mapping[str, Any]) -> bool:
    """Return whether a line has what a step needs, each value of its kind."""
    # A journal has a handful of shapes: what was looked at once is known by its keys and the types of its values.
    event = values.get("event")
    if type(event) is not dict:
        return False
    shape = (*values, *map(type, values.values()), *event, *map(type, event.values()))
    if shape not in _STEP_SHAPES:
        if not _has_shape_of_step(values, event):
            return False
        if len(_STEP_SHAPES) < MOST_SHAPES:
            _STEP_SHAPES.add(shape)
    return values["kind"] in _KINDS and values.get("from", "callback") in _ORIGINS


def _has_shape_of_step(values: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    get = values.get
    return (
        type(event.get("name")) is str
        and type(event.get("data", _NOTHING)) is dict
        and type(event.get("job_run", 0)) is int
        and type(get("seq")) is int
        and type(get("kind")) is str
        and type(get("dest")) is str
        and type(get("source", "")) is str
        and type(get("transition", "")) is str
        and type(get("callback", "")) is str
        and type(get("exit_code", 0)) is int
        and type(get("at", "")) is str
        and type(get("mono", 0)) in (int, float)
        and type(get("from", "callback")) is str
    )


def _is_end(values: Mapping[str, Any]) -> bool:
    return (
        type(values.get("exit_code")) is int
        and type(values.get("at", "")) is str
        and ("crash" not in values or _is_crash(values["crash"]))
    )


def _is_crash(crash: Any) -> bool:
    """Return whether `crash` tells what and where; a run that crashed outside a callback names none."""
    if type(crash) is not dict:
        return False
    return type(crash.get("error")) is type(crash.get("state")) is type(crash.get("callback", "")) is str


_NOTHING: dict[str, Any] = {}
_STEP_SHAPES: set[tuple[object, ...]] = set()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Made once: `json.loads` and `dumps` with options make one per call, which is half of what a line costs.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


def _depth(content: bytes) -> int:
    """Return how deep brackets nest outside of texts, so that the parser never has to recurse into a hostile line."""
    deepest = level = 0
    for found in re.finditer(_TEXT_OR_BRACKET, content.decode(errors="replace")):
        if found[0] in "[{":
            level += 1
            deepest = max(deepest, level)
        elif found[0] in "]}":
            level -= 1
    return deepest


def bounded(value: Any, clean: Callable[[str], str], level: int = 0) -> Any:
    """Return `value` cut to what a line may hold: a server or a script may send texts of any length and depth."""
    kind = type(value)
    if kind is int or value is None or kind is bool:
        return value
    if kind is str or isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{cut(value, LONGEST_TEXT, clean)}… ({len(value)} characters)"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (Mapping, list, tuple)) and level >= DATA_LEVELS:
        return "…"
    if isinstance(value, Mapping):
        entries = value.items() if len(value) <= MOST_ENTRIES else list(value.items())[:MOST_ENTRIES]
        return {_bounded_key(key, clean): bounded(each, clean, level + 1) for key, each in entries}
    if isinstance(value, (list, tuple)):
        return [bounded(item, clean, level + 1) for item in value[:MOST_ENTRIES]]
    return value


def _bounded_key(key: object, clean: Callable[[str], str]) -> str:
    text = str(key)
    # What is not cut is cleaned with its line, like a value.
    return text if len(text) <= LONGEST_TEXT else cut(text, LONGEST_TEXT, clean)


def _shortened(kind: str, values: Mapping[str, Any]) -> str:
    """Return the content with only the short values of the event's data: what recovery needs is among them."""
    event = dict(values.get("event", {}))
    kept = {k: v for k, v in event.get("data", {}).items() if isinstance(v, (int, float)) or len(str(v)) <= 200}
    event["data"] = {**dict(list(kept.items())[:50]), "cut": True}
    return _ENCODER.encode({"record": kind, **values, "event": event})


def _chain(content: bytes, before: str) -> str:
    return sha256(b"%b\n%b" % (before.encode(), content)).hexdigest()[:CHAIN_HEX_DIGITS]
