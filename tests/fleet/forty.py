"""A fleet of real robots against the embedded orchestrator, one sick in each way: who does `status --fleet` name?

`python -m tests.fleet.forty [NUMBER]` makes forty of them in a folder of its own, looks at them three times, and says
how long a look took and what was missed or named without a reason. POSIX only: one of them is stopped by a signal.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.fleet.asking import look_at_all
from fsm_robot.fleet.dashboard import Board
from fsm_robot.fleet.file import read
from fsm_robot.fleet.health import KINDS
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.machine import built_in
from fsm_robot.robot.status_file import read_document
from tests.fleet.folders import robot as left_behind

AT_ONCE = 4
STOP, GO_ON = getattr(signal, "SIGSTOP", 0), getattr(signal, "SIGCONT", 0)  # which Windows has not
LONGEST_RUN_S = 240.0
QUICK = "print('done')"
FAILS = "raise SystemExit('no such invoice')"
STAYS = "import time\nwhile True: time.sleep(0.1)"
BREAKS = """
from fsm_robot.robot import callbacks
class Callbacks(callbacks.Callbacks):
    def announce(self, step):
        raise RuntimeError("a slip in a callback")
"""
RULES = """
[fleet]
wait_s = {wait_s}
[health]
undelivered_min = 0
disk_reserve_mib = 1
"""


@attrs.define
class Maker:
    """Makes robots side by side; what still runs ends with `stack`."""

    folder: Path
    stack: ExitStack
    kinds: dict[str, set[str]] = attrs.field(factory=dict)
    places: list[str] = attrs.field(factory=list)

    def server(self, name: str) -> Orchestrator:
        """Return an orchestrator of one's own, for robots whose server misbehaves."""
        store = Store(self.folder / f"{name}.sqlite")
        return self.stack.enter_context(Orchestrator(store))

    def robot(self, name: str, url: str, *, guid: str = "", kinds: Sequence[str] = (), more: str = "") -> Path:
        """Write the folder of a robot."""
        place = self.folder / "robots" / name
        (place / "scripts").mkdir(parents=True)
        for script, text in (("quick", QUICK), ("fails", FAILS), ("stays", STAYS)):
            (place / "scripts" / f"{script}.py").write_text(text, encoding="utf-8")
        text = f'[orchestrator]\nurl = "{url}"\nrobot_guid = "{guid or uuid.uuid4()}"\ntimeout_s = 20\n'
        text += f'[heartbeat]\ninterval_s = 0.2\n[session]\nwhen_idle = "exit"\n{more}'
        (place / "robot.toml").write_text(text, encoding="utf-8")
        self.kinds[name] = set(kinds)
        return place

    def begin(self, place: Path) -> subprocess.Popen[bytes]:
        """Start a robot."""
        command = [sys.executable, "-I", "-m", "fsm_robot", "run", "--quiet", "--config", str(place / "robot.toml")]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=place)

    def once(self, place: Path, exit_code: int = 0) -> None:
        """Let a robot run once."""
        ended = self.begin(place).wait(LONGEST_RUN_S)
        if ended != exit_code:
            raise SystemExit(f"{place.name} ended with {ended}, not {exit_code}: {_log(place)}")

    def until_working(self, place: Path) -> subprocess.Popen[bytes]:
        """Start a robot and return once its script runs and its channel answers."""
        process = self.begin(place)
        self.stack.callback(_end, process)
        deadline_s = time.monotonic() + LONGEST_RUN_S
        pause = threading.Event()
        while not list(place.glob("state/jobs/*/output.log")) or not list(place.glob("state/channel*")):
            if time.monotonic() > deadline_s or process.poll() is not None:
                raise SystemExit(f"{place.name} does not work: {_log(place)}")
            pause.wait(0.05)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(GO_ON)
        process.kill()
        process.wait()


def _log(place: Path) -> str:
    log = place / "state" / "robot.log"
    return log.read_text(encoding="utf-8")[-1000:] if log.exists() else "no log"


def _well(maker: Maker, number: int) -> None:
    server = maker.server(f"well-{number}")
    server.store.enqueue("quick")
    maker.once(maker.robot(f"well-{number:02d}", server.url))


def _never(maker: Maker) -> None:
    maker.robot("never", "http://127.0.0.1:9", kinds=["never"])


def _died(maker: Maker) -> None:
    server = maker.server("died")
    server.store.enqueue("stays")
    process = maker.until_working(maker.robot("died", server.url, kinds=["died", "undelivered"]))
    process.kill()
    process.wait()


def _crashed(maker: Maker) -> None:
    server = maker.server("crashed")
    place = maker.robot("crashed", server.url, kinds=["crashed"], more='[machine]\ncallbacks = "mine.py"\n')
    (place / "mine.py").write_text(BREAKS, encoding="utf-8")
    maker.once(place, 1)


def _ended(maker: Maker) -> None:
    server = maker.server("ended")
    server.fault("heartbeat:code:101")
    maker.once(maker.robot("ended", server.url, kinds=["ended"]), 3)


def _silent(maker: Maker) -> None:
    server = maker.server("silent")
    server.store.enqueue("stays")
    process = maker.until_working(maker.robot("silent", server.url, kinds=["silent"]))
    process.send_signal(STOP)


def _damaged(maker: Maker) -> None:
    server = maker.server("damaged")
    place = maker.robot(
        "damaged", server.url, kinds=["damaged", "died"]
    )  # what stands behind a changed line is not believed, its end neither
    maker.once(place)
    (journal,) = (place / "state" / "journal").glob("*.jsonl")
    text = journal.read_text(encoding="utf-8")
    journal.write_text(text.replace('"no_job"', '"no_joy"'), encoding="utf-8")


def _forgotten(maker: Maker) -> None:
    server = maker.server("forgotten")
    server.store.enqueue("stays")
    place = maker.robot("forgotten", server.url, kinds=["forgotten"])
    maker.until_working(place)
    server.fault("beat:code:101*9")
    deadline_s, pause = time.monotonic() + LONGEST_RUN_S, threading.Event()
    while "robot_forgotten" not in next(place.glob("state/journal/*.jsonl")).read_text(encoding="utf-8"):
        if time.monotonic() > deadline_s:
            raise SystemExit("the robot that was forgotten does not notice it")
        pause.wait(0.05)


def _late(maker: Maker) -> None:
    place = maker.robot("late", "http://127.0.0.1:9", kinds=["late"])
    left_behind(place, every_min=5, ran=600)


def _failing(maker: Maker) -> None:
    server = maker.server("failing")
    for _ in range(3):
        server.store.enqueue("fails")
    maker.once(maker.robot("failing", server.url, kinds=["failing"]))


def _undelivered(maker: Maker) -> None:
    server = maker.server("undelivered")
    server.store.enqueue("quick")
    server.fault("report:status:500*999")
    more = '[machine]\nfile = "short.yaml"\n'
    place = maker.robot("undelivered", server.url, kinds=["undelivered", "ended"], more=more)
    text = built_in().read_text(encoding="utf-8")
    (place / "short.yaml").write_text(
        re.sub(r"for_s: 600, first_s: 1,", "for_s: 1, first_s: 1,", text), encoding="utf-8"
    )
    maker.once(place, 4)


def _refused(maker: Maker) -> None:
    server = maker.server("refused")
    server.fault("heartbeat:status:401*9")
    maker.once(maker.robot("refused", server.url, kinds=["refused"]), 3)


def _measured(maker: Maker, kind: str, **facts: object) -> None:
    """Let a robot run, and put into its status.json what it would have measured at a server of that kind."""
    server = maker.server(kind)
    place = maker.robot(kind, server.url, kinds=[kind])
    maker.once(place)
    path = place / "state" / "status.json"
    path.write_text(json.dumps({**read_document(place / "state"), **facts}), encoding="ascii")


def _certificate(maker: Maker) -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 13 * 86400))
    _measured(maker, "certificate", certificate_ends=soon)


def _clock(maker: Maker) -> None:
    _measured(maker, "clock", clock_off_s=-3600)


def _unreadable(maker: Maker) -> None:
    place = maker.robot("unreadable", "http://127.0.0.1:9", kinds=["unreadable"])
    (place / "robot.toml").write_text("[storage\n", encoding="utf-8")


def _absent(maker: Maker) -> None:
    maker.kinds["absent"] = {"absent"}
    command = json.dumps([sys.executable, "-c", "import time; time.sleep(600)"])
    maker.places.append(f'[[robots]]\nname = "absent"\nhost = "srv2"\nfolder = "x"\ncommand = {command}\n')


SICK: Sequence[Callable[[Maker], None]] = (
    *(_never, _died, _crashed, _ended, _silent, _damaged, _forgotten, _late, _failing, _undelivered, _refused),
    *(_certificate, _clock, _unreadable, _absent),
)


@contextmanager
def fleet(folder: Path, number: int, wait_s: float = 1.5) -> Iterator[tuple[Path, dict[str, set[str]]]]:
    """Make a fleet; give its file, and the kinds of trouble of each robot by its name.

    Args:
        folder: An empty folder.
        number: How many robots, those that are sick among them.
        wait_s: How long a look may take.
    """
    with ExitStack() as stack:
        maker = Maker(folder, stack)
        work = [lambda make=make: make(maker) for make in SICK]
        work += [lambda each=each: _well(maker, each) for each in range(max(0, number - len(SICK)))]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(each) for each in work]:
                done.result()
        path = folder / "fleet.toml"
        robots = "[[robots]]\nfolder = 'robots/*'\n"
        path.write_text(RULES.format(wait_s=wait_s) + robots + "".join(maker.places), encoding="utf-8")
        yield path, maker.kinds


def seen(path: Path) -> dict[str, set[str]]:
    """Return the kinds of trouble that are seen of each robot."""
    return {sight.name: {problem.kind for problem in sight.problems} for sight in look_at_all(read(path))}


def _by_command(path: Path) -> dict[str, set[str]]:
    command = [sys.executable, "-m", "fsm_robot", "status", "--fleet", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    return _kinds(json.loads(done.stdout)["robots"])


def _by_dashboard(path: Path) -> dict[str, set[str]]:
    board = Board(path, lambda name, _content: name)
    board.start()
    try:
        return _kinds(json.loads(json.dumps(board.fleet_json()))["robots"])
    finally:
        board.stop()


def _kinds(robots: Sequence[dict[str, Any]]) -> dict[str, set[str]]:
    return {each["name"]: {problem["kind"] for problem in each["problems"]} for each in robots}


def _processor_s() -> float:
    """Return what this process and those that it has waited for have used."""
    return sum(os.times()[:4])


def main(number: int) -> int:
    """Make a fleet and look at it, in this process and by the command; 1 where a robot was missed or blamed."""
    with tempfile.TemporaryDirectory(prefix="fsm-fleet-") as folder:
        began_s = time.monotonic()
        with fleet(Path(folder), number) as (path, expected):
            print(f"{len(expected)} robots made in {time.monotonic() - began_s:.0f} s, kinds {len(KINDS)}")
            wrong = False
            for look in (_by_command, _by_command, _by_command, _by_dashboard):
                began_s, cpu_s = time.monotonic(), _processor_s()
                found = look(path)
                took_s, cpu_s = time.monotonic() - began_s, _processor_s() - cpu_s
                wrong = wrong or found != expected
                print(f"{look.__name__[4:]} took {took_s:.2f} s, of the processor {cpu_s:.2f} s")
                for name in sorted({*expected, *found}):
                    if found.get(name) != expected.get(name):
                        print(f"  {name}: expected {expected.get(name)}, seen {found.get(name)}")
            if sys.platform != "win32":
                print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            print("every sick robot was named, and no other" if not wrong else "NOT as expected")
            return int(wrong)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
