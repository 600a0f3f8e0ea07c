"""The real inbox, on real threads: what the owner thread waits for, and what ends its waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from fsm_robot.engine.inbox import QueueInbox
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.ports import Wait
from fsm_robot.errors import LeavingError
from tests.fakes.waiting import PATIENCE_S, until


@pytest.fixture
def inbox() -> Iterator[QueueInbox]:
    inbox = QueueInbox()
    yield inbox
    inbox.close()


class Hanging:
    """A call that goes on until it is let go."""

    def __init__(self, answer: str = "late") -> None:
        self.answer, self.begun, self.let_go = answer, threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        self.let_go.wait(PATIENCE_S)
        return self.answer


def told_meanwhile(inbox: QueueInbox, call: Hanging, words: int, *, answered: bool) -> None:
    """Tell the robot to leave while it waits for `call`, from another thread, as Windows does; then let the call end."""

    def tell() -> None:
        call.begun.wait(PATIENCE_S)
        for _ in range(words):
            inbox.tell_to_leave("SIGINT")
        if answered:
            call.let_go.set()

    threading.Thread(target=tell, daemon=True).start()


def test_who_looks_at_the_robot_is_told_once_a_wait_lasts(inbox: QueueInbox) -> None:
    """Whatever is waited for; moments that nobody would see are not told."""
    told: list[str] = []

    def lasting(what: str, then: Callable[[], object]) -> None:
        told.append(what)
        then()

    inbox.lasting = partial(lasting, "moment", list)
    inbox.post(Event("one"))
    inbox.take()
    inbox.wait_for(lambda: 7, "to_the_end")
    inbox.pause(0)
    assert told == []

    hanging = Hanging()
    inbox.lasting = partial(lasting, "call", hanging.let_go.set)
    assert inbox.wait_for(hanging, "to_the_end") == "late"
    inbox.lasting = partial(lasting, "event", partial(inbox.post, Event("two")))
    assert inbox.take().name == "two"
    inbox.lasting = partial(lasting, "pause", partial(inbox.tell_to_leave, "SIGINT"))
    inbox.pause(60)

    assert told == ["call", "event", "pause"]


def test_answer_of_a_call_is_returned_and_what_it_raises_is_raised(inbox: QueueInbox) -> None:
    """As if the owner thread had made it itself, whatever it raises."""
    assert inbox.wait_for(lambda: 7, "until_told") == 7
    for error in (ValueError("x"), MemoryError(), SystemExit(3), KeyboardInterrupt()):

        def fail(error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            inbox.wait_for(fail, "to_the_end")
        assert caught.value is error
    assert inbox.wait_for(lambda: 8, "to_the_end") == 8


@pytest.mark.parametrize("words_before", [0, 1, 2, 3])
@pytest.mark.parametrize("words", [0, 1, 2])
@pytest.mark.parametrize("how_long", ["to_the_end", "until_told_again", "until_told"])
def test_wait_for_an_answer_is_given_up_at_the_word_that_it_names(
    inbox: QueueInbox, how_long: Wait, words: int, words_before: int
) -> None:
    """Never one that may hold a job; a report with a word more than there was, and not with the first one of all."""
    for _ in range(words_before):
        inbox.tell_to_leave("SIGINT")
    total = words_before + words
    gives_up = {
        "to_the_end": False,
        "until_told": total >= 1,
        "until_told_again": words >= 1 and total >= 2,
    }[how_long]
    call = Hanging()
    told_meanwhile(inbox, call, words, answered=not gives_up)

    if gives_up:
        with pytest.raises(LeavingError):
            inbox.wait_for(call, how_long)
    else:
        assert inbox.wait_for(call, how_long) == "late"
    call.let_go.set()


def test_call_behind_one_that_was_given_up_is_neither_delayed_nor_answered_by_it(inbox: QueueInbox) -> None:
    """The old call may go on for a minute; its answer is nobody's."""
    old = Hanging("old")
    told_meanwhile(inbox, old, 2, answered=False)
    with pytest.raises(LeavingError):
        inbox.wait_for(old, "until_told_again")

    assert inbox.wait_for(lambda: "new", "to_the_end") == "new"
    old.let_go.set()
    assert [inbox.wait_for(partial(int, number), "to_the_end") for number in range(50)] == list(range(50))


@pytest.mark.parametrize("wait", ["take", "pause", "pause told before"])
def test_word_from_another_thread_ends_every_wait(inbox: QueueInbox, wait: str) -> None:
    """No signal is needed for it: under Windows none would come through."""
    if wait == "pause told before":
        inbox.tell_to_leave("SIGINT")
    else:
        threading.Timer(0.1, inbox.tell_to_leave, ["SIGINT"]).start()

    if wait == "take":
        assert inbox.take().name == "interrupted"
    else:
        assert inbox.pause(PATIENCE_S * 10)


def test_calls_share_one_thread_which_ends_with_the_inbox() -> None:
    """It is there before a script is, and no call of a running robot needs another one."""
    inbox = QueueInbox()
    threads = {inbox.wait_for(threading.current_thread, "to_the_end") for _ in range(5)}

    (thread,) = threads
    assert thread is not threading.current_thread()
    inbox.close()
    until(lambda: not thread.is_alive(), "the end of the thread")
