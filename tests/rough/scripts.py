"""The scripts of the zoo: how each ends by itself, and what it does when it is asked to stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import attrs

ZOO = Path(__file__).with_name("zoo")
ABORTED, SUCCESS, FAILED, STOPPED = 3, 4, 5, 7
Values = dict[str, Any]


def _nothing(chance: Random) -> Values:
    return {}


@attrs.frozen
class Script:
    """One script.

    Attributes:
        kind: The kind of roughness that it belongs to; empty for scripts that any case may have.
        ends: Final status when it ends by itself.
        asked: Final status when it is asked to stop and has the time to follow.
        waits: Whether it goes on until it is told: `always`, `never`, or `may` (its parameter `waits`).
        cleans: Whether it writes `cleaned` when it has followed a stop.
        tells: What the log must say about its end.
        notes: What it must have written when it ended by itself.
        draw: Its parameters, by chance.
    """

    name: str
    kind: str = ""
    ends: int = SUCCESS
    asked: int = STOPPED
    waits: str = "never"
    cleans: bool = False
    tells: str = ""
    notes: tuple[str, ...] = ()
    draw: Callable[[Random], Values] = _nothing


def _one_of(**choices: list[Any]) -> Callable[[Random], Values]:
    return lambda chance: {name: chance.choice(values) for name, values in choices.items()}


_ALL = (
    Script("quick"),
    Script("fails", ends=FAILED, tells="ValueError: нет такого счёта"),
    Script("leaves", ends=FAILED, draw=_one_of(code=[1, 2, 3, 77, 255])),
    Script("waits", waits="always", cleans=True, draw=_one_of(tidy_s=[0, 0.2])),
    Script("deaf", waits="always", asked=ABORTED),
    Script("orphan", "processes"),
    Script("empty_environment", "processes", waits="may"),
    Script("daemon_awaited", "processes"),
    Script("many_true", "processes", draw=_one_of(count=[5, 60, 300])),
    Script("restless", "processes", waits="may", draw=_one_of(every_ms=[2, 5, 20])),
    Script("daemonized", "processes"),
    Script("family", "processes", waits="always", cleans=True),
    Script("asked_through_shell", "processes", waits="always", cleans=True),
    Script("child_tidies", "processes", waits="always", cleans=True),
    Script("nonblocking", "script", draw=_one_of(bytes=[2 << 20, 6 << 20], until_full=[True, False])),
    Script("flood", "script", draw=_one_of(blocks=[10, 200])),
    Script("at_once", "script", ends=SUCCESS, draw=_one_of(code=[0])),
    Script("kills_itself", "script", ends=FAILED, draw=_one_of(signal=[9, 11, 6, 15], group=[False, True])),
    Script("terminates_itself", "script", ends=FAILED, tells="SIGTERM"),
    Script("linked", "script"),
    Script("sees_its_environment", "script"),
    Script("fails_with_a_hook", "script", ends=FAILED, tells="ValueError: нет такого счёта"),
    Script("keyboard_interrupt", "script", ends=FAILED, tells="SIGINT"),
    Script("closes_its_output", "script"),
    Script("prints_the_credential", "script", draw=_one_of(padding=[0, 1960, 3990, 4060])),
    Script(
        "raises_the_credential",
        "script",
        ends=FAILED,
        draw=_one_of(padding=[0, 1950, 1970, 3990, 4060, 4080], wide=[False, False, True]),
    ),
    Script("paints", "script", ends=FAILED, tells="красное"),
    Script("as_plain", "script"),
    Script("last_type", "script", ends=FAILED, notes=("last_type ValueError",)),
    Script("pool", "script"),
    Script("child_asks", "script"),
    Script("shadowed", "script", waits="may", cleans=True),
    Script("surrogates", "script"),
    Script("fills_processes", "limits", waits="may"),
    Script("fills_memory", "limits", draw=_one_of(blocks=[10, 400])),
    Script("fills_descriptors", "limits"),
    Script("fills_a_file", "limits", draw=_one_of(blocks=[10, 100])),
    Script(
        "asks_roughly",
        "job api",
        draw=_one_of(
            does=[
                *("garbage", "half_requests", "giant_requests", "wrong_tokens"),
                *("hundred_connections", "forks", "child_keeps", "sends_and_leaves"),
            ]
        ),
    ),
    Script("holds_a_task", "job api", waits="always", cleans=True, draw=_one_of(tasks=[1, 3])),
    Script("dies_with_a_task", "job api", ends=FAILED, draw=_one_of(how=["killed", "at once"])),
    Script("tells_the_robot", "killed", waits="always", cleans=True, draw=_one_of(signal=[2, 15])),
)
SCRIPTS = {script.name: script for script in _ALL}


def of_kind(kind: str) -> list[Script]:
    """Return the scripts that belong to a kind."""
    return [script for script in _ALL if script.kind == kind]
