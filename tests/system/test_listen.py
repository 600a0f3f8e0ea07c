"""How a process hears that it is asked to leave, under POSIX; Windows has consoles, see `tests/cli/test_leaving.py`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.fakes.waiting import PATIENCE_S

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

BEGIN = """
import os, signal, sys, threading, time
from queue import Empty, SimpleQueue
from fsm_robot.system import _posix

words = SimpleQueue()
"""
# The signal goes to another thread, so it does not end what the main thread waits for: so does one that comes just
# before the main thread begins to wait, which cannot be arranged.
ELSEWHERE = """
_posix.listen(words.put)
other = threading.Thread(target=time.sleep, args=[600], daemon=True)
other.start()
def send():
    time.sleep(0.3)
    signal.pthread_kill(other.ident, signal.{name})
threading.Thread(target=send, daemon=True).start()
print(words.get(timeout=20))
os._exit(0)
"""
IGNORED = """
signal.signal(signal.{name}, signal.SIG_IGN)
_posix.listen(words.put)
os.kill(os.getpid(), signal.{name})
try:
    print(words.get(timeout=0.5))
except Empty:
    print("nothing")
os._exit(0)
"""
SEVERAL = """
_posix.listen(words.put)
for _ in range(3):
    os.kill(os.getpid(), signal.{name})
    print(words.get(timeout=20))
os._exit(0)
"""


def said(text: str, name: str) -> list[str]:
    code = BEGIN + text.replace("{name}", name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_word_is_heard_also_where_its_signal_ends_no_wait_of_the_main_thread(name: str) -> None:
    """Python runs a handler between two steps of the main thread: one that waits for a lock would hear it never."""
    assert said(ELSEWHERE, name) == [name]


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_signal_that_was_ignored_at_the_start_stays_ignored(name: str) -> None:
    """So says nohup, and a shell to what it starts in the background."""
    assert said(IGNORED, name) == ["nothing"]


def test_each_word_is_heard() -> None:
    """The second one is an abort."""
    assert said(SEVERAL, "SIGINT") == ["SIGINT"] * 3
