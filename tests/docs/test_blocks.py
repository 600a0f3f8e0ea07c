"""Every block of every page is run, or a comment above it says why not; every command line is one that the programs take.

The comments are `<!-- not run here: REASON -->`, `<!-- run by tests/FILE.py -->` and, for commands, `<!-- ends with 1 -->`.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from fsm_robot.cli import COMMANDS
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.fleet import file as fleet_file
from fsm_robot.robot import settings
from tests.docs import reference
from tests.docs.pages import NOT_RUN, ROOT, RUN_BY, Block, blocks, name_of, not_run, pages, prose
from tests.docs.test_tutorials import TUTORIALS
from tests.docs.walk import Walk, commands

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pages are the same everywhere; words of a shell")

MOST_NOT_RUN = 16
FOLLOWED = {f"docs/{page}" for page in TUTORIALS}
PAGES = {name_of(page): page for page in pages()}
SCHEMAS = ROOT / "fsm_robot"
COMMAND = re.compile(r"`((?:fsm-robot|py -m fsm_robot|python -m fsm_robot) [^`]+)`")
TARGET = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)


def folder_of_a_page(page: str, walk: Walk) -> None:
    """What the reader of a guide has already: a robot with some nights behind it, machine files, scripts."""
    here = walk.here
    for name in ("states.yaml", "states.en.yaml", "states.ru.yaml"):
        shutil.copy(ROOT / name, here / name)
        shutil.copy(ROOT / name, here / name.replace("states", "my_states"))
    recorded = [ROOT / "tests" / "journals" / f"{name}.jsonl" for name in ("night", "stopped", "aborted")]
    for folder in ("state", "robots/anna/state", "robots/boris/state", "demo/robot-1", "demo/robot-2"):
        (here / folder / "journal").mkdir(parents=True)
        for number, journal in enumerate(recorded, 1):
            shutil.copy(journal, here / folder / "journal" / f"{number:06d}-2026112{number}T000000Z.jsonl")
    shutil.copy(recorded[0], here / "RUN.jsonl")
    (here / "scripts").mkdir()
    (here / "scripts" / "hello.py").write_text("print('hello')\n", encoding="utf-8")
    guid = str(uuid.uuid4())  # its own: one GUID is one robot on a machine
    url = f"http://127.0.0.1:{walk.port}"
    text = f'[orchestrator]\nurl = "{url}"\nrobot_guid = "{guid}"\n[storage]\ndirectory = "own"\n[session]\nwhen_idle = "exit"\n'
    (here / "robot.toml").write_text(text, encoding="utf-8")


def is_run_elsewhere(block: Block) -> bool:
    return block.note.startswith((NOT_RUN, RUN_BY))


def run_commands(block: Block, walk: Walk) -> None:
    walk.take(block)


def run_python(block: Block, walk: Walk) -> None:
    """With what the page takes for granted: names that a sentence beside it explains."""
    names = dict(STAND_INS.get(block.page, {}))
    exec(compile(block.text, block.place, "exec"), names)


def check_yaml(block: Block, walk: Walk) -> None:
    """A whole machine file compiles; a part of one, or a file of labels, has keys and values that the schema knows."""
    document = yaml.safe_load(block.text)
    whole = {"states", "transitions", "callbacks"} <= set(document)
    if whole:
        assert compile_text(block.text, block.place)
        return
    jsonschema = pytest.importorskip("jsonschema")

    is_labels = ".ru.yaml" in block.text.partition("\n")[0]
    schema = json.loads((SCHEMAS / f"{'labels' if is_labels else 'states'}.schema.json").read_text(encoding="utf-8"))
    schema["required"] = []
    jsonschema.Draft202012Validator(schema).validate(document)


def check_toml(block: Block, walk: Walk) -> None:
    """A settings file is read as the robot reads it, by the reader of fleets where it is one."""
    if "[fleet]" in block.text:
        fleet_file.from_text(walk.here / "fleet.toml", block.text)
    else:
        settings.check_text(block.text, walk.here / "robot.toml", {})


def check_json(block: Block, walk: Walk) -> None:
    """It is read, and a line of a journal has the keys of the schema."""
    document = json.loads(block.text)
    if "record" not in document:
        return
    schema = json.loads((SCHEMAS / "journal.schema.json").read_text(encoding="utf-8"))
    (record,) = (one for one in schema["oneOf"] if one["properties"]["record"]["const"] == document["record"])
    assert set(document) <= set(record["properties"])


RUNNERS: Mapping[str, Callable[[Block, Walk], None]] = {
    "sh": run_commands,
    "console": run_commands,
    "python": run_python,
    "yaml": check_yaml,
    "toml": check_toml,
    "json": check_json,
}
NO_CODE = ("text", "mermaid")


class Job:
    """Stands in for what a page's own code would do with an invoice or a row."""

    def __init__(self, *_: object) -> None:
        self.total, self.supplier = 1, "Ромашка"

    def knows(self, supplier: str) -> bool:
        return True

    def book(self, *_: object) -> str:
        return "booked"


def rows(*_: object) -> list[dict[str, str]]:
    return [{"number": "1"}]


def nothing(*_: object) -> None:
    return None


STAND_INS: Mapping[str, Mapping[str, Any]] = {
    "README.md": {"read_invoices": rows, "book": nothing},
    "docs/scripts.md": {"rows": rows(), "book": nothing, "close_the_browser": nothing},
    "docs/changing.md": {"is_holiday": bool},
    "docs/sdk.md": {"Erp": Job, "read_invoice": Job},
    "docs/migration.md": {"book": nothing},
}


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    """Somebody in the folder that a guide takes for granted, with a folder of data for scripts."""
    walk = Walk(tmp_path, quick=True)
    data = tmp_path / "tryout"
    (data / "queues").mkdir(parents=True)
    task = {"name": "1", "parameters": {"file": "1.pdf", "supplier": "Ромашка"}, "tags": "pdf"}
    (data / "queues" / "Invoices.json").write_text(json.dumps([task]), encoding="utf-8")
    assets = {"ERP": {"login": "robot", "password": "x"}, "Invoice limit": "1000"}
    (data / "assets.json").write_text(json.dumps(assets), encoding="utf-8")
    (data / "files" / "Invoices in").mkdir(parents=True)
    (data / "files" / "Invoices in" / "1.pdf").write_bytes(b"%PDF")
    (tmp_path / "job.json").write_text(
        '{"task": {"Parameters": {"folder": "x", "month": "2026-10"}}}', encoding="utf-8"
    )
    monkeypatch.setenv("FSM_ROBOT_DATA", str(data))
    monkeypatch.setenv("FSM_ROBOT_JOB", str(tmp_path / "job.json"))
    monkeypatch.setattr("fsm_robot.job._loaded", None)
    monkeypatch.chdir(tmp_path)
    yield walk
    walk.close()


@pytest.mark.parametrize("page", sorted(set(PAGES) - FOLLOWED))
def test_blocks_of_a_page_do_what_they_say(page: str, walk: Walk) -> None:
    """In the order of the page, in one folder: a later block may need what an earlier one has made."""
    wanted = [block for block in blocks(PAGES[page]) if not is_run_elsewhere(block) and block.language not in NO_CODE]
    if wanted:
        folder_of_a_page(page, walk)
    for block in wanted:
        assert block.language in RUNNERS, (
            f"{block.place}: a block says what it is (sh, console, python, yaml, toml, json, text)"
        )
        RUNNERS[block.language](block, walk)
    walk.end(page)


def test_what_is_run_elsewhere_is_known_there() -> None:
    """The file that a comment names exists and speaks of the page."""
    for page in PAGES.values():
        for block in blocks(page):
            if not block.note.startswith(RUN_BY):
                continue
            test = ROOT / block.note.removeprefix(RUN_BY)
            names = (page.name, page.parent.name) if page.name == "README.md" else (page.name,)
            assert any(name in test.read_text(encoding="utf-8") for name in names), block.place


def test_what_is_not_run_says_why_and_grows_no_more() -> None:
    """The number may only fall; whoever makes it fall writes the new one here."""
    marked = not_run()

    assert [block.place for block in marked if len(block.note) < len(NOT_RUN) + 20] == []
    assert len(marked) == MOST_NOT_RUN, "\n".join(f"{block.place}: {block.note}" for block in marked)


def command_lines(page: Path) -> Iterator[tuple[str, str]]:
    """Yield every command line of a page with its place: those of blocks, and those within sentences."""
    for block in blocks(page):
        if block.language in ("sh", "console"):
            yield from ((block.place, command) for _, command, _ in commands(block))
        elif block.language == "bat":
            yield from ((block.place, line.partition("||")[0]) for line in block.text.splitlines())
    for match in COMMAND.finditer(prose(page)):
        yield f"{name_of(page)}, in a sentence", " ".join(match[1].split())


PARSERS = {path: parser for name in COMMANDS for path, parser in reference.tree(name)}


def wrong_with(command: str) -> str:
    """Say what the programs would not take: a command or an option that is not there."""
    try:
        words = shlex.split(command.replace("\\", "/"), comments=True)
    except ValueError:
        words = command.split()
    words = words[3:] if words[:2] in (["py", "-m"], ["python", "-m"]) else words[1:]
    if not words or words[0].startswith("-") or words[0] == "COMMAND" or not words[0][0].isalpha():
        return ""
    path = words[0]
    if path not in PARSERS:
        return f"there is no command {path!r}"
    rest = words[1:]
    while rest and f"{path} {rest[0]}" in PARSERS:
        path, rest = f"{path} {rest[0]}", rest[1:]
    parser = PARSERS[path]
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if below and rest and rest[0].islower() and rest[0].isalpha():
        return f"`{path}` has no {rest[0]!r}"
    options = {word.partition("=")[0] for word in rest if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}
    unknown = sorted(options - set(parser._option_string_actions))
    return f"`{path}` has no option {', '.join(unknown)}" if unknown else ""


@pytest.mark.parametrize("page", sorted(PAGES))
def test_command_lines_are_ones_that_the_programs_take(page: str) -> None:
    """Also within sentences, and where a block is not run."""
    lines = [
        (place, line) for place, line in command_lines(PAGES[page]) if "fsm-robot " in line or "-m fsm_robot" in line
    ]

    assert [f"{place}: {line}: {wrong}" for place, line in lines if (wrong := wrong_with(line))] == []


def test_a_wrong_command_line_is_noticed() -> None:
    """So that the check above can fail."""
    assert wrong_with("fsm-robot exprot state") == "there is no command 'exprot'"
    assert wrong_with("fsm-robot export state --fromat xes") == "`export` has no option --fromat"
    assert wrong_with("fsm-robot orchestrator task lits Invoices") == "`orchestrator task` has no 'lits'"


def test_targets_of_make_exist() -> None:
    """`make …` of pages and blocks is in the Makefile."""
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    missing = {
        f"{name}: make {target}"
        for name, page in PAGES.items()
        for target in TARGET.findall(page.read_text(encoding="utf-8"))
        if target not in there
    }
    assert missing == set()
