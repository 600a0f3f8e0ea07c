"""The journal of a run -> a trace: the run is its root, each stay in a state a span below it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from fsm_robot.engine.journal.record import Record, RecordedStep, steps_in
from fsm_robot.telemetry.trace_ids import root_id, script_id, state_id, trace_id

Attributes = Mapping[str, str | int]
OPENING = ("job_consumed", "result_left", "job_repeated")
CLOSING = ("job_reported", "report_refused")
RUNS_SCRIPT = "run_script"
FINE_EXITS = (0, 6)
FAILURES = ("failed", "not_started", "stop_ran_out", "lost", "refused")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class Span:
    """A piece of a run.

    Attributes:
        name: `run`, or the state.
        span_id: What it is called.
        parent_id: What the span around it is called; empty for the root.
        began_ns: Nanoseconds since 1970.
        ended_ns: Likewise, never before it began.
        attributes: What else is known.
        problem: Why it failed, empty where it did not.
        events: What happened in it: name, and nanoseconds since 1970.
    """

    name: str
    span_id: bytes
    parent_id: bytes
    began_ns: int
    ended_ns: int
    attributes: Attributes
    problem: str = ""
    events: tuple[tuple[str, int], ...] = ()


@attrs.frozen
class Job:
    """A job that a run has brought to its end, for the metrics."""

    script: str
    outcome: str
    seconds: float


@attrs.frozen
class Trace:
    """A run.

    Attributes:
        trace_id: What it is called.
        robot: The salted hash by which its robot is known.
        version: Of the program.
        spans: The root first.
        jobs: Those that it has closed.
        exit_code: None where it died.
    """

    trace_id: bytes
    robot: str
    version: str
    spans: tuple[Span, ...]
    jobs: tuple[Job, ...]
    exit_code: int | None

    @property
    def root(self) -> Span:
        """The span of the whole run."""
        return self.spans[0]


def trace_of(run: str, records: Sequence[Record]) -> Trace | None:
    """Return the trace of a run, None where it has no step or no head that tells whose it is."""
    steps = [step for step in steps_in(records) if step.at]
    whose = records[0].values.get("robot") if records else None
    robot = str(whose.get("sha256") or "") if isinstance(whose, Mapping) else ""
    if not steps or not robot:
        return None
    end = next((record for record in records if record.kind == "end"), None)
    exit_code = end.exit_code if end is not None else steps[-1].exit_code
    trace = trace_id(robot, run)
    states, jobs = _Told(trace).all_of(steps, _ns(end.at if end is not None else steps[-1].at))
    began = min(span.began_ns for span in states)
    root = Span(
        "run",
        root_id(trace),
        b"",
        began,
        max(began, *(span.ended_ns for span in states)),
        {
            "fsm_robot.run": run,
            "fsm_robot.jobs": len(jobs),
            **({} if exit_code is None else {"fsm_robot.exit_code": exit_code}),
        },
        "" if exit_code in FINE_EXITS else f"exit code {exit_code}" if exit_code is not None else "the run died",
    )
    program = records[0].values.get("program")
    return Trace(trace, robot, str(program or ""), (root, *states), tuple(jobs), exit_code)


@attrs.define
class _Told:
    """What was read of a run so far."""

    trace: bytes
    job: dict[str, str | int] = attrs.field(factory=dict)
    token: str = ""
    taken_ns: int = 0
    jobs: list[Job] = attrs.field(factory=list)

    def all_of(self, steps: Sequence[RecordedStep], ended_ns: int) -> tuple[list[Span], list[Job]]:
        """Return a span for each stay in a state, and the jobs that were closed."""
        spans: list[Span] = []
        for step in steps:
            now_ns = _ns(step.at)
            if step.kind not in ("started", "taken"):
                if spans:
                    spans[-1] = attrs.evolve(spans[-1], events=(*spans[-1].events, (step.event.name, now_ns)))
                continue
            if spans:
                spans[-1] = self._ended(spans[-1], step, now_ns)
            self._take_in(step, now_ns)
            spans.append(self._begun(step, now_ns))
        if spans:
            spans[-1] = attrs.evolve(spans[-1], ended_ns=max(ended_ns, spans[-1].began_ns))
        return spans, self.jobs

    def _begun(self, step: RecordedStep, now_ns: int) -> Span:
        of_script = step.callback == RUNS_SCRIPT and self.token
        span_id = script_id(self.trace, self.token) if of_script else state_id(self.trace, step.seq)
        attributes = {**self.job, **({"fsm_robot.callback": step.callback} if step.callback else {})}
        return Span(step.dest, span_id, root_id(self.trace), now_ns, now_ns, attributes)

    def _ended(self, span: Span, by: RecordedStep, now_ns: int) -> Span:
        data = by.event.data
        outcome = data.get("outcome")
        told = {**span.attributes, "fsm_robot.event": by.event.name}
        if isinstance(outcome, str):
            told["fsm_robot.outcome"] = outcome
        error = data.get("error")
        problem = f"{by.event.name}: {error}" if error else ""
        if not problem and by.event.name == "script_ended" and outcome in FAILURES:
            problem = str(outcome)
        return attrs.evolve(span, ended_ns=max(now_ns, span.began_ns), attributes=told, problem=problem)

    def _take_in(self, step: RecordedStep, now_ns: int) -> None:
        data = step.event.data
        if step.event.name in OPENING:
            self.token, self.taken_ns = str(data.get("run_token") or ""), now_ns
            guid, script = str(data.get("job") or ""), str(data.get("script") or "")
            self.job = {"fsm_robot.job": guid, "fsm_robot.script": script}
        if step.event.name in CLOSING and self.job:
            seconds = max(0, now_ns - self.taken_ns) / 1e9
            self.jobs.append(Job(str(self.job["fsm_robot.script"]), str(data.get("outcome") or ""), seconds))
            self.job, self.token = {}, ""


def _ns(at: str) -> int:
    """Return a stamp of the journal in nanoseconds since 1970; 0 where it is none."""
    try:
        moment = datetime.fromisoformat(at)
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, TypeError, OverflowError):
        return 0
