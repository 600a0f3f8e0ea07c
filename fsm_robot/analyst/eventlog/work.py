"""What scripts did with tasks -> cases of work: a task over robots, jobs, retries and the tasks that repeat it. Pure.

The lines are those of `work.jsonl` in the folders of jobs (docs/event-logs.md, "The work"): `taken`, `ended` with the
status that was set, and the script's own steps, each when it begins and when it ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import attrs

from fsm_robot.analyst.eventlog.activities import Activity, Case, View, utc_stamp

LONGEST_LINE_BYTES = 1 << 16
ENDS: Mapping[int, tuple[str, str]] = {
    0: ("given back", ""),
    2: ("done", "Success"),
    3: ("failed (application)", "Failed (Application)"),
    4: ("failed (business)", "Failed (Business)"),
    5: ("postponed", "Postponed"),
    6: ("abandoned", "Abandoned"),
}
"""Status that was set -> what the script did, and the outcome by the orchestrator's word."""
OTHER_END = ("set to another status", "")


@attrs.frozen
class JobOfWork:
    """The job whose lines they are, as its journal tells it."""

    guid: str
    run: str
    robot: str
    script: str = ""


@attrs.frozen
class WorkLine:
    """A line of a job's work.

    Attributes:
        job: Whose it is.
        line: Its number in the file, from 1.
        at: When it was written, as logs have it.
        what: `taken`, `ended`, `step` or `step ended`.
        task: GUID of the task, empty for a step outside of tasks.
        name: Its name, where it was taken.
        queue: Its queue, there too.
        parent: GUID of the task that it repeats, there too.
        status: The status that was set, None where none was.
        step: Name of the step.
        number: Number of the step within its process.
        seconds: How long a step took that has ended.
        failed: Name of the error that ended it.
    """

    job: JobOfWork
    line: int
    at: str
    what: str
    task: str = ""
    name: str = ""
    queue: str = ""
    parent: str = ""
    status: int | None = None
    step: str = ""
    number: int = 0
    seconds: float = 0.0
    failed: str = ""


@attrs.define
class Names:
    """What names are called in a log: as they are, or `task-1`, `task-2` in the order in which they come."""

    private: bool = False
    _given: dict[tuple[str, str], str] = attrs.field(factory=dict)
    _counts: dict[str, int] = attrs.field(factory=dict)

    def of(self, kind: str, name: str) -> str:
        """Return the name that the log has for one; nobody can find the real one from a number."""
        if not self.private or not name:
            return name
        if (kind, name) not in self._given:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._given[kind, name] = f"{kind}-{self._counts[kind]}"
        return self._given[kind, name]


def work_lines(lines: Iterable[bytes], job: JobOfWork) -> Iterator[WorkLine]:
    """Return the lines of one file; what is none, such as the half line of a power loss, is left out."""
    for number, line in enumerate(lines, start=1):
        try:
            values = json.loads(line) if len(line) <= LONGEST_LINE_BYTES else None
        except (ValueError, RecursionError):
            continue
        at = utc_stamp(str(values.get("at", ""))) if isinstance(values, dict) else ""
        if isinstance(values, dict) and at and values.get("what") in ("taken", "ended", "step", "step ended"):
            yield _line(values, job, number, at)


def _line(values: Mapping[str, object], job: JobOfWork, number: int, at: str) -> WorkLine:
    texts = {key: str(values.get(key) or "") for key in ("task", "name", "queue", "parent", "step", "failed")}
    status, count, seconds = values.get("status"), values.get("number"), values.get("seconds")
    return WorkLine(
        job,
        number,
        at,
        str(values["what"]),
        status=status if type(status) is int else None,
        number=count if type(count) is int else 0,
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        **texts,
    )


@attrs.define
class Work:
    """Everything that was read, a task with all that repeat it under the GUID of the first."""

    names: Names = attrs.field(factory=Names)
    lines: list[WorkLine] = attrs.field(factory=list)
    parents: dict[str, str] = attrs.field(factory=dict)
    called: dict[str, tuple[str, str]] = attrs.field(factory=dict)

    def add(self, lines: Iterable[WorkLine]) -> None:
        """Take the lines of a job."""
        for line in lines:
            self.lines.append(line)
            if line.parent and line.parent != line.task:
                self.parents[line.task] = line.parent
            if line.what == "taken":
                self.called[line.task] = line.name, line.queue

    def first_of(self, task: str) -> str:
        """Return the GUID of the task that `task` repeats, over as many as there are."""
        seen = {task}
        while (parent := self.parents.get(task)) is not None and parent not in seen:
            seen.add(parent)
            task = parent
        return task

    def case_name(self, first: str, repeats: Iterable[str]) -> str:
        """Return the name of a case: that of its task with the beginning of its GUID."""
        if self.names.private:
            return self.names.of("task", first)
        name = next((self.called[task][0] for task in (first, *repeats) if self.called.get(task, ("",))[0]), "")
        return f"{name} {first}".strip()

    def cases(self, view: View) -> Iterator[Case]:
        """Return a case per task and what repeats it, in the order in which they were taken first."""
        by_case: dict[str, list[WorkLine]] = {}
        for line in sorted(self.lines, key=lambda line: line.at):  # stable: a file keeps its order
            if line.task:
                by_case.setdefault(self.first_of(line.task), []).append(line)
        for first, lines in by_case.items():
            name = self.case_name(first, dict.fromkeys(line.task for line in lines))
            yield Case(name, lines[0].job.robot, self.activities(lines, view))

    def activities(self, lines: Iterable[WorkLine], view: View) -> Iterator[Activity]:
        """Return the lines of a log, in their order; a step without an end has one line, `start`."""
        lines = list(lines)
        began = {_step_of(line): line.at for line in lines if line.what == "step"}
        ended = {_step_of(line) for line in lines if line.what == "step ended"}
        last_at = ""
        for line in lines:
            is_begin = line.what == "step"
            if is_begin and _step_of(line) in ended and not view.pairs:
                continue
            last_at = max(last_at, line.at)
            name, outcome = self._told(line)
            yield Activity(
                name=name,
                kind="step" if line.what.startswith("step") else "task",
                lifecycle="start" if is_begin else "complete",
                started=began.get(_step_of(line), last_at) if line.what == "step ended" else last_at,
                at=last_at,
                seconds=line.seconds,
                event=line.what if line.what in ("taken", "ended") else line.failed,
                transition="",
                step=line.line,
                run=line.job.run,
                robot=line.job.robot,
                job=line.job.guid,
                script=self.names.of("script", line.job.script),
                outcome=outcome,
            )

    @staticmethod
    def _told(line: WorkLine) -> tuple[str, str]:
        if line.what == "taken":
            return "taken", ""
        if line.what == "ended":
            return ENDS.get(line.status if line.status is not None else -1, OTHER_END)
        return line.step, ""


def _step_of(line: WorkLine) -> tuple[str, str, int]:
    return line.job.guid, line.step, line.number
