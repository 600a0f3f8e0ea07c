"""Every thread begins in one place, where whatever it raises is heard."""

from __future__ import annotations

import ast
from pathlib import Path

import fsm_robot

PACKAGE = Path(fsm_robot.__file__).parent
STARTS = {"Thread", "Timer", "start_new_thread", "start_joinable_thread", "ThreadPoolExecutor"}
NOT_OF_A_ROBOT = {
    "system/threads.py": "it is that place",
    "orchestrator/connections.py": "the server that comes with a robot: its requests answer for themselves",
    "worker/host.py": "in the process of a script",
    "worker/screen.py": "in the process of a script",
    "gateway/probe.py": "a command that a person has started; what a thread of it has not done is what it looks for",
}


def test_threads_of_the_robot_begin_in_one_place() -> None:
    """A thread of the library's own may die before its first line, and then its start waits for it for ever."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in STARTS:
                    found.add(path.relative_to(PACKAGE).as_posix())

    assert found == set(NOT_OF_A_ROBOT)
