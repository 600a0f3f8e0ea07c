"""Measures the robot on a Windows Python, as ratios in one run. `make bench-windows` runs it under Wine."""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fsm_robot.engine.redact import Redactor
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.ports import Ending, Job
from fsm_robot.worker.supervisor import ScriptWorker

if sys.platform != "win32":
    sys.exit("this measures what only Windows has: make bench-windows")

HERE = Path(__file__).parent
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
PATIENCE_S = 120.0
ABORT_LIMIT_S = 0.3
TREE = (
    "import pathlib, subprocess, sys, time\n"
    "children = [subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']) for _ in range(19)]\n"
    "pathlib.Path('up').touch()\ntime.sleep(600)\n"
)


class Counters(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("faults", ctypes.c_uint32),
        *((name, ctypes.c_size_t) for name in ("peak_set", "set", "a", "b", "c", "d", "private", "peak_private")),
    )


def usage() -> tuple[int, float]:
    """Return the open handles and the private MiB of this process; Wine always counts 0 handles."""
    kernel32 = ctypes.windll.kernel32
    kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel32.GetCurrentProcess())
    handles, counters = ctypes.c_uint32(), Counters(size=ctypes.sizeof(Counters))
    kernel32.GetProcessHandleCount(process, ctypes.byref(handles))
    kernel32.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.size)
    return handles.value, counters.private / (1 << 20)


class Scripts:
    """A worker in this process."""

    def __init__(self, folder: Path) -> None:
        (folder / "scripts").mkdir()
        self.folder = folder
        self.worker = ScriptWorker(
            folder / "scripts", folder / "jobs", sys.executable, Redactor(), 1 << 16, False, lambda *_, **__: None
        )

    def start(self, text: str) -> tuple[threading.Event, list[Ending]]:
        (self.folder / "scripts" / "script.py").write_text(text, encoding="utf-8")
        over: threading.Event = threading.Event()
        endings: list[Ending] = []

        def ended(ending: Ending) -> None:
            endings.append(ending)
            over.set()

        self.worker.start(Job("g", "script"), "token", ended)
        return over, endings


def abort(quick: bool) -> list[str]:
    """From the order to the moment when the job object is empty and the ending is told, 20 processes."""
    waits = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        scripts, up = Scripts(Path(name)), Path(name, "scripts", "up")
        for _ in range(3 if quick else 9):
            up.unlink(missing_ok=True)
            over, endings = scripts.start(TREE)
            wait_for(up.exists)
            started = time.perf_counter()
            scripts.worker.kill("aborted")
            over.wait(PATIENCE_S)
            waits.append(time.perf_counter() - started)
            assert endings[0].survivors == ()
    median = statistics.median(waits)
    return row("abort of 20 processes until none is left", f"{median * 1000:.0f} ms", "300 ms", median / ABORT_LIMIT_S)


def many_jobs(quick: bool) -> list[str]:
    """Private memory and handles after 500 jobs against those after the first tenth."""
    count = 50 if quick else 500
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        scripts = Scripts(Path(name))
        for number in range(count):
            over, _ = scripts.start("pass\n")
            over.wait(PATIENCE_S)
            if number == count // 10:
                first = usage()
        last = usage()
    threads = threading.active_count()
    return row(
        f"{count} jobs: private memory, handles, threads at the end",
        f"{last[1]:.1f} MiB, {last[0]}, {threads}",
        f"{first[1]:.1f} MiB, {first[0]} after {count // 10}",
        last[1] / first[1],
        1.1,
    )


def first_heartbeat(quick: bool) -> list[str]:
    """From the start of the process to the arrival of its first heartbeat, against the plain script."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "scripts").mkdir()
        store = Store(folder / "orchestrator.sqlite")
        with Orchestrator(store) as server:
            (folder / "robot.toml").write_text(
                f'[orchestrator]\nurl = "{server.url}"\nrobot_guid = "{GUID}"\n[session]\nwhen_idle = "exit"\n'
            )
            file = folder / "fsm-robot.pyz"
            build = [sys.executable, str(HERE.parent / "packaging" / "dist.py"), "--one-file", str(file)]
            subprocess.run(build, check=True)
            os.environ["LOCALAPPDATA"] = str(folder / "data")
            commands = {
                "one file": [sys.executable, "-I", str(file), "run", "--config", str(folder / "robot.toml")],
                "robot": [sys.executable, "-I", "-m", "fsm_robot", "run", "--config", str(folder / "robot.toml")],
                "yardstick": [sys.executable, str(HERE / "yardstick.py"), server.url, GUID, str(folder / "scripts")],
            }
            times: dict[str, list[float]] = {name: [] for name in commands}
            for number in range(5 if quick else 16):
                for contender, command in commands.items():
                    took = beat_after_s(store, command)
                    if number:  # the first round fills caches
                        times[contender].append(took)
    yardstick = statistics.median(times["yardstick"])
    met = []
    for contender, what in (("robot", "start to first heartbeat"), ("one file", "the same from fsm-robot.pyz")):
        took = statistics.median(times[contender])
        met += row(what, f"{took * 1000:.0f} ms", f"{yardstick * 1000:.0f} ms", took / yardstick)
    return met


def beat_after_s(store: Store, command: list[str]) -> float:
    before, started = len(store.calls()), time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    process.communicate(timeout=PATIENCE_S)
    return float(store.calls()[before].monotonic_s) - started


def row(what: str, robot: str, against: str, ratio: float, limit: float = 1.0) -> list[str]:
    met = "yes" if ratio <= limit else "NO"
    print(f"| {what} | {robot} | {against} | {ratio:.2f} | <= {limit:.1f} | {met} |", flush=True)
    return [met]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)


ROWS = {"heartbeat": first_heartbeat, "abort": abort, "jobs": many_jobs}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--only", choices=ROWS, action="append", help="measure this row; may be repeated")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    arguments = parser.parse_args()
    print("| what | robot | against | ratio | target | met |\n| --- | --- | --- | --- | --- | --- |")
    met = [word for name in arguments.only or ROWS for word in ROWS[name](arguments.quick)]
    return 1 if arguments.strict and "NO" in met else 0


if __name__ == "__main__":
    sys.exit(main())
