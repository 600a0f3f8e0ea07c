"""The tests bite: a few broken copies of the project are noticed. `make mutants` runs all of them."""

from __future__ import annotations

import pytest

from tests.mutants import CODE, EXPLAINED, JUDGES, MACHINE, MUTANTS, ROOT, SAMPLE, judge

pytestmark = pytest.mark.skipif(
    not (ROOT / "fsm_robot").is_dir(), reason="breaks copies of the sources, and here the installed wheel is tested"
)


@pytest.mark.long
@pytest.mark.parametrize("name", SAMPLE)
def test_broken_copy_is_noticed(name: str) -> None:
    """The check, the simulator or the tests complain about it."""
    assert judge(MUTANTS[name]).caught_by


@pytest.mark.long
def test_unchanged_copy_is_not_complained_about() -> None:
    """A judge that always complains would catch every mutant."""
    without_tests = {name: command for name, command in JUDGES.items() if name != "tests"}

    assert judge(None, without_tests).caught_by == ""


@pytest.mark.parametrize("mutant", [*MACHINE, *CODE], ids=lambda mutant: mutant.name)
def test_mutant_still_has_its_place_in_the_project(mutant, tmp_path) -> None:
    """A mutant whose text has moved away breaks nothing, and would go unnoticed."""
    target = tmp_path / mutant.file
    target.parent.mkdir(parents=True, exist_ok=True)
    before = (ROOT / mutant.file).read_text(encoding="utf-8")
    target.write_text(before, encoding="utf-8")

    mutant.apply(tmp_path)

    assert target.read_text(encoding="utf-8") != before


def test_there_are_enough_mutants_and_their_names_are_their_own() -> None:
    """At least sixty, half of them of states.yaml."""
    assert len(MUTANTS) == len(MACHINE) + len(CODE) >= 60
    assert len(MACHINE) >= 30


def test_mutants_that_nobody_notices_are_explained_in_the_documentation() -> None:
    """Name and reason stand in docs/simulator.md, and each is a mutant."""
    page = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")

    assert set(EXPLAINED) <= set(MUTANTS)
    assert [name for name, reason in EXPLAINED.items() if f"| {name} | {reason} |" not in page] == []
