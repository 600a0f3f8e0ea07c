"""Each invariant against a history that breaks exactly it, and against one that breaks none."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from fsm_robot.engine.journal.record import line_of
from fsm_robot.simulator.history import Fact, History, Limits
from fsm_robot.simulator.invariants import INVARIANTS, violations
from fsm_robot.simulator.secrets import forms_of

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
JOB, OTHER = "job-a", "job-b"
FORMS = forms_of(GUID)


def history(*facts: Fact, files: dict[str, bytes] | None = None, lost_after_s: float | None = None) -> History:
    return History(facts, files or {}, FORMS, Limits(contact_lost_after_s=lost_after_s))


def broken(*facts: Fact, **more: Any) -> dict[str, str]:
    texts: dict[str, str] = {}
    for found in violations(history(*facts, **more)):
        texts[found.invariant] = f"{texts.get(found.invariant, '')}{found.text}\n"
    return texts


def fact(at_s: float, what: str, number: int = 0, text: str = "", job: str = JOB, life: int = 1) -> Fact:
    return Fact(at_s, life, what, "" if what in ("life_began", "life_ended", "crashed") else job, number, text)


def begun(at_s: float = 0.0, job: str = JOB, pid: int = 7, life: int = 1) -> list[Fact]:
    """A robot that has taken and claimed a job and started its script."""
    return [
        fact(at_s, "job_heard", job=job, life=life),
        fact(at_s, "recording", text="job_consumed", job=job, life=life),
        fact(at_s, "recorded", text="job_consumed", job=job, life=life),
        fact(at_s, "update_sent", 8, job=job, life=life),
        fact(at_s, "status_accepted", 8, job=job, life=life),
        fact(at_s, "update_heard", 8, "taken", job=job, life=life),
        fact(at_s, "script_started", pid, job=job, life=life),
        fact(at_s, "born", pid, job=job, life=life),
    ]


def ended(at_s: float, how: str = "itself", exit_code: int = 0, job: str = JOB, pid: int = 7) -> list[Fact]:
    """Its script is over and its ending is on disk."""
    return [
        fact(at_s, "script_exited", exit_code, how, job=job),
        fact(at_s, "gone", pid, job=job),
        fact(at_s, "recording", text="script_ended", job=job),
        fact(at_s, "recorded", text="script_ended", job=job),
    ]


def reported(at_s: float, status: int = 4, job: str = JOB) -> list[Fact]:
    """Its final status is sent and taken."""
    return [
        fact(at_s, "update_sent", status, job=job),
        fact(at_s, "status_accepted", status, job=job),
        fact(at_s, "update_heard", status, "taken", job=job),
    ]


def over() -> list[Fact]:
    """Both jobs are over."""
    return [*ended(20), *reported(20), *ended(21, job=OTHER, pid=8), *reported(21, job=OTHER)]


def over_killed() -> list[Fact]:
    """The script is killed, and the kill is called what it is not."""
    return [fact(9, "killed", text="stop_ran_out"), *ended(9, "stop_ran_out"), *reported(9, 3)]


BEGAN, LEFT = fact(0.0, "life_began"), fact(900.0, "life_ended")


def test_history_of_a_good_run_breaks_nothing() -> None:
    """Two jobs, one stopped and one aborted, beats at their distance: no promise is broken."""
    first = [*begun(), fact(10, "beat_sent"), fact(10.1, "beat_heard", 20), fact(10.1, "stop_asked")]
    first += [*ended(12, "asked", 1), *reported(13, 7), fact(14, "consume_sent")]
    second = [*begun(20, OTHER, 8), fact(30, "beat_sent", job=OTHER), fact(30.1, "beat_heard", 10, job=OTHER)]
    second += [fact(30.1, "killed", text="aborted", job=OTHER), *ended(31, "aborted", -9, OTHER, 8)]
    second += [*reported(32, 3, OTHER), fact(33, "logged_off"), LEFT]

    assert broken(BEGAN, *first, *second) == {}


BREAKING = {
    "one_tree": [
        ([BEGAN, *begun(), *begun(5, OTHER, 8), *over()], "processes [7] of another script"),
        (
            [BEGAN, *begun(), fact(5, "script_exited", text="itself"), *reported(5), fact(6, "life_ended")],
            "life_ended while the",
        ),
        ([BEGAN, fact(5, "life_began", life=2)], "life 2 begins while life 1 lasts"),
    ],
    "started_once": [
        ([BEGAN, *begun(), *ended(5), *reported(6), fact(7, "script_started", 8)], "started a second time"),
        ([BEGAN, *begun()[:4], *begun()[6:], *ended(5), *reported(6)], "its claim was not taken"),
    ],
    "one_final_status": [
        ([BEGAN, *begun(), *ended(5), *reported(6), fact(7, "update_sent", 5)], "different final statuses [4, 5]"),
        ([BEGAN, *begun(), *ended(5, exit_code=3), *reported(6, 4)], "(5,) would fit"),
        ([BEGAN, *begun(), *ended(5, "asked", 0), *reported(6, 4)], "(7,) would fit"),
        ([BEGAN, *begun(), *ended(5, "stop_ran_out", 0), *reported(6, 7)], "(3,) would fit"),
        ([BEGAN, *begun()[:6], *reported(6, 4)], "never started"),
        ([BEGAN, *begun(), fact(5, "crashed"), *ended(6)[:2], *reported(7, 4)], "the robot died before"),
        ([BEGAN, *begun(), *ended(5), fact(5, "crashed"), *reported(7, 5)], "(4,) would fit"),
        ([BEGAN, fact(1, "status_accepted", 8)], "claimed and has no final status"),
    ],
    "nothing_taken_while_undelivered": [
        ([BEGAN, *begun(), *ended(5), fact(6, "consume_sent"), *reported(7)], "asked for while job job-a"),
        ([BEGAN, fact(1, "job_heard"), fact(2, "consume_sent"), *reported(7, 5)], "asked for while job job-a"),
        (
            [BEGAN, *begun(), fact(1, "beat_heard", 101), *ended(2), *reported(3), fact(4, "consume_sent")],
            "not know the robot",
        ),
    ],
    "beats_keep_their_distance": [
        ([BEGAN, *begun(), fact(9.9, "beat_sent"), *ended(11), *reported(12)], "9.900 s apart"),
        ([BEGAN, *begun(), fact(10, "beat_sent"), fact(19, "beat_sent"), *ended(21), *reported(22)], "9.000 s apart"),
        ([BEGAN, *begun(), *ended(5), *reported(6), fact(16, "beat_sent")], "after its final status"),
    ],
    "orders_are_followed": [
        ([BEGAN, *begun(), fact(10, "beat_heard", 10), *ended(16), *reported(17)], "after the abort"),
        ([BEGAN, *begun(), fact(10, "beat_heard", 20), fact(12, "beat_heard"), *ended(16), *reported(17)], "not asked"),
        (
            [
                BEGAN,
                *begun(),
                fact(10, "beat_heard", 20),
                fact(10, "stop_asked"),
                *ended(99, "asked"),
                *reported(99, 7),
            ],
            "the grace time of job job-a was over",
        ),
        ([BEGAN, *begun(), fact(10, "stop_asked"), *ended(16, "asked"), *reported(17, 7)], "without a reason"),
        (
            [BEGAN, *begun(), fact(9, "killed", text="aborted"), *ended(9, "aborted"), *reported(9, 3)],
            "without an abort",
        ),
        (
            [BEGAN, *begun(), fact(9, "beat_heard", 10), *over_killed()],
            "which it is not",
        ),
    ],
    "no_log_off_too_early": [
        ([BEGAN, *begun(), *ended(5), fact(6, "logged_off"), *reported(7)], "the jobs ['job-a']"),
        ([BEGAN, fact(1, "born", 9), fact(2, "logged_off"), fact(3, "gone", 9)], "the processes [9]"),
    ],
    "always_gets_on": [
        ([BEGAN, fact(5, "stuck", text="waits for ever")], "waits for ever"),
        ([BEGAN, fact(5, "broke", text="UnexpectedEventError")], "UnexpectedEventError"),
        ([BEGAN, fact(5, "no_progress", 150)], "no_progress"),
        ([BEGAN, fact(1, "job_heard"), fact(1, "recorded", text="job_consumed")], "still open"),
    ],
}
CASES = [(name, facts, text) for name, cases in BREAKING.items() for facts, text in cases]


@pytest.mark.parametrize(("name", "facts", "text"), CASES, ids=[f"{case[0]}-{case[2][:20]}" for case in CASES])
def test_history_that_breaks_one_promise_is_found_by_exactly_that_invariant(
    name: str, facts: list[Fact], text: str
) -> None:
    """The right invariant speaks, says what is wrong, and no other one does."""
    found = broken(*facts)

    assert list(found) == [name]
    assert text in found[name]


SECRETS = {
    "plain": GUID.encode(),
    "upper": GUID.upper().encode(),
    "no dashes": GUID.replace("-", "").encode(),
    "hex": GUID.encode().hex().encode(),
    "percent": "".join(f"%{byte:02X}" for byte in GUID.encode()).encode(),
    "base64": b64encode(GUID.encode()),
    "base64 inside": b64encode(b"x" + GUID.encode() + b":"),
    "utf-16": GUID.encode("utf-16-le"),
    "utf-16 big": GUID.encode("utf-16-be"),
}


@pytest.mark.parametrize("written", SECRETS.values(), ids=SECRETS.keys())
def test_secret_in_a_file_is_found_in_every_form(written: bytes) -> None:
    """The GUID in a file breaks the promise, however it is written."""
    found = broken(BEGAN, LEFT, files={"state/robot.log": b"start " + written + b" end"})

    assert list(found) == ["no_secret_in_files"]


def test_every_invariant_has_a_history_that_breaks_it() -> None:
    """No invariant is left without a proof that it can fail."""
    assert {*BREAKING, "no_secret_in_files"} == set(INVARIANTS)


def test_stop_after_a_long_silence_is_a_reason_where_the_settings_say_so() -> None:
    """`on_disconnect = "stop"` asks the script without an order; without that setting it would be wrong."""
    facts = [BEGAN, *begun(), fact(61, "stop_asked"), *ended(62, "asked"), *reported(63, 7), LEFT]

    assert broken(*facts, lost_after_s=60.0) == {}
    assert list(broken(*facts)) == ["orders_are_followed"]


def test_101_that_is_heard_after_the_script_has_ended_is_too_late_to_count() -> None:
    """The next Ready heartbeat tells the same."""
    assert broken(BEGAN, *begun(), *ended(2), fact(3, "beat_heard", 101), *reported(4), fact(5, "consume_sent")) == {}


def test_ending_that_a_crash_may_have_kept_from_the_disk_fits_both_ways() -> None:
    """A crash while the ending is written leaves it open which status is right, but not whether there is one."""
    crash = [BEGAN, *begun(), *ended(5)[:3], fact(5, "crashed"), fact(9, "life_began", life=2)]

    assert broken(*crash, *reported(10, 4)) == {}
    assert broken(*crash, *reported(10, 5)) == {}
    assert list(broken(*crash, *reported(10, 7))) == ["one_final_status"]


def left(*steps: tuple[int, str]) -> dict[str, bytes]:
    """The journal of the first life, as the disk was left."""
    contents: list[tuple[str, dict[str, Any]]] = [("header", {"format": 1, "life": 1})]
    contents += [
        ("step", {"seq": seq, "event": {"name": "e"}, "kind": "taken", "dest": "S", "callback": callback})
        for seq, callback in steps
    ]
    text, chain = "", ""
    for kind, values in contents:
        line, chain = line_of(kind, values, chain, str)
        text += line
    return {"state/journal/000001.jsonl": text.encode()}


@pytest.mark.parametrize(
    ("callback", "act"),
    [("consume_job", "consume_sent"), ("claim_job", "update_sent"), ("run_script", "script_started")],
)
@pytest.mark.parametrize("crash", ["crash", "power_lost", "torn"])
def test_act_whose_step_the_power_takes_away_breaks_its_promise(callback: str, act: str, crash: str) -> None:
    """Whoever asks, claims or starts has its step on disk; that of a life that only crashed cannot be lost."""
    facts = [
        fact(0, "life_began"),
        fact(1, "due", 2, "consume_job"),
        fact(1, "consume_sent"),
        fact(2, "due", 5, callback),
        fact(3, act),
        fact(4, "crashed", text=crash),
    ]

    kept = broken(*facts, files=left((2, "consume_job"), (5, callback)))
    lost = broken(*facts, files=left((2, "consume_job")))

    assert "acts_are_on_disk" not in kept
    assert ("step 5" in lost.get("acts_are_on_disk", "")) is (crash != "crash")
