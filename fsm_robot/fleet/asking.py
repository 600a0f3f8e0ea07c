"""All robots of a fleet at once: each place in a thread of its own, bounded, and named where it does not answer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

import attrs

from fsm_robot.errors import RobotError, SettingsError
from fsm_robot.fleet.answers import Answer, Question, answer, packed, told_error
from fsm_robot.fleet.documents import parsed, sights_in
from fsm_robot.fleet.file import Fleet, Place
from fsm_robot.fleet.health import Rules
from fsm_robot.fleet.looking import folders_of, look_at
from fsm_robot.fleet.sight import Sight, unseen
from fsm_robot.system import threads

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

AT_ONCE = 16
MOST_SAID = 300
LARGEST_ANSWER_BYTES = 64 << 20
Result = TypeVar("Result")


def look_at_all(fleet: Fleet) -> list[Sight]:
    """Return every robot of a fleet, in the order of its file; one that does not answer in time is `absent`."""
    tasks = list(_tasks(fleet))
    found = at_once([task.look for task in tasks], fleet.wait_s, first=[bool(task.place.command) for task in tasks])
    silent = f"no answer within {fleet.wait_s:g} s"
    return [
        sight
        for task, sights in zip(tasks, found, strict=True)
        for sight in ([task.unseen(silent)] if sights is None else sights)
    ]


def ask_each(fleet: Fleet, sights: Sequence[Sight], question: Question) -> list[Answer]:
    """Return what each robot answers to a question, in their order; `error` says why one does not."""

    def asking(sight: Sight) -> Answer:
        try:
            return ask(fleet, place_of(fleet, sight), {**question, "folder": sight.folder})
        except RobotError as error:
            return told_error(error)

    work = [partial(asking, sight) for sight in sights]
    found = at_once(work, fleet.wait_s, first=[bool(sight.host) for sight in sights])
    return [{"error": f"no answer within {fleet.wait_s:g} s"} if each is None else each for each in found]


def at_once(work: Sequence[Callable[[], Result]], wait_s: float, first: Sequence[bool]) -> list[Result | None]:
    """Return what each piece of work returns, in their order; None for what is not done within so many seconds.

    Args:
        work: Never raises.
        wait_s: For all of it together.
        first: Which are begun before the others: they wait for a network while folders are read.
    """
    todo, done = SimpleQueue[int](), SimpleQueue[tuple[int, Result]]()
    for number in sorted(range(len(work)), key=lambda number: not first[number]):
        todo.put(number)

    def take() -> None:
        while True:
            try:
                number = todo.get_nowait()
            except Empty:
                return
            done.put((number, work[number]()))

    for _ in range(min(AT_ONCE, len(work))):
        # One that hangs in a share is left behind: it ends with this process.
        threads.start("fleet", take, lambda _error: True)
    found: dict[int, Result] = {}
    deadline_s = time.monotonic() + wait_s
    while len(found) < len(work) and (left_s := deadline_s - time.monotonic()) > 0:
        try:
            number, result = done.get(timeout=left_s)
        except Empty:
            break
        found[number] = result
    return [found.get(number) for number in range(len(work))]


def place_of(fleet: Fleet, sight: Sight) -> Place:
    """Return where a robot that was seen is."""
    return next(place for place in fleet.places if place.host == sight.host)


@attrs.frozen
class _Task:
    """One thing to look at: a folder here, or all that a command reaches."""

    place: Place
    folder: str
    find: Callable[[], Sequence[Sight]]

    def look(self) -> Sequence[Sight]:
        try:
            return self.find()
        except RobotError as error:
            return [self.unseen(str(error).replace("\n", "; "))]

    def unseen(self, why: str) -> Sight:
        called = self.place.name or self.place.host or Path(self.folder).name or self.folder
        return unseen(called, self.folder, self.place.host, "absent", why)


def ask(fleet: Fleet, place: Place, question: Question) -> Answer:
    """Return what the machine of a robot answers. Raises `RobotError`."""
    if not place.command:
        return answer(question, fleet.base)
    return _asked_there(place, question, fleet.wait_s)


def robot_named(fleet: Fleet, sights: Sequence[Sight], name: str) -> Sight:
    """Return the robot of a name.

    Raises:
        SettingsError: There is none, or there are several.
    """
    meant = [sight for sight in sights if name in (sight.name, f"{sight.host}:{sight.name}", sight.folder)]
    if not meant:
        known = ", ".join(sight.name for sight in sights[:24])
        raise SettingsError(f"{fleet.path}: no robot is called {name!r}; known are {known}")
    if len(meant) > 1:
        several = ", ".join(f"{sight.host}:{sight.name}" for sight in meant)
        raise SettingsError(f"{fleet.path}: {name!r} may mean {several}")
    return meant[0]


def _tasks(fleet: Fleet) -> Iterator[_Task]:
    for place in fleet.places:
        if place.command:
            yield _Task(place, place.folder, partial(_there, fleet, place))
            continue
        folders = folders_of(place.folder, fleet.base)
        if not folders:
            yield _Task(place, place.folder, partial(_nobody, place.folder, "this machine"))
        for folder in folders:
            yield _Task(place, str(folder), partial(_here, folder, place.name, fleet.rules))


def _here(folder: Path, name: str, rules: Rules) -> Sequence[Sight]:
    return [look_at(folder, name, rules)]


def _nobody(folder: str, host: str) -> Sequence[Sight]:
    raise SettingsError(f"no folder of a robot fits {folder} on {host}")


def _there(fleet: Fleet, place: Place) -> Sequence[Sight]:
    question = {"ask": "status", "folder": place.folder, "name": place.name, "rules": attrs.asdict(fleet.rules)}
    return sights_in(_asked_there(place, question, fleet.wait_s), place.host) or _nobody(place.folder, place.host)


def _asked_there(place: Place, question: Question, wait_s: float) -> Answer:
    command = [*place.command, "fleet", "tell", packed(question)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=wait_s,
            check=False,
            creationflags=system.child_flags(),
        )
    except subprocess.TimeoutExpired:
        raise SettingsError(f"{place.host}: {place.command[0]} gave no answer within {wait_s:g} s") from None
    except OSError as error:
        raise SettingsError(
            f"{place.host}: {place.command[0]} cannot be started: {error.strerror or error}; fix its `command`"
        ) from error
    try:
        told = parsed(_from_brace(done.stdout[:LARGEST_ANSWER_BYTES]))
    except (ValueError, RecursionError) as error:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-MOST_SAID:] or "nothing"
        raise SettingsError(
            f"{place.host}: {' '.join(place.command)} ended with {done.returncode} and no answer, and said: {said}"
        ) from error
    if "error" in told:
        raise SettingsError(f"{place.host}: {told['error']}")
    return told


def _from_brace(data: bytes) -> bytes:
    """Return an answer without what a log-in has printed before it."""
    for line in reversed(data.splitlines()):
        if line.startswith(b"{"):
            return line
    return data


def told(answered: Answer) -> str:
    """Return an answer as it goes over the wire: one line of ASCII."""
    return json.dumps(answered)
