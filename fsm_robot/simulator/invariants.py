"""What must be true of every history, one function per promise. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import NamedTuple

import attrs

from fsm_robot.engine.journal.file import SUFFIX
from fsm_robot.engine.journal.record import read, steps_in
from fsm_robot.simulator.history import Fact, History

IN_PROGRESS, ABORTED, SUCCESS, FAILED, STOPPED = 8, 3, 4, 5, 7
JOB_ABORTING, JOB_STOPPING, ROBOT_NOT_FOUND = 10, 20, 101
ABORT_BOUND_S = 5.0
"""An abort that was heard has emptied the tree after so long; the simulated system needs up to 2 s for a kill."""
PROMPT_S = 1.0
TINY_S = 1e-6
ACT_OF = {"consume_job": "consume_sent", "claim_job": "update_sent", "run_script": "script_started"}
"""Callback -> the fact that shows that it has acted."""


class Violation(NamedTuple):
    """A promise that was broken, where in the history, and how."""

    invariant: str
    at_s: float
    text: str


def one_tree(history: History) -> Iterator[tuple[float, str]]:
    """(a) At most one process tree, at most one robot; none is left when the robot ends."""
    alive: dict[str, set[int]] = {}
    life = 0
    for fact in history.facts:
        if fact.what == "born":
            alive.setdefault(fact.job, set()).add(fact.number)
        elif fact.what == "gone":
            alive[fact.job].discard(fact.number)
        elif fact.what in ("script_started", "life_ended"):
            left = sorted(pid for pids in alive.values() for pid in pids)
            if left:
                yield fact.at_s, f"{fact.what} while the processes {left} of another script live"
        if fact.what == "life_began":
            if life:
                yield fact.at_s, f"life {fact.life} begins while life {life} lasts"
            life = fact.life
        elif fact.what in ("life_ended", "crashed", "stuck", "broke"):
            life = 0


def started_once(history: History) -> Iterator[tuple[float, str]]:
    """(b) A job is started at most once, across restarts, and only after its claim was taken."""
    started: set[str] = set()
    claimed: set[str] = set()
    for fact in history.of("script_started", "update_heard"):
        if fact.what == "update_heard":
            if fact.number == IN_PROGRESS and fact.text == "taken":
                claimed.add(fact.job)
            continue
        if fact.job in started:
            yield fact.at_s, f"job {fact.job} is started a second time"
        elif fact.job not in claimed:
            yield fact.at_s, f"job {fact.job} is started, and its claim was not taken"
        started.add(fact.job)


def one_final_status(history: History) -> Iterator[tuple[float, str]]:
    """(c) Every claimed job ends with exactly one final status value, and it fits what its script did."""
    sent: dict[str, list[Fact]] = {}
    settled: set[str] = set()
    claimed: dict[str, float] = {}
    for fact in history.of("update_sent", "status_accepted", "update_heard"):
        if fact.number == IN_PROGRESS:
            if fact.what == "status_accepted":
                claimed.setdefault(fact.job, fact.at_s)
        elif fact.what == "update_sent":
            sent.setdefault(fact.job, []).append(fact)
        elif fact.what == "status_accepted" or fact.text == "rejected":
            settled.add(fact.job)
    knowledge = _knowledge(history)
    for job, facts in sent.items():
        known = knowledge.get(job, _Knowledge())
        values = sorted({fact.number for fact in facts})
        if len(values) > 1 and not known.unsure:
            yield facts[-1].at_s, f"job {job} is reported with the different final statuses {values}"
        for fact in facts:
            if fact.number not in known.fitting():
                yield (
                    fact.at_s,
                    f"job {job} is reported as {fact.number}, but {known.story()}, so {known.fitting()} would fit",
                )
                break
    end_s = history.facts[-1].at_s if history.facts else 0.0
    for job in claimed:
        if job not in settled:
            yield end_s, f"job {job} was claimed and has no final status"


@attrs.define
class _Knowledge:
    """What a script did, and whether the robot could know it.

    Attributes:
        truth: Status that fits how it ended; None while it has not, or was not even started.
        lost: The robot died before it had the ending on disk.
        unsure: The ending may or may not have reached the disk.
    """

    started: bool = False
    truth: int | None = None
    recording: bool = False
    recorded: bool = False
    lost: bool = False
    unsure: bool = False

    def fitting(self) -> tuple[int, ...]:
        """Return the statuses that may be reported."""
        own = self.truth if self.started and self.truth is not None else FAILED
        if self.unsure:
            return tuple(sorted({own, FAILED}))
        return (FAILED,) if self.lost else (own,)

    def story(self) -> str:
        """Return what a person needs to see why."""
        if not self.started:
            return "its script was never started"
        if self.lost:
            return "the robot died before it had written down how the script ended"
        return f"its script ended in a way that means {self.truth}"


def _knowledge(history: History) -> dict[str, _Knowledge]:
    found: dict[str, _Knowledge] = {}
    for fact in history.facts:
        if fact.what == "crashed":
            for known in found.values():
                _die(known)
        elif fact.what in ("script_started", "script_exited", "recording", "recorded"):
            known = found.setdefault(fact.job, _Knowledge())
            if fact.what == "script_started":
                known.started = True
            elif fact.what == "script_exited":
                known.truth = _fitting_status(fact)
            elif fact.text == "script_ended":
                known.recording = fact.what == "recording"
                known.recorded = known.recorded or fact.what == "recorded"
    for known in found.values():
        # A full disk: the ending was reported from memory, and no later life can know it.
        known.unsure = known.unsure or known.recording
    return found


def _die(known: _Knowledge) -> None:
    if not known.started or known.recorded:
        return
    known.unsure = known.unsure or known.recording
    known.lost = True


def _fitting_status(ended: Fact) -> int:
    if ended.text == "itself":
        return SUCCESS if ended.number == 0 else FAILED
    return {"asked": STOPPED, "stop_ran_out": ABORTED, "aborted": ABORTED}.get(ended.text, FAILED)


def nothing_taken_while_undelivered(history: History) -> Iterator[tuple[float, str]]:
    """(d) No job is consumed while a result is undelivered, nor after 101 was heard while a script ran.

    An answer that arrives after the script has ended is too late to count; the next Ready heartbeat tells the same.
    """
    jobs, forgotten, alive = _OpenJobs(), False, set[int]()
    for fact in history.facts:
        if fact.what in _OPEN_JOBS_SEE:
            jobs.see(fact)
        if fact.what == "born":
            alive.add(fact.number)
        elif fact.what == "gone":
            alive.discard(fact.number)
        elif fact.what == "beat_heard":
            forgotten = forgotten or (fact.number == ROBOT_NOT_FOUND and bool(alive))
        elif fact.what == "life_began":
            forgotten = False
        elif fact.what == "consume_sent" and forgotten:
            yield fact.at_s, "a job is asked for, although the orchestrator said that it does not know the robot"
        if fact.what == "consume_sent" and jobs.names():
            yield fact.at_s, f"a job is asked for while job {jobs.names()[0]} has no delivered final status"


def no_log_off_too_early(history: History) -> Iterator[tuple[float, str]]:
    """(h) No log-off with a live tree or an undelivered result."""
    alive: set[int] = set()
    jobs = _OpenJobs()
    for fact in history.facts:
        if fact.what in _OPEN_JOBS_SEE:
            jobs.see(fact)
        if fact.what == "born":
            alive.add(fact.number)
        elif fact.what == "gone":
            alive.discard(fact.number)
        elif fact.what == "logged_off" and (alive or jobs.names()):
            yield fact.at_s, f"the account is logged off over the processes {sorted(alive)} and the jobs {jobs.names()}"


_OPEN_JOBS_SEE = frozenset({"job_heard", "recorded", "crashed", "life_ended", "status_accepted", "update_heard"})
"""The facts that `_OpenJobs` looks at, a fifth of all."""


@attrs.define
class _OpenJobs:
    """The jobs that the robot knows of, in memory or on disk, and that are not settled."""

    in_memory: dict[str, None] = attrs.field(factory=dict)
    on_disk: dict[str, None] = attrs.field(factory=dict)

    def see(self, fact: Fact) -> None:
        if fact.what == "job_heard":
            self.in_memory[fact.job] = None
        elif fact.what == "recorded" and fact.text in ("job_consumed", "job_repeated", "result_left"):
            self.on_disk[fact.job] = None
        elif fact.what in ("crashed", "life_ended"):
            self.in_memory.clear()
        elif _settles(fact):
            self.in_memory.pop(fact.job, None)
            self.on_disk.pop(fact.job, None)

    def names(self) -> list[str]:
        return list({**self.on_disk, **self.in_memory})


def _settles(fact: Fact) -> bool:
    if fact.number == IN_PROGRESS:
        return False
    # What the robot has heard counts, too: a 200 with a cut body over a refusal is all that it will ever know.
    return fact.what == "status_accepted" or (fact.what == "update_heard" and fact.text in ("rejected", "taken"))


def beats_keep_their_distance(history: History) -> Iterator[tuple[float, str]]:
    """(e) Working heartbeats are an interval apart, from the script's start on; none leaves after the final status."""
    interval_s = history.limits.interval_s - TINY_S
    last_s = -interval_s
    ended: set[str] = set()
    for fact in history.of("script_started", "beat_sent", "update_sent"):
        if fact.what == "update_sent":
            if fact.number != IN_PROGRESS:
                ended.add(fact.job)
            continue
        if fact.what == "beat_sent":
            if fact.job in ended:
                yield fact.at_s, f"a Working heartbeat for job {fact.job} leaves after its final status"
            if fact.at_s - last_s < interval_s:
                yield fact.at_s, f"two Working heartbeats are only {fact.at_s - last_s:.3f} s apart"
        last_s = fact.at_s


def orders_are_followed(history: History) -> Iterator[tuple[float, str]]:
    """(f) An abort empties the tree in bounded time, a stop asks the script, and nobody is killed without a reason."""
    watch = _OrderWatch(history)
    for fact in history.facts:
        if watch.waits:
            yield from watch.overdue(fact.at_s)
        yield from watch.see(fact)


@attrs.define
class _OrderWatch:
    history: History
    alive: set[int] = attrs.field(factory=set)
    abort_heard_s: float | None = None
    stop_heard_s: float | None = None
    asked_s: float | None = None
    heard_s: float = 0.0
    told_to_leave: int = 0
    job: str = ""

    @property
    def waits(self) -> bool:
        """Whether something has to follow an order, or a robot that left a script."""
        return not (self.abort_heard_s is self.stop_heard_s is self.asked_s is None)

    def overdue(self, now_s: float) -> Iterator[tuple[float, str]]:
        if self.abort_heard_s is not None and now_s > self.abort_heard_s + ABORT_BOUND_S:
            yield now_s, f"{now_s - self.abort_heard_s:.1f} s after the abort of job {self.job} its tree still lives"
            self.abort_heard_s = None
        if self.stop_heard_s is not None and now_s > self.stop_heard_s + PROMPT_S:
            yield now_s, f"the stop of job {self.job} was heard, and its script was not asked to leave"
            self.stop_heard_s = None
        grace_s = self.history.limits.grace_s
        if self.asked_s is not None and now_s > self.asked_s + grace_s + ABORT_BOUND_S:
            over_s = now_s - self.asked_s - grace_s
            yield now_s, f"the grace time of job {self.job} was over {over_s:.1f} s ago, and its tree still lives"
            self.asked_s = None

    def see(self, fact: Fact) -> Iterator[tuple[float, str]]:
        if fact.what == "script_started":
            self._forget()
            self.job, self.heard_s = fact.job, fact.at_s
        elif fact.what == "life_began":
            self.told_to_leave = 0
        elif fact.what == "told_to_leave":
            self.told_to_leave += 1
        elif fact.what == "born":
            self.alive.add(fact.number)
        elif fact.what == "gone":
            self.alive.discard(fact.number)
            if not self.alive:
                self._forget()
        elif fact.what in ("crashed", "life_ended"):
            self._forget()
        elif fact.what == "script_exited":
            self.stop_heard_s = None
        elif fact.what == "beat_heard" and fact.job == self.job:
            self._hear(fact)
        elif fact.what == "stop_asked":
            yield from self._ask(fact)
        elif fact.what == "killed":
            yield from self._kill(fact)

    def _hear(self, fact: Fact) -> None:
        self.heard_s = fact.at_s
        if fact.number == JOB_ABORTING and self.alive and self.abort_heard_s is None:
            self.abort_heard_s = fact.at_s
        elif fact.number == JOB_STOPPING and self.alive and self.asked_s is None and self.stop_heard_s is None:
            self.stop_heard_s = fact.at_s

    def _ask(self, fact: Fact) -> Iterator[tuple[float, str]]:
        lost_after_s = self.history.limits.contact_lost_after_s
        silent = lost_after_s is not None and fact.at_s - self.heard_s >= lost_after_s - TINY_S
        if self.stop_heard_s is None and not self.told_to_leave and not silent:
            yield fact.at_s, f"the script of job {fact.job} is asked to leave without a reason"
        self.asked_s, self.stop_heard_s = fact.at_s, None

    def _kill(self, fact: Fact) -> Iterator[tuple[float, str]]:
        grace_over = self.asked_s is not None and fact.at_s - self.asked_s >= self.history.limits.grace_s - TINY_S
        if self.abort_heard_s is None and not grace_over and self.told_to_leave < 2:
            yield (
                fact.at_s,
                f"the script of job {fact.job} is killed without an abort, before its grace time is over",
            )
        right = "aborted" if not grace_over else fact.text
        if fact.text != right:
            yield fact.at_s, f"the kill of job {fact.job} is called {fact.text}, which it is not"
        self.stop_heard_s = None

    def _forget(self) -> None:
        self.abort_heard_s = self.stop_heard_s = self.asked_s = None


def no_secret_in_files(history: History) -> Iterator[tuple[float, str]]:
    """(g) The robot's GUID is in no file, in no form."""
    forms = history.secrets
    for path, content in history.files.items():
        folded = content.lower()
        for form in forms.folded:
            if form in folded:
                yield 0.0, f"{path} holds the robot's GUID in the form {form[:12]!r}…"
        for form in forms.exact:
            if form in content:
                yield 0.0, f"{path} holds the robot's GUID in the form {form[:12]!r}…"


def always_gets_on(history: History) -> Iterator[tuple[float, str]]:
    """(i) The robot always ends or makes progress, and in the end nothing that it knows of is open."""
    for fact in history.of("stuck", "broke", "no_progress"):
        yield fact.at_s, f"{fact.what}: {fact.text}"
    jobs = _OpenJobs()
    for fact in history.of(*_OPEN_JOBS_SEE):
        jobs.see(fact)
    if jobs.names():
        yield history.facts[-1].at_s, f"at the end the jobs {jobs.names()} are still open"


def acts_are_on_disk(history: History) -> Iterator[tuple[float, str]]:
    """(j) What was asked for, claimed or started stands in the journal, wherever the power failed behind it."""
    # Only a power loss takes away what was written, so only its lives are looked at.
    lost = {fact.life for fact in history.of("crashed") if fact.text != "crash"}
    due: Fact | None = None
    acted: dict[int, list[Fact]] = {life: [] for life in lost}
    for fact in history.facts if lost else ():
        if fact.what == "due":
            due = fact
        elif fact.life in lost and due is not None and due.life == fact.life and ACT_OF.get(due.text) == fact.what:
            acted[fact.life].append(due)
            due = None
    kept = _steps_of(history, lost) if any(acted.values()) else {}
    for life, acts in acted.items():
        for act in acts:
            if (act.number, act.text) not in kept.get(life, set()):
                yield act.at_s, f"{act.text} has acted, and the power loss has taken its step {act.number} away"


def _steps_of(history: History, lives: Container[int]) -> dict[int, set[tuple[int, str]]]:
    """Return number and callback of the steps that are left of these lives."""
    kept: dict[int, set[tuple[int, str]]] = {}
    for path, content in history.files.items():
        if not path.endswith(SUFFIX):
            continue
        lines = content.splitlines(keepends=True)
        header = read(lines[:1]).records  # most are of other lives
        life = header[0].header.get("life") if header else None
        if isinstance(life, int) and life in lives:
            kept[life] = {(step.seq, step.callback) for step in steps_in(read(lines).records)}
    return kept


INVARIANTS: Mapping[str, Callable[[History], Iterator[tuple[float, str]]]] = {
    check.__name__: check
    for check in (
        one_tree,
        started_once,
        one_final_status,
        nothing_taken_while_undelivered,
        beats_keep_their_distance,
        orders_are_followed,
        no_secret_in_files,
        no_log_off_too_early,
        always_gets_on,
        acts_are_on_disk,
    )
}


def violations(history: History) -> list[Violation]:
    """Return every promise that a history breaks, in the order of the invariants."""
    return [Violation(name, at_s, text) for name, check in INVARIANTS.items() for at_s, text in check(history)]
