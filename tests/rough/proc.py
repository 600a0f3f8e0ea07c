"""What the system says about processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A process, its name and its parent."""

    pid: int
    name: str
    parent: int
    state: str


def state(pid: int) -> str:
    """Return a process's state, empty when it is gone."""
    found = _read(str(pid))
    return found.state if found else ""


def below(root: int) -> list[Process]:
    """Return what descends from a process, without what has ended."""
    children: dict[int, list[Process]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal() and (found := _read(name)):
            children.setdefault(found.parent, []).append(found)
    result: list[Process] = []
    waiting = [root]
    while waiting:
        for each in children.get(waiting.pop(), ()):
            waiting.append(each.pid)
            if each.state not in ("Z", "X"):
                result.append(each)
    return result


def told(pid: int) -> str:
    """Return what a hanging process waits for, thread by thread."""
    words = []
    for task in sorted(Path(f"/proc/{pid}/task").glob("*")):
        try:
            name = (task / "comm").read_text().strip()
            words.append(f"{name}:{(task / 'wchan').read_text().strip() or '?'}")
        except OSError:
            continue
    return " ".join(words)


def _read(pid: str) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            data = stream.read().decode(errors="replace")
    except OSError:
        return None
    before, _, after = data.rpartition(")")
    values = after.split()
    return Process(int(pid.rpartition("/")[2]), before.partition("(")[2], int(values[1]), values[0])


def signals(pid: int) -> str:
    """Return which signals a process blocks and ignores, as the system writes it: two masks in hex."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return ""
    return " ".join(line.split()[1] for line in lines if line.startswith(("SigBlk", "SigIgn")))


def wants_to_run(pid: int) -> bool:
    """Return whether a thread of a process has something to do, and may only be waiting for a processor."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    found = (_read(f"{pid}/task/{thread}") for thread in threads)
    return any(each is not None and each.state in ("R", "D") for each in found)
