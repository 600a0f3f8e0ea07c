"""The page of `--format markdown` as GitHub's dialect and MkDocs make HTML of it: names are shown as they are called."""

from __future__ import annotations

from typing import Any

import pytest

from fsm_robot.analyst.formats.markdown import markdown
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.wording import symbols
from tests.analyst.generated_machines import MACHINES, NAMED
from tests.peers import peers
from tests.peers.test_texts import plain

TEXTS = {**MACHINES, **NAMED}
READERS = {"marked": "markdown.js", "Python-Markdown": "markdown_pages.py"}


@pytest.fixture(scope="module", params=READERS)
def read(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    pages = {name: markdown(machine) for name, machine in TEXTS.items()}
    folder, script = tmp_path_factory.mktemp("markdown"), request.param
    if script == "marked":
        return peers.node(READERS[script], pages, folder)
    return peers.python("site", READERS[script], pages, folder)


def shown(name: str) -> str:
    return plain(symbols(name))


def cells(machine: Definition) -> list[list[list[str]]]:
    """Return the columns of names that the first two tables should have."""
    states = [[shown(state.name), shown(state.on_enter)] for state in machine.states]
    return [states, [[shown(name) for name in (e.source, e.trigger, e.dest)] for e in machine.transitions]]


@pytest.mark.peer("markdown")
@pytest.mark.parametrize("name", TEXTS)
def test_every_name_is_on_the_page_as_it_is_called(name: str, read: Any) -> None:
    """No sign is lost, no name ends its cell or its row, nothing becomes an element but code."""
    found = read[name]

    assert plain(found["heading"]).endswith(shown(TEXTS[name].name))
    for wanted, table in zip(cells(TEXTS[name]), found["tables"], strict=False):
        assert [[plain(cell) for cell in row[: len(wanted[0])]] for row in table[1:]] == wanted
    assert {*found["tags"]} <= {"CODE"}
