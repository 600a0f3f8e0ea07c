"""docs/architecture.md names files that are there, and says of each room what it may import."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.test_imports import ALLOWED, PACKAGE, imports_of, sources

ROOT = PACKAGE.parent
# What a robot writes, not a file of the project.
WRITTEN = {"after_failure.json", "fleet.toml", "machine.cache.json", "status.json", "work.jsonl", "robot.toml"}
NAMED = re.compile(r"`([\w./-]+?(?:\.(?:py|md|yaml|toml|jsonl?)|/))`")


def page() -> str:
    return (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def rows() -> dict[str, tuple[str, str]]:
    """Return what the table of rooms says of each: what it holds, and what it imports."""
    table = page()[page().index("| room | holds | imports |") :].partition("\n\n")[0].splitlines()[2:]
    found = {}
    for row in table:
        rooms, holds, imports = (cell.strip() for cell in row.strip("|").split("|"))
        for room in re.findall(r"`([^`]+)`", rooms):
            found[room.rstrip("/")] = holds, imports
    return found


def named_in(text: str) -> list[str]:
    return [name.rstrip("/") for name in NAMED.findall(text) if name not in WRITTEN]


def is_there(name: str, below: Path) -> bool:
    """Say whether a file or folder below a place has this name, or a path that ends in it."""
    return (below / name).exists() or any(
        path.as_posix().endswith(f"/{name}") for path in below.rglob(name.rpartition("/")[2])
    )


def test_every_file_that_the_page_names_is_there() -> None:
    places = [PACKAGE, ROOT / "tests", ROOT / "docs", ROOT / "packaging", ROOT / "examples"]
    names = named_in(page())

    assert len(names) > 80
    missing = [name for name in names if not (ROOT / name).exists() and not any(is_there(name, one) for one in places)]
    assert missing == []


@pytest.mark.parametrize("room", sorted(rows()))
def test_a_room_holds_the_files_that_its_row_names(room: str) -> None:
    """A bare name is a file of that room, not one of the same name elsewhere; a path says where it is."""
    place = PACKAGE / room
    assert place.exists()
    if place.is_file():
        place = place.parent

    missing = [name for name in named_in(rows()[room][0]) if not is_there(name, PACKAGE if "/" in name else place)]

    assert [name for name in missing if not (ROOT / name).exists()] == []


def test_every_room_has_a_row() -> None:
    """Its own, or that of a room that it is in or that holds nothing but it."""
    folders = {path.parent.relative_to(PACKAGE).as_posix() for path in sources()} - {"."}
    told = set(rows())

    assert {
        folder
        for folder in folders
        if not any(f"{folder}/".startswith(f"{one}/") or one.startswith(f"{folder}/") for one in told)
    } == set()


def row_of(room: str) -> tuple[str, str] | None:
    """Return the row of a room of the test of imports; a single module is told in the row of its room."""
    path = room.replace(".", "/")
    return rows().get(path) or rows().get(f"{path}.py")


@pytest.mark.parametrize("room", sorted(room for room in ALLOWED if ALLOWED[room] is not None and row_of(room)))
def test_a_row_says_what_its_room_may_import(room: str) -> None:
    """As the test of the imports has it: no room more, and none less."""
    row = row_of(room)
    assert row
    allowed = {one.replace(".", "/") for one in ALLOWED[room] or ()}
    told = {name.removesuffix("/").removesuffix(".py") for name in re.findall(r"`([^`]+)`", row[1])}

    assert told == allowed


def test_the_page_names_every_module_of_the_layout() -> None:
    """They are read one after the other, so none may be left out."""
    modules = {path.name for path in (PACKAGE / "analyst" / "drawing").glob("layout*.py")}

    assert len(modules) > 5
    assert modules - set(named_in(page())) == set()


def test_the_page_names_every_module_that_calls_windows() -> None:
    """What ctypes needs there is in few files, and the page lists them."""
    calling = {
        path.relative_to(PACKAGE).as_posix()
        for path in sources()
        if any(name.split(".")[0] == "ctypes" for name in imports_of(path)) and "posix" not in path.name
    }
    text = next(part for part in page().split("\n\n") if "Calls of Windows by ctypes" in part)

    assert calling == {
        name for name in named_in(text) if "/" in name and name.startswith(("worker", "schedule", "system"))
    }
