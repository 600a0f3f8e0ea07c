"""The robot dies before or after any of its effects, on the server or on the disk: each task gets exactly one end."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.engine.disk import AppendedFile, SystemDisk
from fsm_robot.engine.redact import Secrets
from fsm_robot.errors import GatewayUnreachableError
from fsm_robot.jobapi.hands import LOST, Hands
from fsm_robot.jobapi.ledger import Entry, TaskLedger
from fsm_robot.jobapi.lines import Lines
from fsm_robot.jobapi.operations import Operations
from fsm_robot.robot.ports import Job
from fsm_robot.sdk import SdkError

NEW, BUSY, DONE, FAILED = 0, 1, 2, 3


class DeadError(BaseException):
    """The robot is dead: nothing catches this."""


@attrs.define
class Fate:
    """When the robot dies: at an effect by its number, before it or after it; and which calls get no answer."""

    dies_at: int = -1
    after: bool = False
    count: int = 0
    lost: frozenset[int] = frozenset()

    def effect(self, act: Any, *, on_server: bool = False) -> Any:
        self.count += 1
        if self.count == self.dies_at and not self.after:
            raise DeadError
        result = act()
        if self.count == self.dies_at:
            raise DeadError
        if on_server and self.count in self.lost:
            raise GatewayUnreachableError("/api/x", "no_answer", "the answer was lost")
        return result


@attrs.define
class Server:
    """A queue as a server has it, with everything that was done to each task."""

    fate: Fate
    tasks_: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    moves: dict[str, list[int]] = attrs.field(factory=dict)
    server_time: datetime | None = attrs.field(factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, fate: Fate, count: int) -> Server:
        made = cls(fate)
        for number in range(count):
            guid = f"t{number}"
            made.tasks_[guid] = {"status": NEW, "tags": [], "job": ""}
            made.moves[guid] = []
        return made

    def _row(self, guid: str) -> dict[str, Any]:
        task = self.tasks_[guid]
        raw = {"job_id": task["job"] or None}
        return {"guid": guid, "name": guid, "parameters": {}, "status": task["status"], "tags": list(task["tags"]),
                "priority": 1, "created": None, "row": raw}  # fmt: skip

    def last_task(self, queue: str) -> dict[str, Any] | None:
        def act() -> dict[str, Any] | None:
            found = [guid for guid, task in self.tasks_.items() if task["status"] == NEW]
            return self._row(found[0]) if found else None

        return self.fate.effect(act, on_server=True)  # type: ignore[no-any-return]

    def tasks(self, queue: str, filters: Mapping[str, Any], limit: int = 100) -> list[dict[str, Any]]:
        rows = [self._row(guid) for guid, task in self.tasks_.items() if task["status"] == filters.get("status", NEW)]
        return self.fate.effect(lambda: rows, on_server=True)  # type: ignore[no-any-return]

    def task(self, guid: str) -> dict[str, Any] | None:
        return self.fate.effect(lambda: self._row(guid), on_server=True)  # type: ignore[no-any-return]

    def update_task(self, guid: str, fields: Mapping[str, Any], job_guid: str = "") -> None:
        def act() -> None:
            task = self.tasks_[guid]
            if task["status"] != fields["status"]:
                self.moves[guid].append(fields["status"])
            task["status"] = fields["status"]
            task["job"] = job_guid if fields["status"] != NEW else ""

        self.fate.effect(act, on_server=True)

    def add_tag(self, guid: str, tags: str) -> None:
        self.fate.effect(lambda: self.tasks_[guid]["tags"].append(tags), on_server=True)

    def remove_tag(self, guid: str, tags: str) -> None:
        def act() -> None:
            self.tasks_[guid]["tags"] = [tag for tag in self.tasks_[guid]["tags"] if tag != tags]

        self.fate.effect(act, on_server=True)


@attrs.define
class Disk(SystemDisk):
    """The disk of a robot that may die at each write."""

    fate: Fate

    def append(self, path: Path, *, new: bool = False) -> AppendedFile:
        file = SystemDisk().append(path, new=new)
        fate = self.fate

        class Dying(AppendedFile):
            def write(self, data: bytes) -> None:
                if fate.count + 1 == fate.dies_at and fate.after:
                    file.write(data[: len(data) // 2])  # torn
                    fate.count += 1
                    raise DeadError
                fate.effect(lambda: file.write(data))

            def sync(self) -> None:
                file.sync()

            def cut(self, size_bytes: int) -> None:
                file.cut(size_bytes)

            def close(self) -> None:
                file.close()

        return Dying(-1)


@attrs.define
class NoTime:
    """The end of a script that nobody waits for: a pause is over at once, and has lasted as long as it should."""

    passed_s: float = 0.0
    ended: bool = False

    def now(self) -> float:
        return self.passed_s

    def set(self) -> None:
        self.ended = True

    def is_set(self) -> bool:
        return self.ended

    def wait(self, timeout: float) -> bool:
        self.passed_s += timeout
        return self.ended


def lived(server: Server, path: Path, fate: Fate, script: list[str]) -> None:
    """Let a robot run a script that takes a task per word, and does with it what the word says, until it dies."""
    hands = Hands(server, TaskLedger(path, Disk(fate)), lambda *_, **__: None)  # type: ignore[arg-type]
    job = Job("job-1", "script", documents={"job": {"Id": "job-1"}})
    hands.begin(job)
    lines = Lines(job, None)
    time = NoTime()
    work = Operations(job, server, hands, Secrets(""), lines, patience_s=5.0, clock=time.now, over=time)  # type: ignore[arg-type]
    for word in script:
        try:
            row = work.call("task.take", {"queue": "Q"})["task"]
            if isinstance(row, dict) and word != "leave":
                work.call("task.end", {"task": row["guid"], "status": {"done": DONE, "back": NEW}.get(word, FAILED)})
        except SdkError:
            continue
    raise DeadError


def recovered(server: Server, path: Path) -> bool:
    hands = Hands(server, TaskLedger(path), lambda *_, **__: None)  # type: ignore[arg-type]
    return hands.settle(LOST, 20)


def judged(server: Server, path: Path) -> str:
    for guid, moves in server.moves.items():
        ends = [status for status in moves if status not in (NEW, BUSY)]
        if len(ends) > 1:
            return f"{guid} has the ends {ends}"
        if server.tasks_[guid]["status"] == BUSY:
            return f"{guid} has no end"
        if ends and moves[-1] != ends[0]:
            return f"{guid} goes on after its end: {moves}"
        if [tag for tag in server.tasks_[guid]["tags"] if tag.startswith("claim-")]:
            return f"{guid} keeps a claim"
    return "" if TaskLedger(path).open() == [] else "the ledger holds something open"


SCRIPTS = (["done", "done"], ["fail", "leave"], ["leave", "leave", "done"], ["back", "done"], ["leave"])


@pytest.mark.parametrize("script", SCRIPTS, ids=" ".join)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_robot_that_dies_at_any_moment_leaves_each_task_one_end(
    tmp_path: Path, script: list[str], after: bool
) -> None:
    """At every effect, before it is there and after; the next life finishes what was begun."""
    dies_at = 0
    while True:
        dies_at += 1
        fate = Fate(dies_at, after)
        server = Server.of(fate, 3)
        path = tmp_path / f"{dies_at}.jsonl"
        with pytest.raises(DeadError):
            lived(server, path, fate, script)
        reached = fate.count >= dies_at
        fate.dies_at = -1

        assert recovered(server, path)

        assert judged(server, path) == "", f"died at effect {dies_at}"
        if not reached:
            break
    assert dies_at > 8


@pytest.mark.long
def test_the_recovery_itself_may_die_and_answers_may_be_lost(tmp_path: Path) -> None:
    """By chance, from a fixed seed: lives that die again and again, and a server whose answers are lost."""
    chance = random.Random(11)
    for number in range(400):
        fate = Fate(chance.randint(1, 30), chance.random() < 0.5, lost=frozenset(chance.sample(range(1, 60), 1)))
        server = Server.of(fate, 3)
        path = tmp_path / f"{number}.jsonl"
        with pytest.raises(DeadError):
            lived(server, path, fate, chance.choice(SCRIPTS))
        fate.dies_at, fate.lost = -1, frozenset()

        assert recovered(server, path)

        assert judged(server, path) == "", f"world {number}"


@pytest.mark.parametrize("stage", ["taken", "ending"])
def test_a_person_who_was_faster_has_the_last_word(tmp_path: Path, stage: str) -> None:
    """Read first: a status that somebody else has set meanwhile stays."""
    fate = Fate()
    server = Server.of(fate, 1)
    path = tmp_path / "tasks.jsonl"
    with pytest.raises(DeadError):
        lived(server, path, fate, ["leave"])
    if stage == "ending":
        TaskLedger(path).write(Entry("t0", "ending", job="job-1", job_id="job-1", end={"status": DONE}))
    server.tasks_["t0"]["status"] = 4
    server.moves["t0"].append(4)

    assert recovered(server, path)

    assert server.moves["t0"] == [BUSY, 4]
    assert TaskLedger(path).open() == []
