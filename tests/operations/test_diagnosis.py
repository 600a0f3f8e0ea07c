from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fsm_robot.operations.diagnosis import (
    Diagnosis,
    certificate_diagnosis,
    clock_diagnosis,
    credential_diagnosis,
    report,
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
    ],
)
def test_clock_is_compared_with_the_servers(date: str, verdict: str, said: str) -> None:
    """Which way it is wrong is said, and a header that is none is no judgement."""
    found = clock_diagnosis(date, NOW)

    assert found.verdict == verdict
    assert said in found.said


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "ok"), (204, "ok"), (401, "wrong"), (403, "wrong"), (404, "skipped"), (405, "skipped"), (302, "skipped")],
)
def test_credential_is_judged_only_where_the_server_judged_it(status: int, verdict: str) -> None:
    """A server without the harmless question says nothing about the credential."""
    assert credential_diagnosis(status).verdict == verdict


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


def test_report_has_what_to_do_below_what_was_found() -> None:
    """One line each; nothing to do, no line for it."""
    lines = report([Diagnosis("lock", "ok", "free"), Diagnosis("name", "wrong", "unknown host", "check the URL")])

    assert [line.split() for line in lines] == [
        ["ok", "lock", "free"],
        ["WRONG", "name", "unknown", "host"],
        ["->", "check", "the", "URL"],
    ]
