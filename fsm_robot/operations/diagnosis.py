"""What a check found, and how it is judged. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Literal

import attrs

from fsm_robot.engine.wording import counted, shown
from fsm_robot.gateway import failures, payloads
from fsm_robot.gateway.failures import Answer

Verdict = Literal["ok", "warning", "wrong", "skipped"]
LARGEST_CLOCK_DIFFERENCE_S = 60
LEAST_FREE_BYTES = 50 << 20
COMFORTABLE_FREE_BYTES = 500 << 20
SOON_DAYS = 14
LONGEST_USUAL_WAIT_S = 86400.0


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
    server = failures.moment_of(date)
    if server is None:
        return Diagnosis("clock", "skipped", "the server's answer has no Date header to compare with")
    difference_s = (now - server).total_seconds()
    way = "ahead of" if difference_s > 0 else "behind"
    if abs(difference_s) > LARGEST_CLOCK_DIFFERENCE_S:
        said = f"this clock is {abs(difference_s):.0f} s {way} the server's"
        return Diagnosis(
            "clock", "warning", said, "let the system synchronise its clock; certificates and logs need it"
        )
    return Diagnosis("clock", "ok", f"within {max(1, abs(difference_s)):.0f} s of the server's")


def server_diagnoses(path: str, answer: Answer) -> Iterator[Diagnosis]:
    """Judge server and credential by the answer to a question that changes nothing, as `run` would judge it.

    Args:
        path: Of the question.
        answer: To it.
    """
    status = answer.status
    is_page = payloads.is_markup(answer.data)
    if answer.is_success:
        yield from _success(answer, is_page)
        return
    refusal = failures.refusal(path, answer)
    if refusal.kind == "refused":
        do = "check orchestrator.robot_guid and orchestrator.auth_scheme, and whether the robot exists on the server"
        yield Diagnosis("server", "ok", f"speaks HTTP (status {status})")
        yield Diagnosis("credential", "wrong", f"the server refuses it (HTTP {status})", do)
        return
    if refusal.kind == "throttled":
        yield Diagnosis("server", "warning", refusal.detail, "wait, and ask who runs the server when it goes on")
    elif status < 400 or refusal.kind != "rejected":
        what, _, do = refusal.detail.partition("; ")
        yield Diagnosis("server", "wrong", what, do or "tell who runs the server")
        return
    elif is_page:
        do = "see that orchestrator.url is the Orchestrator's, with its path; the first `fsm-robot run` shows it"
        yield Diagnosis("server", "warning", f"answers with a page and HTTP {status} ({answer.shown})", do)
    else:
        yield Diagnosis("server", "ok", f"speaks HTTP (status {status})")
    said = f"is not known before the robot is announced: the server answers a harmless question with HTTP {status}"
    yield Diagnosis("credential", "skipped", said, "the first `fsm-robot run` shows it (exit code 3: refused)")


def _success(answer: Answer, is_page: bool) -> Iterator[Diagnosis]:
    if is_page or not payloads.is_json(answer.data, answer.charset):
        what = "an HTML page" if is_page else "something that is not JSON"
        do = "is this the Orchestrator, or the login page of a proxy before it? fix orchestrator.url or the proxy"
        yield Diagnosis("server", "wrong", f"answers with {what} (HTTP {answer.status}, {answer.shown})", do)
    else:
        yield Diagnosis("server", "ok", f"speaks HTTP (status {answer.status})")
        yield Diagnosis("credential", "ok", "the server took it for a question that changes nothing")


def space_diagnosis(folder: str, free_bytes: int) -> Diagnosis:
    """Judge the room on the disk of the storage folder."""
    said = f"{folder} can be written, {free_bytes >> 20} MiB free"
    if free_bytes < LEAST_FREE_BYTES:
        return Diagnosis("storage", "wrong", said, "make room: without a journal no job is taken")
    if free_bytes < COMFORTABLE_FREE_BYTES:
        return Diagnosis("storage", "warning", said, "make room before the disk is full")
    return Diagnosis("storage", "ok", said)


def lines_judged(count: int, since: str, now: datetime) -> Diagnosis:
    """Judge the lines that wait for the orchestrator's log; `since` is when the first was written, in UTC."""
    if not count:
        return Diagnosis("log lines", "ok", "no line waits for the orchestrator's log")
    said = f"{counted(count, 'line')} waiting for the orchestrator's log since {since}"
    if (now - datetime.fromisoformat(since).replace(tzinfo=UTC)).total_seconds() > LONGEST_USUAL_WAIT_S:
        do = "look into robot.log why they are not taken; what is older than a week is dropped"
        return Diagnosis("log lines", "warning", said, do)
    return Diagnosis("log lines", "ok", f"{said}; the next run sends them")


def certificate_diagnosis(issuer: str, expires: datetime | None, now: datetime) -> Diagnosis:
    """Judge the server's certificate, whose chain was verified; None where nobody tells when it expires."""
    if expires is None:
        return Diagnosis("certificate", "ok", "verified by the system's store")
    days = (expires - now).days
    said = f"verified, issued by {issuer}, valid for {counted(days, 'more day')}"
    if days < SOON_DAYS:
        return Diagnosis("certificate", "warning", said, "tell who runs the server: it must be renewed")
    return Diagnosis("certificate", "ok", said)


def report(diagnoses: list[Diagnosis], said: Callable[[str], str] = str) -> list[str]:
    """Return the lines that a person reads, as `said` retells them: what was found, and below it what to do."""
    marks = {"ok": "ok", "warning": "WARNING", "wrong": "WRONG", "skipped": "-"}
    lines = []
    width = max([12, *(len(said(found.name)) for found in diagnoses)])
    for found in diagnoses:
        lines.append(f"{said(marks[found.verdict]):<8}{said(found.name):<{width}} {shown(said(found.said))}")
        if found.do:
            lines.append(f"{'':<8}{'':<{width}} -> {said(found.do)}")
    return lines
