from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from fsm_robot.engine.machine.codes import event_for
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.errors import (
    CallbackError,
    FailureKind,
    GatewayRejectedError,
    JournalError,
    ScriptNotStartedError,
    ScriptRefusedError,
    UnexpectedEventError,
)
from fsm_robot.robot.callbacks import UNANSWERED_KILL_S
from fsm_robot.robot.ports import ConsumeAnswer, Ending, HeartbeatAnswer, Unsettled
from tests.fakes.world import (
    GONE,
    JOB,
    JOB_FOUND,
    NO_JOB,
    FakeGateway,
    FakeJournal,
    FakeLedger,
    FakePast,
    FakeWorker,
    World,
    definition_of_the_robot,
    lost,
)

TAKEN = ConsumeAnswer(0, job=JOB)
OK = Ending("succeeded", exit_code=0)


def with_job(**changes: Any) -> World:
    """A robot that finds one job, whose script succeeds, and then none."""
    gateway = FakeGateway([JOB_FOUND, NO_JOB], [TAKEN, GONE])
    return World(**{"gateway": gateway, "worker": FakeWorker(on_start=OK), **changes})


def journalled(world: World) -> list[Step]:
    assert isinstance(world.journal, FakeJournal)
    return world.journal.steps


def ends_of_jobs(world: World) -> dict[str, str]:
    """What the ledger keeps: GUID -> outcome, empty while the job is open."""
    assert isinstance(world.ledger, FakeLedger)
    return world.ledger.jobs


def test_idle_robot_announces_once_and_leaves() -> None:
    """No job: one heartbeat, the final state, the session is left, exit 0."""
    journal = FakeJournal()
    world = World(journal=journal)

    assert world.run() == 0
    assert world.gateway.calls == [("announce", "")]
    assert world.path() == ["Recovering", "Ready", "Finished"]
    assert world.left_session == ["Finished"]
    assert journal.ended_with == 0


def test_job_when_its_script_succeeds_goes_through_all_six_steps() -> None:
    """Heartbeat, consume, claim with 8, run, report 4, heartbeat again: in that order, nothing else."""
    world = with_job()

    assert world.run() == 0
    assert world.gateway.calls == [
        ("announce", ""),
        ("consume",),
        ("update", JOB.guid, 8),
        ("update", JOB.guid, 4),
        ("announce", JOB.guid),
    ]
    assert world.path()[1:-1] == ["Ready", "Consuming", "Claiming", "Working", "Reporting", "Ready"]
    assert ends_of_jobs(world) == {JOB.guid: "succeeded"}


@pytest.mark.parametrize(("outcome", "status"), [("succeeded", 4), ("failed", 5)])
def test_script_when_it_ends_by_itself_is_reported_as_it_ended(outcome: str, status: int) -> None:
    """Exit code 0 is Success, anything else is Failed."""
    world = with_job(worker=FakeWorker(on_start=Ending(outcome, exit_code=0 if status == 4 else 3)))

    world.run()

    assert world.gateway.statuses() == [8, status]


@pytest.mark.parametrize("error", [ScriptRefusedError("../x", "leaves the folder"), ScriptNotStartedError("no memory")])
def test_script_when_it_cannot_be_started_is_reported_failed(error: Exception) -> None:
    """A refused name and a failed start are Failed, with the reason in the log."""
    world = with_job(worker=FakeWorker(on_start=error))

    assert world.run() == 0
    assert world.gateway.statuses() == [8, 5]
    assert any(str(error) in line for line in world.log.lines)


def orders(*names: str, worker: FakeWorker) -> World:
    """A robot whose working script gets orders, in this order, through the inbox."""
    world = with_job(worker=worker)
    waiting = [Event(name, {}, 1) for name in names]
    world.inbox.when_empty = lambda: waiting.pop(0)
    return world


def test_soft_stop_when_the_script_leaves_is_reported_stopped() -> None:
    """Code 20: the script is asked, leaves, and the job is Stopped whatever its exit code."""
    world = orders("stop_ordered", worker=FakeWorker(on_stop=Ending("stopped", exit_code=9)))

    assert world.run() == 0
    assert world.gateway.statuses() == [8, 7]
    assert world.worker.done == [("start", JOB.guid), ("ask_to_stop",)]


def test_soft_stop_when_the_grace_time_runs_out_kills_and_reports_aborted() -> None:
    """A script that does not leave is killed after the grace time: Aborted, and the log says why."""
    world = orders("stop_ordered", "grace_ended", worker=FakeWorker(on_kill=Ending("aborted", exit_code=-9)))

    world.run()

    assert world.worker.done[1:] == [("ask_to_stop",), ("kill", "stop_ran_out")]
    assert world.gateway.statuses() == [8, 3]
    assert any("grace ended" in line for line in world.log.lines)


def test_hard_stop_kills_at_once() -> None:
    """Code 10: the tree is killed, the job is Aborted."""
    world = orders("abort_ordered", worker=FakeWorker(on_kill=Ending("aborted", exit_code=-9)))

    world.run()

    assert world.worker.done[1:] == [("kill", "aborted")]
    assert world.gateway.statuses() == [8, 3]


def test_hard_stop_overrides_a_soft_one() -> None:
    """Code 10 after code 20 kills without waiting for the grace time."""
    world = orders("stop_ordered", "stop_ordered", "abort_ordered", worker=FakeWorker(on_kill=Ending("aborted")))

    world.run()

    assert world.worker.done[1:] == [("ask_to_stop",), ("kill", "aborted")]


def test_soft_stop_after_a_hard_one_changes_nothing() -> None:
    """Code 20 while the tree is being killed is ignored: never back from hard to soft."""
    world = orders("abort_ordered", "stop_ordered", "script_ended", worker=FakeWorker())
    events = [
        Event("abort_ordered", {}, 1),
        Event("stop_ordered", {}, 1),
        Event("script_ended", {"outcome": "aborted"}, 1),
    ]
    world.inbox.when_empty = lambda: events.pop(0)

    world.run()

    assert world.worker.done[1:] == [("kill", "aborted")]
    assert world.gateway.statuses() == [8, 3]
    assert [step.kind for step in journalled(world) if step.event.name == "stop_ordered"] == ["ignored"]


@pytest.mark.parametrize("answers", ["never", "late"])
def test_killed_job_comes_to_its_report_although_the_worker_does_not_answer(answers: str) -> None:
    """Its end is the order's, what may be left is named, nothing of a late answer counts, and no job follows."""
    worker = FakeWorker()

    class Gateway(FakeGateway):
        def update_job(self, job_guid: str, status: int) -> None:
            if answers == "late" and status != 8 and worker.ended is not None:
                worker.ended(Ending("succeeded", exit_code=0))
            super().update_job(job_guid, status)

    world = with_job(worker=worker, gateway=Gateway([JOB_FOUND, JOB_FOUND, NO_JOB], [TAKEN, TAKEN]))
    world.inbox.events = [Event("stop_ordered", {}, 1), Event("abort_ordered", {}, 1)]
    began_s = world.clock.now_s

    with pytest.raises(CallbackError, match="thread that watches the last script does not answer"):
        world.run()

    assert world.gateway.statuses() == [8, 3]
    assert ends_of_jobs(world) == {JOB.guid: "aborted"}
    assert UNANSWERED_KILL_S <= world.clock.now_s - began_s < 2 * UNANSWERED_KILL_S
    (ended,) = [step for step in journalled(world) if step.event.name == "script_ended"]
    assert "supervision has not answered" in str(ended.event.data["survivors"])
    assert world.gateway.calls.count(("consume",)) == 1


def test_kill_that_is_answered_in_time_leaves_no_deadline() -> None:
    """The next job may take longer than that."""
    second = attrs.evolve(JOB, guid="second")
    worker = FakeWorker(on_start=OK, on_kill=Ending("aborted", exit_code=-9), takes_s=3 * UNANSWERED_KILL_S)
    world = World(FakeGateway([JOB_FOUND, JOB_FOUND, NO_JOB], [TAKEN, ConsumeAnswer(0, job=second)]), worker=worker)
    world.inbox.events = [Event("abort_ordered", {}, 1)]

    assert world.run() == 0
    assert world.gateway.statuses() == [8, 3, 8, 4]
    assert world.clock.now_s > 2 * UNANSWERED_KILL_S


def test_event_of_an_earlier_job_is_journalled_and_ignored() -> None:
    """A late answer about job 1 does not stop job 2."""
    second = attrs.evolve(JOB, guid="second")
    world = World(FakeGateway([JOB_FOUND, JOB_FOUND, NO_JOB], [TAKEN, ConsumeAnswer(0, job=second)]))
    world.worker.on_start = None
    events = [
        Event("script_ended", {"outcome": "succeeded"}, 1),
        Event("abort_ordered", {}, 1),
        Event("script_ended", {"outcome": "succeeded"}, 2),
    ]
    world.inbox.when_empty = lambda: events.pop(0)

    assert world.run() == 0
    assert world.gateway.statuses() == [8, 4, 8, 4]
    assert [step.kind for step in journalled(world) if step.event.name == "abort_ordered"] == ["late"]


def test_working_heartbeats_end_before_the_final_status_is_sent() -> None:
    """The heartbeats is stopped first, so that no Working heartbeat can follow the report."""
    world = with_job()

    world.run()

    assert ("update", JOB.guid, 4) in world.gateway.calls  # and not (…, "beating")


# ---- answers of the orchestrator


def test_code_101_when_ready_faults_with_exit_3() -> None:
    """The orchestrator does not know this robot: nothing is asked again."""
    world = World(FakeGateway([HeartbeatAnswer(101, "robot not found")]))

    assert world.run() == 3
    assert world.path()[-1] == "Faulted"
    assert len(world.gateway.calls) == 1
    assert world.left_session == []


@pytest.mark.parametrize("code", [10, 20])
def test_stop_codes_when_no_job_is_in_hand_mean_nothing(code: int) -> None:
    """A 10 or 20 for a robot that is Ready is no order; HasNewJob decides."""
    world = World(FakeGateway([HeartbeatAnswer(code, has_new_job=0)]))

    assert world.run() == 0


def test_refused_credential_faults_with_exit_3() -> None:
    """HTTP 401 is no reason to ask again."""
    refusal = GatewayRejectedError("/api/robot/heartbeat", "refused", "HTTP 401", 401)
    world = World(FakeGateway([refusal]))

    assert world.run() == 3
    assert len(world.gateway.calls) == 1


def test_unreachable_orchestrator_is_asked_for_about_a_minute_then_exit_4() -> None:
    """The Ready heartbeat is repeated with growing pauses, none over 15 s, and the run ends with 4."""
    world = World(FakeGateway([lost("no_connection")]))

    assert world.run() == 4
    assert 30 <= sum(world.inbox.pauses) <= 60
    assert world.inbox.pauses == sorted(world.inbox.pauses)
    assert max(world.inbox.pauses) <= 15
    assert world.gateway.calls == [("announce", "")] * (len(world.inbox.pauses) + 1)


def test_unknown_code_counts_as_a_garbled_answer() -> None:
    """A code that states.yaml does not list is asked again, then exit 4; it is never taken for an order."""
    world = World(FakeGateway([HeartbeatAnswer(77, "?")]))

    assert world.run() == 4
    assert len(world.gateway.calls) > 3


def test_code_102_leads_back_to_ready_once_and_then_counts_as_no_job() -> None:
    """Another robot was faster: one pause and one more look, then the robot leaves."""
    world = World(FakeGateway([JOB_FOUND], [GONE]))

    assert world.run() == 0
    assert [call[0] for call in world.gateway.calls] == ["announce", "consume", "announce", "consume"]
    assert world.inbox.pauses == [5, 5]
    assert world.left_session == ["Finished"]


@pytest.mark.parametrize("kind", ["no_answer", "server_error", "garbled"])
def test_lost_consume_answer_is_never_repeated_blindly_and_a_lost_job_is_said_loudly(kind: FailureKind) -> None:
    """The answer may have held a job: the heartbeat is asked first, and a 102 then raises an alarm line."""
    world = World(FakeGateway([JOB_FOUND], [lost(kind), GONE]))

    assert world.run() == 0
    assert [call[0] for call in world.gateway.calls[:4]] == ["announce", "consume", "announce", "consume"]
    assert any(line.startswith("error a job is probably lost") for line in world.log.lines)


@pytest.mark.parametrize("kind", ["no_connection", "throttled"])
def test_consume_when_it_certainly_did_nothing_is_asked_again(kind: FailureKind) -> None:
    """Where no connection was made, repeating cannot lose or double a job."""
    world = with_job(gateway=FakeGateway([JOB_FOUND, NO_JOB], [lost(kind), lost(kind), TAKEN]))

    assert world.run() == 0
    assert [call[0] for call in world.gateway.calls[:4]] == ["announce", "consume", "consume", "consume"]
    assert world.gateway.statuses() == [8, 4]


def test_lost_consume_answers_without_end_fault_with_exit_4() -> None:
    """A server that always loses the answer does not keep the robot for ever."""
    world = World(FakeGateway([JOB_FOUND], [lost("no_answer")]))

    assert world.run() == 4
    assert [call[0] for call in world.gateway.calls].count("consume") == 4


def test_job_that_comes_twice_is_run_once_and_its_outcome_reported_again() -> None:
    """A GUID that was already run is never started a second time."""
    world = World(
        FakeGateway([JOB_FOUND, JOB_FOUND, NO_JOB], [TAKEN]), FakeWorker(on_start=Ending("failed", exit_code=1))
    )

    assert world.run() == 0
    assert world.worker.done == [("start", JOB.guid)]
    assert world.gateway.statuses() == [8, 5, 5]


def test_claim_when_refused_starts_nothing_and_reports_failed() -> None:
    """A 409 on status 8: the script is not started, the job is reported Failed if the server still takes it."""
    refusal = GatewayRejectedError("/api/job/update", "rejected", "HTTP 409", 409)
    world = with_job(gateway=FakeGateway([JOB_FOUND, NO_JOB], [TAKEN], [refusal, None]))

    assert world.run() == 0
    assert world.worker.done == []
    assert world.gateway.statuses() == [8, 5]


def test_claim_when_unreachable_is_asked_for_about_two_minutes() -> None:
    """The claim is repeated for up to 120 s, then the job is reported Failed without having been started."""
    world = with_job(gateway=FakeGateway([JOB_FOUND, NO_JOB], [TAKEN], [lost("no_answer")]))

    world.run()

    claims = world.gateway.statuses().count(8)
    assert 60 <= sum(world.inbox.pauses[: claims - 1]) <= 120
    assert set(world.gateway.statuses()[claims:]) == {5}
    assert world.worker.done == []


CODES: dict[str, list[tuple[int, int, str | None]]] = {
    "announce": [
        (0, 0, "no_job"),
        (0, 1, "job_found"),
        (10, 1, "job_found"),
        (20, 0, "no_job"),
        (101, 0, "robot_unknown"),
    ],
    "consume_job": [(0, 0, "job_consumed"), (101, 0, "robot_unknown"), (102, 0, "job_gone")],
    "run_script": [(0, 0, None), (10, 0, "abort_ordered"), (20, 0, "stop_ordered"), (101, 0, "robot_forgotten")],
}


@pytest.mark.parametrize(
    ("callback", "code", "has_new_job", "event"),
    [(callback, *case) for callback, cases in CODES.items() for case in cases],
)
def test_code_of_the_algorithm_means_its_event(callback: str, code: int, has_new_job: int, event: str | None) -> None:
    """states.yaml gives every documented code its meaning, in every call that can carry it."""
    answer = {"HeartbeatErrorCode": code, "ConsumeJobErrorCode": code, "HasNewJob": has_new_job}

    assert event_for(definition_of_the_robot().callback(callback), answer) == event


def test_report_when_undeliverable_is_tried_for_ten_minutes_kept_and_exit_4() -> None:
    """The final status is repeated for up to 600 s; the run ends with 4 and the journal still holds the result."""
    world = with_job(gateway=FakeGateway([JOB_FOUND], [TAKEN], [None, lost("no_answer")]))

    assert world.run() == 4
    assert 400 <= sum(world.inbox.pauses) <= 600
    assert world.path()[-1] == "Faulted"
    assert set(world.gateway.statuses()[1:]) == {4}
    assert ends_of_jobs(world) == {JOB.guid: ""}


@pytest.mark.parametrize("status", [400, 404, 409])
def test_report_when_refused_for_good_is_closed_with_a_loud_line(status: int) -> None:
    """A 404 or 409 on the final status is final too: said loudly, never repeated, the robot goes on."""
    refusal = GatewayRejectedError("/api/job/update", "rejected", f"HTTP {status}", status)
    world = with_job(gateway=FakeGateway([JOB_FOUND, NO_JOB], [TAKEN], [None, refusal]))

    assert world.run() == 0
    assert world.gateway.statuses() == [8, 4]
    assert ends_of_jobs(world) == {JOB.guid: "succeeded"}
    assert any(line.startswith("error the orchestrator refuses the result for good") for line in world.log.lines)


def test_code_101_while_working_lets_the_script_go_on_and_takes_no_job_after_it() -> None:
    """The running job is finished and reported; then the run ends with 3 without asking again."""
    world = orders("robot_forgotten", "x", worker=FakeWorker())
    events = [Event("robot_forgotten", {}, 1), Event("script_ended", {"outcome": "succeeded"}, 1)]
    world.inbox.when_empty = lambda: events.pop(0)

    assert world.run() == 3
    assert world.gateway.statuses() == [8, 4]
    assert [call[0] for call in world.gateway.calls].count("announce") == 1


def test_long_silence_when_the_settings_say_so_stops_the_script() -> None:
    """`contact_lost` asks the script to stop, as `on_disconnect = "stop"` promises."""
    world = orders("contact_lost", worker=FakeWorker(on_stop=Ending("stopped")))

    world.run()

    assert world.gateway.statuses() == [8, 7]


# ---- leaving


@attrs.define
class InterruptingGateway(FakeGateway):
    """Something happens while the job is consumed."""

    meanwhile: Callable[[], None] = attrs.field(kw_only=True)

    def consume_job(self) -> ConsumeAnswer:
        self.meanwhile()
        return super().consume_job()


def test_interrupt_while_working_stops_politely_reports_and_exits_6() -> None:
    """Ctrl-C during a job: the script is asked to stop, the outcome is reported, no other job is taken."""
    world = with_job(worker=FakeWorker(on_stop=Ending("stopped")))
    world.gateway.announces = [JOB_FOUND]

    def interrupt() -> Event:
        world.inbox.post(Event("interrupted", {"reason": "SIGINT"}))
        return world.inbox.events.pop(0)

    world.inbox.when_empty = interrupt

    assert world.run() == 6
    assert world.gateway.statuses() == [8, 7]
    assert [call[0] for call in world.gateway.calls].count("announce") == 1
    assert world.path()[-1] == "Interrupted"
    assert world.left_session == []


def test_second_interrupt_kills_the_script() -> None:
    """Who presses Ctrl-C twice does not wait for the grace time."""
    world = orders("interrupted", "interrupted_again", worker=FakeWorker(on_kill=Ending("aborted")))

    world.run()

    assert world.worker.done[1:] == [("ask_to_stop",), ("kill", "aborted")]


@pytest.mark.parametrize("pauses", [0, 1])
def test_interrupt_while_asking_in_vain_leaves_at_once_with_exit_6(pauses: int) -> None:
    """A pause between two tries ends with the first Ctrl-C."""
    world = World(FakeGateway([lost("no_connection")]))
    world.inbox.leave_after_pauses = pauses

    assert world.run() == 6
    assert len(world.inbox.pauses) == pauses + 1


def test_interrupt_before_the_claim_starts_nothing_and_reports_failed() -> None:
    """A job that was taken and not claimed is not left hanging."""
    world = with_job(gateway=FakeGateway([JOB_FOUND], [TAKEN], [lost("no_answer"), None]))
    world.inbox.leave_after_pauses = 0

    assert world.run() == 6
    assert world.worker.done == []
    assert world.gateway.statuses() == [8, 5]


def test_interrupt_while_the_job_is_consumed_starts_nothing_and_claims_nothing() -> None:
    """Told to leave when the job is already in hand: it is reported Failed, not begun and stopped."""
    told_to_leave = Event("interrupted", {"reason": "SIGTERM"})
    world = with_job()
    world.gateway = InterruptingGateway(
        [JOB_FOUND, NO_JOB], [TAKEN, GONE], meanwhile=lambda: world.inbox.post(told_to_leave)
    )

    assert world.run() == 6
    assert world.worker.done == []
    assert world.gateway.statuses() == [5]


def test_interrupt_while_the_report_is_repeated_keeps_the_result_and_exits_6() -> None:
    """The result stays open in the journal, for the next start."""
    world = with_job(gateway=FakeGateway([JOB_FOUND], [TAKEN], [None, lost("no_connection")]))
    world.inbox.leave_after_pauses = 0

    assert world.run() == 6
    assert world.path()[-1] == "Interrupted"
    assert ends_of_jobs(world) == {JOB.guid: ""}


# ---- what the last life left


def test_result_left_by_the_last_run_is_delivered_before_anything_is_asked_for() -> None:
    """An undelivered outcome goes out first, with the same value."""
    world = World(past=FakePast(Unsettled("old", "script", "token", "stopped", "Reporting")))

    assert world.run() == 0
    assert world.gateway.calls == [("update", "old", 7), ("announce", "old")]


@pytest.mark.parametrize("repeated", [False, True])
def test_job_that_was_given_twice_stays_so_for_the_next_life(repeated: bool) -> None:
    """The list of jobs knows an end of it, which closes the job only where it was given once."""
    left = Unsettled("old", "script", "token", "succeeded", "Reporting", repeated=repeated)
    world = World(past=FakePast(left))

    world.run()

    taken_over = next(step.event for step in world.steps if step.event.name == "result_left")
    assert taken_over.data.get("repeated", False) is repeated


@pytest.mark.parametrize(
    ("in_list", "in_journals", "status"), [("stopped", "failed", 7), ("", "stopped", 7), ("", "", 5)]
)
def test_job_that_is_given_again_is_reported_as_it_ended(in_list: str, in_journals: str, status: int) -> None:
    """By the list of jobs; where a full disk kept its end out of it, by the journals; where nobody knows, Failed."""
    world = with_job(ledger=FakeLedger({JOB.guid: in_list}), past=FakePast(outcomes={JOB.guid: in_journals}))

    assert world.run() == 0
    assert world.worker.done == []
    assert world.gateway.statuses() == [status]


def test_job_given_again_while_the_journals_cannot_be_read_is_failed_and_the_last_one() -> None:
    """Its end may be there; nobody can say, and no other job is taken on such a disk."""

    class Unreadable(FakePast):
        def outcome(self, job_guid: str) -> str:
            raise JournalError("cannot be read")

    world = with_job(ledger=FakeLedger({JOB.guid: ""}), past=Unreadable())

    assert world.run() == 1
    assert world.worker.done == []
    assert world.gateway.statuses() == [5]


def test_job_that_was_running_when_the_robot_died_is_killed_and_reported_failed() -> None:
    """Its remains are ended by their run token, it is Failed, and it is never started again."""
    world = World(
        worker=FakeWorker(remains=("pid 7 (python)",)),
        past=FakePast(Unsettled("old", "script", "token", "", "Working")),
    )

    assert world.run() == 0
    assert world.worker.done == [("end_remains", "token")]
    assert world.gateway.calls[0] == ("update", "old", 5)


def test_nothing_is_consumed_while_a_result_cannot_be_delivered() -> None:
    """With the old result undeliverable the run ends with 4 and has asked for no job."""
    world = World(FakeGateway(updates=[lost("no_connection")]), past=FakePast(Unsettled("old", "s", "t", "failed")))

    assert world.run() == 4
    assert {call[0] for call in world.gateway.calls} == {"update"}


# ---- what is written down


def test_step_says_whether_its_event_came_from_the_callback_or_the_inbox() -> None:
    """The answer of a callback is the next event; while a callback waits, the inbox has the word."""
    world = with_job()

    world.run()

    came_from = {step.event.name: step.came_from for step in world.steps}
    assert came_from["started"] == ""
    assert came_from["job_consumed"] == "callback"
    assert came_from["script_ended"] == "inbox"


@pytest.mark.parametrize("keep", [False, True])
def test_task_reaches_the_journal_only_when_the_settings_ask_for_it(keep: bool) -> None:
    """Parameters may be private: a digest is enough to compare them."""
    world = with_job(keep_task=keep)

    world.run()

    (data,) = [step.event.data for step in world.steps if step.event.name == "job_consumed"]
    assert len(data["task_sha256"]) == 64
    assert data.get("task") == (JOB.documents["task"] if keep else None)
    assert ("2026-10" in str(data)) == keep


# ---- the journal fails


@pytest.mark.parametrize(("broken_from", "sent"), [(0, []), (1, []), (2, ["announce"])])
def test_robot_when_its_journal_cannot_be_written_takes_no_job(broken_from: int, sent: list[str]) -> None:
    """What cannot be written down is not begun."""
    world = with_job(journal=FakeJournal(broken_from=broken_from))

    assert world.run() == 1
    assert [call[0] for call in world.gateway.calls] == sent
    assert any("no space left" in line for line in world.log.lines)


def test_job_of_which_nobody_can_say_whether_it_was_had_is_not_started() -> None:
    """A list of jobs that cannot be read is broken storage: the job is reported Failed, and no other is taken."""

    class Unreadable(FakeLedger):
        def known(self, job_guid: str) -> bool:
            raise JournalError("cannot be read")

    world = with_job(ledger=Unreadable())

    assert world.run() == 1
    assert world.worker.done == []
    assert world.gateway.statuses() == [5]


@pytest.mark.parametrize(("broken_from", "statuses"), [(3, [5]), (4, [8, 5]), (5, [8, 4])])
def test_job_in_hand_when_the_journal_breaks_is_still_reported(broken_from: int, statuses: list[int]) -> None:
    """Before its script was started it is Failed; a script that ran is reported as it ended. No new job follows."""
    world = with_job(journal=FakeJournal(broken_from=broken_from))

    assert world.run() == 1
    assert world.gateway.statuses() == statuses


def test_crash_of_the_robot_itself_leaves_no_script_behind() -> None:
    """An event that the machine cannot take is a bug: the tree is killed before the error goes up."""
    world = orders("no_such_event", worker=FakeWorker())

    with pytest.raises(UnexpectedEventError):
        world.run()

    assert world.worker.done[-1] == ("kill", "aborted")
    assert not world.gateway.beating
