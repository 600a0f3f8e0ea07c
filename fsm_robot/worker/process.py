"""Processes, as both systems tell of them."""

from __future__ import annotations

import attrs


@attrs.frozen
class Process:
    """A process that is alive.

    Attributes:
        pid: Its number, which the system may give to another one later.
        created: When it was created, in the system's own words; with the pid it names one process only.
        name: For people.
        parent: Number of the process that it belongs to.
    """

    pid: int
    created: str
    name: str
    parent: int = 0

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.name})"


@attrs.frozen
class Moment:
    """A moment by which older processes are told from younger ones.

    Attributes:
        created: In the system's own count of when a process was created.
        last_pid: Number of the youngest process then; 0 where it does not tell anything.
        forks: How many processes there had been until then; 0 likewise.
    """

    created: int
    last_pid: int = 0
    forks: int = 0


@attrs.frozen
class Note:
    """What is written down of a script's process before it runs, so that a later life of the robot can end it.

    Attributes:
        run_token: Mark in the environment of the script and of what it starts.
        pid: Number of the script's own process.
        created: When that was created, in the system's own words.
        group: What else the system keeps the tree together by, or empty.
    """

    run_token: str
    pid: int = 0
    created: str = ""
    group: str = ""
