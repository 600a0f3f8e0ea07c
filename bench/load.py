"""Robots that call an orchestrator, as many as there are connections, in a process of their own.

Prints one line of JSON: how many calls, how many a second, mean and 99th percentile in milliseconds, every HTTP status,
and the processor time that the load itself has cost.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from fsm_robot.orchestrator.store import Store

ANSWERED_WITHIN_S = 60.0
BEAT = "Status=3&JobGUID=&JobName=&Machine=load&IP=127.0.0.1&MAC=02-00-00-00-00-01"


@attrs.define
class Told:
    """What came back."""

    took_s: list[float] = attrs.field(factory=list)
    statuses: Counter[str] = attrs.field(factory=Counter)
    jobs: Counter[str] = attrs.field(factory=Counter)

    def summary(self, seconds: float) -> dict[str, object]:
        took = sorted(self.took_s) or [0.0]
        return {
            "calls": len(self.took_s),
            "rate": round(len(self.took_s) / seconds, 1),
            "mean_ms": round(sum(took) / len(took) * 1000, 2),
            "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 2),
            "max_ms": round(took[-1] * 1000, 2),
            "statuses": dict(self.statuses),
            "jobs": len(self.jobs),
            "given_twice": sum(times > 1 for times in self.jobs.values()),
            "load_cpu_s": round(time.process_time(), 2),
        }


class Robot(asyncio.Protocol):
    """One robot and its one connection, which is kept."""

    def __init__(self, number: int, host: str, port: int, told: Told) -> None:
        token = base64.b64encode(f"{number:08x}-0000-4000-8000-{number:012x}".encode()).decode()
        self._head = (
            f"Host: {host}:{port}\r\nAuthorization: Basic {token}\r\nUser-Agent: python-requests/2.32.3\r\n"
            "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
        )
        self._where, self._told = (host, port), told
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._data = b""
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._data = transport, b""

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._end(b"", error or ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) >= length:
            self._data = b""
            self._end(head.split(b" ", 2)[1] + b" " + body, None)

    def _end(self, answer: bytes, error: Exception | None) -> None:
        waiting, self._answer = self._answer, None
        if waiting is None or waiting.done():
            return
        if error is None:
            waiting.set_result(answer)
        else:
            waiting.set_exception(error)

    async def open(self) -> None:
        """Connect, where no connection is open."""
        if self._transport is None:
            await asyncio.get_running_loop().create_connection(lambda: self, *self._where)

    async def call(self, path: str, body: str, verb: str = "POST") -> bytes:
        """Return the body of an answer; it is counted whatever it is."""
        started, status, answer = time.perf_counter(), "none", b""
        try:
            await self.open()
            assert self._transport is not None
            self._answer = asyncio.get_running_loop().create_future()
            self._transport.write(
                f"{verb} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            word, _, answer = (await asyncio.wait_for(self._answer, ANSWERED_WITHIN_S)).partition(b" ")
            status = word.decode()
        except OSError as error:
            status = type(error).__name__
        self._told.took_s.append(time.perf_counter() - started)
        self._told.statuses[status] += 1
        return answer

    async def job(self) -> None:
        """Take a job, claim it, report it, as a robot does."""
        answer = await self.call("/api/robot/consumeNextJob", "")
        document = json.loads(answer or b"{}").get("Job")
        if document is None:
            return
        guid = json.loads(document)["GUID"]
        self._told.jobs[guid] += 1
        for status in (8, 4):
            await self.call("/api/job/update", f"guid={guid}&status={status}", "PUT")


async def closed(robots: list[Robot], seconds: float) -> None:
    """Each robot calls again as soon as it is answered."""
    until_s = time.monotonic() + seconds

    async def loop(robot: Robot) -> None:
        while time.monotonic() < until_s:
            await robot.call("/api/robot/heartbeat", BEAT)

    await asyncio.gather(*map(loop, robots))


async def open_loop(robots: list[Robot], seconds: float, every_s: float, jobs_per_s: float, db: str) -> None:
    """Each robot beats at its interval, a tenth sooner or later; jobs come and are taken meanwhile."""
    until_s, chance, running = time.monotonic() + seconds, random.Random(7), set[asyncio.Task[None]]()

    async def beat(robot: Robot) -> None:
        await asyncio.sleep(chance.uniform(0, every_s))
        while time.monotonic() < until_s:
            if not robot.busy:
                robot.busy = True
                await robot.call("/api/robot/heartbeat", BEAT)
                robot.busy = False
            await asyncio.sleep(every_s * chance.uniform(0.9, 1.1))

    async def work(robot: Robot) -> None:
        await robot.job()
        robot.busy = False

    async def jobs() -> None:
        store = Store(Path(db))
        due_s = time.monotonic()
        while time.monotonic() < until_s:
            # In another thread, as the command line that adds jobs is another process: it waits for the file.
            await asyncio.to_thread(store.enqueue, "nothing")
            robot = chance.choice([each for each in robots if not each.busy])
            robot.busy = True  # before its task begins: a beat that comes first would share the connection with it
            task = asyncio.create_task(work(robot))
            running.add(task)
            task.add_done_callback(running.discard)
            due_s += 1 / jobs_per_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        store.close()

    await asyncio.gather(*map(beat, robots), *([jobs()] if jobs_per_s else []))
    await asyncio.gather(*running)


async def run(arguments: argparse.Namespace) -> dict[str, object]:
    address, told = urlsplit(arguments.url), Told()
    robots = [
        Robot(number, address.hostname or "", address.port or 0, told) for number in range(1, arguments.connections + 1)
    ]
    refused = 0
    for robot in robots:
        try:
            await robot.open()
            await robot.call("/api/robot/heartbeat", BEAT)  # the robot is registered before anything is measured
        except OSError:
            refused += 1
    first = dict(told.statuses)
    told.took_s.clear()
    told.statuses.clear()
    started = time.perf_counter()
    if arguments.every:
        await open_loop(robots, arguments.seconds, arguments.every, arguments.jobs, arguments.db)
    else:
        await closed(robots, arguments.seconds)
    return {**told.summary(time.perf_counter() - started), "first": first, "refused": refused}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--every", type=float, default=0, help="seconds between two beats; 0 beats without a pause")
    parser.add_argument("--jobs", type=float, default=0, help="jobs a second")
    parser.add_argument("--db", default="", help="file of the orchestrator, for --jobs")
    print(json.dumps(asyncio.run(run(parser.parse_args()))))


if __name__ == "__main__":
    main()
