from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import GatewayError
from fsm_robot.gateway.reading import Reading
from fsm_robot.operations.diagnosis import (
    Diagnosis,
    certificate_diagnosis,
    clock_diagnosis,
    lines_judged,
    report,
    server_diagnoses,
    space_diagnosis,
)

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "verdict", "said"),
    [
        ("Mon, 23 Nov 2026 10:00:00 GMT", "ok", "within 1 s"),
        ("Mon, 23 Nov 2026 09:50:00 GMT", "warning", "600 s ahead of"),
        ("Mon, 23 Nov 2026 10:05:00 GMT", "warning", "300 s behind"),
        ("Mon, 23 Nov 2026 10:00:00 -0000", "ok", "within"),
        ("", "skipped", "no Date"),
        ("yesterday", "skipped", "no Date"),
        ("Fri, 01 Jan 99999999999 00:00:00 GMT", "skipped", "no Date"),
        ("Fri, 01 Jan 0001 00:00:00 +2359", "warning", "ahead of"),
    ],
)
def test_clock_is_compared_with_the_servers(date: str, verdict: str, said: str) -> None:
    """Which way it is wrong is said, and a header that is none is no judgement."""
    found = clock_diagnosis(date, NOW)

    assert found.verdict == verdict
    assert said in found.said


PAGE, JSON, NOTHING = b"<!DOCTYPE html><html>Log in</html>", b"[]", b""
HTTPS = "https://rpa.example"
JUDGED = [
    # status, body, header Location, verdict on the server, on the credential
    (200, JSON, "", "ok", "ok"), (200, PAGE, "", "wrong", ""), (200, b"<br />\n<b>Fatal error</b>", "", "wrong", ""),
    (200, b"welcome", "", "wrong", ""), (200, NOTHING, "", "wrong", ""), (204, NOTHING, "", "wrong", ""),
    (301, PAGE, HTTPS, "wrong", ""), (302, NOTHING, "/login", "wrong", ""), (308, NOTHING, HTTPS, "wrong", ""),
    (304, NOTHING, "", "wrong", ""), (300, JSON, "", "wrong", ""),
    (401, JSON, "", "ok", "wrong"), (403, PAGE, "", "ok", "wrong"), (407, PAGE, "", "wrong", ""),
    (404, JSON, "", "ok", "skipped"), (405, NOTHING, "", "ok", "skipped"), (404, PAGE, "", "warning", "skipped"),
    (400, JSON, "", "ok", "skipped"), (429, JSON, "", "warning", "skipped"), (408, NOTHING, "", "warning", "skipped"),
    (500, PAGE, "", "wrong", ""), (502, JSON, "", "wrong", ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "data", "location", "server", "credential"), JUDGED)
def test_server_is_judged_as_a_run_would_judge_it(
    status: int, data: bytes, location: str, server: str, credential: str
) -> None:
    """Where the calls of a run would fail, nothing is called ok; where a person can do something, it is said."""
    reading = Reading(Redactor())
    answer = reading.answer(status, data, "text/html", location)
    found = {each.name: each for each in server_diagnoses("/api/folders/list", answer)}

    assert found["server"].verdict == server
    assert found["credential"].verdict == credential if credential else "credential" not in found
    assert all(each.do for each in found.values() if each.verdict != "ok")


@pytest.mark.parametrize(("status", "data", "location", "server", "credential"), JUDGED)
def test_doctor_never_says_ok_where_a_run_would_fail(
    status: int, data: bytes, location: str, server: str, credential: str
) -> None:
    """The same answer to a heartbeat: what a run could not work with has no line that says ok for the credential."""
    reading = Reading(Redactor())
    answer = reading.answer(status, data, "text/html", location)
    try:
        reading.updated(answer)
    except GatewayError as error:
        runs = False
        final = error.kind in ("refused", "garbled", "server_error", "no_connection")
    else:
        runs, final = True, False
    found = [each.verdict for each in server_diagnoses("/api/folders/list", answer)]

    assert runs or "ok" not in found[1:]
    assert not final or "wrong" in found


@pytest.mark.parametrize(("free_mib", "verdict"), [(10_000, "ok"), (100, "warning"), (10, "wrong")])
def test_room_on_the_disk_is_judged(free_mib: int, verdict: str) -> None:
    """Before the disk is full somebody should know."""
    assert space_diagnosis("state", free_mib << 20).verdict == verdict


@pytest.mark.parametrize(("days", "verdict"), [(90, "ok"), (3, "warning")])
def test_certificate_that_expires_soon_is_told(days: int, verdict: str) -> None:
    """A night when forty robots stop can be foreseen."""
    found = certificate_diagnosis("Company CA", NOW + timedelta(days=days, hours=1), NOW)

    assert found.verdict == verdict
    assert f"{days} more days" in found.said


def test_certificate_that_the_system_checked_is_told_without_its_dates() -> None:
    """Windows verifies it and shows nothing of it to Python."""
    assert certificate_diagnosis("", None, NOW).verdict == "ok"


def test_report_has_what_to_do_below_what_was_found() -> None:
    """One line each; nothing to do, no line for it."""
    lines = report([Diagnosis("lock", "ok", "free"), Diagnosis("name", "wrong", "unknown host", "check the URL")])

    assert [line.split() for line in lines] == [
        ["ok", "lock", "free"],
        ["WRONG", "name", "unknown", "host"],
        ["->", "check", "the", "URL"],
    ]


@pytest.mark.parametrize(
    ("count", "since", "verdict", "said"),
    [
        (0, "", "ok", "no line waits"),
        (1, "2026-11-23 09:59:00", "ok", "1 line waiting for the orchestrator's log since 2026-11-23 09:59:00"),
        (7, "2026-11-22 09:59:00", "warning", "7 lines waiting"),
        (7, "2026-12-24 10:00:00", "ok", "7 lines waiting"),
    ],
)
def test_lines_that_wait_longer_than_a_day_are_a_warning(count: int, since: str, verdict: str, said: str) -> None:
    """A server that was away for an hour is no reason to look."""
    found = lines_judged(count, since, NOW)

    assert found.verdict == verdict
    assert said in found.said
    assert bool(found.do) == (verdict == "warning")
