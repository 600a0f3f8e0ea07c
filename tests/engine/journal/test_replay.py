from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import attrs
import pytest

from fsm_robot.engine.journal.explain import Replayed, as_values, exit_code, explained, junit, summary
from fsm_robot.engine.journal.file import read_file
from fsm_robot.engine.journal.record import Reading, line_of, read, step_values
from fsm_robot.engine.journal.replay import Verdict, replay
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.core import RobotMachine, Step
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.machine import built_in
from tests.fakes.world import definition_of_the_robot

DEFINITION = definition_of_the_robot()
TEXT = built_in().read_text(encoding="utf-8")
JOB = {"job": "5c1e0000-0000-4000-8000-00000000000a", "script": "s", "run_token": "t"}
EVENTS = [
    Event("nothing_left"),
    Event("job_found"),
    Event("job_consumed", JOB),
    Event("job_claimed"),
    Event("stop_ordered", {}, 1),
    Event("stop_ordered", {}, 1),
    Event("script_ended", {"outcome": "stopped"}, 1),
    Event("job_reported", {"status": 7}),
    Event("no_job"),
]


def steps(events: list[Event], definition: Definition = DEFINITION) -> list[Step]:
    machine = RobotMachine(definition)
    return [machine.start(), *(machine.handle(event) for event in events)]


def lines(taken: list[Step], end: int | None = 0, header: dict[str, object] | None = None) -> list[bytes]:
    values = {"format": 1, "machine": "robot", "machine_sha256": DEFINITION.digest(), **(header or {})}
    records = [("header", values)]
    records += [("step", step_values(step, "2026-11-23T00:00:00.000000Z", step.seq / 10)) for step in taken]
    if end is not None:
        records.append(("end", {"at": "2026-11-23T00:00:01.000000Z", "exit_code": end}))
    chain, written = "", []
    for kind, content in records:
        line, chain = line_of(kind, content, chain, lambda text: text)
        written.append(line.encode())
    return written


def journal(taken: list[Step], end: int | None = 0) -> Reading:
    return read(lines(taken, end))


def changed(old: str, new: str, more: str = "") -> Definition:
    assert old in TEXT
    return compile_text(TEXT.replace(old, new) + more, "states.yaml")


def test_run_is_identical_on_the_machine_that_made_it() -> None:
    """Every step is decided the same, ignored events too."""
    assert replay(journal(steps(EVENTS)), DEFINITION) == Verdict("identical", len(EVENTS) + 1)


def test_late_event_is_replayed_as_one() -> None:
    """An event of an earlier job changes nothing in the replay either."""
    machine = RobotMachine(DEFINITION)
    taken = [machine.start(), machine.late(Event("script_ended", {}, 7)), machine.handle(Event("nothing_left"))]

    assert replay(journal(taken, None), DEFINITION).judgement == "identical"


def test_budget_is_counted_in_the_replay() -> None:
    """The second miss in a row ends the run; a machine with a larger budget diverges exactly there."""
    events = [Event("nothing_left"), *[Event("job_found"), Event("job_gone")] * 2]
    reading = journal(steps(events))

    assert replay(reading, DEFINITION).judgement == "identical"
    found = replay(reading, changed("dest: Ready, at_most: 1,", "dest: Ready, at_most: 2,")).divergence
    assert found is not None
    assert (found.seq, found.event, found.actual.dest if found.actual else "") == (5, "job_gone", "Ready")


CHANGES: dict[str, tuple[str, str, int, str, str]] = {
    "another destination": (
        "{trigger: stop_ordered, source: Working, dest: Stopping}",
        "{trigger: stop_ordered, source: Working, dest: Aborting}",
        5,
        "stop_ordered",
        "write `dest: Stopping` in line",
    ),
    "another exit code": (
        "{trigger: no_job, source: Ready, dest: Finished, exit_code: 0}",
        "{trigger: no_job, source: Ready, dest: Finished, exit_code: 3}",
        9,
        "no_job",
        "write `exit_code: 0` in line",
    ),
    "another callback": (
        "on_enter: claim_job",
        "on_enter: consume_job",
        3,
        "job_consumed",
        "write `on_enter: claim_job` at the state Claiming",
    ),
    "not ignored any more": (
        "ignores: [stop_ordered, contact_lost, interrupted]",
        "ignores: [contact_lost, interrupted]",
        6,
        "stop_ordered",
        "add `- {trigger: stop_ordered, source: Stopping, dest: Stopping}` to `transitions`",
    ),
}


@pytest.mark.parametrize(("old", "new", "seq", "event", "advice"), CHANGES.values(), ids=CHANGES.keys())
def test_changed_machine_diverges_where_it_decides_otherwise(
    old: str, new: str, seq: int, event: str, advice: str
) -> None:
    """The step, the line in both files, what would have been allowed there, and what to write."""
    text = TEXT.replace(old, new)
    definition = machine_from(text)

    verdict = replay(journal(steps(EVENTS)), definition)

    found = verdict.divergence
    assert verdict.judgement == "divergent"
    assert found is not None
    assert (found.seq, found.event, found.journal_line) == (seq, event, seq + 2)
    changed_line = text[: text.index(new)].count("\n") + 1 if "trigger" in new or "ignores" in new else None
    if changed_line is not None:
        assert abs(found.machine_line - changed_line) <= (2 if "ignores" in new else 0)
    assert set(found.allowed) == {edge.trigger for edge in definition.transitions_from(found.state)}
    assert any(advice in line for line in found.advice)


def machine_from(text: str) -> Definition:
    """Compile without the checks of soundness: replay is asked while somebody is still at work on the file."""
    from fsm_robot.engine.machine import compiler

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compiler, "check", lambda *_: [])
        return compile_text(text, "states.yaml")


def test_unknown_event_gets_the_nearest_name() -> None:
    """A misspelt trigger is told with a did-you-mean."""
    definition = machine_from(TEXT.replace("job_claimed", "job_clamed"))

    found = replay(journal(steps(EVENTS)), definition).divergence

    assert found is not None
    assert (found.seq, found.actual) == (4, None)
    assert "did you mean 'job_clamed'?" in found.sentence
    assert any("renamed: {job_claimed:" in advice for advice in found.advice)


RENAMED = "\nrenamed: {stop_ordered: stop_asked, Stopping: Halting, ask_script_to_stop: halt_script}\n"


def renamed(more: str = RENAMED) -> Definition:
    text = TEXT.replace("stop_ordered", "stop_asked").replace("Stopping", "Halting")
    return compile_text(text.replace("ask_script_to_stop", "halt_script") + more, "states.yaml")


def test_renamed_names_make_a_run_compatible() -> None:
    """States, events and callbacks under new names are the same decisions, and the verdict says which were used."""
    verdict = replay(journal(steps(EVENTS)), renamed())

    assert verdict.judgement == "compatible"
    assert verdict.renamed == {
        "stop_ordered": "stop_asked",
        "Stopping": "Halting",
        "ask_script_to_stop": "halt_script",
    }


def test_run_that_uses_no_renamed_name_stays_identical() -> None:
    """`renamed:` alone changes no verdict."""
    assert replay(journal(steps([EVENTS[0], EVENTS[-1]])), renamed()).judgement == "identical"


def test_renamed_names_without_the_map_diverge_and_the_advice_is_the_map() -> None:
    """Who only renamed a state is told what to add."""
    text = TEXT.replace("Stopping", "Halting")
    found = replay(journal(steps(EVENTS)), compile_text(text, "states.yaml")).divergence

    assert found is not None
    assert any("renamed: {Stopping: Halting}" in advice for advice in found.advice)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "ignored"),
        ("source", "Ready"),
        ("dest", "Ready"),
        ("transition", "Claiming--job_claimed-->Stopping"),
        ("callback", "kill_script"),
        ("exit_code", 0),
    ],
)
def test_every_part_of_a_decision_is_compared(field: str, value: Any) -> None:
    """A record that differs in one field alone is a divergence at that step."""
    taken = steps(EVENTS)
    taken[4] = attrs.evolve(taken[4], **{field: value})

    found = replay(journal(taken), DEFINITION).divergence

    assert found is not None
    assert (found.seq, found.journal_line) == (4, 6)


# ---- too much, too little


def test_record_behind_the_final_state_is_a_divergence() -> None:
    """Unread records are no success."""
    taken = steps(EVENTS)
    extra = Step(len(taken), Event("job_found"), "taken", "Ready", "Consuming", "Ready--job_found-->Consuming")

    found = replay(journal([*taken, extra]), DEFINITION).divergence

    assert found is not None
    assert "had ended in Finished, and the journal goes on" in found.sentence


def test_journal_that_ends_before_the_machine_does_is_a_divergence() -> None:
    """An end record where the machine would go on is told, with where it is."""
    found = replay(journal(steps(EVENTS[:4])), DEFINITION).divergence

    assert found is not None
    assert "the machine would go on: Working is not final" in found.sentence


def test_missing_step_and_wrong_exit_code_are_divergences() -> None:
    """A gap in the numbers, and an end that does not fit the last step."""
    taken = steps(EVENTS)

    gap = replay(journal([*taken[:3], *taken[4:]]), DEFINITION).divergence
    code = replay(journal(taken, 4), DEFINITION).divergence

    assert gap is not None
    assert "step 3 is missing" in gap.sentence
    assert code is not None
    assert "exit code 4, the machine with 0" in code.sentence


def test_anything_behind_the_end_record_is_a_divergence() -> None:
    """Two ends, or a step behind the end, are nothing that the robot writes."""
    reading = journal(steps(EVENTS))
    doubled = Reading([*reading.records, reading.records[-1]])

    found = replay(doubled, DEFINITION).divergence

    assert found is not None
    assert f"the run had ended in line {len(reading.records)}" in found.sentence


def test_torn_tail_is_told_and_the_rest_is_judged() -> None:
    """A power loss is no divergence; the verdict says what it is worth."""
    written = lines(steps(EVENTS))
    verdict = replay(read([*written[:-1], written[-1][:20]]), DEFINITION)

    assert (verdict.judgement, verdict.steps) == ("identical", len(EVENTS) + 1)
    assert f"line {len(written)} is torn" in verdict.remarks[0]


def test_run_without_an_end_is_told() -> None:
    """A partial history is never silently fine."""
    verdict = replay(journal(steps(EVENTS[:4]), None), DEFINITION)

    assert verdict.judgement == "identical"
    assert verdict.remarks == ("the run has no end: the robot died, or still runs",)


def test_changed_line_is_no_success() -> None:
    """The lines before it are judged, and the file is damaged all the same."""
    written = lines(steps(EVENTS))
    written[4] = written[4].replace(b"token", b"tokem").replace(b'"script":"s"', b'"script":"t"')

    verdict = replay(read(written), DEFINITION)

    assert (verdict.judgement, verdict.steps) == ("damaged", 3)
    assert "line 5 was changed" in verdict.remarks[0]


def test_other_machine_is_remarked_and_not_judged_by_its_hash() -> None:
    """A new state elsewhere changes the hash and no decision of this run."""
    other = changed("pause_s: 5 ", "pause_s: 6 ")

    verdict = replay(journal(steps(EVENTS)), other)

    assert verdict.judgement == "identical"
    assert verdict.remarks == ("the machine file is not the one that the run was made with",)


def test_digest_does_not_depend_on_the_old_names() -> None:
    """`renamed:` says something about the past and nothing about what the machine does."""
    assert compile_text(TEXT + "\nrenamed: {before: no_job}\n", "x").digest() == DEFINITION.digest()


# ---- how it is told


def everything() -> list[Replayed]:
    broken = changed(CHANGES["another destination"][0], CHANGES["another destination"][1])
    return [
        Replayed("a.jsonl", replay(journal(steps(EVENTS)), DEFINITION)),
        Replayed("b.jsonl", replay(journal(steps(EVENTS)), renamed())),
        Replayed("c\x01<.jsonl", replay(journal(steps(EVENTS)), broken)),
        Replayed("d.jsonl", replay(Reading([], "changed", "line 1 is not a JSON object", 1), DEFINITION)),
    ]


def test_exit_code_and_summary_count_the_verdicts() -> None:
    """0, 1 or 2, the worst one wins, and the summary names the numbers."""
    one, two, three, four = everything()

    assert (exit_code([one, two]), exit_code([one, three]), exit_code([one, three, four])) == (0, 1, 2)
    assert summary(everything()) == "4 runs: 1 identical, 1 compatible, 1 divergent, 1 damaged"


def test_junit_report_is_whole_xml_with_a_failure_and_an_error() -> None:
    """A CI server reads it, whatever the file names hold."""
    suite = ElementTree.fromstring(junit(everything(), "states.yaml")).find("testsuite")

    assert suite is not None
    assert [suite.get(key) for key in ("tests", "failures", "errors")] == ["4", "1", "1"]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "goes to Stopping" in str(failure.get("message"))
    assert "states.yaml:" in str(failure.text)


def test_values_are_json_and_hold_both_lines() -> None:
    """A program finds what a person reads."""
    values = json.loads(json.dumps(as_values(everything()[2])))

    assert values["verdict"] == "divergent"
    assert values["divergence"]["journal_line"] == 7
    assert values["divergence"]["expected"]["dest"] == "Stopping"
    assert values["divergence"]["actual"]["dest"] == "Aborting"


def test_explanation_names_both_files_with_their_lines() -> None:
    """A newcomer finds the two lines that disagree."""
    text = "\n".join(explained(everything()[2], "my.yaml"))

    line = TEXT[: TEXT.index("{trigger: stop_ordered, source: Working")].count("\n") + 1
    assert f"my.yaml:{line}" in text
    assert "c\\x01<.jsonl:7" in text
    assert text.replace("\n", "").isprintable()
    assert "allowed   in Working: script_ended" in text


def test_plugin_fixture_fails_with_the_explanation(tmp_path: Path, replay_journal: Callable[..., Verdict]) -> None:
    """A test of a broken machine fails with the sentence, not with a traceback."""
    (tmp_path / "run.jsonl").write_bytes(b"".join(lines(steps(EVENTS))))
    (tmp_path / "broken.yaml").write_text(TEXT.replace(*CHANGES["another destination"][:2]), encoding="utf-8")

    with pytest.raises(pytest.fail.Exception, match="write `dest: Stopping` in line"):
        replay_journal(tmp_path / "run.jsonl", tmp_path / "broken.yaml")
    assert read_file(tmp_path / "run.jsonl").wrong == ""
