from __future__ import annotations

import random

import pytest

from fsm_robot.engine.machine.core import RobotMachine
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.errors import UnexpectedEventError
from tests.engine.machine.walks import Table, covering_walks


def test_machine_agrees_with_a_plain_table_on_walks_that_cover_every_transition(robot_definition: Definition) -> None:
    """The executor and an independent interpreter take the same transitions, callbacks and exit codes."""
    covered = set()
    for walk in covering_walks(robot_definition):
        machine, table = RobotMachine(robot_definition), Table(robot_definition)
        first = machine.start()
        assert first.callback == robot_definition.state(robot_definition.initial).on_enter

        for seq, name in enumerate(walk, start=1):
            expected = table.handle(name)
            step = machine.handle(Event(name))

            assert expected is not None
            assert (step.seq, step.transition, step.dest, step.exit_code) == (
                seq,
                expected.key,
                table.state,
                expected.exit_code,
            )
            internal = expected.kind == "internal"
            assert step.callback == ("" if internal else robot_definition.state(expected.dest).on_enter)
            covered.add(step.transition)
        assert machine.finished
    assert covered == {edge.key for edge in robot_definition.transitions}


def test_machine_agrees_with_a_plain_table_on_random_events(robot_definition: Definition) -> None:
    """Whatever order events come in, executor and table refuse, ignore and take the same ones."""
    rng = random.Random(7)
    events = robot_definition.events()
    for _ in range(300):
        machine, table = RobotMachine(robot_definition), Table(robot_definition)
        machine.start()
        while not machine.finished:
            name = rng.choice(events) if rng.random() < 0.3 else rng.choice(machine.allowed())
            ignored = name in robot_definition.state(machine.state).ignores
            expected = table.handle(name)
            if expected is None and not ignored:
                with pytest.raises(UnexpectedEventError, match=name):
                    machine.handle(Event(name))
            else:
                step = machine.handle(Event(name))
                assert step.kind == (
                    "ignored" if expected is None else "stayed" if expected.kind == "internal" else "taken"
                )
            assert machine.state == table.state


def test_budget_when_used_up_leads_to_the_spent_transition_and_progress_renews_it(robot_definition: Definition) -> None:
    """Code 102 leads back to Ready once, then counts as no job; a job taken in between starts the count anew."""
    machine = RobotMachine(robot_definition)
    machine.start()
    for name in ("nothing_left", "job_found", "job_gone", "job_found", "job_consumed", "claim_failed", "job_reported"):
        machine.handle(Event(name))

    assert machine.handle(Event("job_found")).dest == "Consuming"
    assert machine.handle(Event("job_gone")).dest == "Ready"
    machine.handle(Event("job_found"))
    last = machine.handle(Event("job_gone"))

    assert (last.dest, last.exit_code) == ("Finished", 0)


def test_late_event_changes_nothing(robot_definition: Definition) -> None:
    """An event of an earlier job is a step of its own that leaves the state as it is."""
    machine = RobotMachine(robot_definition)
    machine.start()

    step = machine.late(Event("script_ended", job_run=1))

    assert (step.kind, step.source, step.dest, step.callback) == ("late", "Recovering", "Recovering", "")


def test_event_named_like_a_method_of_the_machine_is_still_an_event() -> None:
    """A trigger called `state` or `handle` neither hides a method nor is lost."""
    from fsm_robot.engine.machine.compiler import compile_text

    text = """
format: 1
machine: m
initial: A
states: [{name: A, on_enter: go}, {name: "Off", final: true}]
transitions: [{trigger: handle, source: A, dest: Off, exit_code: 0}]
callbacks: {go: {answers: [handle]}}
outcomes: {failed: 5}
"""
    machine = RobotMachine(compile_text(text, "m.yaml"))
    machine.start()

    assert machine.handle(Event("handle")).dest == "Off"
    assert machine.finished
