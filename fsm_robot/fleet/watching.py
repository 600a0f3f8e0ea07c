"""The watcher of a fleet: looks at it every minute, tells of what has changed, and shows that it lives itself.

A robot that never starts runs no code, so somebody else has to notice. Who notices that the watcher is dead is an
outside monitor, which looks at the age of its heartbeat file or of its metric.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from fsm_robot.errors import InstanceRunningError, SettingsError
from fsm_robot.fleet.asking import look_at_all
from fsm_robot.fleet.changes import Changes, Known, changes, message
from fsm_robot.fleet.documents import known_in
from fsm_robot.fleet.file import Fleet, read
from fsm_robot.fleet.looking import utc_now
from fsm_robot.fleet.metrics import text_of
from fsm_robot.fleet.sight import SCHEMA, Sight
from fsm_robot.system.held import PATIENCE, put_whole

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

EVERY_S = 60.0
NOTIFIED_WITHIN_S = 60.0
LARGEST_LOG_BYTES = 5_000_000
MOST_SAID = 300


@attrs.frozen(eq=False)
class Watch:
    """What watches one fleet.

    Attributes:
        path: Its fleet.toml, read anew with each look: what is changed there counts at once.
        say: Told each line that goes into the log.
    """

    path: Path
    say: Callable[[str], None] = print

    @property
    def folder(self) -> Path:
        """Where it keeps its files: beside fleet.toml."""
        path = self.path.absolute()
        return path.parent / f"{path.stem}-watch"

    def run(self, rest: Callable[[float], bool]) -> None:
        """Look again and again until `rest`, which waits so many seconds, says that it is over.

        Raises:
            InstanceRunningError: Another process watches this fleet.
            SettingsError: The file is wrong already at the first look.
        """
        lock = self._lock()
        try:
            read(self.path)
            while True:
                self.look()
                if rest(EVERY_S):
                    return
        finally:
            os.close(lock)

    def once(self) -> Sequence[Sight]:
        """Look once, where nobody else does; see `run`."""
        lock = self._lock()
        try:
            read(self.path)
            return self.look()
        finally:
            os.close(lock)

    def look(self) -> Sequence[Sight]:
        """Look once, and tell of what has changed; what goes wrong with that stands in the log."""
        now = utc_now()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            fleet = read(self.path)
            sights = look_at_all(fleet)
        except SettingsError as error:
            # Somebody edits it: the old robots are not judged by half of a file, and the heartbeat says why.
            self._log(f"{now} cannot look: {str(error).splitlines()[0]}")
            self._beat(now, (), str(error))
            return ()
        found = changes(self._known(), sights, now, fleet.notify_every_min)
        for line in found.lines:
            self._log(f"{now} {line}")
        problem = self._notify(fleet, found, sights, now)
        if problem:
            self._log(f"{now} nobody was notified: {problem}")
        # Kept only once somebody was told: a watcher that dies in between tells it again.
        self._put("known.json", json.dumps({key: attrs.asdict(each) for key, each in found.known.items()}))
        if fleet.metrics:
            self._put(str(fleet.base / fleet.metrics), text_of(sights, now), for_all=True)
        self._beat(now, sights, problem)
        return sights

    # ---- pieces

    def _lock(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = system.open_lock_file(str(self.folder / "watch.lock"))
        if not system.try_lock(descriptor):
            os.close(descriptor)
            raise InstanceRunningError(f"{self.path} is watched already, see {self.folder / 'heartbeat.json'}")
        return descriptor

    def _known(self) -> Mapping[str, Known]:
        try:
            return known_in(PATIENCE.content(self.folder / "known.json"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, RecursionError) as error:
            self._log(f"{utc_now()} what was known is lost, all of it is told anew: {error}")
            return {}

    def _beat(self, now: str, sights: Sequence[Sight], problem: str) -> None:
        sick = [sight.name for sight in sights if sight.problems]
        beat = {
            "schema": SCHEMA,
            "at": now,
            "pid": os.getpid(),
            "robots": len(sights),
            "sick": sick,
            "problem": problem,
        }
        self._put("heartbeat.json", json.dumps({**beat, "problem": problem}), for_all=True)

    def _put(self, name: str, text: str, *, for_all: bool = False) -> None:
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # An outside monitor has an account of its own.
            put_whole(path, text.encode("utf-8", "replace"), mode=0o644 if for_all else 0o600)
        except OSError as error:
            self._log(f"{utc_now()} {path} cannot be written: {error.strerror or error}")

    def _log(self, line: str) -> None:
        plain = " ".join(line.split())
        self.say(plain)
        path = self.folder / "watch.log"
        try:
            if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
                path.replace(path.with_suffix(".old.log"))
            with path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(plain + "\n")
        except OSError as error:
            self.say(f"{path} cannot be written: {error.strerror or error}")

    def _notify(self, fleet: Fleet, found: Changes, sights: Sequence[Sight], now: str) -> str:
        """Call the command once for all that has changed; return why nobody was told."""
        if not fleet.notify_command or not (found.began or found.over):
            return ""
        text = json.dumps(message(found, sights, str(self.path.absolute()), now))
        return notify(fleet.notify_command, text, fleet.base)


def notify(command: Sequence[str], text: str, folder: Path) -> str:
    """Give a text to a command on its standard input; return what went wrong, empty where nothing did."""
    try:
        done = subprocess.run(
            list(command),
            input=text.encode("ascii"),
            capture_output=True,
            timeout=NOTIFIED_WITHIN_S,
            check=False,
            cwd=folder,
            creationflags=system.child_flags(),
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {NOTIFIED_WITHIN_S:g} s"
    except OSError as error:
        return f"{command[0]} cannot be started: {error.strerror or error}"
    if done.returncode == 0:
        return ""
    said = " ".join(done.stderr.decode("utf-8", "replace").split())[-MOST_SAID:]
    return f"{command[0]} ended with {done.returncode}{f' and said: {said}' if said else ''}"
