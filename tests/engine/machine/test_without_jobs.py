"""A machine without jobs: a traffic light compiles, is checked and drawn, and no word of an orchestrator appears."""

from __future__ import annotations

import json
import re
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsm_robot.analyst.bpmn.kept_places import drawn
from fsm_robot.analyst.bpmn.overview import analysts_process
from fsm_robot.analyst.formats.machine_text import machine_text
from fsm_robot.analyst.formats.markdown import markdown
from fsm_robot.analyst.words import words
from fsm_robot.analyst.xml_in import parse
from fsm_robot.cli import main
from fsm_robot.cli.diagram import FORMATS
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.core import RobotMachine
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.robot.machine import built_in
from tests.analyst.random_machines import machines
from tests.fakes.journals import JournalMaker

LIGHT = """\
states:
  - {name: Red, on_enter: let_people_cross}
  - {name: Green, on_enter: let_cars_pass}
  - {name: Dark, final: true}
transitions:
  - {trigger: people_crossed, source: Red, dest: Green, progress: true}
  - {trigger: cars_passed, source: Green, dest: Red}
  - {trigger: night_fell, source: Green, dest: Dark}
callbacks:
  let_people_cross: {answers: [people_crossed]}
  let_cars_pass: {answers: [cars_passed, night_fell], does: counts cars}
"""
DRAWN = sorted(set(FORMATS) - {"png", "pdf"})
OF_JOBS = re.compile(r"orchestrat|оркестрат|outcome|heartbeat|job|задани|script ended|states\.yaml", re.IGNORECASE)


def words_of_jobs(name: str, text: str) -> set[str]:
    # The player's own page has a list of jobs, empty here; what it may not have is somebody who gives them.
    found = re.compile(r"orchestrat|оркестрат", re.IGNORECASE) if name == "html" else OF_JOBS
    return set(found.findall(text))


@pytest.fixture
def light(tmp_path: Path) -> Path:
    path = tmp_path / "light.yaml"
    path.write_text(LIGHT, encoding="utf-8")
    return path


def test_states_transitions_and_callbacks_are_enough(light: Path) -> None:
    """Name, start and exit code are what everybody would guess."""
    definition = machine_file.load(light, None, ())
    machine = RobotMachine(definition)

    assert (definition.name, definition.initial, definition.has_jobs) == ("light", "Red", False)
    assert machine.start().callback == "let_people_cross"
    machine.handle(Event("people_crossed"))
    assert machine.handle(Event("night_fell")).exit_code == 0


def test_check_takes_it_and_finds_its_mistakes(light: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The robot's callbacks and outcomes are not asked for; everything else is."""
    assert main(["check", str(light)]) == 0
    assert words_of_jobs("check", capsys.readouterr().out) == set()
    assert main(["check", str(light), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["machine"]["outcomes"] == {}

    light.write_text(LIGHT.replace("dest: Green", "dest: Gren"), encoding="utf-8")
    assert main(["check", str(light)]) == 2
    assert capsys.readouterr().err == f"{light}:6:5: people_crossed: there is no state 'Gren'; did you mean 'Green'?\n"

    light.write_text(LIGHT.replace("does: counts cars", "retry: {on: [no_answer], for_s: 5}"), encoding="utf-8")
    assert main(["check", str(light)]) == 2
    assert "let_cars_pass: `retry` works only in announce" in capsys.readouterr().err


def test_machine_that_reports_jobs_needs_outcomes_all_the_same() -> None:
    """Whoever deletes the outcomes of the robot's machine is told each of them."""
    text = built_in().read_text(encoding="utf-8").partition("outcomes:")[0]

    with pytest.raises(Exception, match="outcome 'lost' has no job status; add `lost: 5`"):
        compile_text(text, "states.yaml", callback_names(Callbacks), OUTCOMES)


@pytest.mark.parametrize("language", ["", "ru"])
@pytest.mark.parametrize("name", DRAWN)
def test_no_word_of_an_orchestrator_is_in_a_drawing_of_it(light: Path, name: str, language: str) -> None:
    """In every format, with names and with titles."""
    light.with_name("light.ru.yaml").write_text("states: {Red: {title: Красный}}", encoding="utf-8")
    made = light.with_name("made")

    assert (
        main(["diagram", str(light), "--format", name, "-o", str(made), *(["--lang", language] if language else [])])
        == 0
    )

    text = made.read_text(encoding="utf-8")
    assert words_of_jobs(name, text) == set()
    assert "Red" in text or "Красный" in text


@pytest.mark.parametrize("name", DRAWN)
def test_the_robots_own_drawings_have_such_words(tmp_path: Path, name: str) -> None:
    """So the search would find them."""
    assert main(["diagram", "--format", name, "-o", str(tmp_path / "made")]) == 0

    assert re.search("orchestrat|job", (tmp_path / "made").read_text(encoding="utf-8"), re.IGNORECASE)


def bare(machine: Definition) -> Definition:
    """The machine with nothing that belongs to jobs."""
    return attrs.evolve(
        machine,
        outcomes={},
        callbacks=tuple(attrs.evolve(spec, codes={}, does="") for spec in machine.callbacks),
        transitions=tuple(attrs.evolve(edge, outcome="") for edge in machine.transitions),
    )


plain = st.from_regex(r"[A-Z][a-z]{2,9}", fullmatch=True).filter(lambda text: not OF_JOBS.search(text))


@pytest.mark.long
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(machines(plain).map(bare))
def test_any_machine_without_jobs_is_drawn_without_their_words(machine: Definition) -> None:
    """BPMN has no pool, for there is no partner; Markdown has no empty heads; the machine file comes back the same."""
    process = analysts_process(words(machine))
    text = drawn(process, None)

    assert process.pools == ()
    assert process.messages == ()
    assert words_of_jobs("bpmn", text) == set()
    assert text.count("<participant ") == 0
    assert drawn(process, parse(text.encode(), "old.bpmn")).count("<participant ") == 0
    assert words_of_jobs("markdown", markdown(machine, source="m.yaml")) == set()
    assert compile_text(machine_text(machine), "m.yaml").digest() == machine.digest()


@pytest.mark.parametrize("name", ["scxml", "bpmn-exact"])
def test_it_comes_back_from_its_drawings(light: Path, name: str) -> None:
    """A machine file that has no outcomes either."""
    drawing, again = light.with_name("drawing"), light.with_name("again.yaml")
    assert main(["diagram", str(light), "--format", name, "-o", str(drawing)]) == 0
    assert main(["diagram", "--from", str(drawing), "-o", str(again)]) == 0

    assert "outcomes" not in again.read_text(encoding="utf-8")
    assert machine_file.load(again, None, ()).digest() == machine_file.load(light, None, ()).digest()


def test_export_and_conformance_take_its_journal(light: Path) -> None:
    """A run of it, written by the journal itself, as an event log and against its machine."""
    folder = light.with_name("journal")
    folder.mkdir()
    maker = JournalMaker(definition=machine_file.load(light, None, ()))
    maker.write(folder / "000001-20261123T200000Z.jsonl", ["people_crossed", "night_fell"])

    assert main(["conformance", str(folder), "--machine", str(light)]) == 0
    assert main(["replay", str(folder), "--machine", str(light)]) == 0
    for name in ("xes", "csv", "ocel"):
        made = light.with_name(name)
        assert main(["export", str(folder), "--format", name, "-o", str(made)]) == 0
        assert re.search("orchestrat", made.read_text(encoding="utf-8"), re.IGNORECASE) is None
        assert "Green" in made.read_text(encoding="utf-8")
