"""The work of scripts as an argument of a command: found beside the journals, in the folders of their jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from fsm_robot.analyst.eventlog.activities import Run
from fsm_robot.analyst.eventlog.work import LONGEST_LINE_BYTES, JobOfWork, Names, Work, work_lines
from fsm_robot.cli.journal_arguments import JournalPath
from fsm_robot.cli.streams import complain
from fsm_robot.engine.journal.record import steps_in
from fsm_robot.jobapi.work import NAME
from fsm_robot.robot.unsettled import OPENING
from fsm_robot.worker.job_folder import folder_name

MOST_LINES = 5_000_000
"""What one job may have written; a script does not write more."""


def work_of(found: Iterable[JournalPath], runs: Iterable[Run], names: Names) -> Work:
    """Return what the jobs of these runs did with tasks; each journal's run comes in the order of `found`."""
    work, seen = Work(names), set[Path]()
    for journal, run in zip(found, runs, strict=True):
        jobs_folder = journal.path.resolve().parent.parent / "jobs"
        for job in _jobs(run):
            path = jobs_folder / folder_name(job.guid) / NAME
            if path in seen:
                continue
            seen.add(path)
            try:
                with path.open("rb") as stream:
                    lines = iter(lambda: stream.readline(LONGEST_LINE_BYTES + 1), b"")
                    work.add(work_lines(islice(lines, MOST_LINES), job))
            except FileNotFoundError:
                continue  # its script has asked for no task
            except OSError as error:
                complain(f"{path}: cannot be read: {error.strerror or error}; it is left out")
    return work


def _jobs(run: Run) -> Iterator[JobOfWork]:
    for step in steps_in(run.records):
        guid = step.event.data.get("job")
        if step.event.name in OPENING and guid:
            yield JobOfWork(str(guid), run.id, run.robot, str(step.event.data.get("script", "")))
