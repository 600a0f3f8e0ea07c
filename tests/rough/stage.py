"""Plays one case: a fresh folder, a server, the real robot from start to start until it is drained, and who is left.

The process that plays is a subreaper: whatever escapes the robot falls to it, so "nothing is left" is the system's word.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import attrs

from tests.rough import proc
from tests.rough.case import Case
from tests.rough.facts import Facts
from tests.rough.moments import Moment
from tests.rough.promises import GRACE_S
from tests.rough.scripts import ZOO
from tests.rough.server import Job, Server

ROOT = Path(__file__).parents[2]
"""The tree whose robot is tried; `--tree` names another one, where a repair is taken back."""
INJECT = Path(__file__).with_name("inject")
STILL_S = float(os.environ.get("ROUGH_STILL_S", "30"))
"""A robot hangs when nothing has happened for so long but heartbeats: the longest that a case knows takes ten seconds."""
LIFE_S = 240.0
LOOK_EVERY_S = 0.01
PROGRESS = ("announced", "consumed", "claimed", "reported", "noted", "struck", "life_began", "raised")
MOST_LIVES = 6
_PR_SET_CHILD_SUBREAPER = 36
_NOT_OF_OTHER_THREADS = 0x20000000
"""`__WNOTHREAD`: what another thread traces shall look alive to its parent until that thread lets it go."""


@attrs.define
class Launch:
    """How the robot is started; what is rough about the start changes it."""

    command: list[str]
    environment: dict[str, str]
    before: list[Callable[[], object]] = attrs.field(factory=list)
    stdin: int | IO[bytes] | None = subprocess.DEVNULL
    stdout: int | IO[bytes] | None = None
    stderr: int | IO[bytes] | None = None
    account: int | None = None
    new_session: bool = False
    after: list[Callable[[], object]] = attrs.field(factory=list)


@attrs.define(eq=False)
class Stage:
    """One case while it is played."""

    case: Case
    folder: Path
    facts: Facts = attrs.field(factory=Facts)
    guid: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    settings: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    extra_settings: str = ""
    evidence: dict[str, bool] = attrs.field(factory=dict)
    skipped: str = ""
    account: int | None = None
    robot: subprocess.Popen[bytes] | None = None
    strangers: set[int] = attrs.field(factory=set)
    moments: list[Moment] = attrs.field(factory=list)
    looks: list[Callable[[], object]] = attrs.field(factory=list)
    calm: bool = False
    cleanups: list[Callable[[], object]] = attrs.field(factory=list)
    server: Server = attrs.field(init=False)
    _begun: dict[str, float] = attrs.field(factory=dict)
    _offset: int = 0
    _seen_lock: threading.Lock = attrs.field(factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        """Make the orchestrator with the jobs of the case."""
        jobs = [
            Job(
                str(uuid.uuid4()),
                plan.script,
                plan.parameters,
                tuple((each.what, each.after_s) for each in plan.orders),
            )
            for plan in self.case.jobs
        ]
        self.server = Server(self.case, self.facts, jobs, self.began, self.look_for_living)

    # ---- what the scripts wrote

    @property
    def seen_file(self) -> Path:
        """Where the scripts write their lines."""
        return self.folder / "seen"

    @property
    def state(self) -> Path:
        """The robot's storage folder."""
        return self.folder / "state"

    def began(self, guid: str) -> float | None:
        """Return when the first line of a job's script was seen."""
        with self._seen_lock:
            if guid not in self._begun:
                self._read_seen()
            return self._begun.get(guid)

    def _read_seen(self) -> None:
        with contextlib.suppress(OSError), self.seen_file.open("rb") as stream:
            stream.seek(self._offset)
            data = stream.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._offset += len(whole)
            for line in whole.decode().splitlines():
                guid, *words = line.split(" ")
                self._begun.setdefault(guid, time.monotonic())
                self.facts.add("noted", guid, int(words[-1]), " ".join(words[:-1]))

    # ---- what lives

    def look_for_living(self, job: Job) -> None:
        """Write down what of the robot's tree lives at the moment when it reports a job."""
        robot = self.robot
        if robot is None:
            return
        for process in proc.below(robot.pid):
            if process.pid not in self.strangers and proc.state(process.pid) not in ("", "Z", "X"):
                self.facts.add("alive_at_report", job.guid, process.pid, process.name)

    # ---- a case

    def play(self) -> None:
        """Do everything."""
        from tests.rough import troubles

        effects = [(troubles.EFFECTS[each.kind, each.name], each.values) for each in self.case.troubles]
        become_subreaper()
        try:
            self._prepare()
            for effect, values in effects:
                effect.prepare(self, values)
            self.write_settings()
            if self.skipped:
                return
            for number in range(1, MOST_LIVES + 1):
                self.calm = number == MOST_LIVES or (number > 1 and self.calm)
                self.facts.life = number
                if not self._live(effects) or self._drained():
                    break
        finally:
            self._finish(effects)

    def _prepare(self) -> None:
        scripts = self.folder / "scripts"
        scripts.mkdir(parents=True)
        (self.folder / "goes-on").touch()
        for name in {"mark", *(plan.script for plan in self.case.jobs)}:
            if name == "linked":  # what it is called is the link's name, wherever the file is
                (scripts / "elsewhere").mkdir()
                shutil.copy(ZOO / "linked.py", scripts / "elsewhere" / "real.py")
                shutil.copy(ZOO / "mark.py", scripts / "elsewhere")
                (scripts / "linked.py").symlink_to(scripts / "elsewhere" / "real.py")
            else:
                shutil.copy(ZOO / f"{name}.py", scripts)
        machine_file(self.folder)
        self.state.mkdir(mode=0o700)
        cache = Path(os.environ.get("ROUGH_CACHE", ""))
        if cache.is_file():
            shutil.copy(cache, self.state / "machine.cache.json")
        seen = str(self.seen_file)
        self.settings = {
            "orchestrator": {"url": self.server.url, "robot_guid": self.guid, "timeout_s": 6},
            "heartbeat": {"interval_s": 0.15},
            "scripts": {"stop_grace_s": GRACE_S, "python": "/usr/bin/python3" if _plain_python() else ""},
            "session": {"when_idle": "log_off", "log_off_command": ["sh", "-c", 'echo "logged_off x 0" >> "$0"', seen]},
            "machine": {"file": "states.yaml"},
        }

    def write_settings(self) -> None:
        """Write robot.toml as the settings are now."""
        lines: list[str] = []
        for section, values in self.settings.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        path = self.folder / "robot.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        if self.account is not None:
            for each in (self.folder, *self.folder.rglob("*")):
                os.chown(each, self.account, self.account, follow_symlinks=False)

    def _live(self, effects: list[tuple[Any, dict[str, Any]]]) -> bool:
        """Start the robot and wait for its end; return whether another life makes sense."""
        self.moments, self.looks = [], []
        launch = self._launch()
        for effect, values in effects:
            if not self.calm or effect.every_life:
                effect.launch(self, values, launch)
        self.facts.add("life_began")
        self.robot = robot = subprocess.Popen(
            launch.command,
            cwd=ROOT,
            env=launch.environment,
            stdin=launch.stdin,
            stdout=launch.stdout,
            stderr=launch.stderr,
            user=launch.account,
            group=launch.account,
            extra_groups=[] if launch.account is not None else None,
            start_new_session=launch.new_session,
            preexec_fn=(lambda: [step() for step in launch.before]) if launch.before else None,  # noqa: PLW1509
            restore_signals=True,
        )
        self.facts.add("inherits", text=proc.signals(robot.pid))
        for stream in (launch.stdout, launch.stderr):
            if stream is not None and not isinstance(stream, int):
                stream.close()
        for step in launch.after:
            step()
        exit_code = self._wait(robot)
        if exit_code is None:
            self.facts.add("stuck", number=robot.pid, text=proc.told(robot.pid))
            return False
        self.facts.add("life_ended", number=exit_code)
        self._look_who_is_left(killed=exit_code == -signal.SIGKILL)
        for effect, values in effects:
            effect.after_life(self, values)
        return True

    def _launch(self) -> Launch:
        python = sys.executable if self.account is None else "/usr/bin/python3"
        path = [str(INJECT)]
        if self.account is not None:
            path += [each for each in sys.path if each.endswith("site-packages")]
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CI")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= {
            "PYTHONPATH": os.pathsep.join(path),
            "ROUGH_CASE": self.case.name,
            "ROUGH_FOLDER": str(self.folder),
            "ROUGH_SEEN": str(self.seen_file),
            "ROUGH_GOES_ON": str(self.folder / "goes-on"),
        }
        if self.account is not None:
            environment["HOME"] = str(self.folder)
        return Launch(
            [python, "-m", "fsm_robot", "run", "--config", str(self.folder / "robot.toml")],
            environment,
            stdout=(self.folder / "console.out").open("ab"),
            stderr=(self.folder / "console.err").open("ab"),
            account=self.account,
        )

    def _wait(self, robot: subprocess.Popen[bytes]) -> int | None:
        """Collect everything that ends, until the robot has; None when it does not come to an end."""
        began_s = time.monotonic()
        announced_s: float | None = None
        still = _Stillness(robot.pid)
        while (now_s := time.monotonic()) < began_s + LIFE_S and not still.too_long(self.facts.count(PROGRESS)):
            if announced_s is None and self.server.announced_in_life == self.facts.life:
                announced_s = now_s
            for moment in list(self.moments):
                from_s = announced_s if moment.announced else began_s
                if from_s is not None and now_s - from_s >= moment.after_s:
                    self.moments.remove(moment)
                    moment.do()
            with self._seen_lock:
                self._read_seen()
            for look in self.looks:
                look()
            if (exit_code := self._collect(robot)) is not None:
                return exit_code
            time.sleep(LOOK_EVERY_S)
        return None

    def _collect(self, robot: subprocess.Popen[bytes]) -> int | None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | _NOT_OF_OTHER_THREADS)
            except ChildProcessError:
                return None
            if pid == 0:
                return None
            if pid == robot.pid:
                robot.returncode = os.waitstatus_to_exitcode(status)
                return robot.returncode

    def _look_who_is_left(self, *, killed: bool) -> None:
        """Name what the robot has left; after a kill that is the next life's work."""
        deadline_s = time.monotonic() + 0.3
        while left := self._left():
            # Killed just before the robot ended: the system may need a moment to take it away.
            if time.monotonic() > deadline_s:
                break
            time.sleep(0.01)
        for process in left:
            self.facts.add("left_by_the_dead" if killed else "left", number=process.pid, text=process.name)
        if not left and not killed and self._has_children():
            self.facts.add("left", text="something that is another process at each look")

    def _left(self) -> list[proc.Process]:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        return [each for each in proc.below(os.getpid()) if each.pid not in self.strangers]

    def _has_children(self) -> bool:
        if self.strangers:
            return False
        with contextlib.suppress(ChildProcessError):
            return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None or True
        return False

    def _drained(self) -> bool:
        last = self.facts.of("life_ended")[-1]
        return last.number == 0 and all(job.final is not None or job.consumed for job in self.server.jobs)

    def _finish(self, effects: list[tuple[Any, dict[str, Any]]]) -> None:
        with self._seen_lock:
            self._read_seen()
        (self.folder / "goes-on").unlink(missing_ok=True)
        for effect, values in effects:
            self.evidence[effect.name] = bool(effect.evidence(self, values))
        _kill_everything()
        for cleanup in reversed(self.cleanups):
            cleanup()


@attrs.define
class _Stillness:
    """How long nothing has happened, as far as the robot was not merely waiting for a processor of a busy machine."""

    pid: int
    seen: int = -1
    still_s: float = 0.0
    looked_s: float = attrs.field(factory=time.monotonic)
    every_s: float = 0.1

    def too_long(self, progress: int) -> bool:
        """Take the number of facts that are progress; return whether the robot hangs."""
        now_s = time.monotonic()
        passed_s = now_s - self.looked_s
        if passed_s < self.every_s:
            return False
        self.looked_s = now_s
        if progress != self.seen:
            self.seen, self.still_s = progress, 0.0
        elif not proc.wants_to_run(self.pid):
            self.still_s += min(passed_s, 2 * self.every_s)
        return self.still_s > STILL_S


def _plain_python() -> bool:
    return os.access("/usr/bin/python3", os.X_OK)


def machine_file(folder: Path) -> None:
    """Write the robot's own machine file, with pauses that suit a test."""
    text = (ROOT / "states.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("first_s: 10,", "first_s: 0.15,"),
        ("first_s: 1,", "first_s: 0.05,"),
        ("longest_s: 60,", "longest_s: 0.4,"),
        ("longest_s: 30,", "longest_s: 0.4,"),
        ("longest_s: 15,", "longest_s: 0.4,"),
        ("for_s: 600,", "for_s: 12,"),
        ("for_s: 120,", "for_s: 10,"),
        ("for_s: 60,", "for_s: 8,"),
        ("pause_s: 5 ", "pause_s: 0.1 "),
    ):
        if old not in text:
            raise AssertionError(f"{old!r} does not stand in states.yaml any more")
        text = text.replace(old, new)
    (folder / "states.yaml").write_text(text, encoding="utf-8")


def become_subreaper() -> None:
    """Let orphans of whatever this process starts become its children. Linux only."""
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("prctl refuses: what escapes the robot would not be seen")


def _kill_everything() -> None:
    """End all that is below this process; what is restless looks whether its case goes on."""
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        for process in proc.below(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)
