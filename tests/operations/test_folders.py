"""What `status` sees in a storage folder, damaged ones included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fsm_robot.engine.journal.record import DEEPEST_LEVEL, FORMAT, LONGEST_LINE_BYTES
from fsm_robot.operations.folders import seen_in
from fsm_robot.operations.now import now_from
from tests.fakes.journals import JournalMaker, lines_of

DAMAGE: dict[str, Callable[[list[str]], list[str]]] = {
    "a changed line": lambda lines: [lines[0], lines[1].replace('"seq":0', '"seq":1'), *lines[2:]],
    "a line that is gone": lambda lines: [lines[0], *lines[2:]],
    "words between": lambda lines: [lines[0], "words\n", *lines[1:]],
    "a line without end": lambda lines: [*lines, "x" * (LONGEST_LINE_BYTES + 2)],
    "a line that is nested": lambda _: lines_of([("step", {"a": nested(DEEPEST_LEVEL + 2)})]),
    "a newer format": lambda _: lines_of([("header", {"format": FORMAT + 1})]),
    "a record that is none": lambda _: lines_of([("poem", {})]),
}


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def written(storage: Path, lines: list[str]) -> Path:
    (storage / "journal").mkdir()
    (storage / "journal" / "run-20261127T100000Z-1.jsonl").write_text("".join(lines), encoding="utf-8", newline="")
    return storage


def whole() -> list[str]:
    return lines_of(JournalMaker().values(("nothing_left", "no_job")))


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_told_whatever_it_is(tmp_path: Path, damage: str) -> None:
    """Each way in which a journal can be no journal of a robot's own writing."""
    look = now_from(seen_in(written(tmp_path, DAMAGE[damage](whole())))).look

    assert [text for text in look if "is damaged" in text], look


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_torn_last_line_is_no_damage(tmp_path: Path, cut: int) -> None:
    """It is being written, or the power went."""
    lines = whole()
    look = now_from(seen_in(written(tmp_path, [*lines[:-1], lines[-1][:-cut]]))).look

    assert not [text for text in look if "is damaged" in text], look
