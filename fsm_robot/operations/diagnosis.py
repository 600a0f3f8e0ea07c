"""What a check found, and how it is judged. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import attrs

from fsm_robot.wording import shown

Verdict = Literal["ok", "warning", "wrong", "skipped"]
LARGEST_CLOCK_DIFFERENCE_S = 60
LEAST_FREE_BYTES = 50 << 20
COMFORTABLE_FREE_BYTES = 500 << 20
SOON_DAYS = 14


@attrs.frozen
class Diagnosis:
    """One line of the doctor.

    Attributes:
        name: What was looked at.
        verdict: `wrong` keeps the robot from working, `warning` does not yet, `skipped` could not be looked at.
        said: What was found.
        do: What to do about it; empty where nothing has to be done.
    """

    name: str
    verdict: Verdict
    said: str
    do: str = ""


def clock_diagnosis(date: str, now: datetime) -> Diagnosis:
    """Compare the clock with the header `Date` of an answer."""
    try:
        server = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return Diagnosis("clock", "skipped", "the server's answer has no Date header to compare with")
    if server.tzinfo is None:
        server = server.replace(tzinfo=UTC)
    difference_s = (now - server).total_seconds()
    way = "ahead of" if difference_s > 0 else "behind"
    if abs(difference_s) > LARGEST_CLOCK_DIFFERENCE_S:
        said = f"this clock is {abs(difference_s):.0f} s {way} the server's"
        return Diagnosis(
            "clock", "warning", said, "let the system synchronise its clock; certificates and logs need it"
        )
    return Diagnosis("clock", "ok", f"within {max(1, abs(difference_s)):.0f} s of the server's")


def credential_diagnosis(status: int) -> Diagnosis:
    """Judge the answer to a question that changes nothing."""
    if status in (401, 403):
        do = "check orchestrator.robot_guid and orchestrator.auth_scheme, and whether the robot exists on the server"
        return Diagnosis("credential", "wrong", f"the server refuses it (HTTP {status})", do)
    if 200 <= status < 300:
        return Diagnosis("credential", "ok", "the server took it for a question that changes nothing")
    said = f"cannot be told without announcing the robot: the server answers a harmless question with HTTP {status}"
    return Diagnosis("credential", "skipped", said, "the first `fsm-robot run` shows it (exit code 3: refused)")


def space_diagnosis(folder: str, free_bytes: int) -> Diagnosis:
    """Judge the room on the disk of the storage folder."""
    said = f"{folder} can be written, {free_bytes >> 20} MiB free"
    if free_bytes < LEAST_FREE_BYTES:
        return Diagnosis("storage", "wrong", said, "make room: without a journal no job is taken")
    if free_bytes < COMFORTABLE_FREE_BYTES:
        return Diagnosis("storage", "warning", said, "make room before the disk is full")
    return Diagnosis("storage", "ok", said)


def certificate_diagnosis(issuer: str, expires: datetime, now: datetime) -> Diagnosis:
    """Judge the server's certificate, whose chain was verified."""
    days = (expires - now).days
    said = f"verified, issued by {issuer}, valid for {days} more days"
    if days < SOON_DAYS:
        return Diagnosis("certificate", "warning", said, "tell who runs the server: it must be renewed")
    return Diagnosis("certificate", "ok", said)


def report(diagnoses: list[Diagnosis]) -> list[str]:
    """Return the lines that a person reads: what was found, and below it what to do."""
    marks = {"ok": "ok", "warning": "WARNING", "wrong": "WRONG", "skipped": "-"}
    lines = []
    for found in diagnoses:
        lines.append(f"{marks[found.verdict]:<8}{found.name:<12} {shown(found.said)}")
        if found.do:
            lines.append(f"{'':<21}-> {found.do}")
    return lines
