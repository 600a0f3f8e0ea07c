"""`fsm-robot demo`: everything once, on this machine, with an orchestrator of its own."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from fsm_robot.cli.demo_folder import (
    CONSOLE,
    end_robot,
    new_folder,
    padded,
    program,
    start_robot,
    width_of,
    write_settings,
)
from fsm_robot.cli.diagram import player
from fsm_robot.engine.machine.checks import JOB_STATUSES
from fsm_robot.orchestrator.rows import JobRow
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.machine import built_in

LONGEST_S = 60.0
LOOK_EVERY_S = 0.1
FOLDER, QUEUE_FOLDER = "demo-run", "demo-queue-run"
SCRIPTS = ("invoices.py", "broken_form.py", "long_import.py", "stubborn.py", "data/invoices.csv", "отчёты/сводка.py")


@attrs.frozen
class Act:
    """One job of the demo.

    Attributes:
        script: The name that the orchestrator sends.
        shows: What the job is there for.
        status: The final status that it must get.
        task: Its parameters.
        order: What is done to it once it prints something: nothing, `stop` or `abort`.
    """

    script: str
    shows: str
    status: int
    task: Mapping[str, object] | None = None
    order: str = ""


def acts(folder: Path) -> tuple[Act, ...]:
    """Return the six jobs, in the order in which they are run."""
    task = {"month": "2026-10", "minimum": 100, "result": str(folder / "totals.csv")}
    return (
        Act("invoices", "a real little job, with parameters from the Task", 4, task),
        Act("отчёты\\сводка", "a Cyrillic name in a sub-folder", 4),
        Act("broken_form", "fails with a traceback", 5),
        Act("long_import", "is stopped politely", 7, {"rows": 600}, "stop"),
        Act("stubborn", "is aborted, with its children", 3, order="abort"),
        Act("..\\..\\windows\\system32\\calc", "leaves the scripts folder, so it is refused", 5),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--folder", help=f"a new folder for the files of the demo (default: {FOLDER}, with --queue {QUEUE_FOLDER})"
    )
    parser.add_argument("--queue", action="store_true", help="show two robots that work a queue; one of them is killed")


def run(arguments: argparse.Namespace) -> int:
    """Show the robot at work; return 0 when every job ended as it should."""
    if arguments.queue:
        from fsm_robot.cli import demo_queue

        return demo_queue.run(Path(arguments.folder or QUEUE_FOLDER).absolute())
    folder = new_folder(Path(arguments.folder or FOLDER).absolute(), SCRIPTS)
    store = Store(folder / "orchestrator.sqlite")
    with Orchestrator(store) as server:
        write_settings(folder, server.url, str(uuid.uuid4()))
        wanted = {store.enqueue(act.script, act.task): act for act in acts(folder)}
        print(f"an orchestrator of its own listens at {server.url}, six jobs wait there; files are in {folder}\n")
        with (folder / CONSOLE).open("wb") as console:
            robot = start_robot(folder, console)
            try:
                _watch(robot, store, wanted, folder)
            finally:
                end_robot(robot)
        return _conclude(robot.returncode, store, wanted, folder)


def _watch(robot: subprocess.Popen[bytes], store: Store, wanted: Mapping[str, Act], folder: Path) -> None:
    """Show what changes until the robot has ended, and give the orders in time."""
    screen = _Screen(wanted)
    ordered: set[str] = set()
    deadline = time.monotonic() + LONGEST_S
    while robot.poll() is None:
        for job in store.jobs():
            act = wanted[job.guid]
            if act.order and job.guid not in ordered and job.status == 8 and _has_printed(folder, job.guid):
                ordered.add(job.guid)
                _order(store, act)(job.guid)
        screen.show(store.jobs())
        if time.monotonic() > deadline:
            print(f"\nthe demo has not ended within {LONGEST_S:g} s; {folder / CONSOLE} tells how far it got")
            return
        try:
            robot.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            continue
    screen.show(store.jobs())


def _order(store: Store, act: Act) -> Callable[[str], object]:
    return store.order_stop if act.order == "stop" else store.order_abort


def _has_printed(folder: Path, guid: str) -> bool:
    output = folder / "state" / "jobs" / guid / "output.log"
    return output.exists() and output.stat().st_size > 0


@attrs.define
class _Screen:
    """Rewrites six lines on a terminal; without one prints a line when a job changes."""

    wanted: Mapping[str, Act]
    live: bool = attrs.field(factory=lambda: _is_terminal() and os.environ.get("TERM") != "dumb")
    shown: dict[str, str] = attrs.field(factory=dict)

    def show(self, jobs: list[JobRow]) -> None:
        words = {job.guid: job.status_word for job in jobs}
        if words == self.shown:
            return
        if self.live:
            # Past what guards the stream, for the cursor is meant to move.
            stream = getattr(sys.stdout, "trusted", sys.stdout)
            if self.shown:
                stream.write(f"\x1b[{len(words)}A")
            for guid, word in words.items():
                act = self.wanted[guid]
                stream.write(f"\x1b[2K  {padded(word, 12)} {padded(act.script, 32)} {act.shows}\n")
            stream.flush()
        else:
            for guid, word in words.items():
                if word != self.shown.get(guid):
                    print(f"  {padded(word, 12)} {self.wanted[guid].script}", flush=True)
        self.shown = words


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _conclude(exit_code: int | None, store: Store, wanted: Mapping[str, Act], folder: Path) -> int:
    jobs = store.jobs()
    rows = [("job", "script", "what it shows", "status sent", "seconds", "log file")]
    for job in jobs:
        output = folder / "state" / "jobs" / job.guid / "output.log"
        log = str(output.relative_to(folder)) if output.exists() else "-"
        status = f"{job.status} {JOB_STATUSES[job.status]}"
        rows.append((job.guid[:8], job.script, wanted[job.guid].shows, status, _seconds(job), log))
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for row in rows:
        print("  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())
    wrong = [job.script for job in jobs if job.status != wanted[job.guid].status]
    print()
    if wrong or exit_code:
        print(f"not as it should be: {', '.join(wrong) or 'every job'}; the robot ended with exit code {exit_code}")
        print(f"look into {folder / CONSOLE}")
        return 1
    (folder / "run.html").write_text(player([str(folder / "state")], 1, built_in()), encoding="utf-8")
    print("every job ended as it should, and the robot ended with exit code 0. Where to look next:")
    places = {
        folder / "run.html": "the run, step by step on the diagram, in any browser",
        folder / "state" / "robot.log": "the robot's own story",
        folder / "state" / "journal": "every step of it, as it was decided",
        f"{program()} init": "makes a robot of your own; --help tells what else there is",
    }
    width = max(len(str(place)) for place in places)
    for place, what in places.items():
        print(f"  {place!s:<{width}}  {what}")
    return 0


def _seconds(job: JobRow) -> str:
    if job.consumed_at is None or job.finished_at is None:
        return "-"
    return f"{(job.finished_at - job.consumed_at).total_seconds():.1f}"
