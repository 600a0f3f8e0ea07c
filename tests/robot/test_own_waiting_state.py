"""A waiting state of one's own between claiming and working: with heartbeats, orders are heard in it."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.ports import Posted
from fsm_robot.robot.callbacks import Callbacks
from fsm_robot.robot.ports import Ending
from fsm_robot.testing.world import (
    ABORT,
    FINE,
    JOB_FOUND,
    NO_JOB,
    STOP,
    TAKEN,
    FakeGateway,
    FakeJournal,
    FakeWorker,
    World,
    definition_of_the_robot,
)

STATES = Path(__file__).parents[2] / "states.yaml"
ADDED_STATE = """\
  - {name: Approving, on_enter: ask_for_approval, HEARTBEATSafter: {10m: nobody_answered},
     ignores: [script_ended, contact_lost, robot_forgotten, grace_ended, interrupted_again]}
  - {name: Reporting"""
ADDED_EDGES = """\
transitions:
  - {trigger: approved, source: Approving, dest: Working}
  - {trigger: nobody_answered, source: Approving, dest: Reporting, outcome: not_started}
  - {trigger: stop_ordered, source: Approving, dest: Reporting, outcome: stopped}
  - {trigger: abort_ordered, source: Approving, dest: Reporting, outcome: aborted}
  - {trigger: interrupted, source: Approving, dest: Reporting, outcome: not_started}
"""
ADDED_CALLBACK = """\
callbacks:
  ask_for_approval: {waits: true, answers: []}
"""


class Approving(Callbacks):
    """The robot's callbacks, and one more."""

    def ask_for_approval(self, step: Step) -> None:
        """Wait for a person."""


def machine(folder: Path, *, heartbeats: bool) -> Path:
    text = STATES.read_text(encoding="utf-8")
    for old, new in (
        ("  - {name: Reporting", ADDED_STATE.replace("HEARTBEATS", "heartbeats: true, " if heartbeats else "")),
        ("transitions:\n", ADDED_EDGES),
        ("callbacks:\n", ADDED_CALLBACK),
        ("source: Claiming, dest: Working}", "source: Claiming, dest: Approving}"),
        ("inbox:", "posted: [approved]\ninbox:"),
    ):
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "states.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def world(folder: Path, gateway: FakeGateway, *, heartbeats: bool = True) -> World:
    return World(
        machine=machine(folder, heartbeats=heartbeats), callbacks_class=Approving, gateway=gateway, worker=FakeWorker()
    )


@pytest.mark.parametrize(("order", "status"), [(STOP, 7), (ABORT, 3)])
def test_orders_are_heard_while_a_person_is_waited_for(tmp_path: Path, order: object, status: int) -> None:
    gateway = FakeGateway(announces=[JOB_FOUND, NO_JOB], consumes=[TAKEN], beats=[FINE, order])
    robot = world(tmp_path, gateway)

    assert robot.run() == 0
    assert gateway.statuses() == [8, status]
    assert [call[0] for call in gateway.calls].count("beat") == 2


def test_without_heartbeats_nothing_is_heard_there(tmp_path: Path) -> None:
    gateway = FakeGateway(announces=[JOB_FOUND, NO_JOB], consumes=[TAKEN], beats=[ABORT])
    robot = world(tmp_path, gateway, heartbeats=False)

    assert robot.run() == 0
    assert gateway.statuses() == [8, 5], "nobody answered within ten minutes"
    assert not [call for call in gateway.calls if call[0] == "beat"]


def test_what_is_posted_means_nothing_where_no_edge_is(tmp_path: Path) -> None:
    """A new event from outside need not be ignored by hand in every other waiting state."""
    definition = definition_of_the_robot(machine(tmp_path, heartbeats=True), Approving)
    for state in definition.states:
        if state.on_enter in ("run_script", "ask_script_to_stop", "kill_script"):
            assert "approved" in state.ignores
    assert "approved" not in definition.state("Approving").ignores
    assert attrs.evolve(definition, posted=()).digest() != definition.digest()


def test_approval_that_cannot_be_written_down_is_acted_upon_and_who_posts_is_told(tmp_path: Path) -> None:
    """Its script is not started any more, the job is reported; nobody waits for a record that does not come."""
    told: list[tuple[str, str]] = []

    class Approved(Approving):
        def ask_for_approval(self, step: Step) -> None:
            self.ports.inbox.post(Posted("approved", written=lambda step, problem: told.append((step.dest, problem))))

    gateway = FakeGateway(announces=[JOB_FOUND, NO_JOB], consumes=[TAKEN], beats=[FINE])
    robot = attrs.evolve(
        world(tmp_path, gateway),
        callbacks_class=Approved,
        journal=FakeJournal(broken_from=5),
        worker=FakeWorker(on_start=Ending("succeeded", exit_code=0)),
    )

    robot.run()

    ((dest, problem),) = told
    assert (dest, gateway.statuses()) == ("Working", [8, 5])
    assert problem.startswith(
        "no space left on device; approved: Approving -> Working was done, and may be missing in the journal"
    )
