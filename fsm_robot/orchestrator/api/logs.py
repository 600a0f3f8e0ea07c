"""The calls of logs."""

from __future__ import annotations

import math

from fsm_robot.orchestrator.api.asked import Asked, RefusedError, guid_of, nothing
from fsm_robot.orchestrator.objects import LOG_LEVELS
from fsm_robot.orchestrator.protocol import Answer, GarbledRequestError
from fsm_robot.orchestrator.published import log_row
from fsm_robot.orchestrator.store import NoSuchError

# The table is published as a picture only; all that is known is that a sample sends 1. The second is the order in which
# the levels are named.
LEVEL_NUMBERS = {
    "debug0": dict(enumerate(LOG_LEVELS)),
    "info1": dict(enumerate(("Info", "Critical", "Error", "Warning", "Debug"), 1)),
}


def create(asked: Asked) -> Answer:
    """Keep a line."""
    if not asked.has("message"):
        raise GarbledRequestError("message is missing")
    level, robot_id, job_guid = _level(asked), asked.robot_id, asked.text("jobguid").strip().lower()
    if asked.quirks["log_after_end"] == "refuse" and _has_ended(asked, job_guid):
        raise RefusedError(409, "this job has ended")
    limit = asked.quirks.log_limit
    if limit is not None and asked.store.logs.count_since(60, robot_id) >= limit.per_minute:
        if limit.drops:
            return nothing()
        raise RefusedError(429, "too many lines", {"Retry-After": str(math.ceil(60 / max(1, limit.per_minute)))})
    version_guid = asked.text("processversionguid")
    guid = asked.store.log(
        asked.text("message"), level, robot_id=robot_id, version_guid=version_guid, job_guid=job_guid
    )
    return nothing() if asked.quirks["log_answer"] == "list" else guid_of(guid)


def read(asked: Asked) -> Answer:
    """Show a line."""
    return asked.row(log_row(asked.store.logs.find(asked.reference)))


def list_all(asked: Asked) -> Answer:
    """Show the youngest lines, oldest of them first."""
    return Answer(200, [asked.form.row(log_row(line)) for line in asked.store.logs.newest()])


def purge(asked: Asked) -> Answer:
    """Delete what is older than a Unix time."""
    if not asked.text("time").strip():
        raise GarbledRequestError("time is missing")
    asked.store.logs.purge(asked.number("time", 0, 0, 9_999_999_999))
    return nothing()


def _level(asked: Asked) -> str:
    text, takes = asked.text("level").strip(), asked.quirks["level"]
    known = LEVEL_NUMBERS[asked.quirks["level_numbers"]]
    words = {word.lower(): word for word in LOG_LEVELS} if takes != "number" else {}
    numbers = {str(number): word for number, word in known.items()} if takes != "text" else {}
    found = {"": "Info", **words, **numbers}.get(text.lower())
    if found is None:
        raise GarbledRequestError(f"level must be one of {', '.join([*words.values(), *numbers])}")
    return found


def _has_ended(asked: Asked, job_guid: str) -> bool:
    try:
        return bool(job_guid) and asked.store.job(job_guid).ended
    except NoSuchError:
        return False
