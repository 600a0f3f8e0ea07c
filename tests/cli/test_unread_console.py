"""A console that nobody reads, or that fails, does not stop the robot; and who reads again learns what is missing."""

from __future__ import annotations

import os
import sys
import threading
import time
from io import FileIO
from pathlib import Path
from subprocess import PIPE, Popen

import attrs
import pytest

from fsm_robot.cli import streams

WRITES = """
import sys, threading
from fsm_robot.cli import streams

streams.guard()
streams.go_on_unread()
for number in range(int(sys.argv[1])):
    print(f"line {number} " + "я" * 500, file=sys.stderr)
sys.stdin.readline()
print("the last line", file=sys.stderr)
print("and this is on the other stream")
"""


@pytest.fixture
def writer(tmp_path: Path) -> Popen[bytes]:
    script = tmp_path / "writes.py"
    script.write_text(WRITES, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8"}
    return Popen([sys.executable, str(script), "5000"], stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment)


def test_a_console_that_nobody_reads_does_not_stop_the_program(writer: Popen[bytes]) -> None:
    """5,000 lines of a kilobyte fit into no pipe: the program drops them, and ends when it has come to its end."""
    assert writer.stdin is not None
    writer.stdin.write(b"go on\n")
    writer.stdin.close()
    assert writer.wait(20) == 0, "it must not wait for a reader"
    assert writer.stdout is not None
    assert writer.stdout.read().strip() == b"and this is on the other stream"


def test_who_reads_again_learns_how_much_is_missing(writer: Popen[bytes]) -> None:
    assert writer.stdin is not None
    assert writer.stderr is not None
    told = Told(writer.stderr.fileno())
    told.read_one()
    time.sleep(1.5)  # nobody reads for longer than the program waits: it is what this test is about
    told.go_on()
    told.until_quiet()
    writer.stdin.write(b"go on\n")
    writer.stdin.close()
    assert writer.wait(20) == 0
    told.until_over()
    text = told.data.decode()
    shown = text.count("line ")
    assert "the last line" in text
    missing = [line for line in text.splitlines() if "lines are missing here" in line]
    assert len(missing) == 1, text[-300:]
    assert int(missing[0].strip("[").split()[0]) == 5000 - shown


@attrs.define
class Told:
    """What comes out of a pipe, read in a thread: a pipe of Windows cannot be asked whether it holds something."""

    descriptor: int
    data: bytes = b""
    changed_s: float = attrs.field(factory=time.monotonic)
    thread: threading.Thread = attrs.field(init=False)

    def read_one(self) -> None:
        self.data += os.read(self.descriptor, 1)

    def go_on(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def until_quiet(self) -> None:
        """Return when nothing more has come for a while."""
        self.changed_s = time.monotonic()
        while time.monotonic() - self.changed_s < 0.5:
            time.sleep(0.01)

    def until_over(self) -> None:
        self.thread.join(20)
        assert not self.thread.is_alive()

    def _read(self) -> None:
        while piece := os.read(self.descriptor, 1 << 20):
            self.data += piece
            self.changed_s = time.monotonic()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no full device")
def test_an_error_of_the_console_is_the_writers_and_ends_nothing(tmp_path: Path) -> None:
    script = tmp_path / "writes.py"
    script.write_text(WRITES, encoding="utf-8")
    with open("/dev/full", "wb") as full:
        command = [sys.executable, str(script), "3"]
        ended = Popen(command, stdin=PIPE, stdout=PIPE, stderr=full, env=os.environ | {"PYTHONPATH": os.getcwd()})
        out, _ = ended.communicate(b"\n", timeout=20)
    assert ended.returncode == 0
    assert b"the other stream" in out


FAILS_ONCE = """
import resource
from fsm_robot.cli import streams
from fsm_robot.engine.logs import Log

streams.guard()
streams.go_on_unread()
log = Log(None, "info", str)
log.info("before")
usual = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1, usual[1]))
log.info("while the disk is full")
resource.setrlimit(resource.RLIMIT_FSIZE, usual)
log.info("after")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of files")
def test_console_that_fails_for_a_moment_loses_a_line_and_shows_no_traceback(tmp_path: Path) -> None:
    """As a file on a disk that is full: what the library for logs says about a stream that fails would stand in it later."""
    script, console = tmp_path / "fails.py", tmp_path / "console"
    script.write_text(FAILS_ONCE, encoding="utf-8")
    with console.open("wb") as stream:
        ended = Popen([sys.executable, str(script)], stderr=stream, env=os.environ | {"PYTHONPATH": os.getcwd()})
        assert ended.wait(20) == 0

    told = [line.split(" ", 1)[1].strip() for line in console.read_text().splitlines()]
    assert told == ["INFO    before", "INFO    after"]


def test_thread_of_the_console_that_dies_answers_for_nothing_that_it_has_not_taken() -> None:
    """Else the answer to each piece would be taken for that of the next one."""
    reader, writer = os.pipe()
    with FileIO(reader), FileIO(writer, "wb") as raw:
        stream = streams.BoundedStream(raw, True)
        assert stream._failed(MemoryError())

        assert stream.write(b"one") == 3
        assert os.read(reader, 10) == b"one"
