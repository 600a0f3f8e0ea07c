"""Builds the environment of a script from its lock: in a process of its own before a job's script, or for `env sync`.

As a program it is started in the place of the script, as part of the job's tree: what it prints is the job's output, a
stop and an abort reach it as they reach a script, and when the environment is there it becomes the script.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[2]))  # the interpreter is isolated, and maybe not the robot's own

import attrs

from fsm_robot.errors import ScriptNotStartedError
from fsm_robot.system import threads
from fsm_robot.worker.environments import Environments, Lock, clean, key_of, text_of

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

UNUSED_DAYS = 30.0
LOOK_EVERY_S = 0.1
LONGEST_SAID = 300
REQUIREMENTS_NAME = "requirements.lock"
LOCK_NAME = "build.lock"


@attrs.frozen
class Builder:
    """Builds environments into one folder, one at a time on this machine.

    Attributes:
        environments: Which they are.
        within_s: How long a build may take, waiting for another one included.
        tell: Shows a line of the tools.
        is_over: Whether somebody wants it to end.
    """

    environments: Environments
    within_s: float
    tell: Callable[[str], object]
    is_over: Callable[[], bool] = lambda: False

    def build(self, lock: Lock) -> str:
        """Return the Python of the environment of a lock, which is built where it is not there or broken.

        Raises:
            ScriptNotStartedError: It could not be built; what was begun is not used.
        """
        key = key_of(lock.text, self.environments.identity())
        deadline_s = time.monotonic() + self.within_s
        try:
            with self._alone(deadline_s):
                if not (python := self.environments.ready(key)):
                    # Here only: while the lock is held, a folder that no pointer names is nobody's work in progress.
                    self._clear()
                    python = self._made(lock, key, deadline_s)
        except OSError as error:
            raise ScriptNotStartedError(
                f"the environment of {lock.path} cannot be built: {error.filename or self.environments.built}: "
                f"{error.strerror or error}"
            ) from error
        return python

    @contextmanager
    def _alone(self, deadline_s: float) -> Iterator[None]:
        self.environments.built.mkdir(parents=True, exist_ok=True)
        path = self.environments.built / LOCK_NAME
        descriptor = system.open_lock_file(str(path))
        try:
            while not system.try_lock(descriptor):
                if time.monotonic() > deadline_s or self.is_over():
                    raise ScriptNotStartedError(f"another process builds environments, and holds {path}; wait for it")
                time.sleep(LOOK_EVERY_S)
            yield
        finally:
            os.close(descriptor)

    def _made(self, lock: Lock, key: str, deadline_s: float) -> str:
        folder = self.environments.built / f"{key[:12]}-{uuid.uuid4().hex[:6]}"
        try:
            python = self._installed(lock, folder, deadline_s)
            if text_of(lock.path) != lock.text:
                raise ScriptNotStartedError(f"{lock.path} was changed while its environment was built; do it again")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        entry = {
            "folder": folder.name,
            "lock": str(lock.path),
            "built": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        new = self.environments.built / f"{folder.name}.new"
        with open(new, "w", encoding="utf-8") as stream:
            json.dump(entry, stream)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self.environments.pointer(key))
        return python

    def _installed(self, lock: Lock, folder: Path, deadline_s: float) -> str:
        self.tell(f"building the environment of {lock.path}")
        self._run([self.environments.python, "-m", "venv", str(folder)], lock, deadline_s)
        python = system.environment_python(str(folder))
        pinned = ["--require-hashes", "--only-binary", ":all:"] if lock.pinned else []
        quiet = ["--no-input", "--disable-pip-version-check"]
        file = self._exported(lock, folder, deadline_s) if lock.script else lock.path
        self._run([python, "-m", "pip", "install", *quiet, *pinned, "-r", str(file)], lock, deadline_s)
        self._run([python, "-c", "import sys"], lock, deadline_s)
        return python

    def _exported(self, lock: Lock, folder: Path, deadline_s: float) -> Path:
        """Let uv write its lock of one script as requirements with hashes, so that all ways end in the same build."""
        uv = shutil.which("uv")
        if uv is None:
            raise ScriptNotStartedError(
                f"{lock.path} is a lock of uv, and there is no uv on PATH: install it, or write the requirements with "
                f"hashes into {lock.path.with_name(REQUIREMENTS_NAME)}"
            )
        file = folder / REQUIREMENTS_NAME
        command = [uv, "export", "--script", lock.script, "--locked", "--no-header", "--quiet", "-o", str(file)]
        self._run([*command, "--python", self.environments.python, "--no-python-downloads"], lock, deadline_s)
        return file

    def _run(self, command: Sequence[str], lock: Lock, deadline_s: float) -> None:
        """Run a tool to its end. Raises `ScriptNotStartedError` with the last line that it has printed."""
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**clean(os.environ), "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
            cwd=self.environments.built,
        )
        assert process.stdout is not None
        output, lines = process.stdout, SimpleQueue[str | None]()

        def read() -> None:
            with output:
                for line in output:
                    lines.put(line.decode("utf-8", "replace").rstrip())
            process.wait()
            lines.put(None)

        def unread(error: BaseException) -> bool:
            lines.put(f"its output could not be read: {error!r}")
            process.kill()
            lines.put(None)
            return False

        last = ""
        try:
            # In a thread: what the tool has started may keep its output open after its end, and we are to end then too.
            threads.start("builder's output", read, unread)
            while not (why := self._why_to_end(deadline_s)):
                try:
                    text = lines.get(timeout=LOOK_EVERY_S)
                except Empty:
                    continue
                if text is None:
                    break
                last = text or last
                self.tell(text)
        except BaseException:
            process.kill()
            raise
        if why:
            process.kill()
        if why or process.wait():
            said = why or last or f"exit code {process.returncode}"
            raise ScriptNotStartedError(f"the environment of {lock.path} was not built: {said[:LONGEST_SAID]}")

    def _why_to_end(self, deadline_s: float) -> str:
        if time.monotonic() > deadline_s:
            return f"it took longer than {self.within_s:g} s"
        return "it was told to end" if self.is_over() else ""

    def _clear(self) -> None:
        """Remove what no script has used for long, and what builders have left that were killed."""
        built, named = self.environments.built, set[str]()
        oldest = time.time() - UNUSED_DAYS * 86400
        for pointer in built.glob("*.json"):
            if pointer.stat().st_mtime < oldest:
                pointer.unlink()
                continue
            try:
                named.add(str(json.loads(pointer.read_bytes())["folder"]))
            except (ValueError, KeyError, TypeError):
                pointer.unlink()
        for entry in list(built.iterdir()):
            if entry.is_dir() and entry.name not in named:
                shutil.rmtree(
                    entry, ignore_errors=True
                )  # on Windows one that is still in use stays until the next time
            elif entry.suffix == ".new":
                entry.unlink()


def command_of(environments: Environments, lock: Lock, marker: Path, stop: Path, then: Sequence[str]) -> list[str]:
    """Return the command that builds the environment of a lock and then is its Python with the arguments `then`."""
    what = {
        "environments": {
            "scripts": str(environments.scripts),
            "python": environments.python,
            "how": environments.how,
            "built": str(environments.built),
            "unpinned": environments.unpinned,
        },
        "lock": {**attrs.asdict(lock), "path": str(lock.path), "text": ""},
        "within_s": environments.build_s,
        "marker": str(marker),
        "stop": str(stop),
        "then": list(then),
    }
    return [sys.executable, "-I", "-u", __file__, json.dumps(what)]


def main(told: str) -> int:
    """Build, and become the script."""
    what = json.loads(told)
    given, lock = what["environments"], what["lock"]
    marker, stop, asked = Path(what["marker"]), Path(what["stop"]), threading.Event()
    marker.touch()
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    environments = Environments(**{**given, "scripts": Path(given["scripts"]), "built": Path(given["built"])})
    builder = Builder(environments, what["within_s"], print, lambda: asked.is_set() or stop.exists())
    try:
        path = Path(lock["path"])
        python = builder.build(Lock(**{**lock, "path": path, "text": text_of(path)}))
    except ScriptNotStartedError as error:
        print(error)
        return 1
    # In this order nothing is missed: the flag is raised before the signal is sent.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if asked.is_set() or stop.exists():
        return 1
    marker.unlink(missing_ok=True)
    return system.become([python, *what["then"]], os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
