"""A step and one JSON line, both ways, chained by hash. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from fsm_robot.machine.core import Step
from fsm_robot.machine.events import Event

FORMAT = 1
CHAIN_HEX_DIGITS = 32


@attrs.frozen
class Record:
    """One line of a journal.

    Attributes:
        kind: `header`, `step` or `end`.
        values: Its content; see docs/journal.md.
        chain: Hash over the chain value of the line before and this content: a changed line shows, a torn tail too.
    """

    kind: str
    values: Mapping[str, Any]
    chain: str


def step_values(step: Step, at: str, monotonic_s: float) -> dict[str, Any]:
    """Return what the journal keeps of a step: `at` is UTC, `monotonic_s` seconds since the run began."""
    event: dict[str, Any] = {"name": step.event.name}
    if step.event.data:
        event["data"] = dict(step.event.data)
    if step.event.job_run is not None:
        event["job_run"] = step.event.job_run
    values = {
        "seq": step.seq,
        "at": at,
        "mono": round(monotonic_s, 6),
        "event": event,
        "kind": step.kind,
        "source": step.source,
        "dest": step.dest,
        "transition": step.transition,
        "callback": step.callback,
        "exit_code": step.exit_code,
    }
    return {key: value for key, value in values.items() if value not in ("", None)}


def step_from(values: Mapping[str, Any]) -> Step:
    """Return the step that `step_values` kept."""
    event = values["event"]
    return Step(
        seq=values["seq"],
        event=Event(event["name"], event.get("data", {}), event.get("job_run")),
        kind=values["kind"],
        source=values.get("source", ""),
        dest=values["dest"],
        transition=values.get("transition", ""),
        callback=values.get("callback", ""),
        exit_code=values.get("exit_code"),
    )


def line_of(kind: str, values: Mapping[str, Any], chain_before: str, clean: Callable[[str], str]) -> tuple[str, str]:
    """Return the line for a record, with its newline, and its chain value; `clean` takes secrets out of the text."""
    content = clean(json.dumps({"record": kind, **values}, ensure_ascii=False, separators=(",", ":")))
    # A lone surrogate, which UTF-8 cannot hold, becomes the JSON escape of itself.
    content = content.encode(errors="backslashreplace").decode()
    chain = _chain(content, chain_before)
    return f'{content[:-1]},"chain":"{chain}"}}\n', chain


def read_lines(lines: Iterable[str]) -> tuple[list[Record], str]:
    """Return the records of a journal up to the first line that is not whole, and what is wrong there.

    The second value is empty where every line is whole; a torn last line is what a power loss leaves.
    """
    records: list[Record] = []
    chain = ""
    for number, line in enumerate(lines, start=1):
        content, mark, tail = line.rpartition(',"chain":"')
        content += "}"
        if not mark or not line.endswith('"}\n'):
            return records, f"line {number} is torn"
        chain = _chain(content, chain)
        if tail != f'{chain}"}}\n':
            return records, f"line {number} was changed, or a line before it is missing"
        values = json.loads(content)
        records.append(Record(values.pop("record"), values, chain))
    return records, ""


def _chain(content: str, before: str) -> str:
    return hashlib.sha256(f"{before}\n{content}".encode()).hexdigest()[:CHAIN_HEX_DIGITS]
