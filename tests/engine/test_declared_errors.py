"""Errors that a machine file turns into events: `errors` of a callback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.cli import main
from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.file import read_file, read_journal
from fsm_robot.engine.journal.replay import replay
from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.definition import CallbackSpec, Definition, Transition
from fsm_robot.engine.machine.error_names import NEVER_CAUGHT, event_for_error
from fsm_robot.engine.machine.events import Event
from fsm_robot.errors import CallbackError, DefinitionError
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.robot.machine import built_in
from fsm_robot.simulator import explore
from fsm_robot.simulator.invariants import violations
from fsm_robot.simulator.scenario import Scenario
from fsm_robot.simulator.world import Setup
from fsm_robot.testing.world import Lines
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.world import (
    JOB_FOUND,
    NO_JOB,
    TAKEN,
    FakeGateway,
    FakeJournal,
    FakeWorker,
    World,
    definition_of_the_robot,
)

STATES = built_in().read_text(encoding="utf-8")
CLAIM_EDGE = "  - {trigger: claim_failed, source: Claiming, dest: Reporting}\n"
CLAIM_ANSWERS = "    answers: [job_claimed, claim_failed, interrupted]\n"


def machine(errors: str) -> str:
    """The robot's own machine, whose `claim_job` declares errors that become `service_down` and `broke`."""
    assert CLAIM_EDGE in STATES
    assert CLAIM_ANSWERS in STATES
    events = [event for event in ("service_down", "broke") if event in errors]
    edges = "".join(CLAIM_EDGE.replace("claim_failed", event) for event in events)
    return STATES.replace(CLAIM_EDGE, CLAIM_EDGE + edges).replace(
        CLAIM_ANSWERS, f"{CLAIM_ANSWERS}    errors: {errors}\n"
    )


def raising(tmp_path: Path, errors: str, error: BaseException) -> World:
    class Own(Callbacks):
        def claim_job(self, step: Step) -> Any:
            super().claim_job(step)
            self.outcome = "not_started"
            raise error

    file = tmp_path / "machine.yaml"
    file.write_text(machine(errors), encoding="utf-8")
    return World(
        gateway=FakeGateway([JOB_FOUND, NO_JOB], [TAKEN]),
        worker=FakeWorker(),
        callbacks_class=Own,
        journal=FakeJournal(),
        machine=file,
    )


@pytest.fixture(scope="module")
def robot_definition() -> Definition:
    return definition_of_the_robot()


class OddError(Exception):
    """Cannot even tell what it is."""

    def __str__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("errors", "error", "event"),
    [
        ('{ConnectionError: service_down, "*": broke}', ConnectionError("nobody there"), "service_down"),
        ('{ConnectionError: service_down, "*": broke}', BrokenPipeError(32, "Broken pipe"), "service_down"),
        ('{ConnectionError: service_down, "*": broke}', ValueError("odd"), "broke"),
        ("{OSError: broke, ConnectionError: service_down}", ConnectionResetError(), "broke"),
        ('{"*": broke, ConnectionError: service_down}', ConnectionError(), "broke"),
        ("{json.JSONDecodeError: service_down}", __import__("json").JSONDecodeError("x", "y", 0), "service_down"),
        ("{tests.engine.test_declared_errors.OddError: broke}", OddError(), "broke"),
        ('{"*": broke}', RecursionError("deep"), "broke"),
    ],
)
def test_declared_error_becomes_its_event(tmp_path: Path, errors: str, error: Exception, event: str) -> None:
    """Matched by isinstance, the first in the order of the file; journalled as the answer of its callback."""
    world = raising(tmp_path, errors, error)

    assert world.run() == 0

    step = next(step for step in world.steps if step.event.name == event)
    assert (step.source, step.dest, step.came_from) == ("Claiming", "Reporting", "callback")
    assert step.event.data["error"] == type(error).__name__
    assert world.gateway.statuses() == [8, 5]
    assert any("declared error" in line for line in world.log.lines)


@pytest.mark.parametrize("error", [KeyError("x"), MemoryError(), type("Greedy", (MemoryError,), {})()])
def test_error_that_is_not_declared_ends_the_run_as_before(tmp_path: Path, error: Exception) -> None:
    """One sentence, exit 1, in the journal; what has run out of memory is never an event."""
    errors = "{ConnectionError: service_down}" if isinstance(error, KeyError) else '{"*": broke}'
    world = raising(tmp_path, errors, error)

    with pytest.raises(CallbackError, match="callback claim_job in state Claiming") as caught:
        world.run()

    assert caught.value.exit_code == 1
    assert isinstance(world.journal, FakeJournal)
    assert world.journal.crash is not None
    assert world.journal.ended_with == 1


@pytest.mark.parametrize(("error", "comes"), [(KeyboardInterrupt, KeyboardInterrupt), (SystemExit, CallbackError)])
def test_what_ends_the_process_is_never_an_event(
    tmp_path: Path, error: type[BaseException], comes: type[BaseException]
) -> None:
    """Ctrl-C in a callback is no failure of the callback; leaving the program is one that no file can declare."""
    world = raising(tmp_path, '{"*": broke}', error())

    with pytest.raises(comes):
        world.run()

    assert "broke" not in world.events()


def test_long_message_is_cut_after_the_secret_is_gone(tmp_path: Path) -> None:
    """500 characters, cut behind the redactor: never 35 of the 36 characters of a GUID."""
    guid = "0f8fad5b-d9cb-469f-a165-70867728950e"

    class Redacting(Lines):
        def log(self) -> Log:
            log = super().log()
            log.redact = lambda text: text.replace(guid, "***")
            return log

    world = raising(tmp_path, '{"*": broke}', ValueError("x" * 480 + guid + "y" * 99_999))
    world.log = Redacting()

    world.run()

    text = next(step.event.data["text"] for step in world.steps if step.event.name == "broke")
    assert len(text) == 500
    assert "0f8fad5b" not in text
    assert "***" in text


BUILTIN_ERRORS = [
    kind
    for kind in vars(__import__("builtins")).values()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, (*NEVER_CAUGHT, ExceptionGroup))
]


@given(st.lists(st.sampled_from(BUILTIN_ERRORS), unique=True, max_size=6), st.sampled_from(BUILTIN_ERRORS))
def test_first_name_that_the_error_is_decides(declared: list[type[Exception]], kind: type[Exception]) -> None:
    """Whatever is declared in whatever order."""
    errors: Mapping[str, str] = {found.__name__: f"event {found.__name__}" for found in declared}

    expected = next((f"event {found.__name__}" for found in declared if issubclass(kind, found)), "")

    assert event_for_error(errors, kind.__new__(kind)) == expected


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ("{ConectionError: broke}", "claim_job: errors: Python has no error 'ConectionError'; did you mean"),
        ("{ServiceDown: broke}", "errors: Python has no error 'ServiceDown'"),
        ("{print: broke}", "errors: 'print' is not a class of errors"),
        ("{int: broke}", "errors: 'int' is not a class of errors"),
        ("{KeyboardInterrupt: broke}", "errors: 'KeyboardInterrupt' always ends the run"),
        ("{SystemExit: broke}", "errors: 'SystemExit' always ends the run"),
        ("{MemoryError: broke}", "errors: 'MemoryError' always ends the run"),
        ("{BaseException: broke}", "errors: 'BaseException' stands for more than errors; write '*'"),
        ("{json.JSONDecodeEror: broke}", "json has no 'JSONDecodeEror'; did you mean 'JSONDecodeError'?"),
        ("{nowhere.at.All: broke}", "'nowhere.at.All': there is no module 'nowhere'"),
        ("{json.decoder.Nothing.Here: broke}", "json.decoder has no 'Nothing'"),
        ("{json.loads: broke}", "'json.loads' is not a class of errors"),
        ('{"a b": broke}', "'a b'"),
        ('{"a..b": broke}', "'a..b' is not the name of an error"),
        ("{ValueError: 5}", "errors: an event must be a text, not 5"),
        ("[ValueError]", "errors must be a mapping"),
        ("{ValueError: job_repeated}", "Claiming has no transition for 'job_repeated'"),
    ],
)
def test_wrong_errors_are_found_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], errors: str, told: str
) -> None:
    """Each mistake with its place and a hint, before anything runs."""
    file = tmp_path / "machine.yaml"
    file.write_text(machine(errors), encoding="utf-8")

    assert main(["check", str(file)]) == 2

    said = capsys.readouterr().err
    assert told in said, said
    line = next(n for n, text in enumerate(machine(errors).splitlines(), start=1) if "    errors: " in text)
    assert f"machine.yaml:{line}:" in said or "has no transition" in said


def test_start_of_a_run_finds_an_unknown_error_too(robot_folder: RobotFolder) -> None:
    """Exit 2 and one sentence; nothing is asked for."""
    (robot_folder.path / "own.yaml").write_text(machine("{own.Nothing: broke}"), encoding="utf-8")
    (robot_folder.path / "own.py").write_text("from fsm_robot.robot.callbacks import Callbacks\n", encoding="utf-8")
    robot_folder.settings(machine={"callbacks": "own.py", "file": "own.yaml"})

    done = robot_folder.run()

    assert done.exit_code == 2
    assert "claim_job: errors: own has no 'Nothing'" in done.err


def test_who_only_reads_a_machine_file_imports_nothing_for_it(tmp_path: Path) -> None:
    """A drawing runs no code that the file names; what is wrong with Python's own names shows all the same."""
    (tmp_path / "trap.py").write_text("open('sprung', 'w').close()\nclass Down(Exception): ...\n", encoding="utf-8")
    (tmp_path / "machine.yaml").write_text(machine("{trap.Down: broke}"), encoding="utf-8")

    subprocess.run(
        [sys.executable, "-m", "fsm_robot", "diagram", "machine.yaml", "--format", "markdown"], cwd=tmp_path, check=True
    )

    assert not (tmp_path / "sprung").exists()


def test_error_in_a_final_state_cannot_be_declared() -> None:
    """Nothing follows there, so an error would be gone without a word."""
    text = STATES.replace("leave_session: {answers: []", 'leave_session: {answers: [], errors: {"*": no_job}')
    assert text != STATES

    with pytest.raises(DefinitionError, match="leave_session acts in Finished, which is final"):
        compile_text(text, "m.yaml", callback_names(Callbacks), OUTCOMES)


def test_real_robot_goes_on_after_a_declared_error_and_its_journal_replays(robot_folder: RobotFolder) -> None:
    """An error class of the user's own file, by its dotted path; secret in the message; checked, run, replayed."""
    (robot_folder.path / "own.py").write_text(
        "from fsm_robot.robot import callbacks\n\n\n"
        "class ServiceDown(Exception):\n    pass\n\n\n"
        "class Callbacks(callbacks.Callbacks):\n"
        "    def claim_job(self, step):\n"
        "        self.outcome = 'not_started'\n"
        f"        raise ServiceDown('no answer for {robot_folder.guid}')\n",
        encoding="utf-8",
    )
    (robot_folder.path / "own.yaml").write_text(machine("{own.ServiceDown: service_down}"), encoding="utf-8")
    robot_folder.settings(machine={"callbacks": "own.py", "file": "own.yaml"})
    robot_folder.store.enqueue(robot_folder.script("echo", "print(1)"))

    first, second = robot_folder.run(), robot_folder.run()

    assert (first.exit_code, second.exit_code) == (0, 0), first.err
    assert robot_folder.statuses() == {"echo": 5}
    assert robot_folder.guid not in robot_folder.log()
    journal = min((robot_folder.path / "state" / "journal").iterdir())
    records, _ = read_journal(journal)
    event = next(record.values for record in records if record.values.get("event", {}).get("name") == "service_down")
    assert event["from"] == "callback"
    assert event["event"]["data"] == {"error": "ServiceDown", "text": "no answer for ***"}
    definition = machine_file.load(robot_folder.path / "own.yaml", None, ())
    assert replay(read_file(journal), definition).judgement == "identical"


def test_digest_of_a_machine_without_errors_is_what_it_was(robot_definition: Definition) -> None:
    """Journals name it: an update of the program must not make every machine file another one. Their order counts."""
    first = _with_errors(robot_definition, {"OSError": "claim_failed", "ValueError": "claim_failed"})
    other = _with_errors(robot_definition, {"ValueError": "claim_failed", "OSError": "claim_failed"})

    assert _with_errors(robot_definition, {}).digest() == robot_definition.digest()
    assert len({robot_definition.digest(), first.digest(), other.digest()}) == 3


def _with_errors(definition: Definition, errors: Mapping[str, str]) -> Definition:
    specs = tuple(
        attrs.evolve(spec, errors=errors) if spec.name == "claim_job" else spec for spec in definition.callbacks
    )
    return attrs.evolve(definition, callbacks=specs)


def test_simulator_raises_every_declared_error_at_every_call(robot_definition: Definition) -> None:
    """Exhaustively in small worlds, by chance in those of a seed; no promise is broken by it."""
    definition = _with_errors(robot_definition, {"ConnectionError": "claim_failed", "*": "down"})
    edges = (*definition.transitions, Transition("down", "Claiming", "Reporting"))
    setup = Setup(attrs.evolve(definition, transitions=edges), _Claiming)
    raised = [scenario for scenario in explore.small_scenarios(setup) if scenario.faults[:1] and _raises(scenario)]

    assert {(fault.at, fault.value) for scenario in raised for fault in scenario.faults} == {
        (call, place) for call in (1, 2) for place in (0, 1)
    }
    seen: set[str] = set()
    for scenario in raised:
        world, history = explore.run(setup, scenario)
        assert world.struck["raised"] == 1
        assert violations(history) == []
        seen |= world.transitions
    assert {"Claiming--claim_failed-->Reporting", "Claiming--down-->Reporting"} <= seen
    tally = explore.by_seed(setup, 3, 64)
    assert tally.findings == []
    assert tally.struck["raised"]


def _raises(scenario: Scenario) -> bool:
    return scenario.faults[0].kind == "raised"


class _Claiming(Callbacks):
    """A job whose claim raised something has not been started."""

    def note(self, taken: Step) -> None:
        super().note(taken)
        if taken.event.name in ("down", "claim_failed"):
            self.outcome = "not_started"


def test_error_events_are_among_what_may_come_of_a_callback() -> None:
    """Drawings, checks and the player ask for this."""
    spec = CallbackSpec("go", answers=("went", "broke"), errors={"OSError": "broke", "*": "odd"})

    assert spec.possible == ("went", "broke", "odd")
    assert Event("odd").name in spec.possible
