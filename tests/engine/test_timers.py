from __future__ import annotations

import itertools
import threading
import time
from queue import SimpleQueue

from fsm_robot.engine.timers import ThreadTimers

PATIENCE_S = 20

# A coarse clock, Windows counts in 1/64 s, shows a wait shorter than it was by up to a step.
CLOCK_STEP_S = time.get_clock_info("monotonic").resolution


def test_action_comes_after_its_wait_and_not_in_the_thread_that_asked() -> None:
    """A deadline is met beside the owner thread."""
    ran: SimpleQueue[tuple[float, int]] = SimpleQueue()
    before = time.monotonic()

    ThreadTimers(print).after(0.05, lambda: ran.put((time.monotonic(), threading.get_ident())))

    at, thread = ran.get(timeout=PATIENCE_S)
    assert at - before >= 0.05 - CLOCK_STEP_S
    assert thread != threading.get_ident()


def test_action_comes_again_after_what_it_answers_until_it_answers_none() -> None:
    """The pause counts from the end of the action, and None is the end."""
    ran: SimpleQueue[float] = SimpleQueue()
    answers: list[float | None] = [0.05, 0.05, None]

    def act() -> float | None:
        ran.put(time.monotonic())
        return answers.pop(0)

    ThreadTimers(print).after(0.0, act)

    stamps = [ran.get(timeout=PATIENCE_S) for _ in range(3)]
    assert all(later - earlier >= 0.05 - CLOCK_STEP_S for earlier, later in itertools.pairwise(stamps))
    threading.Event().wait(0.15)
    assert ran.empty()


def test_cancelled_action_does_not_begin_and_cancelling_waits_for_nothing() -> None:
    """Once cancelled it does not come any more, also when one that hangs is under way."""
    hanging, release = threading.Event(), threading.Event()
    ran: list[int] = []

    def act() -> float | None:
        ran.append(1)
        hanging.set()
        release.wait(PATIENCE_S)
        return 0.0

    never = ThreadTimers(print).after(0.1, lambda: ran.append(2))
    never()
    cancel = ThreadTimers(print).after(0.0, act)
    assert hanging.wait(PATIENCE_S)

    before = time.monotonic()
    cancel()
    took_s = time.monotonic() - before
    release.set()
    threading.Event().wait(0.3)

    assert took_s < 5
    assert ran == [1]
