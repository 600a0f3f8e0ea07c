"""Simulated robots: they beat, take jobs, claim and report them over real HTTP, and remember what they were given.

`python bench/fleet.py LIMITS` reads one JSON object (see `Plan`) and prints one: a process of its own, so that its
processor time can be told from that of the servers.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import attrs

ANSWER_WITHIN_S = 30.0
READY, WORKING, IN_PROGRESS, SUCCESS = 2, 3, 8, 4


@attrs.define
class Plan:
    """What the robots do.

    Attributes:
        ports: Of the servers on loopback.
        robots: How many.
        first: Number of the first one; robots of several processes have different ones.
        interval_s: Between two heartbeats of one that has nothing to do.
        work_s: What a job takes.
        seconds: How long they go on; 0 until they are told to stop.
        seed: Of pauses.
    """

    ports: list[int]
    robots: int
    first: int = 0
    interval_s: float = 10.0
    work_s: float = 0.0
    seconds: float = 0.0
    seed: int = 0


@attrs.define
class Robot:
    """One robot: a connection, whichever server it leads to, and the jobs that it has had."""

    fleet: Fleet
    guid: str
    chance: random.Random
    jobs: set[str] = attrs.field(factory=set)
    stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    server: int = 0

    async def live(self) -> None:
        """Go on until the fleet is told to stop."""
        await self.pause(self.chance.random() * self.fleet.plan.interval_s)
        while not self.fleet.is_over:
            answer = await self.said("heartbeat", Status=READY)
            if answer.get("HasNewJob") == 1:
                await self.work()
            else:
                await self.pause(self.fleet.plan.interval_s * self.chance.uniform(0.9, 1.1))
        self.leave()

    async def work(self) -> None:
        """Take one job to its end. A job that is given once more was never begun, for its answer was lost."""
        answer = await self.tried("/api/robot/consumeNextJob", Status=READY)
        if answer is None or answer.get("ConsumeJobErrorCode") != 0:
            return  # never asked blindly again: it may have been a job
        guid = str(json.loads(str(answer["Job"]))["GUID"])
        self.fleet.given[guid] += 1
        self.jobs.add(guid)
        await self.reported(guid, IN_PROGRESS)
        if self.fleet.plan.work_s:
            await self.pause(self.fleet.plan.work_s)
            await self.said("heartbeat", Status=WORKING, JobGUID=guid)
        await self.reported(guid, SUCCESS)
        self.fleet.ended[guid] += 1

    async def said(self, call: str, **fields: object) -> dict[str, object]:
        """Say something that may be said again until somebody has heard it."""
        while (answer := await self.tried(f"/api/robot/{call}", **fields)) is None:
            await self.pause(self.chance.uniform(0.2, 0.6))
        return answer

    async def reported(self, guid: str, status: int) -> None:
        """Report a status until it is taken: the same one may be said twice."""
        while await self.tried("/api/job/update", Guid=guid, Status=status) is None:
            await self.pause(self.chance.uniform(0.2, 0.6))

    async def tried(self, path: str, **fields: object) -> dict[str, object] | None:
        """Return what a server answers, or None where it is no 200; the next call goes to another one then."""
        started_s = time.monotonic()
        try:
            status, body = await asyncio.wait_for(self._asked(path, urlencode(fields).encode()), ANSWER_WITHIN_S)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self._turn(type(error).__name__)
            return None
        self.fleet.took_s.append(time.monotonic() - started_s)
        if status == 200:
            self.fleet.answered[path.rpartition("/")[2]] += 1
            found = json.loads(body)
            return found if isinstance(found, dict) else {}
        self.fleet.failed[str(status)] += 1
        if 400 <= status < 500:
            return {}  # a refusal, by whichever server
        self.leave()
        self.server += 1
        return None

    async def pause(self, seconds: float) -> None:
        """Wait, or until the fleet is told to stop."""
        try:
            await asyncio.wait_for(self.fleet.over.wait(), seconds)
        except TimeoutError:
            return

    def leave(self) -> None:
        """Close the connection."""
        if self.stream is not None:
            self.stream[1].close()
            self.stream = None

    def _turn(self, why: str) -> None:
        self.leave()
        self.fleet.failed[why] += 1
        self.server += 1

    async def _asked(self, path: str, body: bytes) -> tuple[int, bytes]:
        if self.stream is None:
            ports = self.fleet.plan.ports
            self.stream = await asyncio.open_connection("127.0.0.1", ports[self.server % len(ports)])
        reader, writer = self.stream
        token = base64.b64encode(self.guid.encode()).decode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {token}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        lengths = [line.partition(":")[2] for line in answered if line.lower().startswith("content-length")]
        found = await reader.readexactly(int(lengths[0]))
        if "connection: close" in (line.lower() for line in answered):
            self.leave()
        return int(answered[0].split()[1]), found


@attrs.define
class Fleet:
    """All of them.

    Attributes:
        plan: What they do.
        over: Set when they are to stop.
        given: GUID of a job -> how often it was given to anybody.
        ended: GUID of a job -> how often somebody was told that its end is known.
        answered: Call -> how many were answered.
        failed: Why others were not -> how many.
        took_s: What each answer took.
    """

    plan: Plan
    over: asyncio.Event = attrs.field(factory=asyncio.Event)
    given: Counter[str] = attrs.field(factory=Counter)
    ended: Counter[str] = attrs.field(factory=Counter)
    answered: Counter[str] = attrs.field(factory=Counter)
    failed: Counter[str] = attrs.field(factory=Counter)
    took_s: list[float] = attrs.field(factory=list)

    @property
    def is_over(self) -> bool:
        """Whether they are to stop."""
        return self.over.is_set()

    async def live(self, *others: Callable[[Fleet], Awaitable[None]]) -> None:
        """Let all robots live until the plan's time is over or somebody sets `over`, beside what else is to be done."""
        plan = self.plan
        robots = [
            Robot(self, guid_of(plan.first + number), random.Random(plan.seed + number), server=number)
            for number in range(plan.robots)
        ]
        if plan.seconds:
            asyncio.get_running_loop().call_later(plan.seconds, self.over.set)
        await asyncio.gather(*(robot.live() for robot in robots), *(other(self) for other in others))

    def to_json(self) -> dict[str, object]:
        """Return what became of it."""
        return {
            "given": dict(self.given), "ended": dict(self.ended), "answered": dict(self.answered),
            "failed": dict(self.failed), "took_s": sorted(self.took_s), "cpu_s": time.process_time(),
        }  # fmt: skip


def guid_of(number: int) -> str:
    """Return the credential of a simulated robot."""
    return str(uuid.UUID(int=0x5EED0000 + number, version=4))


def main() -> None:
    """Do what the plan in the first argument says, and print what became of it."""
    fleet = Fleet(Plan(**json.loads(sys.argv[1])))
    asyncio.run(fleet.live())
    print(json.dumps(fleet.to_json()))


if __name__ == "__main__":
    main()
