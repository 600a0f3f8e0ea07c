"""Many server processes over one PostgreSQL: nothing is given twice and nothing is lost, and what that costs.

`make bench-servers` starts a PostgreSQL of its own, some processes of `orchestrator serve`, and robots in processes of
their own, adds jobs at an even pace, kills a server with `kill -9` after a third of the time (another one is started in
its place) and crashes the database after two thirds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import attrs

sys.path.insert(0, str(Path(__file__).parent.parent))  # for its neighbours, however it was started

from fsm_robot.errors import RobotError
from fsm_robot.orchestrator.store import Store
from tests.fakes import postgres

FLEETS = 2
DRAIN_S = 120.0


@attrs.define
class Servers:
    """Server processes, each at a port that stays its own.

    Attributes:
        address: Of the database.
        running: Port -> process.
        used_s: Processor time of those that have ended.
    """

    address: str
    running: dict[int, subprocess.Popen[str]] = attrs.field(factory=dict)
    used_s: float = 0.0

    def start(self, port: int = 0) -> int:
        """Start one more and return its port."""
        command = [sys.executable, "-m", "fsm_robot", "orchestrator", "serve", "--db", self.address, "--give-again"]
        process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(line.split()[2].rpartition(":")[2])
        self.running[port] = process
        return port

    def end(self, port: int, *, kill: bool = False) -> None:
        """End one, politely or not."""
        process = self.running.pop(port)
        self.used_s += cpu_s(process.pid)
        process.kill() if kill else process.terminate()
        process.wait(60)

    def close(self) -> None:
        """End all."""
        for port in list(self.running):
            self.end(port)


def cpu_s(pid: int) -> float:
    """Return the processor time that a process and its children that have ended have used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / 100


def cluster_cpu_s(cluster: postgres.Cluster) -> float:
    """Return the processor time of PostgreSQL, those of its children too that still live."""
    found = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"postgres" in (folder / "cmdline").read_bytes() and (folder / "cwd").resolve() == cluster.folder:
                found += cpu_s(int(folder.name))
        except OSError:
            continue
    return found


def enqueue(store: Store, per_s: float, over: threading.Event, added: list[str], failed: Counter[str]) -> None:
    """Add jobs at an even pace; one whose answer was lost with the database is looked for afterwards."""
    began_s, tried = time.monotonic(), 0
    with ThreadPoolExecutor(4) as pool:

        def add(number: int) -> None:
            try:
                added.append(store.enqueue(f"job {number % 20}", name=str(number)))
            except RobotError as error:
                failed[type(error).__name__] += 1

        while not over.is_set():
            due = int((time.monotonic() - began_s) * per_s)
            for number in range(tried, due):
                pool.submit(add, number)
            tried = max(tried, due)
            over.wait(0.05)


@contextmanager
def fleets(ports: list[int], robots: int, interval_s: float, seconds: float) -> Iterator[list[subprocess.Popen[str]]]:
    """Let the robots live in processes of their own."""
    share = robots // FLEETS
    processes = []
    for number in range(FLEETS):
        plan = {"ports": ports, "robots": share, "first": number * share, "interval_s": interval_s, "seconds": seconds}
        command = [sys.executable, str(Path(__file__).with_name("fleet.py")), json.dumps(plan)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure(asked: argparse.Namespace, cluster: postgres.Cluster) -> bool:
    """Run the load, print what became of it, and return whether it adds up."""
    store = Store(cluster.schema())
    assert isinstance(store.place, str)
    servers, over, added, failed = Servers(store.place), threading.Event(), list[str](), Counter[str]()
    ports = [servers.start() for _ in range(asked.servers)]
    adding = threading.Thread(target=enqueue, args=(store, asked.jobs, over, added, failed))
    drain_s = min(DRAIN_S, asked.seconds)
    with fleets(ports, asked.robots, asked.interval, asked.seconds + drain_s) as processes:
        adding.start()
        time.sleep(asked.seconds / 3)
        servers.end(ports[0], kill=True)
        servers.start(ports[0])
        print(f"after {asked.seconds / 3:.0f} s: kill -9 of one server, another in its place", flush=True)
        time.sleep(asked.seconds / 3)
        database_s = cluster_cpu_s(cluster)
        cluster.crash()
        cluster.start()
        print(f"after {2 * asked.seconds / 3:.0f} s: PostgreSQL crashed and started again", flush=True)
        time.sleep(asked.seconds / 3)
        over.set()
        adding.join()
        heard = [json.loads(process.communicate()[0]) for process in processes]
    database_s += cluster_cpu_s(cluster)
    servers.close()
    return report(asked, store, heard, servers.used_s, database_s, failed)


def report(
    asked: argparse.Namespace, store: Store, heard: list[dict[str, dict[str, int]]], servers_s: float,
    database_s: float, failed: Counter[str],
) -> bool:  # fmt: skip
    """Print the figures and return whether no job was given twice and none was lost."""
    given = sum((Counter(each["given"]) for each in heard), Counter[str]())
    ended = sum((Counter(each["ended"]) for each in heard), Counter[str]())
    answered = sum((Counter(each["answered"]) for each in heard), Counter[str]())
    cut = sum((Counter(each["failed"]) for each in heard), Counter[str]())
    took_s = sorted(float(second) for each in heard for second in each["took_s"])
    jobs = store.jobs()
    waiting = [job for job in jobs if job.consumed_at is None]
    # In hand when the robots were told to stop: given, and its end not yet said.
    lost = [job for job in jobs if job.consumed_at is not None and not job.ended and job.guid not in given]
    twice = [guid for guid, count in given.items() if count > 1]
    disowned = [job for job in jobs if job.guid in ended and job.status_word != "Success"]
    for name, value in {
        "servers, robots, interval, jobs": f"{asked.servers}, {asked.robots}, {asked.interval} s, {asked.jobs}/s",
        "jobs added, done": f"{len(jobs)}, {len(ended)} ({len(ended) / asked.seconds:.0f}/s of {asked.seconds:.0f} s)",
        "jobs still waiting": len(waiting),
        "jobs given twice": len(twice),
        "jobs lost (given, and nobody has them)": len(lost),
        "jobs whose end was taken back": len(disowned),
        "calls answered": dict(answered),
        "calls cut off or refused": dict(cut),
        "jobs that could not be added": dict(failed),
        "answer, median and p99": f"{_at(took_s, 0.5):.3f} s, {_at(took_s, 0.99):.3f} s",
        "processor: servers, PostgreSQL, robots": (
            f"{servers_s:.0f} s, {database_s:.0f} s, {sum(float(str(each['cpu_s'])) for each in heard):.0f} s"
        ),
    }.items():
        print(f"{name:<42} {value}")
    return not (twice or lost or disowned)


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=4)
    parser.add_argument("--robots", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--jobs", type=float, default=100.0, help="a second")
    parser.add_argument("--seconds", type=float, default=300.0)
    asked = parser.parse_args()
    with postgres.running(fsync="on", full_page_writes="on") as cluster:
        return 0 if measure(asked, cluster) else 1


if __name__ == "__main__":
    sys.exit(main())
