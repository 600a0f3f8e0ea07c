"""One method per callback name in states.yaml: acts through the gateway and the worker, answers with an event."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.codes import event_for
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.definition import BEATING, CallbackSpec, Definition, State
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.timeouts import calls_needed
from fsm_robot.errors import (
    GatewayError,
    GatewayGarbledError,
    JournalError,
    LeavingError,
    PausedError,
    ScriptNotStartedError,
    ScriptRefusedError,
    UnsupervisedError,
)
from fsm_robot.robot import ports
from fsm_robot.robot.retries import Retries

if TYPE_CHECKING:
    from fsm_robot.robot.heartbeats import Heartbeats
    from fsm_robot.robot.job_in_hand import JobInHand
    from fsm_robot.robot.ports import ConsumeAnswer, Ending, HeartbeatAnswer, Job, Options, Ports

IN_PROGRESS = 8
HEARTBEAT, CONSUME = "/api/robot/heartbeat", "/api/robot/consumeNextJob"
_TAKES_ANYTHING = 0x04
"""`inspect.CO_VARARGS`."""
UNANSWERED_KILL_S = 60.0
"""When a killed script counts as ended although its supervision says nothing: that gives up after half of this time."""
OUTCOMES = ("succeeded", "failed", "refused", "not_started", "lost", "stopped", "stop_ran_out", "aborted")
"""How a job can end; each needs a job status in the machine file."""


def callback_names(kind: type) -> tuple[str, ...]:
    """Return the callbacks that a class offers: its public methods whose only parameter is called `step`.

    A decorated one is among them, whether its decorator tells what it wraps or takes whatever it is given.
    """
    methods = ((name, getattr(kind, name)) for name in dir(kind) if not name.startswith("_"))
    return tuple(name for name, method in methods if callable(method) and _takes_a_step(method))


def _takes_a_step(method: Callable[..., object]) -> bool:
    code = getattr(method, "__code__", None)
    if code is None or code.co_flags & _TAKES_ANYTHING or hasattr(method, "__wrapped__"):
        return _says_it_takes_a_step(method)
    # Every start asks this of every method, and a signature costs fifty times as much.
    return bool(code.co_argcount == 2 and code.co_varnames[1] == "step")


def _says_it_takes_a_step(method: Callable[..., object]) -> bool:
    import inspect

    if isinstance(method, type):
        return False
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        return False  # written in C, which no callback is
    anything = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
    return anything or [parameter.name for parameter in parameters][-1:] == ["step"]


@attrs.define(eq=False, repr=False)
class Callbacks:
    """Everything the robot does. `assemble.assemble` builds it.

    Attributes:
        definition: The machine, for the retry policies and codes of its callbacks.
        ports: Everything outside.
        options: What the settings say.
        heartbeats: The Working heartbeats of the job in hand.
        retries: How calls of the orchestrator are repeated.
        in_hand: The job in hand, or the last one; None before the first.
        storage_broken: Whether a record could not be written: then no job is taken any more.
        jobs_done: How many jobs have been closed.
        paused: Why the robot has asked for no further job, empty where nobody has paused it.
    """

    definition: Definition
    ports: Ports
    options: Options
    heartbeats: Heartbeats
    retries: Retries
    in_hand: JobInHand | None = None
    storage_broken: bool = False
    jobs_done: int = 0
    paused: str = ""
    _forgotten: bool = False
    _has_failed: bool = False  # a job of this run
    _answer_lost: bool = False
    _unsupervised: bool = False  # the worker has not answered a kill, and may never answer anything again
    _no_wait_for_a_kill: Callable[[], None] = lambda: None

    # ---- for classes of one's own that extend this one

    @property
    def job(self) -> Job | None:
        """The job in hand, or the last one; None before the first."""
        return self.in_hand.job if self.in_hand is not None else None

    @property
    def outcome(self) -> str:
        """How the job in hand ended, empty while that is not known."""
        return self.in_hand.outcome if self.in_hand is not None else ""

    @outcome.setter
    def outcome(self, outcome: str) -> None:
        self._in_hand().outcome = outcome

    @property
    def log(self) -> Log:
        """The robot's log."""
        return self.ports.log

    @property
    def my(self) -> Any:
        """The section `[my]` of robot.toml, as a class `Settings` within the class declares it; else None."""
        return self.options.my

    # ---- before the first job

    def settle_last_run(self, step: Step) -> Event:
        """Kill what remains of the last life's script; take over the result that it could not deliver."""
        left = self.ports.past.unsettled()
        if left is None:
            self._settle_tasks()
            return Event("nothing_left")
        self.log.warning(
            "job.left_open",
            "the last run left a job open",
            job=left.job_guid,
            script=left.script_name,
            in_state=left.last_state,
            because="" if left.outcome else self.ports.died_of(),
        )
        ended = self.ports.worker.end_remains(left.run_token) if left.run_token else ()
        if ended:
            self.log.warning(
                "script.remains_ended", "processes that the last run left running were ended", processes=ended
            )
        self._tidy(left.job_guid)
        self._settle_tasks()  # not before their script is gone
        from fsm_robot.robot.job_in_hand import JobInHand

        job = ports.Job(left.job_guid, left.script_name)
        self.in_hand = JobInHand(job, run_token=left.run_token, outcome=left.outcome or "lost")
        data = {**self.in_hand.told(), "outcome": self.in_hand.outcome, "ended": list(ended)}
        # Said again: else the list of jobs, which knows an end of it, would close the job for the next life.
        return Event("result_left", {**data, "repeated": True} if left.repeated else data)

    @contextmanager
    def _tasks_settled(self, outcome: str) -> Iterator[None]:
        """Let tasks and log lines of the script be delivered before the final status, which they explain.

        After an abort, and when the robot is told to leave, nothing is waited for: the final status goes first.
        """
        tasks, hurry = self.ports.tasks, outcome == "aborted" or self.ports.inbox.leaving()
        now = self._in_hand()
        if tasks is not None and not hurry:
            tasks.job_ended(now.job, outcome, now.ending, in_a_hurry=False)
        try:
            yield
        finally:
            if tasks is not None and hurry:
                tasks.job_ended(now.job, outcome, now.ending, in_a_hurry=True)

    def _settle_tasks(self) -> None:
        if self.ports.tasks is not None:
            self.ports.tasks.settle_left()

    # ---- asking for a job

    def announce(self, step: Step) -> Event:
        """Tell the orchestrator that the robot is ready; learn whether there is a job."""
        if self.storage_broken:
            return Event("storage_unusable")
        if self._forgotten:
            return Event("robot_unknown", {"code": 101, "text": "said so while the last job was working"})
        if self._unsupervised:
            raise UnsupervisedError
        if self.options.idle_wait_s and self.ports.status is not None:
            self.ports.status.waits(step.dest)
        if self.ports.inbox.leaving():
            return Event("interrupted")
        spec = self._spec(step)
        try:
            answer = self.retries.linger(
                lambda: self.retries.ask(spec, lambda: self._announced(spec), "until_told"),
                lambda answer: event_for(spec, _heartbeat_fields(answer)) == "no_job",
                self.options.idle_wait_s,
                self.options.interval_s,
            )
        except LeavingError:
            return Event("interrupted")
        except PausedError:
            return Event("no_job", {"paused": self.paused})
        except GatewayError as error:
            return self._failed(error)
        if self.ports.tasks is not None:
            self.ports.tasks.announced()
        name = event_for(spec, _heartbeat_fields(answer)) or ""
        return Event(name, _text(answer.code, answer.error_text))

    def consume_job(self, step: Step) -> Event:
        """Take the job that was announced."""
        if not self._could_keep_a_job():
            return Event("storage_unusable")
        if self.ports.inbox.leaving():
            return Event("interrupted")
        spec = self._spec(step)
        try:
            answer = self.retries.ask(spec, lambda: self._consumed(spec))
        except LeavingError:
            return Event("interrupted")
        except PausedError:
            return Event("job_gone", {"paused": self.paused})
        except GatewayError as error:
            return self._consume_failed(error, spec)
        name = event_for(spec, {"ConsumeJobErrorCode": answer.code}) or ""
        if answer.job is not None:
            return self._take(answer.job, name)
        if name == "job_gone":
            self._job_gone(spec)
        return Event(name, _text(answer.code, answer.error_text))

    def claim_job(self, step: Step) -> Event:
        """Tell the orchestrator that this robot works on the job."""
        now = self._in_hand()
        # Before the claim, as a second witness: where a journal was changed, this keeps the job from being run twice.
        self._write_ledger("")
        now.outcome = "not_started"
        if self.ports.inbox.leaving():
            return Event("interrupted", {"outcome": now.outcome})
        if self.storage_broken:
            return Event("claim_failed", {"outcome": now.outcome, "error": "the journal cannot be written"})
        try:
            self.retries.ask(self._spec(step), lambda: self.ports.gateway.update_job(now.job.guid, IN_PROGRESS))
        except LeavingError:
            return Event("interrupted", {"outcome": now.outcome})
        except GatewayError as error:
            self.log.error(
                "job.not_claimed",
                "job could not be claimed, its script is not started",
                job=now.job.guid,
                error=str(error),
            )
            return Event("claim_failed", {"outcome": now.outcome, **_error(error)})
        now.outcome = ""
        return Event("job_claimed")

    # ---- working

    def run_script(self, step: Step) -> Event | None:
        """Start the script and the heartbeats."""
        now = self._in_hand()
        try:
            if self.storage_broken:
                raise ScriptNotStartedError("the journal cannot be written, so the script is not started")
            self._get_ready(now)
            self.ports.worker.start(now.job, now.run_token, lambda ending: self._script_ended(ending, now))
        except (ScriptRefusedError, ScriptNotStartedError) as error:
            now.outcome = "refused" if isinstance(error, ScriptRefusedError) else "not_started"
            now.ending = ports.Ending(now.outcome, str(error))
            self.log.error("script.not_started", "script not started", job=now.job.guid, reason=str(error))
            return Event("script_not_started", {"outcome": now.outcome})
        self.log.info("script.started", "script started", job=now.job.guid, script=now.job.script_name)
        return None

    def ask_script_to_stop(self, step: Step) -> None:
        """Raise the stop flag, interrupt the script; how long it gets to leave says `after` of the state."""
        self.log.info("script.asked_to_stop", "script is asked to stop", because=_because(step.event))
        self.ports.worker.ask_to_stop()

    def kill_script(self, step: Step) -> None:
        """Kill the whole process tree; whatever becomes of the worker, the job comes to its report."""
        self.log.warning("script.killed", "script is killed", because=_because(step.event))
        outcome = "stop_ran_out" if step.source == "Stopping" and step.event.name == "grace_ended" else "aborted"
        now = self._in_hand()
        self.ports.worker.kill(outcome)
        self._no_wait_for_a_kill = self.ports.timers.after(UNANSWERED_KILL_S, lambda: self._not_told(now, outcome))

    def is_late(self, event: Event) -> bool:
        """Return whether an event speaks of another job than the one in hand."""
        return event.job_run is not None and event.job_run != self._number()

    def storage_broke(self, error: JournalError) -> None:
        """Take no further job: what cannot be written down cannot be recovered either."""
        if not self.storage_broken:
            self.log.error(
                "storage.failed",
                "storage failed; a running job is still reported, no new one is taken",
                error=str(error),
            )
        self.storage_broken = True

    def note(self, taken: Step) -> None:
        """Remember what an event means beyond its transition; called for every step, before its callback."""
        name, data = taken.event.name, taken.event.data
        if taken.kind == "taken":
            self._beat_in(self.definition.state(taken.dest))
        if taken.kind == "taken" and "outcome" in data and self.in_hand is not None:
            self.in_hand.outcome = str(data["outcome"])
        if taken.kind == "taken" and name == "script_ended":
            self._tell_ending()
        if name == "robot_forgotten":
            self._forgotten = True
            self.log.error(
                "robot.forgotten",
                "the orchestrator does not know this robot any more; the script goes on, no new job is taken after it",
            )
        if self.ports.status is not None:
            job = self.job
            self.ports.status.note(taken, job.guid if job else "", job.script_name if job else "", self.outcome)

    # ---- reporting

    def report_outcome(self, step: Step) -> Event:
        """Deliver the final status; no Working heartbeat leaves after it."""
        self.heartbeats.stop()
        now = self._in_hand()
        job, status = now.job, self.definition.outcomes[now.outcome]
        data = {"job": job.guid, "outcome": now.outcome, "status": status}
        try:
            with self._tasks_settled(now.outcome):
                # Not before it was told again: a status that is on its way is worth a wait. It may be sent twice.
                self.retries.ask(
                    self._spec(step), lambda: self.ports.gateway.update_job(job.guid, status), "until_told_again"
                )
        except LeavingError:
            self.log.error("job.not_delivered", "result not delivered, it is kept and sent at the next start", **data)
            return Event("interrupted", data)
        except GatewayError as error:
            return self._report_failed(error, data)
        self._close_job()
        self.log.info("job.reported", "job reported", script=job.script_name, **data)
        return Event("job_reported", data)

    def leave_session(self, step: Step) -> None:
        """Log the account off, or only end."""
        if self.ports.tasks is not None:
            self.ports.tasks.leaving(in_a_hurry=self.ports.inbox.leaving())
        # Asked once more: who pauses a robot that is about to leave wants to work in that session.
        self.paused = self.paused or self.ports.paused()
        if self.paused:
            self.log.debug("session.kept", "the account stays logged on", because=f"the robot is {self.paused}")
            return
        is_open = self.in_hand is not None and not self.in_hand.closed
        if self._has_failed and not is_open and self.ports.after_failure():
            return
        self.ports.leave()

    def close(self) -> None:
        """End everything that still runs: the robot itself has failed. The script comes first, whatever else fails."""
        try:
            self.ports.worker.close()
        finally:
            self.heartbeats.stop()

    # ---- pieces

    def _get_ready(self, now: JobInHand) -> None:
        """Take what heartbeats and the times of states need: a script may use up whatever the account may have."""
        try:
            # The heartbeats, the times of states, and a kill that nobody answers.
            self.ports.timers.prepare(2 + calls_needed(self.definition))
        except OSError as error:
            raise ScriptNotStartedError(f"the script is not started, {error}") from error
        self.heartbeats.start(now.job, now.number)

    def _beat_in(self, state: State) -> None:
        """Begin or end Working heartbeats, as the machine file says it for a state of its own."""
        if state.on_enter == "report_outcome":
            return  # which ends them itself, before anything else
        if self.in_hand is None:
            return
        if not state.beats:
            self.heartbeats.stop()
        elif state.on_enter != BEATING[0]:
            # Where the script is started its callback does it, which knows what to do where it cannot be done.
            self.heartbeats.start(self.in_hand.job, self.in_hand.number)

    def _check_not_paused(self) -> None:
        """Make no call for a job while an operator does not want one; before each try. Raises `PausedError`."""
        if paused := self.ports.paused():
            self.paused = paused
            raise PausedError(paused)

    def _announced(self, spec: CallbackSpec) -> HeartbeatAnswer:
        self._check_not_paused()
        answer = self.ports.gateway.announce(self.job)
        if not event_for(spec, _heartbeat_fields(answer)):
            text = (
                f"code {answer.code}, HasNewJob {answer.has_new_job} ({answer.error_text}) is not in the machine file"
            )
            raise GatewayGarbledError(HEARTBEAT, "garbled", text)
        return answer

    def _consumed(self, spec: CallbackSpec) -> ConsumeAnswer:
        self._check_not_paused()
        answer = self.ports.gateway.consume_job()
        if not event_for(spec, {"ConsumeJobErrorCode": answer.code}):
            text = f"code {answer.code} ({answer.error_text}) is not in the machine file"
            raise GatewayGarbledError(CONSUME, "garbled", text)
        return answer

    def _take(self, job: Job, name: str) -> Event:
        from fsm_robot.robot.job_in_hand import JobInHand  # which a wake-up without a job never needs

        now = self.in_hand = JobInHand(job, self._number() + 1, self.ports.new_token())
        self._answer_lost = False
        if self._already_had(job.guid):
            now.outcome = self._ended_before(job.guid) or "lost"
            self.log.error(
                "job.repeated",
                "the orchestrator gave a job again, it is not run twice",
                job=job.guid,
                outcome=now.outcome,
            )
            return Event("job_repeated", {**now.told(), "outcome": now.outcome})
        task = json.dumps(job.documents.get("task"), sort_keys=True, ensure_ascii=False, default=str)
        digest = hashlib.sha256(task.encode(errors="surrogatepass")).hexdigest()
        self.log.info("job.taken", "job taken", job=job.guid, script=job.script_name)
        kept = {"task": job.documents.get("task")} if self.options.keep_task else {}
        return Event(name, {**now.told(), "task_sha256": digest, **kept})

    def _tidy(self, job_guid: str) -> None:
        try:
            self.ports.past.tidy(job_guid)
        except OSError as error:
            self.log.warning(
                "job.parameters_stay",
                "the parameters of a job could not be deleted from the disk, delete them by hand",
                job=job_guid,
                error=str(error),
            )

    def _could_keep_a_job(self) -> bool:
        try:
            self.ports.ledger.make_ready()
        except JournalError as error:
            self.storage_broke(error)
        return not self.storage_broken

    def _already_had(self, job_guid: str) -> bool:
        try:
            return self.ports.ledger.known(job_guid)
        except JournalError as error:
            # The job is in hand: with broken storage it is not started, and reported Failed.
            self.storage_broke(error)
            return False

    def _ended_before(self, job_guid: str) -> str:
        """Return how a job ended that was had before; a full disk may have kept its end out of the list of jobs."""
        try:
            return self.ports.ledger.outcome(job_guid) or self.ports.past.outcome(job_guid)
        except JournalError as error:
            self.storage_broke(error)
            return ""

    def _consume_failed(self, error: GatewayError, spec: CallbackSpec) -> Event:
        if error.kind not in ("no_answer", "server_error", "garbled"):
            return self._failed(error)
        self._answer_lost = True
        self.log.error(
            "job.answer_lost", "the answer to consumeNextJob was lost, it may have held a job", error=str(error)
        )
        self.ports.inbox.pause(spec.pause_s)
        return Event("consume_answer_lost", _error(error))

    def _job_gone(self, spec: CallbackSpec) -> None:
        if self._answer_lost:
            self.log.error(
                "job.lost",
                "a job is probably lost: the answer that held it did not arrive, and the orchestrator has no more;"
                " look in the orchestrator for a job of this robot that never starts, and create it again",
            )
        else:
            self.log.info("job.gone", "another robot took the job first")
        self.ports.inbox.pause(spec.pause_s)

    def _report_failed(self, error: GatewayError, data: dict[str, object]) -> Event:
        if error.kind == "rejected":
            self._close_job()
            self.log.error(
                "job.result_refused",
                "the orchestrator refuses the result for good, the job is closed here",
                error=str(error),
                **data,
            )
            return Event("report_refused", {**data, **_error(error)})
        self.log.error(
            "job.not_delivered", "result not delivered, it is kept and sent at the next start", error=str(error), **data
        )
        name = "credential_refused" if error.kind == "refused" else "report_undelivered"
        return Event(name, {**data, **_error(error)})

    def _close_job(self) -> None:
        self.jobs_done += 1
        self._write_ledger(self.outcome)
        now = self._in_hand()
        now.closed = True
        self._has_failed = self._has_failed or now.has_failed
        self.ports.closed()

    def _write_ledger(self, outcome: str) -> None:
        try:
            self.ports.ledger.add(self._in_hand().job.guid, outcome)
        except JournalError as error:
            self.storage_broke(error)

    def _script_ended(self, ending: Ending, of: JobInHand) -> None:
        if of.settle(ending, "worker"):  # handed over before the event that makes the owner thread read it
            self.ports.inbox.post(_ended(ending, of.number))

    def _not_told(self, of: JobInHand, outcome: str) -> None:
        """End a job whose supervision hangs: the orchestrator must not wait for it, and nobody knows what is left."""
        silent = f"whatever the script has started: its supervision has not answered for {UNANSWERED_KILL_S:g} s"
        ending = ports.Ending(outcome, survivors=(silent,))
        if of.settle(ending, "deadline"):
            self._unsupervised = True
            self.ports.inbox.post(_ended(ending, of.number))

    def _tell_ending(self) -> None:
        self._no_wait_for_a_kill()
        ending = self.in_hand.ending if self.in_hand is not None else None
        if ending is None:
            return
        level = "info" if ending.outcome in ("succeeded", "stopped") else "warning"
        self.log.write(
            level,
            "script.ended",
            "script ended",
            outcome=ending.outcome,
            reason=ending.reason,
            output=ending.output_path,
        )
        if ending.leftovers:
            self.log.warning(
                "script.processes_ended",
                "the script left processes running, they were ended",
                processes=ending.leftovers,
            )
        if ending.survivors:
            self.log.error("script.processes_survive", "these processes could not be ended", processes=ending.survivors)

    def _failed(self, error: GatewayError) -> Event:
        self.log.error("orchestrator.unusable", "the orchestrator cannot be used", error=str(error))
        name = "credential_refused" if error.kind == "refused" else "orchestrator_unreachable"
        return Event(name, _error(error))

    def _spec(self, step: Step) -> CallbackSpec:
        return self.definition.callback(step.callback)

    def _in_hand(self) -> JobInHand:
        if self.in_hand is None:
            raise LookupError("no job is in hand")
        return self.in_hand

    def _number(self) -> int:
        return self.in_hand.number if self.in_hand is not None else 0


def _ended(ending: Ending, job_run: int) -> Event:
    data: dict[str, object] = {"outcome": ending.outcome, "exit_code": ending.exit_code}
    if ending.limit:
        data["limit"] = ending.limit
    data.update({key: list(names) for key in ("survivors", "leftovers") if (names := getattr(ending, key))})
    return Event("script_ended", data, job_run)


def _because(event: Event) -> str:
    text = event.data.get("text") or event.data.get("reason") or ""
    return f"{event.name.replace('_', ' ')}{f' ({text})' if text else ''}"


def _heartbeat_fields(answer: HeartbeatAnswer) -> dict[str, int | None]:
    return {"HeartbeatErrorCode": answer.code, "HasNewJob": answer.has_new_job}


def _text(code: int, text: str) -> dict[str, object]:
    return {"code": code, "text": text} if text else {"code": code}


def _error(error: GatewayError) -> dict[str, object]:
    return {"failure": error.kind, "error": str(error)}
