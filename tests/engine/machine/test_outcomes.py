"""States of one's own on the way to the report: how the job ended must be said by somebody."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.errors import DefinitionError
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.robot.machine import built_in
from fsm_robot.robot.ports import ConsumeAnswer
from tests.fakes.world import GONE, JOB, JOB_FOUND, NO_JOB, FakeGateway, FakeWorker, World

TEXT = built_in().read_text(encoding="utf-8")
CLAIMED = "  - {trigger: job_claimed, source: Claiming, dest: Working}\n"


def approving(refused: str, interrupted: str = ", outcome: not_started") -> str:
    """The robot's machine with a state between claim and script, whose callback answers by itself."""
    assert CLAIMED in TEXT
    edges = (
        "  - {trigger: job_claimed, source: Claiming, dest: Approving}\n"
        "  - {trigger: approved, source: Approving, dest: Working}\n"
        f"  - {{trigger: refused, source: Approving, dest: Reporting{refused}}}\n"
        f"  - {{trigger: interrupted, source: Approving, dest: Reporting{interrupted}}}\n"
    )
    return (
        TEXT.replace(CLAIMED, edges)
        .replace("  - {name: Working,", "  - {name: Approving, on_enter: ask}\n  - {name: Working,", 1)
        .replace("callbacks:\n", "callbacks:\n  ask: {answers: [approved, refused, interrupted]}\n", 1)
    )


class Asking(Callbacks):
    answer = Event("refused")

    def ask(self, step: Step) -> Event:
        return self.answer


def compiled(text: str, kind: type[Callbacks] = Asking) -> Definition:
    return compile_text(text, "m.yaml", callback_names(kind), OUTCOMES)


def run(definition: Definition, answer: Event) -> World:
    gateway = FakeGateway([JOB_FOUND, NO_JOB], [ConsumeAnswer(0, job=JOB), GONE])
    kind = type("Kind", (Asking,), {"answer": answer})
    world = World(definition=definition, gateway=gateway, worker=FakeWorker(), callbacks_class=kind)
    assert world.run() == 0
    return world


@pytest.mark.parametrize("event", ["refused", "interrupted"])
def test_own_state_that_leads_to_the_report_without_an_outcome_is_a_mistake(event: str, tmp_path: Path) -> None:
    """`check` names the transition and what to add to it."""
    text = approving("") if event == "refused" else approving(", outcome: failed", "")

    with pytest.raises(DefinitionError) as caught:
        compiled(text)

    (problem,) = caught.value.problems
    assert (
        f"Approving on {event} leads to Reporting, and the outcome of the job is not known there; add `outcome:"
        in problem
    )
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert main(["check", str(path), "--any-callbacks"]) == 2
    # Who only looks at it, or at what an old one did, is not kept from that.
    assert machine_file.load(path, None, ()).name == "robot"


@pytest.mark.parametrize("outcome", ["failed", "not_started", "stopped"])
def test_declared_outcome_is_what_is_reported_and_what_the_journal_keeps(outcome: str) -> None:
    """The orchestrator hears its status; a life after a crash would find the same in the journal."""
    definition = compiled(approving(f", outcome: {outcome}"))
    world = run(definition, Event("refused"))

    assert world.gateway.statuses() == [8, definition.outcomes[outcome]]
    (refused,) = (step for step in world.steps if step.event.name == "refused")
    assert refused.event.data == {"outcome": outcome}


def test_an_event_that_says_the_outcome_itself_knows_better() -> None:
    """The transition declares what holds where the event says nothing."""
    world = run(compiled(approving(", outcome: not_started")), Event("refused", {"outcome": "stopped"}))

    assert world.gateway.statuses() == [8, 7]


def test_a_state_behind_the_end_of_the_script_needs_to_say_nothing() -> None:
    """The outcome of the script is known by then."""
    text = (
        TEXT.replace(
            "source: [Working, Stopping, Aborting], dest: Reporting",
            "source: [Working, Stopping, Aborting], dest: Tidying",
        )
        .replace("  - {name: Reporting,", "  - {name: Tidying, on_enter: ask}\n  - {name: Reporting,")
        .replace("  # 5. Report", "  - {trigger: refused, source: Tidying, dest: Reporting}\n  # 5. Report")
        .replace("callbacks:\n", "callbacks:\n  ask: {answers: [refused]}\n", 1)
    )

    assert compiled(text).state("Tidying").on_enter == "ask"


def test_two_states_of_ones_own_in_a_row_are_followed() -> None:
    """The mistake is at the last one, however long the way was."""
    text = approving("").replace("source: Approving, dest: Reporting}", "source: Approving, dest: Filing}", 1)
    text = text.replace("  - {name: Working,", "  - {name: Filing, on_enter: file}\n  - {name: Working,", 1)
    text = text.replace("  # 4. Work", "  - {trigger: filed, source: Filing, dest: Reporting}\n  # 4. Work")
    text = text.replace("callbacks:\n", "callbacks:\n  file: {answers: [filed]}\n", 1)

    with pytest.raises(DefinitionError, match="Filing on filed leads to Reporting, and the outcome"):
        compile_text(text, "m.yaml", None, OUTCOMES)


def test_without_an_outcome_the_digest_is_what_it_was() -> None:
    """The key came later; machines that do not use it are still known by their journals."""
    with_one = compile_text(
        TEXT.replace(
            "claim_failed, source: Claiming, dest: Reporting",
            "claim_failed, source: Claiming, dest: Reporting, outcome: failed",
        ),
        "m",
    )
    assert with_one.digest() != machine_file.load(built_in(), None, ()).digest()
