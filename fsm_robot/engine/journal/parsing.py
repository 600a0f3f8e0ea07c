"""The quickest reader of JSON that is installed, for commands that read a year of journals; the robot does without."""

from __future__ import annotations

from fsm_robot.engine.journal.record import Parse, parsed


def quickest() -> Parse:
    """Return what reads the lines of journals: orjson where the extra `fast` is installed, else the standard library.

    Both read the same, but for whole numbers of more than 64 bits, which orjson makes floats: no key of ours has such.
    """
    try:
        from orjson import loads
    except ImportError:
        return parsed

    def parse(content: bytes) -> object:
        try:
            return loads(content)
        except ValueError:
            return parsed(content)  # half a character, as a script may print it, is none for orjson

    return parse
