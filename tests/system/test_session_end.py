"""How a robot hears of the end of its Windows session; on a Windows Python."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import pytest

from fsm_robot.system import threads
from tests.fakes.waiting import PATIENCE_S, until

if sys.platform == "win32":
    from fsm_robot.system import _session_end, _windows
    from tests.fakes.processes import post, window_of

if sys.platform != "win32":
    pytest.skip("needs a Windows Python: `make test-windows`", allow_module_level=True)
assert sys.platform == "win32"  # so mypy passes over the rest elsewhere, where its names do not exist


def test_neither_way_of_the_news_returns_before_the_robot_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows ends the process with the first of them that returns."""
    monkeypatch.setattr(_session_end, "POLITE_S", PATIENCE_S - 0.1)
    monkeypatch.setattr(_session_end, "LONGEST_S", PATIENCE_S)
    told: list[str] = []
    over = threads.Flag()
    end = _session_end.SessionEnd(told.append, over)
    ways = [threading.Thread(target=end.came, args=[f"way {number}"], daemon=True) for number in range(2)]
    ways[0].start()
    until(lambda: told)
    ways[1].start()

    ways[1].join(1.0)
    assert [way.is_alive() for way in ways] == [True, True]
    over.set()

    for way in ways:
        way.join(PATIENCE_S)
    assert [way.is_alive() for way in ways] == [False, False]
    assert told == ["way 0"]


def test_watch_that_had_no_memory_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had made by then is used, and what came before is told."""
    made, told, failures = _session_end._make_window, list[str](), list[BaseException]()
    over = threads.Flag()
    tries: list[object] = []

    def poor(procedure: Any) -> None:
        made(procedure)
        tries.append(procedure)
        if len(tries) == 1:
            raise MemoryError

    monkeypatch.setattr(_session_end, "_make_window", poor)
    watched_now = _windows.watch_session(told.append, over, failures.append)
    watched_now()
    until(lambda: len(tries) == 2, "the second try")
    post(until(lambda: window_of(os.getpid()), "the window"), _session_end.END, 1)

    assert until(lambda: told, "the word") == ["Windows shuts down"]
    over.set()
    assert [type(each) for each in failures] == [MemoryError]


def test_messages_that_end_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else in this process asks its threads to quit has made the robot deaf."""
    failures: list[BaseException] = []
    over = threads.Flag()
    watched_now = _windows.watch_session(lambda _: None, over, failures.append)
    watched_now()

    def thread() -> int:
        found = [each for each in threading.enumerate() if each.name == "session"]
        return found[-1].native_id or 0

    import ctypes

    until(lambda: ctypes.windll.user32.PostThreadMessageW(thread(), 0x12, 0, 0), "the word to quit")

    assert "have ended" in str(until(lambda: failures, "the failure")[0])
    over.set()
