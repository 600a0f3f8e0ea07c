"""Measures the robot against a plain script, as ratios in one run. `make bench`; `--write` puts the table into docs."""

from __future__ import annotations

import argparse
import base64
import functools
import http.client
import os
import platform
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

from fsm_robot.orchestrator.store import Store

sys.path.insert(0, str(Path(__file__).parent.parent))  # for its neighbours, however it was started

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
GIB = 1 << 30
WAITED_MS = 4
SYNCS_A_JOB = 5  # consume, claim, start, report, and the list of jobs when it is over
MARK = "<!-- table made by `make bench ARGS=--write` -->"
FLOOD = (
    "import sys\nblock = b'x' * 79 + b'\\n'\nblock *= 13107\nfor _ in range({blocks}): sys.stdout.buffer.write(block)\n"
)
TREE = """
import os, pathlib, subprocess, sys, time
children = [subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']) for _ in range({count})]
pathlib.Path({pids!r}).write_text(' '.join(str(child.pid) for child in children) + f' {{os.getpid()}}')
while True: time.sleep(1)
"""

INSIDE = """
import logging, pathlib, statistics, time
from fsm_robot.sdk import hide, log
logger = logging.getLogger("bench")
logger.propagate = False
logger.addHandler(logging.FileHandler({file!r}))
def timed(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
calls = [lambda: log.info("line %d", 5), lambda: logger.warning("line %d", 5), lambda: hide("a secret text")]
hide("a secret text")
times = [[timed(call) for call in calls] for _ in range({rounds})]
# The quickest quarter: a call that met another process on a busy machine says nothing of either.
told = " ".join(str(statistics.quantiles(taken, n=4)[0]) for taken in zip(*times))
pathlib.Path({told!r}).write_text(told)
"""


class Bench:
    """A folder, an orchestrator in a process of its own, and both contenders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scripts").mkdir()
        self.store = Store(folder / "orchestrator.sqlite")
        serve = ["-m", "fsm_robot", "orchestrator", "serve", "--port", "0", "--db", str(folder / "orchestrator.sqlite")]
        self.server = subprocess.Popen([sys.executable, *serve], stdout=subprocess.PIPE, text=True)
        assert self.server.stdout is not None
        self.url = next(word for word in self.server.stdout.readline().split() if word.startswith("http")).rstrip(".,")
        self.settings(10)

    def settings(self, interval_s: float, more: str = "") -> None:
        (self.folder / "robot.toml").write_text(
            f'[orchestrator]\nurl = "{self.url}"\nrobot_guid = "{GUID}"\n[heartbeat]\ninterval_s = {interval_s}\n'
            f'[session]\nwhen_idle = "exit"\n{more}',
            encoding="utf-8",
        )

    def robot(self) -> list[str]:
        return [sys.executable, "-I", "-m", "fsm_robot", "run", "--config", str(self.folder / "robot.toml")]

    def yardstick(self) -> list[str]:
        return [sys.executable, str(HERE / "yardstick.py"), self.url, GUID, str(self.folder / "scripts")]

    def script(self, name: str, text: str) -> None:
        (self.folder / "scripts" / f"{name}.py").write_text(text, encoding="utf-8")

    def time(self, command: list[str]) -> float:
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - started

    def cpu(self, command: list[str]) -> float:
        """Return the processor time of a command and its children: a busy machine does not change it much."""
        before = os.times()
        self.time(command)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    def close(self) -> None:
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(20)


def idle(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Start, heartbeat, no job, exit: whole process, medians of alternating runs."""
    times: dict[str, list[float]] = {"robot": [], "yardstick": []}
    for number in range(8 if quick else 21):
        for name, command in (("robot", bench.robot()), ("yardstick", bench.yardstick())):
            took = bench.time(command)
            if number:  # the first round fills caches
                times[name].append(took)
    robot, yardstick = statistics.median(times["robot"]), statistics.median(times["yardstick"])
    return f"{robot * 1000:.0f} ms", f"{yardstick * 1000:.0f} ms", robot / yardstick


def one_file(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """The same from the one file, in processor time, which a busy machine changes less; it is unpacked before."""
    file = bench.folder / "fsm-robot.pyz"
    subprocess.run([sys.executable, str(HERE.parent / "packaging" / "dist.py"), "--one-file", str(file)], check=True)
    os.environ["XDG_DATA_HOME"] = str(bench.folder / "data")
    robot = [sys.executable, "-I", str(file), "run", "--config", str(bench.folder / "robot.toml")]
    times: dict[str, list[float]] = {"one file": [], "installed": [], "yardstick": []}
    for number in range(8 if quick else 21):
        for name, command in (("one file", robot), ("installed", bench.robot()), ("yardstick", bench.yardstick())):
            took = bench.cpu(command)
            if number:  # the first round unpacks, and fills caches
                times[name].append(took)
    file_s, installed_s, yardstick_s = (statistics.median(times[name]) for name in times)
    robots = f"{file_s * 1000:.0f} ms (installed {installed_s * 1000:.0f} ms)"
    return robots, f"{yardstick_s * 1000:.0f} ms", file_s / yardstick_s


def history(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """The same beside 10,000 kept runs and beside none, in turns."""
    bench.settings(10, "[storage]\nkeep_runs = 20000\nkeep_idle_runs = 20000\n")
    bench.time(bench.robot())
    journals = bench.folder / "state" / "journal"
    (first,) = journals.iterdir()
    kept = bench.folder / "kept"
    kept.mkdir()
    for number in range(2, 10_002):
        shutil.copyfile(first, kept / f"{number:06d}-20261127T000000Z.idle.jsonl")
    times: dict[str, list[float]] = {"none": [], "kept": []}
    for number in range(8 if quick else 21):
        for name, taken in times.items():
            if name == "kept":
                journals.rename(bench.folder / "without")
                kept.rename(journals)
            took = bench.time(bench.robot())
            if name == "kept":
                journals.rename(kept)
                (bench.folder / "without").rename(journals)
            if number:
                taken.append(took)
    none, many = statistics.median(times["none"]), statistics.median(times["kept"])
    return f"{many * 1000:.0f} ms", f"{none * 1000:.0f} ms", many / none


def backlog(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """A heartbeat at the embedded orchestrator while a million jobs wait for another robot."""
    other = bench.store.robot("99999999-0000-4000-8000-000000000001")
    assert other is not None
    at = "2026-11-27T00:00:00.000000+00:00"
    with sqlite3.connect(bench.store.place) as db:
        db.executemany(
            "INSERT INTO jobs (guid, script, version_guid, name, status, priority, robot_id, created_at, updated_at)"
            " VALUES (?, 's', 'v', '', 1, 2, ?, ?, ?)",
            ((str(number), other.row_id, at, at) for number in range(100_000 if quick else 1_000_000)),
        )
    host = bench.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    token = base64.b64encode(GUID.encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/x-www-form-urlencoded"}
    times = []
    for _ in range(200):
        started = time.perf_counter()
        connection.request("POST", "/api/robot/heartbeat", "Status=2&JobGUID=&JobName=", headers)
        answer = connection.getresponse()
        assert b'"HasNewJob"' in answer.read()
        times.append(time.perf_counter() - started)
    took = statistics.median(times) * 1000
    return f"{took:.2f} ms", "1 ms", took


def drain(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Cost per job when 50 scripts that do nothing are drained, start-up left out by subtracting an idle run."""
    count = 15 if quick else 50
    bench.script("nothing", "pass\n")
    costs: dict[str, list[float]] = {"robot": [], "yardstick": []}
    for _ in range(2 if quick else 5):
        for name, command in (("robot", bench.robot()), ("yardstick", bench.yardstick())):
            base = bench.time(command)
            for _ in range(count):
                bench.store.enqueue("nothing")
            costs[name].append((bench.time(command) - base) / count)
    robot, yardstick = statistics.median(costs["robot"]), statistics.median(costs["yardstick"])
    return f"{robot * 1000:.1f} ms", f"{yardstick * 1000:.1f} ms", robot / yardstick


def job_api(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Processor time per job that asks nothing, when its script is offered the job API and when not, in turns."""
    count = 20 if quick else 50
    bench.script("nothing", "pass\n")
    costs: dict[str, list[float]] = {"true": [], "false": []}
    for _ in range(4 if quick else 9):
        for offered, taken in costs.items():
            bench.settings(10, f"[sdk]\nenabled = {offered}\n")
            base = bench.cpu(bench.robot())
            for _ in range(count):
                bench.store.enqueue("nothing")
            taken.append((bench.cpu(bench.robot()) - base) / count)
    on, off = statistics.median(costs["true"]), statistics.median(costs["false"])
    return f"{on * 1000:.1f} ms of CPU", f"{off * 1000:.1f} ms without it", on / off


def sdk_import(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """What `from fsm_robot.sdk import queue` adds to a bare interpreter, in turns; ratio to 15 ms."""
    code = "from fsm_robot.sdk import queue; queue('Q')"
    package = str(HERE.parent)
    times: dict[str, list[float]] = {"pass": [], f"import sys; sys.path.insert(0, {package!r}); {code}": []}
    for number in range(8 if quick else 31):
        for text, taken in times.items():
            took = bench.cpu([sys.executable, "-I", "-S", "-c", text])
            if number:
                taken.append(took)
    bare, more = (statistics.mean(taken) for taken in times.values())
    return f"{(more - bare) * 1000:.1f} ms", f"{bare * 1000:.1f} ms bare", (more - bare) / 0.015


def log_lines(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """What a script waits for a line of the orchestrator's log, in turns with a line of `logging` in a file."""
    ours, theirs, _ = _inside(bench, quick)
    return f"{ours * 1e6:.0f} us a line", f"{theirs * 1e6:.0f} us", ours / theirs


def local_op(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """A question to the robot that it answers without the orchestrator; ratio to 0.2 ms."""
    _, _, took = _inside(bench, quick)
    return f"{took * 1000:.3f} ms", "0.2 ms", took / 0.0002


def _inside(bench: Bench, quick: bool) -> tuple[float, float, float]:
    """Return seconds for a line of ours, for a line in a file, for a question: measured in a script."""
    told = bench.folder / "told"
    bench.settings(10, '[log_shipping]\nlevel = "ERROR"\n')  # what is sent is the robot's time, not the script's
    bench.script(
        "inside", INSIDE.format(rounds=1000 if quick else 5000, file=str(bench.folder / "lines"), told=str(told))
    )
    bench.store.enqueue("inside")
    bench.time(bench.robot())
    ours, theirs, asked = map(float, told.read_text().split())
    return ours, theirs, asked


def shipping(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Time of a job whose script logs twenty lines, which are sent before its final status, in turns with none."""
    count = 8 if quick else 20
    bench.settings(10, "[log_shipping]\nper_s = 1000\n")
    bench.script("logs", "from fsm_robot.sdk import log\nfor number in range(20): log.info('line %d', number)\n")
    bench.script("silent", "from fsm_robot.sdk import log\n")
    return _jobs_in_turns(bench, quick, count, {"logs": "", "silent": ""}, "with 20 lines", "without")


def pictures(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Time of a job whose script fails, with a picture of the screen (Xvfb, 1280 x 1024), in turns with none."""
    bench.script("fails", "raise ValueError('no button')\n")
    more = '[log_shipping]\nsend = "none"\n[screenshots]\non_failure = {}\nkeep = 1000\n'
    ways = {more.format("true"): "fails", more.format("false"): "fails"}
    with screen():
        return _jobs_in_turns(bench, quick, 5 if quick else 15, {key: key for key in ways}, "with", "without", "fails")


def _jobs_in_turns(
    bench: Bench, quick: bool, count: int, ways: dict[str, str], first: str, second: str, script: str = ""
) -> tuple[str, str, float]:
    """Return the time per job of two scripts, or of one under two settings, start-up left out."""
    costs: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(2 if quick else 5):
        for way, more in ways.items():
            if more:
                bench.settings(10, more)
            base = bench.time(bench.robot())
            for _ in range(count):
                bench.store.enqueue(script or way)
            costs[way].append((bench.time(bench.robot()) - base) / count)
    one, other = (statistics.median(taken) for taken in costs.values())
    return f"{one * 1000:.1f} ms {first}", f"{other * 1000:.1f} ms {second}", one / other


@contextmanager
def screen():
    """Have a screen of a pattern; without Xvfb there is none, and a sentence is what is measured."""
    if shutil.which("Xvfb") is None:
        yield
        return
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-retro"]
    server = subprocess.Popen(command, pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writer)
    with open(reader, "rb") as told:
        os.environ["DISPLAY"] = f":{told.readline().decode().strip()}"
    try:
        yield
    finally:
        del os.environ["DISPLAY"]
        server.terminate()
        server.wait()


def memory(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Proportional set size of the agent alone while its script sleeps."""
    mark = bench.folder / "sleeping"
    bench.script("sleeper", f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\ntime.sleep(2.5)\n")
    sizes = []
    for command in (bench.robot(), bench.yardstick()):
        mark.unlink(missing_ok=True)
        bench.store.enqueue("sleeper")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(mark.exists)
        time.sleep(1)
        sizes.append(proc_kib(process.pid, "smaps_rollup", "Pss:") / 1024)
        process.wait()
    return f"{sizes[0]:.1f} MiB", f"{sizes[1]:.1f} MiB", sizes[0] / sizes[1]


def abort(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """From the answer that carries code 10 to the moment when none of 20 processes is left; ratio to 200 ms."""
    bench.settings(0.2)
    pids_file, waits = bench.folder / "pids", []
    bench.script("tree", TREE.format(count=19, pids=str(pids_file)))
    for _ in range(3 if quick else 9):
        pids_file.unlink(missing_ok=True)
        guid = bench.store.enqueue("tree")
        process = subprocess.Popen(bench.robot(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: pids_file.exists() and len(pids_file.read_text().split()) == 20)
        pids = pids_file.read_text().split()
        bench.store.order_abort(guid)
        wait_for(functools.partial(gone, pids), 0.001)
        empty_at = time.monotonic()
        process.wait()
        told_at = next(call.monotonic_s for call in reversed(bench.store.calls()) if call.code == 10)
        waits.append(empty_at - told_at)
    bench.settings(10)
    median = statistics.median(waits)
    return f"{median * 1000:.0f} ms", "200 ms", median / 0.2


def output(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Throughput of a script that prints 1 GiB, against the same script writing straight to a file."""
    blocks = 256 if quick else 1024
    bench.script("flood", FLOOD.format(blocks=blocks))
    bench.script("nothing", "pass\n")
    script = str(bench.folder / "scripts" / "flood.py")
    robot_s, direct_s = [], []
    for _ in range(1 if quick else 3):
        with (bench.folder / "direct").open("wb") as target:
            started = time.perf_counter()
            subprocess.run([sys.executable, "-u", script], stdout=target, check=True)
            direct_s.append(time.perf_counter() - started)
        (bench.folder / "direct").unlink()
        base = bench.time(bench.robot())
        bench.store.enqueue("flood")
        robot_s.append(bench.time(bench.robot()) - base)
    robot, direct = statistics.median(robot_s), statistics.median(direct_s)
    rate = blocks * len(b"x" * 80 * 13107) / (1 << 20)
    return f"{rate / robot:.0f} MiB/s", f"{rate / direct:.0f} MiB/s", direct / robot


def output_memory(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Peak resident size of the agent during the same flood; ratio to 60 MiB."""
    bench.script("flood", FLOOD.format(blocks=256 if quick else 1024))
    bench.store.enqueue("flood")
    process = subprocess.Popen(bench.robot(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, proc_kib(process.pid, "status", "VmHWM:") / 1024)
        time.sleep(0.02)
    return f"{peak:.0f} MiB", "60 MiB", peak / 60


COUNTED = """
import os, sys, time
syncs, waited_s = 0, 0.0
def counted(real):
    def sync(descriptor):
        global syncs, waited_s
        syncs += 1
        began_s = time.perf_counter()
        {body}
        waited_s += time.perf_counter() - began_s
    return sync
os.fsync, os.fdatasync = counted(os.fsync), counted(os.fdatasync)
from fsm_robot.cli import main
code = main(["run", "--quiet", "--config", sys.argv[1]])
print("syncs", syncs, waited_s)
sys.exit(code)
"""


class NotMeasuredError(Exception):
    """This machine cannot show the figure."""


def journal(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """How long a job waits for syncs, and how many: those of the robot's process, counted and timed in it."""
    from bench.disk import syncing_of

    count = 15 if quick else 50
    bench.script("nothing", "pass\n")
    disk = syncing_of(bench.folder)
    if not disk.is_measured:
        raise NotMeasuredError(f"{disk}: no disk that syncs")
    costs: dict[str, list[float]] = {"real(descriptor)": [], "pass": []}
    waits, syncs = [], 0
    for _ in range(2 if quick else 5):
        for body, found in costs.items():
            for _ in range(count):
                bench.store.enqueue("nothing")
            started = time.perf_counter()
            command = [sys.executable, "-I", "-c", COUNTED.format(body=body), str(bench.folder / "robot.toml")]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found.append((time.perf_counter() - started) / count)
            syncs = int(done.stdout.split()[-2])
            if body != "pass":
                waits.append(float(done.stdout.split()[-1]) / count * 1000)
    synced, plain = (statistics.median(found) for found in costs.values())
    waited_ms = statistics.median(waits)
    return (
        f"{waited_ms:.1f} ms in {syncs / count:.1f} syncs a job ({synced * 1000:.1f} ms in all); {disk}",
        f"{plain * 1000:.1f} ms in all without sync",
        max(waited_ms / WAITED_MS, syncs / count / SYNCS_A_JOB / 1.05),
    )


def replaying(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Recorded steps that are read, verified and judged per second of CPU, in turns with `json.loads` of the lines."""
    from bench.replay import steps_per_second

    speed, lines = steps_per_second(rounds=2 if quick else 5)
    return f"{speed:.0f} steps/s", f"{lines:.0f} lines/s", speed / lines


def deciding(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Events that the machine decides per second of CPU, in turns with `transitions` alone."""
    from bench.machine import events_per_second

    ours, theirs = events_per_second(rounds=3 if quick else 9)
    return f"{ours:.0f} events/s", f"{theirs:.0f} events/s", ours / theirs


def one_more_machine(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Memory and time of one more machine of a definition; ratio to whichever of both limits is nearer."""
    from bench.machine import one_more

    size, took_us = one_more()
    return f"{size:.0f} bytes, {took_us:.1f} us", "1024 bytes, 10 us", max(size / 1024, took_us / 10)


def simulating(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Simulated jobs per second on one core, with every fault; ratio to 2,000."""
    jobs = 4000 if quick else 20_000
    took = bench.time([sys.executable, "-I", "-m", "fsm_robot", "simulate", "--seed", "7", "--jobs", str(jobs)])
    return f"{jobs / took:.0f} jobs/s", "2000 jobs/s", jobs / took / 2000


def exhausting(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Every small world, each crash point with each single fault; ratio to five minutes."""
    took = bench.time([sys.executable, "-I", "-m", "fsm_robot", "simulate", "--exhaustive"])
    return f"{took:.0f} s", "300 s", took / 300


def _exported(bench: Bench, quick: bool, kind: str, limit_s: float) -> tuple[str, str, float]:
    from bench.journals import write_journals

    events = 100_000 if quick else 1_000_000
    written = write_journals(bench.folder / "journal", events)
    command = [sys.executable, "-I", "-m", "fsm_robot", "export", str(bench.folder / "journal"), "--format", kind]
    process = subprocess.Popen([*command, "-o", str(bench.folder / "log")])
    started, peak = time.perf_counter(), 0.0
    while process.poll() is None:
        peak = max(peak, proc_kib(process.pid, "status", "VmHWM:") / 1024)
        time.sleep(0.05)
    took = (time.perf_counter() - started) * 1_000_000 / written
    return f"{took:.1f} s a million, {peak:.0f} MiB", f"{limit_s:g} s", took / limit_s


def xes(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """A million events to XES."""
    return _exported(bench, quick, "xes", 60)


def csv(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """A million events to CSV."""
    return _exported(bench, quick, "csv", 20)


def drawing(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """The slowest format of `diagram`, whole process, median of several; ratio to 0.3 s."""
    from fsm_robot.cli.diagram import FORMATS

    times = {}
    for kind in sorted(set(FORMATS) - {"png", "pdf"}):
        command = [
            sys.executable,
            "-I",
            "-m",
            "fsm_robot",
            "diagram",
            "--format",
            kind,
            "-o",
            str(bench.folder / "out"),
        ]
        times[kind] = statistics.median(bench.time(command) for _ in range(2 if quick else 5))
    slowest = max(times, key=times.__getitem__)
    return f"{times[slowest]:.2f} s ({slowest})", "0.3 s", times[slowest] / 0.3


def laying_out(bench: Bench, quick: bool) -> tuple[str, str, float]:
    """Layout of 40 states with 120 transitions; ratio to one second."""
    from random import Random

    from fsm_robot.analyst.drawing.layout import layout
    from fsm_robot.analyst.drawing.shapes import Edge, Node

    chance = Random(7)
    nodes = [Node(f"n{number}", 120, 48) for number in range(40)]
    ends = [(f"n{number}", f"n{number + 1}") for number in range(39)]
    ends += [(chance.choice(nodes).id, chance.choice(nodes).id) for _ in range(81)]
    edges = [Edge(f"e{number}", source, target, 80, 14) for number, (source, target) in enumerate(ends)]
    started = time.perf_counter()
    layout(nodes, edges, start="n0")
    took = time.perf_counter() - started
    return f"{took:.2f} s", "1 s", took


def at_most_one(ratio: float) -> bool:
    return ratio <= 1.0


def at_least_one(ratio: float) -> bool:
    return ratio >= 1.0


ROWS: dict[str, tuple[str, Callable[[Bench, bool], tuple[str, str, float]], str, Callable[[float], bool]]] = {
    "idle": ("idle wake-up, whole process", idle, "<= 1.0 x the plain script", lambda ratio: ratio <= 1.0),
    "one-file": (
        "idle wake-up of fsm-robot.pyz, processor time",
        one_file,
        "<= 1.0 x the plain script",
        lambda ratio: ratio <= 1.0,
    ),
    "history": ("idle wake-up beside 10,000 kept runs", history, "<= 1.1 x beside none", lambda ratio: ratio <= 1.1),
    "backlog": (
        "heartbeat beside 1,000,000 jobs of another robot",
        backlog,
        "<= 1 ms",
        at_most_one,
    ),
    "drain": (
        "cost per job, 50 scripts that do nothing",
        drain,
        "<= 1.0 x the plain script",
        lambda ratio: ratio <= 1.0,
    ),
    "job-api": (
        "processor time per job that does not use the job API it is offered",
        job_api,
        "<= 1.05 x a job that is offered none",
        lambda ratio: ratio <= 1.05,
    ),
    "sdk-import": ("`from fsm_robot.sdk import queue`, beyond a bare interpreter", sdk_import, "<= 15 ms", at_most_one),
    "sdk-call": ("a question to the robot without one to the orchestrator", local_op, "<= 0.2 ms", at_most_one),
    "log-line": (
        "a line of the log, as long as a script waits for it",
        log_lines,
        "<= 3 x a line of `logging` in a file",
        lambda ratio: ratio <= 3,
    ),
    "log-lines": (
        "a job with 20 lines, sent before its final status",
        shipping,
        "<= 3 x without",
        lambda ratio: ratio <= 3,
    ),
    "picture": (
        "a job that fails, with a picture of the screen",
        pictures,
        "<= 10 x without",
        lambda ratio: ratio <= 10,
    ),
    "memory": ("memory (PSS) while a script runs", memory, "<= 1.35 x the plain script", lambda ratio: ratio <= 1.35),
    "abort": ("abort of 20 processes, answer to empty tree", abort, "<= 200 ms", lambda ratio: ratio <= 1.0),
    "output": ("1 GiB of output, throughput", output, ">= 0.5 x writing to a file", lambda ratio: ratio >= 0.5),
    "output-memory": ("1 GiB of output, peak memory (RSS)", output_memory, "< 60 MiB", lambda ratio: ratio < 1.0),
    "journal": (
        "waiting for syncs per job",
        journal,
        "<= 4 ms, <= 5.3 syncs (4 acts and the end)",
        at_most_one,
    ),
    "replay": (
        "replay of recorded steps",
        replaying,
        ">= 0.54 x json.loads (110k to 202k)",
        lambda ratio: ratio >= 0.54,
    ),
    "machine": (
        "events of the machine",
        deciding,
        ">= 0.9 x `transitions` alone",
        lambda ratio: ratio >= 0.9,
    ),
    "instance": ("one more machine", one_more_machine, "<= 1 KiB, <= 10 us", at_most_one),
    "simulate": ("simulated jobs, faults on, one core", simulating, ">= 2000 jobs/s", at_least_one),
    "exhaustive": ("every small world", exhausting, "<= 5 minutes", at_most_one),
    "xes": ("1,000,000 events to XES", xes, "<= 60 s", at_most_one),
    "csv": ("1,000,000 events to CSV", csv, "<= 20 s", at_most_one),
    "diagram": ("slowest format of `diagram`, whole process", drawing, "<= 0.3 s", at_most_one),
    "layout": ("layout of 40 states, 120 transitions", laying_out, "<= 1 s", at_most_one),
}


def main() -> int:
    # A developer's own settings of the interpreter would slow one contender and not the other.
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=ROWS, action="append", help="measure this row; may be repeated")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    arguments = parser.parse_args()
    lines = ["| what | robot | against | ratio | target | met |", "| --- | --- | --- | --- | --- | --- |"]
    print("\n".join(lines), flush=True)
    missed = 0
    for name in arguments.only or ROWS:
        title, measure, target, met = ROWS[name]
        with folder() as path:
            bench = Bench(path)
            try:
                robot, against, ratio = measure(bench, arguments.quick)
            except NotMeasuredError as error:
                lines.append(f"| {title} | not measured: {error} |  |  | {target} | not measured |")
                print(lines[-1], flush=True)
                continue
            finally:
                bench.close()
        missed += not met(ratio)
        lines.append(f"| {title} | {robot} | {against} | {ratio:.2f} | {target} | {'yes' if met(ratio) else 'NO'} |")
        print(lines[-1], flush=True)
    if arguments.write:
        write_table(PAGE, MARK, lines)
    return 1 if missed and arguments.strict else 0


def write_table(page: Path, mark: str, lines: Sequence[str]) -> None:
    """Put a table between the two marks of a page, below what it was measured on."""
    machine = f"{os.cpu_count()} cores, {platform.system()}, CPython {platform.python_version()}"
    before, _, rest = page.read_text(encoding="utf-8").partition(mark)
    _, _, after = rest.partition(mark)
    page.write_text(f"{before}{mark}\n\n{machine}\n\n" + "\n".join(lines) + f"\n\n{mark}{after}", encoding="utf-8")


@contextmanager
def folder():
    name = tempfile.mkdtemp()
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)


def proc_kib(pid: int, file: str, key: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith(key))


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids: list[str]) -> bool:
    return not any(alive(pid) for pid in pids)


def wait_for(condition: Callable[[], bool], every_s: float = 0.02) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what the bench waits for did not happen in a minute")
        time.sleep(every_s)


if __name__ == "__main__":
    sys.exit(main())
