"""A page followed word by word: its files are written, its commands typed, and what it says that you see is looked for.

A block that begins with `# file: NAME` is a file. In a `console` block `$ COMMAND` is typed and has to end with 0, `& COMMAND` is left running in
another terminal, and each `#> TEXT` behind it has to be in what it prints. In an `sh` block each line is typed. A `text` block is no code.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from fsm_robot.cli import main
from tests.docs.pages import NOT_RUN, Block, blocks, name_of
from tests.fakes.waiting import PATIENCE_S, until

PORT = "4500"  # on the pages; a test takes a free one
FILE = "# file: "
EXIT_CODE = "ends with "
PROCESSES = ("run", "demo", "try", "simulate")  # these end their process, or need one of their own


def commands(block: Block) -> Iterator[tuple[str, str, list[str]]]:
    """Yield how each command of a block is given (`$` or `&`), the command, and what is said to be seen."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "sh":
        yield from (("$", line, []) for line in lines if shlex.split(line, comments=True))
        return
    given: tuple[str, str, list[str]] | None = None
    for line in lines:
        if line.startswith(("$ ", "& ")):
            if given:
                yield given
            given = (line[0], line[2:], [])
        elif given and line.startswith("#> "):
            given[2].append(line[3:])
        elif line.strip():
            assert given, f"{block.place}: {line!r} stands before any command"
            given[2].append(line.strip())
    if given:
        yield given


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@attrs.define
class Walk:
    """Somebody who follows a page in a fresh folder.

    Attributes:
        here: The folder that the last `cd` has led to.
        quick: Whether commands run within this process where they can: a start of Python takes longer than most of them.
        ran: The commands that were typed.
    """

    here: Path
    quick: bool = False
    ran: list[str] = attrs.field(factory=list)
    port: str = attrs.field(factory=_free_port)
    left: list[tuple[str, subprocess.Popen[str], list[str]]] = attrs.field(factory=list)

    def follow(self, page: Path) -> None:
        """Do what a page says, from its first block to the last; then what was left running must have ended well."""
        for block in blocks(page):
            self.take(block)
        self.end(name_of(page))

    def take(self, block: Block) -> None:
        """Do what one block says."""
        first, _, content = block.text.partition("\n")
        if block.note.startswith(NOT_RUN) or (block.language == "text" and not first.startswith(FILE)):
            return
        if first.startswith(FILE):
            file = self.here / first.removeprefix(FILE)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._ported(content), encoding="utf-8")
            return
        assert block.language in ("console", "sh"), (
            f"{block.place}: a page that is followed has files and commands alone"
        )
        code = int(block.note.removeprefix(EXIT_CODE)) if block.note.startswith(EXIT_CODE) else 0
        for how, command, seen in commands(block):
            self.ran.append(command)
            if how == "&" or "orchestrator serve" in command:
                self._leave_running(command, seen)
            else:
                self._type(block, command, seen, code)

    def _type(self, block: Block, command: str, seen: list[str], code: int) -> None:
        words = shlex.split(self._ported(command), comments=True)
        if words[0] == "cd":
            self.here = self.here / words[1]
            return
        if words[:2] == ["fsm-robot", "simulate"]:  # the same options, for seconds in the place of minutes
            words += ["--tasks", "40"] if "--tasks" in words else ["--jobs", "20"]
        into = words[words.index(">") + 1] if ">" in words else ""
        words = words[: words.index(">")] if into else words
        ended, said = self._run_here(words) if self.quick and words[1] not in PROCESSES else self._run(words)
        assert ended == code, f"{block.place}: {command}\nended with {ended}\n{said}"
        if into:
            (self.here / into).write_text(said, encoding="utf-8")
        missing = [line for line in seen if line not in said]
        assert missing == [], f"{block.place}: {command}\n{said}"

    def _run(self, words: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            _program(words),
            cwd=self.here,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=90,
            check=False,
        )
        return done.returncode, done.stdout

    def _run_here(self, words: list[str]) -> tuple[int, str]:
        assert words[0] == "fsm-robot", words
        said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.chdir(self.here):
            ended = main(words[1:])
        return ended, said.buffer.getvalue().decode()

    def _leave_running(self, command: str, seen: list[str]) -> None:
        words = _program(shlex.split(self._ported(command), comments=True))
        if "serve" in words:
            self._end_servers()
            words += [] if "--port" in words else ["--port", self.port]
        process = subprocess.Popen(
            words,
            cwd=self.here,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self.left.append((command, process, seen))
        ready = self._listens if "serve" in words else (self.here / "state" / "channel.json").exists

        def begun() -> bool:
            assert process.poll() is None, process.communicate()
            return ready()

        until(begun, f"that {command!r} can be asked")

    def end(self, name: str) -> None:
        """What was left running has said what the page says and has ended by itself; a server has not, and is ended."""
        self._end_servers()
        for command, process, seen in self.left:
            said, _ = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, f"{name}: {command}\n{said}"
            assert [line for line in seen if line not in said] == [], f"{name}: {command}\n{said}"

    def _end_servers(self) -> None:
        for one in [one for one in self.left if "orchestrator serve" in one[0]]:
            self.left.remove(one)
            one[1].kill()
            one[1].communicate()

    def close(self) -> None:
        """End what is still running, after a failure."""
        for _, process, _ in self.left:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def _ported(self, text: str) -> str:
        return text.replace(f":{PORT}", f":{self.port}").replace(f"--port {PORT}", f"--port {self.port}")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.port))) == 0


def _program(words: list[str]) -> list[str]:
    own = {
        "fsm-robot": [sys.executable, "-m", "fsm_robot"],
        "python": [sys.executable],
        "pytest": [sys.executable, "-m", "pytest"],
    }
    return [*own.get(words[0], [words[0]]), *words[1:]]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FSM_ROBOT_", "PYTEST_"))}
    return {**kept, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(Path(__file__).parents[2])}
