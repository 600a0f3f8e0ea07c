"""A run as a story that people read: time, state, event, call, answer. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from fsm_robot.engine.journal.crash import crash_in
from fsm_robot.engine.journal.record import Reading, Record, RecordedStep, steps_in
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.wording import shown

LONGEST_VALUE = 80
_OUTSIDE = {"inbox": " (inbox)", "post": " (post)"}
HEAD = ("step", "time (UTC)", "after", "state", "event", "call", "answer")


def story(reading: Reading, until: int | None = None) -> list[str]:
    """Return a line per step, with what the event says below it; up to step `until` where that is given."""
    steps = list(steps_in(reading.records))
    rows: list[tuple[str, ...]] = [HEAD]
    notes: list[str] = [""]
    for number, step in enumerate(steps):
        if until is not None and step.seq > until:
            break
        rows.append(_row(step, steps[number + 1] if number + 1 < len(steps) else None))
        notes.append(_note(step.event.data))
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
    records = [record for record in reading.records if record.kind == "step"]
    steps = list(steps_in(records))
    position = next(number for number, step in enumerate(steps) if step.seq == seq)
    now = steps[position]
    entered = next(step for step in reversed(steps[: position + 1]) if step.kind in ("started", "taken"))
    lines = [
        f"after step {seq}, at {now.at or '?'}",
        f"  state     {now.dest}, since step {entered.seq}",
        f"  callback  {_at_work(now, entered)}",
    ]
    if job is not None:
        lines.append(f"  job       {shown(job(records[: position + 1]))}")
    allowed = dict.fromkeys(edge.trigger for edge in definition.transitions_from(now.dest))
    lines.append(f"  allowed   {', '.join(allowed) or 'nothing, the run ends here'}")
    if position + 1 < len(steps):
        lines.append(f"  next      {steps[position + 1].event.name}")
    return lines


def _at_work(now: RecordedStep, entered: RecordedStep) -> str:
    if now.callback:
        return f"{now.callback} is due"
    return f"{entered.callback} was called in step {entered.seq}" if entered.callback else "none"


def _row(step: RecordedStep, following: RecordedStep | None) -> tuple[str, ...]:
    answer = ""
    if step.callback and following is not None:
        answer = following.event.name if following.came_from in ("", "callback") else "(waits)"
    return (
        str(step.seq),
        step.at[11:23],
        f"{step.mono or 0:.3f} s",
        _state(step),
        f"{step.event.name}{_OUTSIDE.get(step.came_from, '')}",
        step.callback,
        answer,
    )


def _state(step: RecordedStep) -> str:
    if step.kind in ("taken", "started"):
        return f"{step.source} -> {step.dest}" if step.source else step.dest
    return f"{step.dest} ({step.kind})"


def _note(data: Mapping[str, object]) -> str:
    return " ".join(f"{_plain(key)}={_plain(value)}" for key, value in data.items())


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = shown(text[: LONGEST_VALUE + 1])
    text = text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
    return f'"{text}"' if " " in text or not text else text


def _header(records: Sequence[Record]) -> str:
    header = records[0].header if records else {}
    program, machine = _plain(header.get("program", "?")), _plain(header.get("machine", "?"))
    return f"a run of the machine {machine}, fsm_robot {program}, started {_plain(header.get('started_at', '?'))}"


def _end(reading: Reading) -> list[str]:
    last = reading.records[-1] if reading.records else None
    lines = [f"ended with exit code {last.exit_code}"] if last and last.kind == "end" else []
    crash = crash_in(reading.records)
    if crash:
        lines = [f"crashed with exit code {reading.records[-1].exit_code}: {shown(crash)}"]
    if not lines and not reading.wrong:
        lines = ["no end record: the robot died here, or still runs"]
    return [*lines, *([reading.wrong] if reading.wrong else [])]
