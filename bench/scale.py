"""What a year of history and many robots cost: `make bench-scale`; `--write` puts the table into docs/scale.md.

Large databases and journals are made by bulk load. What stands against what is measured in turns, in one run.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

sys.path.insert(0, str(Path(__file__).parent.parent))  # for its neighbours, however it was started

from bench.journals import JOBS_OF_A_RUN, STEPS_OF_A_JOB, write_journals
from bench.run import GUID, Bench, folder, history, proc_kib, write_table
from fsm_robot.orchestrator.rows import SUCCESS
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.job_index import JobIndex
from fsm_robot.robot.ledger import FOLDED, INDEX_NAME

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "scale.md"
MARK = "<!-- table made by `make bench-scale ARGS=--write` -->"
OTHER = "99999999-0000-4000-8000-000000000001"
AT = "2026-11-27T00:00:00.000000+00:00"
MIB = 1024 * 1024


@attrs.frozen
class Options:
    """What was asked for on the command line."""

    quick: bool = False
    before: Path | None = None
    robots: int = 400
    seconds: float = 300.0


@attrs.frozen
class Result:
    """What was found, in words, and whether that is what it should be; None where it was not measured."""

    found: str
    against: str
    met: bool | None


def mib(kib: float) -> str:
    return f"{kib / 1024:.0f} MiB"


def spread(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


# ---- a robot beside its own history


def kept_runs(bench: Bench, options: Options) -> Result:
    """Idle wake-ups beside 10,000 kept runs and beside none, in turns."""
    many, none, ratio = history(bench, options.quick)
    return Result(f"{many}, {ratio:.2f} x", none, ratio <= 1.1)


def ledger(bench: Bench, options: Options) -> Result:
    """Drains of ten jobs by a robot that has had 1,000,000, and by one that has had none, in turns."""
    bench.script("nothing", "pass\n")
    robots = {}
    for name, entries in (("none", 0), ("million", 1_000_000)):
        bench.settings(10, f'[storage]\ndirectory = "{name}"\n')
        (bench.folder / f"{name}.toml").write_text((bench.folder / "robot.toml").read_text(encoding="utf-8"))
        (bench.folder / name).mkdir()
        robots[name] = bench.folder / f"{name}.toml"
        if entries:
            index = JobIndex(bench.folder / name / INDEX_NAME)
            index.take_over((str(uuid.UUID(int=number)), "succeeded") for number in range(entries))
            (bench.folder / name / "ledger.jsonl").write_bytes(FOLDED)
    jobs = 10
    times: dict[str, list[float]] = {name: [] for name in robots}
    peaks: dict[str, list[float]] = {name: [] for name in robots}
    for number in range(6 if options.quick else 16):
        for name, config in robots.items():
            command = [sys.executable, "-I", "-m", "fsm_robot", "run", "--config", str(config)]
            idle, _ = measured(command)
            for _ in range(jobs):
                bench.store.enqueue("nothing")
            took, peak = measured(command)
            if number:
                times[name].append((took - idle) / jobs)
                peaks[name].append(peak)
    first, late = (statistics.median(times[name]) for name in ("none", "million"))
    low, high = (statistics.median(peaks[name]) for name in ("none", "million"))
    return Result(
        f"{late * 1000:.1f} ms of CPU, {late / first:.2f} x, {(high - low) / 1024:+.1f} MiB",
        f"{first * 1000:.1f} ms, {mib(low)}",
        late <= 1.1 * first and high - low <= 5 * 1024,
    )


def measured(command: list[str]) -> tuple[float, float]:
    """Run a command; return its processor time in seconds and its peak resident size in KiB."""
    if sys.platform == "win32":
        raise NotImplementedError("what it measures by is POSIX")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 10), (command, process.returncode)
    return usage.ru_utime + usage.ru_stime, float(usage.ru_maxrss)


# ---- the orchestrator beside a million jobs


def fill(store: Store, count: int, *, ended: bool) -> None:
    """Let so many jobs be over, or wait for a robot that never comes."""
    other = store.robot(OTHER)
    assert other is not None
    moment = AT if ended else None
    with store.file.transaction() as db:
        assert isinstance(db, sqlite3.Connection)
        db.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
            " INSERT INTO jobs (guid, script, version_guid, name, status, priority, robot_id, created_at, updated_at,"
            " consumed_at, started_at, finished_at) SELECT printf('%08x-0000-4000-8000-%012x', n, n), 's', 'v', '',"
            " ?, 2, ?, ?, ?, ?, ?, ? FROM numbers",
            (count, SUCCESS if ended else 1, other.row_id, AT, AT, moment, moment, moment),
        )


def asked(bench: Bench, verb: str, path: str, body: str, times: int) -> tuple[float, str]:
    """Return how long the median of so many calls over one connection took, in seconds, and that in words.

    Beside it stands the server's processor time for each, which a busy machine changes less.
    """
    connection = http.client.HTTPConnection(bench.url.removeprefix("http://"), timeout=60)
    token = base64.b64encode(GUID.encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/x-www-form-urlencoded"}
    took, used = [], cpu_seconds(bench.server.pid)
    for _ in range(times):
        started = time.perf_counter()
        connection.request(verb, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        took.append(time.perf_counter() - started)
        assert answer.status == 200, (path, answer.status)
    connection.close()
    used = (cpu_seconds(bench.server.pid) - used) / times
    median = statistics.median(took)
    return median, f"{median * 1000:.2f} ms ({used * 1000:.1f} ms of CPU)"


def reserved(bench: Bench, options: Options) -> Result:
    """Heartbeats and asking for a job beside 1,000,000 jobs that wait for another robot; medians."""
    _, empty = asked(bench, "POST", "/api/robot/heartbeat", "Status=2", 200)
    fill(bench.store, 100_000 if options.quick else 1_000_000, ended=False)
    beat, beat_words = asked(bench, "POST", "/api/robot/heartbeat", "Status=2", 200)
    consume, consume_words = asked(bench, "POST", "/api/robot/consumeNextJob", "", 200)
    found = f"{beat_words}, consumeNextJob {consume_words}"
    return Result(found, f"{empty} beside none", max(beat, consume) <= 0.001)


def polled(bench: Bench, options: Options) -> Result:
    """A poll of the open page beside 1,000,000 jobs that are over; median."""
    fill(bench.store, 100_000 if options.quick else 1_000_000, ended=True)
    took, found = asked(bench, "GET", "/state.json", "", 100)
    return Result(found, "2 ms", took <= 0.002)


def listed(bench: Bench, options: Options) -> Result:
    """`orchestrator jobs` beside 1,000,000 jobs that are over: whole process, best of several."""
    fill(bench.store, 100_000 if options.quick else 1_000_000, ended=True)
    db = str(bench.folder / "orchestrator.sqlite")
    command = [sys.executable, "-I", "-m", "fsm_robot", "orchestrator", "jobs", "--db", db]
    took = statistics.median(bench.time(command) for _ in range(7))
    _, peak = measured(command)
    return Result(f"{took:.2f} s, {mib(peak)}", "0.3 s, 40 MiB", took <= 0.3 and peak <= 40 * 1024)


# ---- the page of runs


def runs_page(bench: Bench, options: Options) -> Result:
    """The page of 1,000 runs of 400 jobs, and beats while it and its runs are fetched without a pause."""
    journals = bench.folder / "watched" / "journal"
    write_journals(bench.folder / "made", 5 * (2 + STEPS_OF_A_JOB * JOBS_OF_A_RUN))
    made = sorted((bench.folder / "made").iterdir())
    journals.mkdir(parents=True)
    for number in range(1, 1001):
        os.link(made[number % len(made)], journals / f"{number:06d}-20261127T000000Z.jsonl")
    with served(bench.folder / "runs.sqlite", "--runs", str(bench.folder / "watched")) as url:
        host = url.removeprefix("http://")
        started = time.perf_counter()
        page = fetched(host, "/runs")
        took = time.perf_counter() - started
        over, fetching = threading.Event(), {"runs": 0}

        def look() -> None:
            while not over.is_set():
                fetched(host, "/runs")
                for number in range(1, 11):
                    fetched(host, f"/run.json?folder=0&name={number:06d}-20261127T000000Z.jsonl")
                    fetching["runs"] += 1

        looking = threading.Thread(target=look)
        looking.start()
        beats = load(url, "--connections", "20", "--every", "0.2", "--seconds", "10" if options.quick else "30")
        over.set()
        looking.join()
    found = (
        f"{len(page) / 1e6:.2f} MB in {took:.2f} s; beats while {fetching['runs']} runs were fetched:"
        f" p99 {beats['p99_ms']:.1f} ms"
    )
    return Result(found, "2 MB, 20 ms", len(page) <= 2_000_000 and beats["p99_ms"] <= 20)


def fetched(host: str, path: str) -> bytes:
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    assert answer.status == 200, (path, answer.status, data[:200])
    return data


# ---- many robots


@contextmanager
def served(db: Path, *more: str, tree: Path | None = None) -> Iterator[str]:
    """Let an orchestrator of this tree, or of another one, serve; give its address."""
    command = [sys.executable, "-m", "fsm_robot", "orchestrator", "serve", "--port", "0", "--db", str(db), *more]
    environment = {**os.environ, **({} if tree is None else {"PYTHONPATH": str(tree)})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tree or HERE.parent)
    assert process.stdout is not None
    try:
        yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait(30)


def load(url: str, *more: str) -> dict[str, Any]:
    """Return what `load.py` says, in a process of its own."""
    command = [sys.executable, str(HERE / "load.py"), url, *more]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert isinstance(told, dict)
    return told


def paced(bench: Bench, options: Options) -> Result:
    """1,000 open connections, each of a robot that beats every 10 s, and 20 jobs a second."""
    db = bench.folder / "paced.sqlite"
    with served(db) as url:
        seconds = 60.0 if options.quick else options.seconds
        told = load(
            url, "--connections", "1000", "--every", "10", "--jobs", "20", "--seconds", f"{seconds}", "--db", str(db)
        )
    failed = sum(count for status, count in told["statuses"].items() if status != "200") + told["refused"]
    found = (
        f"p99 {told['p99_ms']:.1f} ms, mean {told['mean_ms']:.1f} ms, {told['rate']:.0f} calls/s for {seconds:.0f} s,"
        f" {told['jobs']} jobs, {told['given_twice']} given twice, {failed} calls without 200"
    )
    return Result(found, "p99 50 ms, no 503", told["p99_ms"] <= 50 and not failed and not told["given_twice"])


def closed(bench: Bench, options: Options) -> Result:
    """500 connections, each of which calls again as soon as it is answered; in turns with an older version."""
    told: dict[str, list[dict[str, Any]]] = {"now": [], **({"before": []} if options.before else {})}
    for number in range(2 if options.quick else 4):
        for name, results in told.items():
            tree = options.before if name == "before" else None
            with served(bench.folder / f"{name}{number}.sqlite", tree=tree) as url:
                results.append(load(url, "--connections", "500", "--seconds", "5" if options.quick else "15"))
    rates = {name: statistics.median(each["rate"] for each in results) for name, results in told.items()}
    spreads = statistics.median(each["p99_ms"] / each["mean_ms"] for each in told["now"])
    found = f"{rates['now']:.0f} calls/s, p99 {spreads:.1f} x the mean"
    if "before" not in rates:
        return Result(found, "no older version (--before FOLDER)", None)
    ratio = rates["now"] / rates["before"]
    return Result(f"{found}, {ratio:.2f} x", f"{rates['before']:.0f} calls/s", ratio >= 1.8 and spreads <= 2)


def robots(bench: Bench, options: Options) -> Result:
    """Real robots on this host, each with a script that sleeps: the gaps between their beats."""
    count, seconds = (50, 35) if options.quick else (options.robots, 90)
    bench.script("sleeper", "import time\ntime.sleep(3600)\n")
    processes = []
    try:
        for number in range(count):
            guid = f"{number:08x}-0000-4000-8000-{number:012x}"
            config = bench.folder / f"robot-{number}.toml"
            config.write_text(
                f'[orchestrator]\nurl = "{bench.url}"\nrobot_guid = "{guid}"\n[session]\nwhen_idle = "exit"\n'
                f'[storage]\ndirectory = "state-{number}"\n',
                encoding="utf-8",
            )
            bench.store.enqueue("sleeper", robot=guid)
            command = [sys.executable, "-I", "-m", "fsm_robot", "run", "--quiet", "--config", str(config)]
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(0.1)  # a scheduler does not start hundreds in one moment either
        deadline = time.monotonic() + 300
        while sum(job.status_word == "In progress" for job in bench.store.newest_jobs(count)) < count:
            assert time.monotonic() < deadline, "not every robot has begun to work"
            time.sleep(1)
        begun, before = time.monotonic(), bench.store.calls()[-1].seq
        used = sum(cpu_seconds(each.pid) for each in processes)
        time.sleep(seconds)
        cores = (sum(cpu_seconds(each.pid) for each in processes) - used) / (time.monotonic() - begun)
        size = statistics.mean(proc_kib(each.pid, "smaps_rollup", "Pss:") for each in processes[:50])
        alive = sum(each.poll() is None for each in processes)
        last: dict[str, float] = {}
        gaps = []
        for call in bench.store.calls(before):
            if call.robot in last:
                gaps.append(call.monotonic_s - last[call.robot])
            last[call.robot] = call.monotonic_s
    finally:
        for each in processes:
            each.terminate()
        for each in processes:
            each.wait(60)
    p99 = spread(gaps, 0.99)
    found = (
        f"{alive} of {count} robots well, gaps p99 {p99:.2f} s, max {max(gaps):.2f} s, {cores:.3f} cores for all,"
        f" {mib(size)} each"
    )
    return Result(found, "400 robots, p99 10.3 s", count >= 400 and alive == count == len(last) and p99 <= 10.3)


def cpu_seconds(pid: int) -> float:
    if sys.platform == "win32":
        raise NotImplementedError("what it measures by is POSIX")
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


ROWS: dict[str, tuple[str, Callable[[Bench, Options], Result], str]] = {
    "kept-runs": ("idle wake-up beside 10,000 kept runs", kept_runs, "<= 1.1 x beside none"),
    "ledger": ("job after 1,000,000 jobs", ledger, "<= 1.1 x the first, <= +5 MiB"),
    "reserved": ("heartbeat beside 1,000,000 jobs reserved for another robot", reserved, "<= 1 ms"),
    "polled": ("`/state.json` with 1,000,000 jobs", polled, "<= 2 ms"),
    "listed": ("`orchestrator jobs` with 1,000,000 jobs", listed, "<= 0.3 s, <= 40 MiB"),
    "runs-page": ("page of 1,000 runs of 400 jobs", runs_page, "<= 2 MB, beats meanwhile <= 20 ms p99"),
    "paced": ("1,000 connections that beat every 10 s, 20 jobs/s", paced, "no 503, p99 <= 50 ms"),
    "closed": ("500 connections without a pause", closed, ">= 1.8 x before, p99 <= 2 x the mean"),
    "robots": ("real robots on one host", robots, ">= 400, p99 of gaps <= 10.3 s"),
}


def main() -> int:
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=ROWS, action="append", help="measure this row; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it works")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="an older checkout, for what is a ratio to it")
    parser.add_argument("--robots", type=int, default=400, help="how many real ones (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=300, help="how long 1,000 connections beat")
    parser.add_argument("--write", action="store_true", help="put the table into docs/scale.md")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    arguments = parser.parse_args()
    before = arguments.before and arguments.before.resolve()
    options = Options(arguments.quick, before, arguments.robots, arguments.seconds)
    lines = ["| what | result | against | target | met |", "| --- | --- | --- | --- | --- |"]
    print("\n".join(lines), flush=True)
    missed = 0
    for name in arguments.only or ROWS:
        title, measure, target = ROWS[name]
        with folder() as path:
            bench = Bench(path)
            try:
                result = measure(bench, options)
            finally:
                bench.close()
        missed += result.met is False
        verdict = {True: "yes", False: "NO", None: "not measured"}[result.met]
        lines.append(f"| {title} | {result.found} | {result.against} | {target} | {verdict} |")
        print(lines[-1], flush=True)
    if arguments.write:
        write_table(PAGE, MARK, lines)
    return 1 if missed and arguments.strict else 0


if __name__ == "__main__":
    sys.exit(main())
