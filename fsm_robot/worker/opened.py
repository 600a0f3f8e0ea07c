"""Programs that were opened during a job and are nobody's children: Excel by COM, a browser by the shell.

The system starts them on a script's behalf, so they are in no tree of it and no job object. What is known of them is
their account, their session and when they were created: a person who works there at the same time may have opened one.
So they are reported, and asked to close or ended only where an operator has named them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase

import attrs

from fsm_robot.worker.process import Moment, Process

if sys.platform == "win32":
    from fsm_robot.worker import _windows as system
else:
    from fsm_robot.worker import _posix as system


@attrs.frozen
class Programs:
    """Patterns of names, by what is done with such a program; the strictest one that fits counts."""

    report: Sequence[str] = ()
    ask: Sequence[str] = ()
    end: Sequence[str] = ()


@attrs.frozen
class Found:
    """What was found, and done."""

    left: tuple[Process, ...] = ()
    asked: tuple[Process, ...] = ()
    ended: tuple[Process, ...] = ()


def moment() -> Moment:
    """Return the moment by which programs are told apart."""
    return system.moment()


def deal_with(began: Moment, programs: Programs) -> Found:
    """Find the programs that were opened since a moment, and do with each what is wanted."""
    since = system.opened_since(began)
    ended = tuple(each for each in since if _fits(each, programs.end))
    asked = tuple(each for each in since if each not in ended and _fits(each, programs.ask))
    left = tuple(each for each in since if each not in (*ended, *asked) and _fits(each, programs.report))
    system.kill(ended)
    system.ask_to_close(asked)
    return Found(*map(_firsts, (left, asked, ended)))


def _firsts(processes: Sequence[Process]) -> tuple[Process, ...]:
    """Return those whose parent is none of them: a browser is a dozen processes."""
    pids = {each.pid for each in processes}
    return tuple(each for each in processes if each.parent not in pids)


def _fits(process: Process, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(process.name.lower(), pattern.lower()) for pattern in patterns)
