"""`fsm-robot demo --queue`: two robots work a queue of 30 invoices, one is killed in the middle, and it must add up."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import attrs

from fsm_robot.cli.demo_folder import (
    CONSOLE,
    end_robot,
    examples,
    new_folder,
    padded,
    program,
    start_robot,
    width_of,
    write_settings,
)
from fsm_robot.engine.wording import counted
from fsm_robot.orchestrator.objects import (
    BUSY,
    DONE,
    FAILED_APPLICATION,
    FAILED_BUSINESS,
    NEW,
    POSTPONED,
    TASK_WORDS,
    TaskRow,
)
from fsm_robot.orchestrator.rows import FAILED, SUCCESS
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.sheets import sheet_rows
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.storage import Plain
from fsm_robot.orchestrator.tables.tasks import TaskFilter

LONGEST_S = 120.0
LOOK_EVERY_S = 0.1
SCRIPT, ROWS, SUPPLIERS = "book_invoices", "data/march.csv", "data/suppliers.csv"
QUEUE, INBOX, BOOKED = "Invoices", "Invoices in", "Booked"
CRASH = "2026-03-012"
"""The ERP thinks about this one for a minute, and the robot that waits for it is killed."""
SHOULD_BE = {DONE: 21, FAILED_BUSINESS: 5, FAILED_APPLICATION: 3, POSTPONED: 1}
"""What becomes of the 30 rows of `ROWS` by the rules of the script, and of the crash."""
CLAIM = "claim-"


@attrs.define
class _Robot:
    """One of the two."""

    name: str
    folder: Path
    guid: str = attrs.field(factory=lambda: str(uuid.uuid4()), repr=False)
    process: subprocess.Popen[bytes] | None = None
    exit_code: int | None = None

    def start(self, console: IO[bytes]) -> None:
        self.process = start_robot(self.folder, console)

    def is_at(self, task: str) -> bool:
        """Return whether its script has said that it works on a task: so the robot has it in its list."""
        outputs = (self.folder / "state" / "jobs").glob("*/output.log")
        # The script prints this line before it asks the ERP.
        return any(f"{task} is at the ERP".encode() in output.read_bytes() for output in outputs)


def run(folder: Path) -> int:
    """Let them work; return 0 when every task has exactly the one end that it should have."""
    new_folder(folder, [f"{SCRIPT}.py"])
    store = Store(folder / "orchestrator.sqlite")
    password = secrets.token_urlsafe(12)
    _fill(store, password)
    robots = [_Robot(name, folder / name) for name in ("robot-1", "robot-2")]
    with Orchestrator(store) as server, contextlib.ExitStack() as consoles:
        print(f"an orchestrator of its own, with a page, listens at {server.url}; files are in {folder}")
        print(f"30 invoices wait in its queue {QUEUE}, and two robots work them off\n")
        for robot in robots:
            robot.folder.mkdir()
            write_settings(robot.folder, server.url, robot.guid, "../scripts")
            store.enqueue(SCRIPT, robot=robot.guid)
        opened = [consoles.enter_context((robot.folder / CONSOLE).open("wb")) for robot in robots]
        try:
            _watch(store, robots, opened)
        finally:
            for robot in robots:
                if robot.process is not None:
                    end_robot(robot.process)
                    robot.exit_code = robot.process.returncode
    names = {store.credentials.find(robot.guid).label: robot.name for robot in robots}
    found = _table(store, names)
    wrong = [*found, *_wrong(store, robots, password)]
    return _conclude(wrong, folder)


def _fill(store: Store, password: str) -> None:
    """Add the tasks, the assets, and the files that the script asks for."""
    rows = sheet_rows((examples() / ROWS).read_text(encoding="utf-8"), ROWS)
    with store.file.transaction():
        queue = store.queues.named(QUEUE)
        for row in rows:
            store.tasks.add(queue, row.name, row.parameters)
    store.assets.add("ERP", type=1, text="robot", password=password)
    store.assets.add("Invoice limit", type=2, text="1000")
    inbox = store.storage.add_folder(INBOX)
    store.storage.add_folder(BOOKED)
    store.storage.add_file("suppliers.csv", Plain((examples() / SUPPLIERS).read_bytes()), inbox)


def _tasks(store: Store) -> list[TaskRow]:
    found = store.tasks.fitting(TaskFilter(store.queues.find(QUEUE).row_id, limit=1000))
    return sorted(found, key=lambda task: task.row_id)


def _watch(store: Store, robots: Sequence[_Robot], consoles: Sequence[IO[bytes]]) -> None:
    """Show each task as it gets its end, kill the robot that waits for the ERP, and start it again."""
    for robot, console in zip(robots, consoles, strict=True):
        robot.start(console)
    deadline = time.monotonic() + LONGEST_S
    shown: set[str] = set()
    killed: _Robot | None = None
    while any(robot.process and robot.process.poll() is None for robot in robots):
        _show(store, shown)
        if killed is None:
            killed = next((robot for robot in robots if robot.is_at(CRASH)), None)
            if killed is not None:
                _kill_and_start_again(store, killed, consoles[robots.index(killed)])
        if time.monotonic() > deadline:
            print(f"\nthe robots have not ended within {LONGEST_S:g} s")
            return
        time.sleep(LOOK_EVERY_S)
    _show(store, shown)


def _show(store: Store, shown: set[str]) -> None:
    for task in _tasks(store):
        if task.status in SHOULD_BE and task.guid not in shown:
            shown.add(task.guid)
            print(f"  {task.name}  {padded(TASK_WORDS[task.status], 20)}  {task.comment}", flush=True)


def _kill_and_start_again(store: Store, robot: _Robot, console: IO[bytes]) -> None:
    assert robot.process is not None
    robot.process.kill()
    robot.process.wait()
    print(f"  {CRASH}  {robot.name} is killed while it works on this one, and started again", flush=True)
    # Its next life reports the job that it had as Failed, so the rest of the queue needs another one.
    store.enqueue(SCRIPT, robot=robot.guid)
    robot.start(console)


# ---- what came of it


def _table(store: Store, names: dict[str, str]) -> list[str]:
    """Print how many tasks have which end, and return where that is not as it should be."""
    counts = Counter((task.status, names.get(task.robot, "nobody")) for task in _tasks(store))
    columns = [*names.values()]
    rows: list[tuple[str, ...]] = [("", *columns, "together", "should be")]
    wrong = []
    statuses = [*SHOULD_BE, *sorted({status for status, _ in counts} - set(SHOULD_BE))]
    for status in statuses:
        together = sum(count for (each, _), count in counts.items() if each == status)
        wanted = SHOULD_BE.get(status, 0)
        each_robot = [str(counts[status, name]) for name in columns]
        rows.append((TASK_WORDS[status], *each_robot, str(together), str(wanted)))
        if together != wanted:
            wrong.append(f"{counted(together, 'task')} instead of {wanted} became {TASK_WORDS[status]}")
    sums = [str(sum(count for (_, name), count in counts.items() if name == each)) for each in columns]
    rows.append(("all", *sums, str(counts.total()), str(sum(SHOULD_BE.values()))))
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for row in rows:
        numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([padded(row[0], widths[0]), *numbers]))
    parts = " + ".join(f"{sum(n for (each, _), n in counts.items() if each == s)} {TASK_WORDS[s]}" for s in statuses)
    print(f"\n{counts.total()} = {parts}")
    return wrong


def _wrong(store: Store, robots: Sequence[_Robot], password: str) -> Iterator[str]:
    """Tell what is not as it should be, beyond the numbers."""
    for task in _tasks(store):
        moves = [move.after for move in store.tasks.moves(task)]
        if moves != [NEW, BUSY, task.status] or task.status not in SHOULD_BE:
            yield f"task {task.name} went {' > '.join(TASK_WORDS[status] for status in moves)}"
        if CLAIM in task.tags:
            yield f"task {task.name} is still announced: {task.tags}"
    booked = {f"{task.name}.txt" for task in _tasks(store) if task.status == DONE}
    kept = {file.name for file in store.storage.files() if file.folder == BOOKED}
    if booked != kept:
        yield f"receipts that are there and should not, or the other way round: {sorted(booked ^ kept)}"
    statuses = sorted(job.status for job in store.jobs())
    if statuses != sorted([FAILED, SUCCESS, SUCCESS]):
        yield f"the jobs have the statuses {statuses}; that of the killed robot is Failed, the other two are Success"
    for robot in robots:
        if robot.exit_code != 0:
            yield f"{robot.name} ended with exit code {robot.exit_code}; {robot.folder / CONSOLE} tells more"
        for file in robot.folder.rglob("*"):
            if file.is_file() and password.encode() in file.read_bytes():
                yield f"the password of the ERP is in {file}"
    if not any(line.message for line in store.logs.newest(1000, levels=("Info",))):
        yield "the scripts have logged lines, and the orchestrator has none of them"


def _conclude(wrong: Sequence[str], folder: Path) -> int:
    if wrong:
        print("\nnot as it should be:")
        for each in wrong:
            print(f"  {each}")
        return 1
    print("each task was taken once and has one end, and the password is in no file of a robot. Where to look next:")
    command, db = f"{program()} orchestrator", f'--db "{folder / "orchestrator.sqlite"}"'
    places = {
        f"{command} serve {db}": "the page: the queue, logs, files and jobs of this run",
        f"{command} log {db}": "what the scripts have told",
        f"{command} task list {QUEUE} {db}": "what became of each task",
        str(folder / "scripts" / f"{SCRIPT}.py"): "the script",
    }
    for place, what in places.items():
        print(f"  {what}:\n    {place}")
    return 0
