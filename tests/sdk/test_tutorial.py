"""docs/sdk-tutorial.md is executed: its files are written, its commands run, and what it says that you see is seen."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.sdk.places import PACKAGE_FOLDER

PAGE = Path(__file__).parents[2] / "docs" / "sdk-tutorial.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command with what is said to be seen."""
    command, seen = "", list[str]()
    for line in block.splitlines():
        if line.startswith(("$ ", "& ")):
            if command:
                yield command, seen
            command, seen = line, []
        elif line.startswith("#> "):
            seen.append(line[3:])
    if command:
        yield command, seen


@pytest.mark.skipif(sys.platform == "win32", reason="the words of a shell")
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    """From an empty folder to a robot that has worked a queue."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FSM_ROBOT_")}
    environment |= {"PYTHONPATH": str(PACKAGE_FOLDER), "PYTHONIOENCODING": "utf-8"}
    port = ""
    server: Orchestrator | None = None
    blocks = [match.groups() for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
    ran = 0
    try:
        for kind, text in blocks:
            first, _, content = text.partition("\n")
            if first.startswith("# file: "):
                file = tmp_path / first.removeprefix("# file: ")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content, encoding="utf-8")
                continue
            assert kind == "console", text
            for command, seen in commands(text):
                ran += 1
                if command.startswith("& "):
                    server = Orchestrator(Store(tmp_path / "orchestrator.sqlite")).__enter__()
                    port = server.url.rpartition(":")[2]
                    continue
                words = shlex.split(command[2:].replace(":4500", f":{port}"))
                words[:1] = [sys.executable, "-m", "fsm_robot"] if words[0] == "fsm-robot" else [sys.executable]
                done = subprocess.run(
                    words,
                    cwd=tmp_path,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    timeout=90,
                    check=False,
                )
                assert done.returncode == 0, f"{command}\n{done.stdout}"
                missing = [line for line in seen if line not in done.stdout]
                assert missing == [], f"{command}\n{done.stdout}"
    finally:
        if server is not None:
            server.__exit__(None, None, None)
    assert ran == 13
    assert sorted(path.name for path in (tmp_path / "tryout" / ".run" / "files" / "Booked").iterdir()) == ["4711.txt"]
