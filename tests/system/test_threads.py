"""A thread that cannot begin is told to whoever starts it, and never waited for without end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType

import pytest

from fsm_robot.system import threads
from tests.fakes.waiting import PATIENCE_S

DIES_IN = ("_set_ident", "_set_native_id", "run")
"""What the library calls in a new thread: before, and after it says that the thread is there."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "BEGIN_PATIENCE_S", 0.2)


def started(name: str, work: Callable[[], None]) -> list[str]:
    """Start it in a thread of its own, so that a start that hangs fails here; return what it raised."""
    raised: list[str] = []

    def start() -> None:
        try:
            threads.start(name, work, lambda _: False)
        except OSError as error:
            raised.append(str(error))

    one = threading.Thread(target=start, daemon=True)
    one.start()
    one.join(PATIENCE_S)
    assert not one.is_alive(), "the start of a thread that died is waited for, for ever"
    return raised


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("method", DIES_IN)
def test_thread_without_memory_for_its_first_step_is_an_error_of_its_start(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """CPython's own `Thread.start` waits for ever for one that died before it had said that it is there."""
    usual = getattr(threading.Thread, method)

    def without_memory(thread: threading.Thread) -> None:
        if thread.name == "poor":
            raise MemoryError
        usual(thread)

    monkeypatch.setattr(threading.Thread, method, without_memory)
    done = threading.Event()

    assert [text for text in started("poor", done.set) if "poor" in text]
    assert not done.is_set()


def test_thread_that_comes_too_late_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its caller has given it up, and has perhaps started another one."""
    usual, go_on, ended, done = threading.Thread.run, threading.Event(), threading.Event(), threading.Event()

    def late(thread: threading.Thread) -> None:
        if thread.name != "late":
            return usual(thread)
        usual(thread)
        ended.set()
        return None

    def held(thread: threading.Thread) -> None:
        native(thread)
        if thread.name == "late":
            go_on.wait(PATIENCE_S)

    native = threading.Thread._set_native_id  # type: ignore[attr-defined]
    monkeypatch.setattr(threading.Thread, "_set_native_id", held)
    monkeypatch.setattr(threading.Thread, "run", late)

    assert started("late", done.set)
    go_on.set()

    assert ended.wait(PATIENCE_S)
    assert not done.is_set()


@pytest.mark.parametrize("error", [OSError, MemoryError, RuntimeError])
@pytest.mark.parametrize("nth", range(1, 6))
def test_a_failure_between_the_first_steps_of_a_thread_is_told_and_the_work_begins(
    error: type[Exception], nth: int
) -> None:
    """At each call that a new thread makes in the module that starts it; `failed` hears of it, no other thread does."""
    heard: list[BaseException] = []
    done = threading.Event()
    calls = 0

    def fail_at(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        if event == "call" and frame.f_code.co_filename == threads.__file__ and frame.f_code.co_name != "body":
            if frame.f_back is not None and frame.f_back.f_code.co_name == "body":
                calls += 1
            if calls == nth and not heard:
                sys.setprofile(None)
                raise error("raised by the test")

    def failed(reason: BaseException) -> bool:
        heard.append(reason)
        return True

    threading.setprofile(fail_at)
    try:
        threads.start("console", done.set, failed)
    finally:
        threading.setprofile(None)

    assert done.wait(PATIENCE_S)
    assert [type(one) for one in heard] == [error] * (calls >= nth)
