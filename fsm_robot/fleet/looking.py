"""One folder of a robot -> what is seen of it."""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs

from fsm_robot.errors import RobotError
from fsm_robot.fleet.health import Rules, judged, next_start
from fsm_robot.fleet.sight import Sight, sight_of, unseen
from fsm_robot.operations.folders import seen_in, storage_of
from fsm_robot.operations.now import Now, now_from
from fsm_robot.robot.status_file import document_in
from fsm_robot.system.held import PATIENCE

SAYS_WITHIN_S = 1.0
"""How long a robot may take to say what it does: one that hangs must not hold up the page of forty."""
SCHEDULE_NAME = "schedule.json"
"""When a robot should start: written by `schedule install` into its storage folder."""


def utc_now() -> str:
    """Return this moment as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def folders_of(pattern: str, base: Path) -> list[Path]:
    """Return the folders of robots that a path or a pattern means, in the order of their names.

    What a pattern finds beside robots (a folder of scripts, a file) is left out; a path that names one is kept.
    """
    full = os.path.join(base, os.path.expanduser(pattern))
    if not any(character in pattern for character in "*?["):
        return [Path(full)]
    return [Path(found) for found in sorted(glob.glob(full)) if _is_robot(Path(found))]


def look_at(folder: Path, name: str, rules: Rules) -> Sight:
    """Return what is seen of the robot of a folder, and what is wrong with it; never raises for what is in there."""
    called = name or (folder.parent.name if folder.name == "robot.toml" else folder.name) or str(folder)
    try:
        storage = storage_of(folder)
        now = now_from(seen_in(storage, SAYS_WITHIN_S))
    except (RobotError, OSError) as error:
        return unseen(called, str(folder), "", "unreadable", str(error).replace("\n", "; "))
    return sight_in(storage, now, called, str(folder), rules)


def sight_in(storage: Path, now: Now, name: str, folder: str, rules: Rules) -> Sight:
    """Return what is seen of a robot that does this now, with what is wrong with it.

    Args:
        storage: Its storage folder.
        now: What its lock and its journals tell.
        name: What the operator calls it.
        folder: Where it is, for people.
        rules: From when on something is wrong.
    """
    sight = sight_of(name, folder, now, document_in(storage), read_schedule(storage))
    try:
        # The disk fills while a robot sleeps, too.
        sight = attrs.evolve(sight, disk_free_mib=shutil.disk_usage(storage).free >> 20)
    except OSError:
        pass  # what the robot itself has measured last stands
    return judged(attrs.evolve(sight, next_start=next_start(sight)), rules, utc_now())


def read_schedule(storage: Path) -> Mapping[str, object]:
    """Return when the robot of a storage folder should start; empty where nobody has said so."""
    try:
        told = json.loads(PATIENCE.content(storage / SCHEDULE_NAME))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_robot(folder: Path) -> bool:
    # What may not be looked into may be a robot, and is named rather than left out.
    try:
        return folder.is_dir() and (
            (folder / "robot.toml").exists() or (folder / "journal").exists() or (folder / "robot.lock").exists()
        )
    except OSError:
        return True
