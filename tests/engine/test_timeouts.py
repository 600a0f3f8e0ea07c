"""The time that a state may last: `after` of the machine file."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.cli import main
from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.inbox import QueueInbox
from fsm_robot.engine.journal.file import JournalFile, read_file
from fsm_robot.engine.journal.replay import replay
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.core import RobotMachine, Step
from fsm_robot.engine.machine.definition import Definition, Timeout
from fsm_robot.engine.machine.durations import LONGEST_S, SHORTEST_S, seconds_of, text_of
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.ports import Owner, Timers
from fsm_robot.engine.redact import Redactor
from fsm_robot.engine.runner import Runner
from fsm_robot.engine.timeouts import TimedOut, Timeouts, calls_needed
from fsm_robot.engine.timers import ThreadTimers
from fsm_robot.errors import DefinitionError, StateTimeError
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.robot.machine import built_in
from fsm_robot.robot.ports import Ending
from fsm_robot.robot.settings import times
from fsm_robot.simulator import explore
from fsm_robot.simulator.world import Setup
from fsm_robot.system import threads
from fsm_robot.testing.world import STOP, FakeClock, FakeInbox, FakeJournal, Lines
from tests.fakes.world import JOB_FOUND, NO_JOB, TAKEN, FakeGateway, FakeWorker, World, definition_of_the_robot

STATES = built_in().read_text(encoding="utf-8")
GRACE = " after: {scripts.stop_grace_s: grace_ended},"
DOOR = """\
format: 1
machine: door
initial: Shut
states:
  - {name: Shut, on_enter: shut, after: {20s: expired, 5s: nudged}}
  - {name: Open, on_enter: open, ignores: [looked, pushed, opened], after: {500ms: left_open}}
  - {name: Gone, final: true}
transitions:
  - {trigger: nudged, source: Shut, dest: Shut, kind: internal}
  - {trigger: looked, source: Shut, dest: Shut, kind: internal}
  - {trigger: pushed, source: Shut, dest: Shut, kind: external, progress: true}
  - {trigger: opened, source: Shut, dest: Open}
  - {trigger: expired, source: Shut, dest: Gone, exit_code: 7}
  - {trigger: left_open, source: Open, dest: Shut, progress: true}
inbox: {looked: somebody looked, pushed: somebody pushed, opened: somebody opened}
callbacks:
  shut: {answers: [], waits: true}
  open: {answers: [], waits: true}
outcomes: {}
"""


@attrs.define
class Door:
    """Callbacks of nobody's job: the runner needs no more of them."""

    definition: Definition
    timers: Timers
    job_run: int = 0
    entered: list[str] = attrs.field(factory=list)
    closed: bool = False

    def shut(self, step: Step) -> None:
        self.entered.append("shut")

    def open(self, step: Step) -> None:
        self.entered.append("open")

    def is_late(self, event: Event) -> bool:
        return False

    def note(self, taken: Step) -> None: ...

    def close(self) -> None:
        self.closed = True

    def storage_broke(self, error: Exception) -> None:
        raise error


@attrs.define
class Played:
    """A door on virtual time: what comes from outside, and when."""

    comes: Mapping[float, str]
    text: str = attrs.field(default=DOOR)
    settings: Mapping[str, float] = attrs.field(factory=dict)
    clock: FakeClock = attrs.field(factory=FakeClock)
    journal: FakeJournal = attrs.field(factory=FakeJournal)
    at: list[float] = attrs.field(factory=list)
    kind: type[FakeInbox] = FakeInbox
    inbox: FakeInbox = attrs.field(init=False)

    def run(self) -> int:
        self.inbox = inbox = self.kind(self.clock)
        began_s = self.clock.now_s
        for after_s, name in self.comes.items():
            inbox.timers.after(after_s, functools.partial(inbox.post, Event(name)))
        definition = compile_text(self.text, "door.yaml")
        door: Owner = Door(definition, inbox.timers)
        journal, at = self.journal, self.at
        append = journal.append

        class Stamped:
            def append(self, step: Step) -> None:
                at.append(inbox.clock.now_s - began_s)
                append(step)

            def end(self, exit_code: int, crash: Mapping[str, str] | None = None) -> None:
                journal.end(exit_code, crash)

        timeouts = Timeouts(inbox.timers, inbox, self.settings)
        return Runner(RobotMachine(definition), Stamped(), door, inbox, Lines().log(), timeouts).run()

    def told(self) -> list[tuple[float, str]]:
        return [
            (round(at, 3), step.event.name)
            for at, step in zip(self.at, self.journal.steps, strict=True)
            if step.event.name != "started"
        ]


def test_time_runs_out_in_a_state_that_waits() -> None:
    """Several entries, each at its time counted from the entering, whatever their order in the file."""
    played = Played({})

    assert played.run() == 7
    assert played.told() == [(5.0, "nudged"), (20.0, "expired")]
    assert [step.event.data for step in played.journal.steps[1:]] == [{"after_s": 5.0}, {"after_s": 20.0}]
    assert {step.came_from for step in played.journal.steps[1:]} == {"inbox"}


def test_external_self_transition_starts_it_anew_and_an_internal_one_does_not() -> None:
    """The one enters the state again, the other never left it."""
    played = Played({3.0: "looked", 4.0: "pushed"})

    played.run()

    assert played.told() == [(3.0, "looked"), (4.0, "pushed"), (9.0, "nudged"), (24.0, "expired")]


def test_leaving_the_state_cancels_it_and_coming_back_starts_it_anew() -> None:
    """Half a second in another state, then the whole time again."""
    played = Played({19.0: "opened"})

    played.run()

    assert played.told() == [
        (5.0, "nudged"),
        (19.0, "opened"),
        (19.5, "left_open"),
        (24.5, "nudged"),
        (39.5, "expired"),
    ]


def test_time_that_ran_out_before_the_state_was_left_has_not_come() -> None:
    """Both lie in the inbox; the first leads away, and what the second speaks of is over: it must not end the next stay."""

    class Tight(FakeInbox):
        def post(self, event: Event) -> None:
            if event.name == "expired" and not pushed:
                pushed.append(event)
                super().post(Event("pushed"))
            super().post(event)

    pushed: list[Event] = []
    played = Played({}, kind=Tight)

    assert played.run() == 7
    assert played.told()[1:] == [(20.0, "pushed"), (25.0, "nudged"), (40.0, "expired")]


def test_setting_decides_how_long() -> None:
    """The name of a setting instead of a time."""
    text = DOOR.replace("20s: expired", "heartbeat.interval_s: expired")
    played = Played({}, text, {"heartbeat.interval_s": 7.25})

    played.run()

    assert played.told() == [(5.0, "nudged"), (7.25, "expired")]
    assert played.journal.steps[-1].event.data == {"after_s": 7.25, "setting": "heartbeat.interval_s"}


def test_setting_that_has_no_value_ends_the_run_with_a_sentence() -> None:
    """Never a wait without end."""
    text = DOOR.replace("20s: expired", "my.own_time: expired")

    with pytest.raises(StateTimeError, match=r"state Shut: there is no setting 'my.own_time' for its `after`"):
        Played({}, text).run()


@given(
    st.lists(st.tuples(st.floats(0.01, 60.0), st.sampled_from(["looked", "pushed", "opened"])), max_size=12),
)
def test_whatever_comes_when_each_stay_lasts_as_long_as_it_may(moments: list[tuple[float, str]]) -> None:
    """Against a model of the rule: a stay ends `expired` 20 s, or `left_open` 0.5 s, after it began, and never else."""
    played = Played(dict(moments))

    played.run()

    entered_s, open_since = 0.0, None
    for at_s, name in played.told():
        if name == "expired":
            assert at_s == pytest.approx(entered_s + 20.0, abs=0.01)
        elif name == "left_open":
            assert open_since is not None
            assert at_s == pytest.approx(open_since + 0.5, abs=0.01)
            entered_s, open_since = at_s, None
        elif name == "pushed" and open_since is None:
            entered_s = at_s
        elif name == "opened" and open_since is None:
            open_since = at_s
        elif name == "nudged":
            assert at_s == pytest.approx(entered_s + 5.0, abs=0.01)
        # A stay that was over had its end: no later event of it is missing.
        assert open_since is not None or at_s <= entered_s + 20.01


def test_real_threads_keep_the_time_and_the_journal_replays(tmp_path: Path) -> None:
    """The real inbox, timers, runner and journal file."""
    definition = compile_text(DOOR.replace("20s", "120ms").replace("5s: nudged", "40ms: nudged"), "door.yaml")
    log, inbox = Lines().log(), QueueInbox()
    timers = ThreadTimers(log.write)
    journal = JournalFile(tmp_path, {"format": 1, "machine": "door"}, SystemClock(), Redactor.for_guid(""))
    door: Owner = Door(definition, timers)

    runner = Runner(RobotMachine(definition), journal, door, inbox, log, Timeouts(timers, inbox))

    assert runner.run() == 7
    (file,) = tmp_path.iterdir()
    verdict = replay(read_file(file), definition)
    assert (verdict.judgement, verdict.steps) == ("identical", 3)


def test_states_need_no_thread_that_was_not_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `calls_needed` says is enough for any chain of states: cancelled and begun a hundred times in a row."""
    definition = compile_text(DOOR, "door.yaml")
    timers, inbox = ThreadTimers(print), QueueInbox()
    timers.prepare(calls_needed(definition))

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("can't start new thread")

    monkeypatch.setattr(threads, "start", refuse)
    timeouts = Timeouts(timers, inbox)
    for _ in range(100):
        for state in definition.states:
            timeouts.enter(state)
    timeouts.enter(definition.state("Open"))

    event = inbox.take()
    assert isinstance(event, TimedOut)
    assert event.name == "left_open"
    assert not timeouts.is_over(event)


def test_no_thread_left_for_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a job nothing was prepared."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("can't start new thread")

    monkeypatch.setattr(threads, "start", refuse)
    timeouts = Timeouts(ThreadTimers(print), QueueInbox())

    with pytest.raises(StateTimeError, match="state Shut: its `after` cannot be counted: can't start new thread"):
        timeouts.enter(compile_text(DOOR, "door.yaml").state("Shut"))


def test_cancelled_call_leaves_its_thread_to_the_next_one_at_once() -> None:
    """Not only when the thread has looked: a transition cancels and begins in the same breath."""
    timers = ThreadTimers(print)
    before = threading.active_count()
    for _ in range(50):
        timers.after(60.0, lambda: None)()

    assert threading.active_count() <= before + 1


# ---- the machine file


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ("{30: expired}", "after: '30' is not a time such as 500ms, 30s, 2m or 1h"),
        ("{30: expired}", "write 30s for seconds"),
        ("{0s: expired}", "(1ms to 366 days)"),
        ("{9000h: expired}", "(1ms to 366 days)"),
        ("{30d: expired}", "'30d' is not a time"),
        ("{-5s: expired}", "'-5s' is not a time"),
        ("{5 s: expired}", "'5 s' is not a time"),
        ("{soon: expired}", "'soon' is not a time"),
        ("{5s: expird}", "Shut has no transition for 'expird', which comes after 5s"),
        ("{5s: 7}", "after: an event must be a text, not 7"),
        ("[5s]", "after must be a mapping"),
        ("{5s: looked, 5s: expired}", "'5s' is written twice"),
    ],
)
def test_wrong_time_is_found_by_check(after: str, told: str) -> None:
    """Each with a hint."""
    text = DOOR.replace("after: {20s: expired, 5s: nudged}", f"after: {after}")

    with pytest.raises(DefinitionError) as caught:
        compile_text(text, "door.yaml")

    assert any(told in problem and problem.startswith("door.yaml:5:") for problem in caught.value.problems), (
        caught.value
    )


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            "scripts.stop_grace",
            "no setting 'scripts.stop_grace' holds a time in seconds; did you mean 'scripts.stop_gr",
        ),
        ("storage.keep_runs", "no setting 'storage.keep_runs' holds a time in seconds"),
        ("scripts.directory", "no setting 'scripts.directory' holds a time in seconds"),
    ],
)
def test_setting_that_is_no_time_is_found_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, told: str
) -> None:
    """A name of robot.toml that is not there, or that holds something else."""
    file = tmp_path / "machine.yaml"
    file.write_text(STATES.replace("after: {scripts.stop_grace_s:", f"after: {{{setting}:"), encoding="utf-8")

    assert main(["check", str(file)]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "on_enter: claim_job}",
            "on_enter: claim_job, after: {5s: claim_failed}}",
            "Claiming has `after`, and does",
        ),
        (
            "name: Finished,",
            "name: Finished, after: {5s: no_job},",
            "Finished has `after`, and is final; `after` works only in",
        ),
        (
            "  - {trigger: script_not_started",
            "  - {trigger: over, source: Stopping, dest: Aborting}\n  - {trigger: over, source: Working, dest: Stopping}\n"
            "  - {trigger: script_not_started",
            "Working handles 'over', which never comes there; add it to its `after`",
        ),
    ],
)
def test_time_where_nobody_waits_is_found_by_check(old: str, new: str, told: str) -> None:
    """`after` belongs to a state in which the robot waits, and its event to the state that has it."""
    text = STATES.replace(old, new).replace(GRACE, " after: {scripts.stop_grace_s: grace_ended, 2h: over},")
    text = text if "over, source" in new else STATES.replace(old, new)
    assert text != STATES

    with pytest.raises(DefinitionError) as caught:
        compile_text(text, "m.yaml", callback_names(Callbacks), OUTCOMES, tuple(times()))

    assert any(told in problem for problem in caught.value.problems), caught.value


@given(st.floats(SHORTEST_S, LONGEST_S))
def test_span_as_text_is_read_as_it_was(seconds: float) -> None:
    """To the microsecond, for every length."""
    assert seconds_of(text_of(seconds)) == round(seconds, 6)


@pytest.mark.parametrize(
    ("text", "seconds", "canonical"),
    [
        ("500ms", 0.5, "500ms"),
        ("30s", 30.0, "30s"),
        ("2m", 120.0, "2m"),
        ("1.5h", 5400.0, "90m"),
        ("90s", 90.0, "90s"),
        ("3600s", 3600.0, "1h"),
        ("0.001s", 0.001, "1ms"),
    ],
)
def test_units(text: str, seconds: float, canonical: str) -> None:
    """ms, s, m, h."""
    assert seconds_of(text) == seconds
    assert text_of(seconds) == canonical


def test_machine_file_of_0_1_keeps_its_grace_time() -> None:
    """There the callback had the timer; a copy of that file must not wait for ever for a script that does not leave."""
    known = callback_names(Callbacks)
    old = compile_text(STATES.replace(GRACE, ""), "old.yaml", known, OUTCOMES)

    assert old.state("Stopping").after == (Timeout("grace_ended", setting="scripts.stop_grace_s"),)
    assert old.digest() == compile_text(STATES, "new.yaml", known, OUTCOMES).digest()


def test_digest_of_a_machine_without_times_is_what_it_was(robot_definition: Definition) -> None:
    """Journals name it: of what 0.1 did not have, a file that does not use it says nothing."""
    states = tuple(attrs.evolve(state, after=()) for state in robot_definition.states)
    bare = attrs.evolve(robot_definition, states=states)
    values = {key: value for key, value in bare.to_values().items() if key not in ("labels", "renamed")}
    for entry in [*values["states"], *values["transitions"], *values["callbacks"]]:
        for key in ("line", "column", "after", "errors", "heartbeats", "outcome"):
            entry.pop(key, None)
    del values["posted"]
    as_in_0_1 = hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    assert bare.digest() == as_in_0_1
    assert robot_definition.digest() != as_in_0_1


@pytest.fixture(scope="module")
def robot_definition() -> Definition:
    return definition_of_the_robot()


# ---- the robot's own


def stopping(**changes: Any) -> World:
    gateway = FakeGateway([JOB_FOUND, NO_JOB], [TAKEN], beats=[STOP])
    return World(gateway=gateway, worker=FakeWorker(on_kill=Ending("aborted", exit_code=-9)), **changes)


@pytest.mark.parametrize("grace_s", [0.0, 7.5, 60.0, 3600.0])
def test_grace_time_of_the_robot_is_the_time_of_its_state(grace_s: float) -> None:
    """As long as the setting says, to the virtual second; then the script is killed."""
    world = stopping(settings={"scripts.stop_grace_s": grace_s})
    began_s = world.clock.now_s

    world.run()

    assert world.worker.done[1:] == [("ask_to_stop",), ("kill", "stop_ran_out")]
    assert world.gateway.statuses() == [8, 3]
    assert world.clock.now_s - began_s == 10.0 + grace_s
    step = next(step for step in world.steps if step.event.name == "grace_ended")
    assert step.event.data == {"after_s": grace_s, "setting": "scripts.stop_grace_s"}


def test_simulator_lets_time_run_out_in_a_state_of_ones_own() -> None:
    """Virtual time, crashes and all: Working may last 40 s in this machine, and every promise holds."""
    text = STATES.replace(
        "ignores: [grace_ended, interrupted_again]",
        "ignores: [grace_ended, interrupted_again], after: {40s: took_too_long}",
    ).replace(
        "  - {trigger: script_not_started",
        "  - {trigger: took_too_long, source: Working, dest: Stopping}\n  - {trigger: script_not_started",
    )
    setup = Setup(compile_text(text, "m.yaml", callback_names(Callbacks), OUTCOMES, tuple(times())))

    tally = explore.by_seed(setup, 3, 160, ["hang", "answer_lost", "crash"], most_findings=99)

    assert "Working--took_too_long-->Stopping" in tally.transitions
    # A stop that nobody ordered is what this machine wants, and what the promises speak against: they are right to.
    assert {found.invariant for finding in tally.findings for found in finding.violations} <= {"orders_are_followed"}
