"""Folders of robots as real robots leave them, in every kind of trouble, without a robot that has to be started."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fsm_robot.robot.status_file import NAME, SCHEMA
from tests.fakes.journals import JournalMaker, Told, done

NIGHT: tuple[Told, ...] = ("nothing_left", *done(1), "no_job")


def ago(minutes: float) -> str:
    """Return a moment of the past, or of the future where it is negative."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(timespec="seconds").replace("+00:00", "Z")


def robot(
    folder: Path,
    events: Sequence[Told] = NIGHT,
    exit_code: int | None = 0,
    status: Mapping[str, object] | None = None,
    every_min: int | None = None,
    ran: float = 1.0,
) -> Path:
    """Make the folder of a robot whose last run ended so many minutes ago; return it."""
    state = folder / "state"
    maker = JournalMaker(started_at=ago(ran))
    maker.write(state / "journal" / "000001-20261123T100000Z.jsonl", list(events), exit_code)
    (folder / "robot.toml").write_text('[orchestrator]\nurl = "http://127.0.0.1:9"\n', encoding="utf-8")
    (state / NAME).write_text(json.dumps({"schema": SCHEMA, "at": ago(ran), **(status or {})}), encoding="ascii")
    if every_min is not None:
        told = {"schema": 1, "name": "r", "every_min": every_min, "installed_at": ago(24 * 60)}
        (state / "schedule.json").write_text(json.dumps(told), encoding="ascii")
    return folder
