"""A number and the word behind it agree: nobody says "1 runs"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.analyst.phrases import phrase
from fsm_robot.engine.wording import counted
from tests.architecture.test_imports import PACKAGE, sources

NOUNS = (
    "runs|transitions|states|jobs|tasks|files|lines|events|steps|journals|scripts|records|robots|times|problems|errors|warnings|"
    "packages|days|hours|minutes|seconds|items|rows|assets|queues|processes|characters|calls|worlds|lives|chunks|entries|copies|"
    "connections|requests|deviations|logs|folders|keys|cells|cases|stamps"
)
PLURAL = re.compile(rf" ({NOUNS})\b")
CONSTANT = re.compile(r"([\w.]*\.)?_?[A-Z][A-Z_]+\b.*")
NEVER_ONE = {
    "{len(found)} jobs", "{len(found)} tasks", "{len(meant)} jobs",  # what is meant is not clear: there are several
    "{len(value)} characters", "{len(text) - 2 * half} characters",  # a text was cut, so it was long
    "{shape.most} characters",
    "{self.count} lines", "{self._failures} tasks",  # 1 is asked for beside it
}  # fmt: skip


def numbers_before_plurals(source: str) -> Iterator[str]:
    """Yield `{expression} word` of each f-string where a value stands before a plural."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in zip(node.values, node.values[1:], strict=False):
            if not (isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant)):
                continue
            word = PLURAL.match(str(text.value))
            said = ast.unparse(value.value)
            has_fraction = value.format_spec is not None and "f" in ast.unparse(value.format_spec)
            if word and not has_fraction and not CONSTANT.fullmatch(said):
                yield f"{{{said}}} {word[1]}"


def test_no_number_stands_before_a_plural() -> None:
    """A value that may be 1 is `counted`, in every sentence of the package."""
    found = {
        f"{path.relative_to(PACKAGE).as_posix()}: {said}"
        for path in sources()
        for said in numbers_before_plurals(Path(path).read_text(encoding="utf-8"))
        if said not in NEVER_ONE
    }
    assert found == set()


@pytest.mark.parametrize(
    ("noun", "one", "many"),
    [("run", "1 run", "2 runs"), ("copy", "1 copy", "0 copies"), ("day", "1 day", "3 days"), ("process", "1 process", "5 processes")],
)  # fmt: skip
def test_number_is_said_with_its_noun(noun: str, one: str, many: str) -> None:
    """As people say it."""
    assert counted(1, noun) == one
    assert counted(int(many.split(maxsplit=1)[0]), noun) == many


def test_headline_of_a_drawing_says_one_state() -> None:
    """In English by the number, in Russian by a form that fits each."""
    assert phrase("en", "counts", 1, 2) == "1 state, 2 transitions"
    assert phrase("en", "runs", 1, 1, 0) == "1 run, 1 job, 0 failed"
    assert phrase("ru", "runs", 1, 1, 0) == "запусков: 1, заданий: 1, с ошибкой: 0"
