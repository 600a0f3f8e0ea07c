from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.errors import CallbackError, RobotError
from fsm_robot.robot.callbacks import Callbacks, callback_names
from fsm_robot.robot.ports import Ending
from fsm_robot.testing.world import STOP
from tests.fakes.world import JOB_FOUND, NO_JOB, TAKEN, FakeGateway, FakeJournal, FakeWorker, World


class OddError(Exception):
    """Nothing that the robot knows."""


def claiming(claim: Callable[[Any, Step], Any]) -> World:
    """A robot whose callback `claim_job` is another one."""

    class Own(Callbacks):
        def claim_job(self, step: Step) -> Any:
            return claim(self, step)

    return World(gateway=FakeGateway([JOB_FOUND], [TAKEN]), callbacks_class=Own, journal=FakeJournal())


async def later() -> Event:
    return Event("job_claimed")


WRONG: dict[str, tuple[Any, str]] = {
    "nothing": (lambda *_: None, "it answers nothing"),
    "text": (lambda *_: "job_claimed", "it answers with str 'job_claimed'"),
    "long text": (lambda *_: "x" * 9999, "it answers with str 'xxx"),
    "number": (lambda *_: 0, "it answers with int 0"),
    "true": (lambda *_: True, "it answers with bool True"),
    "class": (lambda *_: Event, "it answers with type <class"),
    "coroutine": (lambda *_: later(), "it answers with a coroutine, and callbacks are plain functions"),
    "other event": (lambda *_: Event("job_reported"), "it answers with the event 'job_reported'"),
    "unknown event": (lambda *_: Event("holiday"), "it answers with the event 'holiday'"),
}


@pytest.mark.parametrize(("claim", "problem"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.filterwarnings("error")
def test_wrong_answer_ends_the_run_and_names_callback_state_and_what_was_allowed(claim: Any, problem: str) -> None:
    """Today's mistakes of people who write callbacks: never a wait without end, never an AttributeError."""
    world = claiming(claim)

    with pytest.raises(CallbackError) as caught:
        world.run()

    sentence = str(caught.value)
    assert sentence.startswith(f"callback claim_job in state Claiming: {problem}"), sentence
    assert "lets it answer an event of its `answers` (job_claimed, claim_failed, interrupted)" in sentence
    assert "\n" not in sentence
    assert len(sentence) < 400
    assert caught.value.exit_code == 1
    assert isinstance(world.journal, FakeJournal)
    assert world.journal.ended_with == 1
    assert world.journal.crash == {
        "callback": "claim_job",
        "state": "Claiming",
        "error": sentence.partition("Claiming: ")[2],
    }


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(2, "No such file or directory", "prices.csv"), "FileNotFoundError: [Errno 2] No such file"),
        (BrokenPipeError(32, "Broken pipe"), "BrokenPipeError: [Errno 32] Broken pipe"),
        (SystemError(), "SystemError"),
        (OddError("nobody knows it"), "OddError: nobody knows it"),
        (RobotError("said on purpose"), "said on purpose"),
        (MemoryError(), "MemoryError"),
        (RecursionError("too deep"), "RecursionError: too deep"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_whatever_a_callback_raises_is_a_crash_that_names_it(error: Exception, told: str) -> None:
    """Exit 1 with the name of the callback and the error, whatever class it has."""

    def claim(*_: Any) -> Event:
        raise error

    world = claiming(claim)

    with pytest.raises(CallbackError, match=r"callback claim_job in state Claiming") as caught:
        world.run()

    assert told in str(caught.value)
    assert caught.value.__cause__ is error
    assert isinstance(world.journal, FakeJournal)
    assert world.journal.crash is not None
    assert told in world.journal.crash["error"]


def test_crash_while_a_script_runs_kills_it() -> None:
    """No script goes on below a robot that is gone."""

    class Own(Callbacks):
        def ask_script_to_stop(self, step: Step) -> None:
            raise OddError

    gateway = FakeGateway([JOB_FOUND], [TAKEN], beats=[STOP])
    world = World(gateway=gateway, worker=FakeWorker(), callbacks_class=Own)

    with pytest.raises(CallbackError, match="ask_script_to_stop in state Stopping: OddError"):
        world.run()

    assert world.worker.done[-1] == ("kill", "aborted")
    assert not world.gateway.beating


def test_callback_of_a_final_state_may_say_nothing() -> None:
    """Nothing waits for its answer; an event would lead nowhere, so it is a mistake as elsewhere."""

    class Own(Callbacks):
        def leave_session(self, step: Step) -> Any:
            return Event("no_job") if step.event.name == "no_job" else None

    with pytest.raises(CallbackError, match=r"callback leave_session in state Finished: .*'no_job'.* no event"):
        World(callbacks_class=Own).run()


def test_answer_that_speaks_of_another_job_is_taken_as_an_answer() -> None:
    """An answer belongs to its step: as a late event it would leave the robot waiting for ever."""

    def claim(robot: Any, step: Step) -> Event:
        return attrs.evolve(Callbacks.claim_job(robot, step), job_run=99)

    world = claiming(claim)
    world.worker = FakeWorker(on_start=Ending("succeeded"))
    world.gateway.announces.append(NO_JOB)

    assert world.run() == 0


def logged(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)
    def inner(*arguments: Any, **names: Any) -> Any:
        return callback(*arguments, **names)

    return inner


def plain(callback: Callable[..., Any]) -> Callable[..., Any]:
    def inner(*arguments: Any, **names: Any) -> Any:
        return callback(*arguments, **names)

    return inner


class Decorated(Callbacks):
    """Callbacks as people write them."""

    @logged
    def with_wraps(self, step: Step) -> None:
        """Decorated."""

    @plain
    def without_wraps(self, step: Step) -> None:
        """Decorated carelessly."""

    @logged
    @plain
    @logged
    def three_times(self, step: Step) -> None:
        """Decorated thrice."""

    def _hidden(self, step: Step) -> None:
        """Not public."""

    @logged
    def helper(self, step: Step, more: int) -> None:
        """Takes more than a step."""

    def other(self, stamp: str) -> None:
        """Takes something else."""

    Table = dict
    by_method = functools.partialmethod(lambda self, word, step: None, "word")


def test_decorated_callbacks_are_found() -> None:
    """Whatever a decorator does, a callback is what takes a step."""
    own = set(callback_names(Decorated)) - set(callback_names(Callbacks))

    assert own == {"with_wraps", "without_wraps", "three_times", "by_method"}
