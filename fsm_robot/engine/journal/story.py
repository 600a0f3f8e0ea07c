"""A run as a story that people read: time, state, event, call, answer. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fsm_robot.engine.journal.crash import crash_in
from fsm_robot.engine.journal.record import Reading, Record
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.wording import shown

LONGEST_VALUE = 80
_OUTSIDE = {"inbox": " (inbox)", "post": " (post)"}
HEAD = ("step", "time (UTC)", "after", "state", "event", "call", "answer")


def story(reading: Reading, until: int | None = None) -> list[str]:
    """Return a line per step, with what the event says below it; up to step `until` where that is given."""
    steps = [record.values for record in reading.records if record.kind == "step"]
    rows: list[tuple[str, ...]] = [HEAD]
    notes: list[str] = [""]
    for number, values in enumerate(steps):
        if until is not None and values["seq"] > until:
            break
        rows.append(_row(values, steps[number + 1] if number + 1 < len(steps) else None))
        notes.append(_note(values["event"].get("data", {})))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [_header(reading.records)]
    for row, note in zip(rows, notes, strict=True):
        lines.append("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        if note:
            lines.append(f"{'':<{widths[0] + widths[1] + widths[2] + 6}}{note}")
    return [*lines, *(_end(reading) if until is None else ())]


def state_at(
    reading: Reading, seq: int, definition: Definition, job: Callable[[Sequence[Record]], str] | None = None
) -> list[str]:
    """Return what was the case after step `seq`: state, job, what is awaited.

    `job` says what the robot had in hand by the steps so far; None where it is none of jobs.
    """
    steps = [record for record in reading.records if record.kind == "step"]
    position = next(number for number, record in enumerate(steps) if record.values["seq"] == seq)
    values = steps[position].values
    entered = next(r.values for r in reversed(steps[: position + 1]) if r.values["kind"] in ("started", "taken"))
    lines = [
        f"after step {seq}, at {values.get('at', '?')}",
        f"  state     {values['dest']}, since step {entered['seq']}",
        f"  callback  {_at_work(values, entered)}",
    ]
    if job is not None:
        lines.append(f"  job       {shown(job(steps[: position + 1]))}")
    allowed = dict.fromkeys(edge.trigger for edge in definition.transitions_from(values["dest"]))
    lines.append(f"  allowed   {', '.join(allowed) or 'nothing, the run ends here'}")
    if position + 1 < len(steps):
        lines.append(f"  next      {steps[position + 1].values['event']['name']}")
    return lines


def _at_work(values: Mapping[str, Any], entered: Mapping[str, Any]) -> str:
    if values.get("callback"):
        return f"{values['callback']} is due"
    return f"{entered['callback']} was called in step {entered['seq']}" if entered.get("callback") else "none"


def _row(values: Mapping[str, Any], following: Mapping[str, Any] | None) -> tuple[str, ...]:
    call = values.get("callback", "")
    answer = ""
    if call and following is not None:
        answer = following["event"]["name"] if following.get("from", "callback") == "callback" else "(waits)"
    return (
        str(values["seq"]),
        values.get("at", "")[11:23],
        f"{values.get('mono', 0):.3f} s",
        _state(values),
        f"{values['event']['name']}{_OUTSIDE.get(values.get('from', ''), '')}",
        call,
        answer,
    )


def _state(values: Mapping[str, Any]) -> str:
    kind, dest = values["kind"], values["dest"]
    if kind in ("taken", "started"):
        return f"{values.get('source', '')} -> {dest}" if values.get("source") else str(dest)
    return f"{dest} ({kind})"


def _note(data: Mapping[str, Any]) -> str:
    return " ".join(f"{_plain(key)}={_plain(value)}" for key, value in data.items())


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = shown(text[: LONGEST_VALUE + 1])
    text = text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
    return f'"{text}"' if " " in text or not text else text


def _header(records: Sequence[Record]) -> str:
    header = records[0].values if records and records[0].kind == "header" else {}
    program, machine = _plain(header.get("program", "?")), _plain(header.get("machine", "?"))
    return f"a run of the machine {machine}, fsm_robot {program}, started {_plain(header.get('started_at', '?'))}"


def _end(reading: Reading) -> list[str]:
    last = reading.records[-1] if reading.records else None
    lines = [f"ended with exit code {last.values['exit_code']}"] if last and last.kind == "end" else []
    crash = crash_in(reading.records)
    if crash:
        lines = [f"crashed with exit code {reading.records[-1].values['exit_code']}: {shown(crash)}"]
    if not lines and not reading.wrong:
        lines = ["no end record: the robot died here, or still runs"]
    return [*lines, *([reading.wrong] if reading.wrong else [])]
