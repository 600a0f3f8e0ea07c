"""Each promise notices a history that breaks exactly it, and none complains about a good one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

if sys.platform == "win32":
    pytest.skip(
        "the instrument is for POSIX; on Windows `make test-windows` has tests of its own", allow_module_level=True
    )

from tests.rough.case import KINDS, Case, JobPlan, Order, Trouble, case_from_text
from tests.rough.chance import case_by
from tests.rough.facts import Fact
from tests.rough.promises import PROMISES, Seen, broken
from tests.rough.scripts import SCRIPTS, ZOO
from tests.rough.shrink import _smaller
from tests.rough.troubles import EFFECTS

A, B = "job-a", "job-b"
CASE = Case("test", (Trouble("processes", "zoo"),), (JobPlan("quick"), JobPlan("waits", {}, (Order("stop", 0.1),))))
GOOD = (
    Fact(0.0, 1, "life_began"),
    Fact(0.2, 1, "announced", number=1),
    Fact(0.3, 1, "consumed", A),
    Fact(0.4, 1, "claimed", A),
    Fact(0.5, 1, "noted", A, 10, "began"),
    Fact(0.6, 1, "reported", A, 4),
    Fact(0.7, 1, "consumed", B),
    Fact(0.8, 1, "claimed", B),
    Fact(0.9, 1, "noted", B, 11, "began"),
    Fact(1.0, 1, "noted", B, 11, "waiting"),
    Fact(1.1, 1, "beat", B, 20),
    Fact(1.2, 1, "noted", B, 11, "cleaned"),
    Fact(1.3, 1, "reported", B, 7),
    Fact(1.4, 1, "announced"),
    Fact(1.5, 1, "noted", "logged_off", 0, "x"),
    Fact(1.6, 1, "life_ended"),
)
FILES = {"console.out": b"Finished: 2 jobs done, exit code 0", "state/robot.log": b"all is well"}
SEEN = Seen(CASE, GOOD, (A, B), frozenset([A, B]), FILES, (), ((b"secret",), ()), {"zoo": True})


def without(*facts: int) -> tuple[Fact, ...]:
    return tuple(fact for number, fact in enumerate(GOOD) if number not in facts)


def changed(place: int, **values: Any) -> tuple[Fact, ...]:
    return (*GOOD[:place], GOOD[place]._replace(**values), *GOOD[place + 1 :])


def promises(seen: Seen) -> list[str]:
    return sorted({each.promise for each in broken(seen)})


def test_good_history_breaks_nothing() -> None:
    """Two jobs, one stopped, drained and logged off."""
    assert broken(SEEN) == []


@pytest.mark.parametrize(
    ("promise", "facts"),
    [
        pytest.param("always_gets_on", (*GOOD[:-2], Fact(40.0, 1, "stuck", "", 9, "main:futex")), id="hangs"),
        pytest.param("one_final_status", without(5), id="no final status"),
        pytest.param("one_final_status", (*GOOD[:6], GOOD[5], *GOOD[6:]), id="reported twice"),
        pytest.param("the_right_status", changed(5, number=5), id="failed without a reason"),
        pytest.param("the_right_status", changed(12, number=3), id="killed although it left"),
        pytest.param("started_once", (*GOOD[:5], GOOD[4], *GOOD[5:]), id="ran twice"),
        pytest.param("started_once", without(4), id="a success that never ran"),
        pytest.param(
            "nothing_is_left", (*GOOD[:5], Fact(0.55, 1, "alive_at_report", A, 12, "sleep"), *GOOD[5:]), id="alive"
        ),
        pytest.param("nothing_is_left", (*GOOD, Fact(1.7, 1, "left", "", 12, "sleep")), id="left"),
        pytest.param("nothing_is_left", (*GOOD, Fact(1.7, 1, "stranger_killed", "", 12)), id="killed a stranger"),
        pytest.param("orders_are_followed", without(11), id="no time to tidy up"),
        pytest.param("leaves_the_session_when_drained", without(14), id="not logged off"),
        pytest.param("scripts_import_their_own", (*GOOD, Fact(1.7, 1, "noted", "shadow", 0, "signal.py")), id="shadow"),
        pytest.param(
            "exit_code_tells",
            (*GOOD[:-2], Fact(1.45, 1, "life_ended", number=1), *(fact._replace(life=2) for fact in GOOD[-2:])),
            id="a crash between",
        ),
    ],
)
def test_history_that_breaks_a_promise_is_noticed(promise: str, facts: tuple[Fact, ...]) -> None:
    """That one, and nothing else."""
    assert promises(attrs.evolve(SEEN, facts=facts)) == [promise]


@pytest.mark.parametrize(
    ("promise", "changes"),
    [
        ("words_tell", {"files": {**FILES, "console.err": b"Traceback (most recent call last):\n"}}),
        ("words_tell", {"files": {**FILES, "console.out": b""}}),
        ("words_tell", {"files": {**FILES, "console.err": b"the lock of this robot cannot be taken: no such file"}}),
        ("private", {"open_to_others": ("robot.log",)}),
        ("nothing_is_kept_of_the_task", {"files": {**FILES, "state/jobs/a/job.json": b"{}"}}),
        ("commands_no_terminal", {"files": {**FILES, "console.err": b"\x1b[1mred\x1b[0m \x1b]0;title\x07"}}),
        ("no_secret", {"files": {**FILES, "state/journal/1.jsonl": b"a SECRET in it"}}),
    ],
)
def test_files_that_break_a_promise_are_noticed(promise: str, changes: dict[str, Any]) -> None:
    """Console, rights, secrets."""
    assert promises(attrs.evolve(SEEN, **changes)) == [promise]


def test_death_of_the_owner_must_be_told() -> None:
    """Exit 1 is right then, silence is not."""
    raised = Fact(1.55, 1, "raised", B, 0, "MainThread engine/runner.py Runner.run MemoryError")
    facts = (*GOOD[:-2], raised, Fact(1.6, 1, "life_ended", number=1), *(fact._replace(life=2) for fact in GOOD[-3:]))
    seen = attrs.evolve(SEEN, facts=facts)

    assert promises(seen) == ["a_crash_is_told"]
    assert promises(attrs.evolve(seen, files={**FILES, "state/robot.log": b"internal error: MemoryError"})) == []


def test_what_the_interpreter_says_of_our_own_exception_is_no_traceback_of_the_robot() -> None:
    """Where it is raised nobody can catch it; a traceback behind it counts all the same."""
    ignored = (
        b"Exception ignored in: <generator>\nTraceback (most recent call last):\n  File x\n    y\nMemoryError: z\n"
    )
    raised = (Fact(0.55, 1, "raised", A, 0, "reaper worker/_posix.py Children MemoryError"), *GOOD)

    for console, facts, expected in (
        (ignored + b"all is well\n", raised, []),
        (ignored + b"Traceback (most recent call last):\n", raised, ["words_tell"]),
        (ignored, GOOD, ["words_tell"]),
    ):
        assert promises(attrs.evolve(SEEN, facts=facts, files={**FILES, "console.err": console})) == expected


def test_each_run_that_dies_of_a_callback_must_name_it() -> None:
    """On the console and in the log, each time."""
    trouble = Trouble("script", "callback is wrong", {"does": ["nothing"]})
    died = (Fact(0.0, 1, "life_began"), Fact(0.1, 1, "life_ended", number=1))
    facts = (*died, *(fact._replace(life=2) for fact in GOOD))
    log, console = b"the run crashed: callback=announce", b"callback announce in state Ready: it answers nothing"
    seen = attrs.evolve(SEEN, case=attrs.evolve(CASE, troubles=(trouble,)), facts=facts)

    for files in ({"state/robot.log": log, "console.err": b"?"}, {"console.err": console}):
        assert promises(attrs.evolve(seen, files={**FILES, **files})) == ["a_crash_is_told"]
    files = {**FILES, "state/robot.log": log, "console.err": console}
    assert promises(attrs.evolve(seen, files=files)) == []


def test_console_is_read_in_its_own_encoding() -> None:
    """What it says counts there, too."""
    seen = attrs.evolve(
        SEEN, case=attrs.evolve(CASE, troubles=(Trouble("terminal", "encoding", {"encoding": "utf-16"}),))
    )
    good = FILES["console.out"].decode().encode("utf-16")
    bad = "Traceback (most recent call last):\n".encode("utf-16")

    assert promises(attrs.evolve(seen, files={**FILES, "console.out": good})) == []
    assert promises(attrs.evolve(seen, files={**FILES, "console.out": good, "console.err": bad})) == ["words_tell"]


def test_every_promise_is_broken_by_one_of_these_tests() -> None:
    """A promise that nothing here breaks could have gone blind."""
    text = Path(__file__).read_text(encoding="utf-8")

    assert [each.__name__ for each in PROMISES if f'"{each.__name__}"' not in text] == []


def test_a_script_that_does_not_see_what_plain_python_shows_is_noticed() -> None:
    """Its note is missing when it ended by itself."""
    case = attrs.evolve(CASE, jobs=(JobPlan("last_type"), CASE.jobs[1]))
    facts = changed(5, number=5)
    seen = attrs.evolve(SEEN, case=case, facts=facts)

    assert promises(seen) == ["scripts_see_plain_python"]


TASK = Fact(0.52, 1, "task", A, 1, "task-0001")
ROUGH = attrs.evolve(
    SEEN,
    case=Case("test", (Trouble("job api", "zoo"),), (JobPlan("asks_roughly", {"does": "forks"}), CASE.jobs[1])),
    facts=(
        *GOOD[:5],
        TASK,
        Fact(0.53, 1, "task", A, 2, "task-0001"),
        Fact(0.54, 1, "noted", A, 1, "answered"),
        *GOOD[5:],
    ),
)


@pytest.mark.parametrize(
    ("promise", "facts"),
    [
        ("each_task_has_one_end", [*ROUGH.facts, TASK._replace(text="task-0002")]),
        ("each_task_has_one_end", [*ROUGH.facts, TASK._replace(number=3)]),
        ("scripts_are_answered", [fact for fact in ROUGH.facts if fact.text != "answered"]),
        ("scripts_are_answered", [*ROUGH.facts, Fact(0.55, 1, "noted", A, 1, "taken by a wrong token")]),
        ("scripts_are_answered", [*ROUGH.facts, Fact(0.55, 1, "noted", A, 1, "trouble 111")]),
    ],
)
def test_a_task_without_an_end_and_a_script_without_an_answer_are_noticed(promise: str, facts: list[Fact]) -> None:
    """One history for each."""
    assert promises(ROUGH) == []
    assert promises(attrs.evolve(ROUGH, facts=tuple(facts))) == [promise]


def test_a_token_in_a_file_is_noticed() -> None:
    """The script has printed it, and the file in which it notes what it does is not looked at."""
    noted = Fact(0.55, 1, "noted", A, 1, "token 0123abcd")
    seen = attrs.evolve(ROUGH, facts=(*ROUGH.facts, noted), files={**FILES, "seen": b"token 0123abcd"})

    assert promises(seen) == []
    assert promises(attrs.evolve(seen, files={**seen.files, "state/jobs/x/output.log": b"is 0123abcd"})) == [
        "no_secret"
    ]


@pytest.mark.parametrize("kind", ["any", *KINDS])
def test_seed_draws_the_same_case_and_it_survives_being_kept(kind: str) -> None:
    """By name and as text."""
    for number in range(50):
        case = case_by(f"{kind}:3:{number}")

        assert case == case_by(case.name)
        assert case_from_text(case.to_text()) == case
        assert kind == "any" or case.has(kind)
        assert all(len(_size_of(smaller)) < len(_size_of(case)) for smaller in _smaller(case))


def _size_of(case: Case) -> str:
    return case.to_text()


def test_a_third_of_the_cases_has_two_kinds_and_every_effect_is_drawn() -> None:
    """What can never be drawn would never be tried."""
    cases = [case_by(f"any:1:{number}") for number in range(3000)]
    two = sum(len(case.troubles) > 1 for case in cases)

    assert {(each.kind, each.name) for case in cases for each in case.troubles} == set(EFFECTS)
    assert 0.24 < two / len(cases) < 0.4


def test_every_script_has_a_file_and_every_file_is_a_script() -> None:
    """The catalogue and the folder say the same."""
    files = {path.stem for path in ZOO.glob("*.py")}

    assert files - {"mark"} == set(SCRIPTS)
