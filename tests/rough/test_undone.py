"""The patches that take repairs back fit the tree: what does not apply any more takes nothing back."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("the instrument is for POSIX", allow_module_level=True)

from tests.fakes import needed
from tests.rough.case import KINDS, case_from_text
from tests.rough.undone.__main__ import ROOT, Undone, copy_of_the_tree, patches

PATCHES = patches()
FEWEST = 30


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the robot runs from."""
    needed.program("patch")
    return copy_of_the_tree(tmp_path_factory.mktemp("tree"))


def test_every_kind_has_repairs_that_can_be_taken_back() -> None:
    """There are enough of them, spread over all kinds of roughness."""
    assert len(PATCHES) >= FEWEST
    assert {undone.kind for undone in PATCHES} == set(KINDS)


@pytest.mark.parametrize("undone", PATCHES, ids=lambda undone: undone.name)
def test_patch_fits(undone: Undone, tree: Path) -> None:
    """It applies exactly, to the robot, and says what it takes back and how it is found."""
    text = undone.path.read_text(encoding="utf-8")
    assert re.findall(r"^\+\+\+ b/(fsm_robot/\S+)$", text, re.MULTILINE), "it changes no file of the robot"
    assert undone.takes_back
    assert ":" not in undone.takes_back.partition(" ")[0], "its first line is a sentence"
    assert undone.kind in KINDS
    assert re.compile(undone.finds)
    assert undone.case, "no case is known that finds it: python -m tests.rough.undone --search --remember"
    assert case_from_text(undone.case).has(undone.kind)
    undone.apply(tree, "--dry-run")


def test_docs_name_every_patch() -> None:
    """The table in docs/rough.md tells of each how many jobs it took, and of enough of them that it was searched for."""
    page = (ROOT / "docs" / "rough.md").read_text(encoding="utf-8")
    table = page.partition("## Repairs taken back")[2]
    told = re.findall(r"^\| `([a-z0-9-]+)` \|.*\| (\d+|known case) \|$", table, re.MULTILINE)
    searched = [int(jobs) for _, jobs in told if jobs.isdecimal()]
    assert [name for name, _ in told] == [undone.name for undone in PATCHES]
    assert len(searched) >= FEWEST
    assert max(searched) <= 500
