"""What must be true of every case, judged from outside; one function per promise, as in the simulator's invariants. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import attrs

from tests.rough.case import Case, JobPlan
from tests.rough.facts import Fact
from tests.rough.scripts import ABORTED, FAILED, SCRIPTS, STOPPED, SUCCESS, Script
from tests.rough.troubles import EFFECTS, Effect
from tests.rough.wire import TRICKS

GRACE_S = 1.5
"""What `scripts.stop_grace_s` is in every case."""
ABORT_BOUND_S = 20.0
"""An abort that was answered has ended in a report after so long, on a machine that is busy with other cases."""
JOB_ABORTING, JOB_STOPPING = 10, 20
BUSY_TASK, ENDED_TASKS = 1, (2, 3, 4)
LOCK = "the lock of this robot cannot be taken"
COMMANDS = re.compile(rb"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]|\x1b(?!\[[0-9;]*m)")
"""What commands a terminal, but for the colours of the robot's own lines."""
IGNORED = re.compile(r"^Exception ignored in: .*\n(?:Traceback .*\n(?:[ \t].*\n)*.*\n?)?", re.MULTILINE)
"""What the interpreter says of an exception in a place where nobody can catch it: the end of a generator, say."""
BY_BEATS = ("robot/heartbeats.py", "gateway")
"""Code of which a failure means that a heartbeat is missed, and no more."""


class Broken(NamedTuple):
    """A promise that was broken, and how."""

    promise: str
    text: str


@attrs.frozen
class Seen:
    """Everything that was seen of a case.

    Attributes:
        guids: Of the jobs, in the order of the case's plans.
        consumed: Those that the orchestrator has given away.
        waiting: How many jobs nobody had asked for at the end.
        files: What was left below the folder, and the console, by name; without robot.toml.
        open_to_others: Files of the robot that other accounts may read.
        secrets: Byte strings that none of them may hold: in any case, and exactly.
    """

    case: Case
    facts: tuple[Fact, ...]
    guids: tuple[str, ...]
    consumed: frozenset[str]
    files: Mapping[str, bytes]
    open_to_others: tuple[str, ...]
    secrets: tuple[tuple[bytes, ...], tuple[bytes, ...]]
    evidence: Mapping[str, bool] = attrs.field(factory=dict)

    def of(self, *what: str) -> list[Fact]:
        """Return the facts of one sort, or of several."""
        return [fact for fact in self.facts if fact.what in what]

    def notes(self, guid: str) -> list[str]:
        """Return what a job's script wrote."""
        return [fact.text for fact in self.facts if fact.what == "noted" and fact.job == guid]

    @property
    def effects(self) -> list[Effect]:
        """What was rough."""
        return [EFFECTS[each.kind, each.name] for each in self.case.troubles]

    def text(self, name: str) -> str:
        """Return a file that was left, as text; the console may have an encoding of its own."""
        trouble = self.case.trouble("encoding") if name.startswith("console") else None
        wide = trouble is not None and trouble.values["encoding"] == "utf-16"
        return self.files.get(name, b"").decode("utf-16-le" if wide else "utf-8", "replace")

    @property
    def owner_died(self) -> bool:
        """Whether an exception was raised in the owner thread, in the one that makes its calls, or at a thread's start."""
        texts = [fact.text for fact in self.of("raised")]
        return any(text.startswith(("MainThread", "calls")) or "start.<locals>.body" in text for text in texts)

    def plans(self) -> Iterator[tuple[str, JobPlan, Script]]:
        """Yield every job with its plan and its script."""
        for guid, plan in zip(self.guids, self.case.jobs, strict=True):
            yield guid, plan, SCRIPTS[plan.script]


def always_gets_on(seen: Seen) -> Iterator[str]:
    """Every life comes to an end in bounded time, and in the end everything is drained."""
    for fact in seen.of("stuck"):
        yield f"the robot of life {fact.life} hangs ({fact.text})"
    lives = seen.of("life_ended")
    if lives and not seen.of("stuck"):
        if lives[-1].number != 0:
            yield f"the last life ended with {lives[-1].number}, so jobs may wait for ever"
        waiting = [guid for guid in seen.guids if guid not in seen.consumed]
        if lives[-1].number == 0 and waiting:
            yield f"the robot ended with 0, and {len(waiting)} jobs wait"


def one_final_status(seen: Seen) -> Iterator[str]:
    """Every job that was taken has exactly one final status."""
    if seen.of("stuck"):
        return  # said already; what it would have reported is not known
    may_repeat = seen.case.has("wire") or seen.case.has("killed") or seen.of("raised") or seen.case.has("disk")
    may_repeat = may_repeat or any(fact.number in (1, 4) for fact in seen.of("life_ended"))
    for guid, plan, _ in seen.plans():
        reports = [fact for fact in seen.of("reported") if fact.job == guid]
        if guid in seen.consumed and not reports and not _unheard(seen, guid):
            yield f"the job {plan.script} was taken and has no final status"
        if len({fact.number for fact in reports}) > 1:
            yield f"the job {plan.script} was reported as {[fact.number for fact in reports]}"
        elif len(reports) > 1 and not may_repeat:
            yield f"the job {plan.script} was reported {len(reports)} times"


def _unheard(seen: Seen, guid: str) -> bool:
    """Return whether the answer that held a job may never have reached a robot that lived on."""
    taken = next((fact for fact in seen.of("consumed") if fact.job == guid), None)
    if taken is None or any(fact.job == guid for fact in seen.of("claimed")) or seen.notes(guid):
        return False
    lost = [fact for fact in seen.of("struck") if fact.text.startswith("consume ") and not _legible(fact)]
    ends = [fact for fact in seen.of("life_ended") if fact.life == taken.life]
    return any(abs(fact.at_s - taken.at_s) < 0.5 for fact in lost) or any(
        fact.number < 0 or (fact.number == 1 and (seen.owner_died or seen.case.trouble("memory"))) for fact in ends
    )


def _legible(fact: Fact) -> bool:
    return TRICKS[fact.text.partition(" ")[2]].legible


def the_right_status(seen: Seen) -> Iterator[str]:
    """The final status is what the script did, or what was done to it."""
    for guid, plan, script in seen.plans():
        for fact in seen.of("reported"):
            if fact.job == guid and fact.number not in (right := _fitting(seen, guid, plan, script)):
                yield f"the job {plan.script} was reported as {fact.number}; right is {sorted(right)}"
                break


def _fitting(seen: Seen, guid: str, plan: JobPlan, script: Script) -> set[int]:
    notes = seen.notes(guid)
    if (
        any(fact.text.startswith("claim ") and TRICKS[fact.text[6:]].rejects for fact in seen.of("struck"))
        and not notes
    ):
        return {FAILED}
    if any(effect.never_runs for effect in seen.effects):
        return {SUCCESS, *_allowed_by_roughness(seen, guid)} | ({FAILED} if seen.of("told_to_leave") else set())
    right: set[int] = set()
    if script.waits == "never" or not plan.parameters.get("waits", script.waits == "always"):
        right.add(script.ends)
    codes = {fact.number for fact in seen.of("beat") if fact.job == guid}
    if JOB_STOPPING in codes or seen.of("told_to_leave") or seen.case.trouble("told by its script"):
        # Asked before it was ready to hear, it leaves whatever it would have done later.
        right |= {script.asked} if "waiting" in notes else {script.asked, STOPPED}
    if JOB_ABORTING in codes or len(seen.of("told_to_leave")) > 1:
        right.add(ABORTED)
    if seen.of("told_to_leave") and not notes:
        right.add(FAILED)
    return right | _allowed_by_roughness(seen, guid)


def _allowed_by_roughness(seen: Seen, guid: str) -> set[int]:
    right = {status for effect in seen.effects for status in effect.statuses}
    for fact in seen.of("raised"):
        if fact.job in ("", guid) and not any(word in fact.text for word in BY_BEATS):
            right.add(FAILED)
    return right


def started_once(seen: Seen) -> Iterator[str]:
    """No script is run twice, and none is called a success that never ran."""
    for guid, plan, _ in seen.plans():
        times = seen.notes(guid).count("began")
        if times > 1:
            yield f"the job {plan.script} ran {times} times"
        if any(effect.never_runs for effect in seen.effects):
            continue
        if not times and any(fact.job == guid and fact.number == 4 for fact in seen.of("reported")):
            yield f"the job {plan.script} never ran and was reported as a success"


def nothing_is_left(seen: Seen) -> Iterator[str]:
    """No process of a job lives when it is reported, nor when the robot has ended; what is not its own stays alive."""
    for fact in seen.of("alive_at_report"):
        script = next((plan.script for guid, plan, _ in seen.plans() if guid == fact.job), "?")
        yield f"when {script} was reported, {fact.text} was alive"
    for fact in seen.of("left"):
        yield f"after life {fact.life} there was left: {fact.text}"
    for _ in seen.of("stranger_killed"):
        yield "a process that was there before the robot was killed"
    for fact in seen.of("noted"):
        if fact.job == "callback" and fact.text != "code 3":
            yield f"a callback's own child ended with 3, and the callback saw {fact.text}"


def leaves_the_session_when_drained(seen: Seen) -> Iterator[str]:
    """The account is logged off by a robot that is drained and has left nothing, and by no other."""
    for ended in seen.of("life_ended"):
        left = [fact for fact in seen.of("noted") if fact.job == "logged_off" and fact.life == ended.life]
        if left and ended.number not in (0, -9):
            yield f"life {ended.life} ended with {ended.number} and logged the account off"
        keeps = any(effect.stays for effect in seen.effects) or "could not be" in seen.text("state/robot.log")
        if not left and ended.number == 0 and not keeps:
            yield f"life {ended.life} was drained, and the account was not logged off"


def scripts_import_their_own(seen: Seen) -> Iterator[str]:
    """Modules beside a script are imported by the script only."""
    for fact in seen.of("noted"):
        if fact.job == "shadow":
            yield f"{fact.text} of the scripts folder was executed by the host"


def orders_are_followed(seen: Seen) -> Iterator[str]:
    """An abort ends in a report in bounded time; who is asked to stop gets the time to do it."""
    for guid, plan, script in seen.plans():
        reports = [fact for fact in seen.of("reported") if fact.job == guid]
        ordered = [fact for fact in seen.of("beat") if fact.job == guid and fact.number == JOB_ABORTING]
        if reports and ordered and not seen.case.has("wire"):
            after_s = reports[0].at_s - ordered[0].at_s
            if after_s > ABORT_BOUND_S:
                yield f"{plan.script} was reported {after_s:.0f} s after its abort"
        notes = seen.notes(guid)
        if (
            script.cleans
            and not seen.case.has("disk")  # the word that it is a stop is a file
            and "waiting" in notes
            and plan.parameters.get("waits", True)  # one that does not is asked when it is at its end
            and "cleaned" not in notes
            and any(f.number == STOPPED for f in reports)
            and not _had_its_time(seen, guid, reports[0])
        ):
            yield f"{plan.script} was reported as stopped, and was not given the time to tidy up"


def _had_its_time(seen: Seen, guid: str, report: Fact) -> bool:
    """Return whether the grace time was over, or cut short by an order: on a machine that is busy even half a second of tidying takes longer."""
    beats = [fact for fact in seen.of("beat") if fact.job == guid]
    if any(fact.number == JOB_ABORTING for fact in beats) or len(seen.of("told_to_leave")) > 1:
        return True  # an abort takes the rest of it
    asked = [fact for fact in beats if fact.number == JOB_STOPPING] + seen.of("told_to_leave")
    return any(report.at_s - fact.at_s >= GRACE_S for fact in asked)


def scripts_see_plain_python(seen: Seen) -> Iterator[str]:
    """What a script finds when it ends by itself is what it would find without the robot."""
    for guid, plan, script in seen.plans():
        ended = any(fact.job == guid and fact.number == script.ends for fact in seen.of("reported"))
        limited = bool(seen.of("raised")) or seen.case.has("limits")
        ended = ended and "began" in seen.notes(guid)  # told to leave before it starts, the robot reports it as failed
        for note in script.notes if ended and script.waits == "never" and not limited else ():
            if note not in seen.notes(guid):
                yield f"{plan.script} did not find {note}"


def exit_code_tells(seen: Seen) -> Iterator[str]:
    """Every exit code is documented and fits what happened."""
    allowed = {0, *(code for effect in seen.effects for code in effect.exits)}
    if seen.owner_died:
        allowed.add(1)
    heard_of = {fact.life for fact in seen.of("announced")}
    signals = {-fact.number for fact in seen.of("told_to_leave", "hung_up")}
    if _interrupted_early(seen):
        signals.add(1)  # what Python says of a Ctrl-C in the midst of its own start
    for fact in seen.of("life_ended"):
        # A signal that comes before the robot's own code has run ends it as it ends every program.
        if fact.number not in allowed and not (fact.life not in heard_of and fact.number in signals):
            yield f"life {fact.life} ended with {fact.number}; right is {sorted(allowed)}"


def words_tell(seen: Seen) -> Iterator[str]:
    """The log tells what happened, and no traceback comes to the console."""
    for name in ("console.err", "console.out"):
        text = seen.text(name)
        if seen.of("raised"):
            text = IGNORED.sub("", text)
        for bad in ("Traceback (most recent call last)", "Exception in thread", "Exception ignored", "Logging error"):
            if bad in text and not _excused(seen, bad):
                yield f"{name} has {bad!r}: {_last_line(text)}"
                break
    log = seen.text("state/robot.log")
    if log and not seen.case.has("disk") and not seen.of("stuck"):
        for guid, plan, script in seen.plans():
            failed = any(fact.job == guid and fact.number == FAILED for fact in seen.of("reported"))
            if (
                failed
                and script.tells
                and "began" in seen.notes(guid)
                and not any(guid in line and script.tells in line for line in log.splitlines())
                and _natural(seen)
            ):
                yield f"robot.log does not say {script.tells!r} about {plan.script}"
    if seen.of("announced") and not seen.of("killed") and LOCK in log + seen.text("console.err"):
        yield f"the robot ran, and says that {LOCK!r}"
    lives = seen.of("life_ended")
    readable = all(effect.console for effect in seen.effects) and not seen.of("stuck")
    readable = readable and not any(fact.text.startswith("console") for fact in seen.of("raised"))
    if readable and lives and lives[-1].number == 0 and "exit code 0" not in seen.text("console.out"):
        yield "the console does not say how the robot ended"


def _excused(seen: Seen, bad: str) -> bool:
    """Return whether the words are the interpreter's or loguru's about an exception that we raised in their hands."""
    if seen.owner_died and bad.startswith(("Traceback", "Exception in thread")):
        return True
    return _interrupted_early(seen) or (bool(seen.of("raised")) and bad == "Logging error")


def _interrupted_early(seen: Seen) -> bool:
    """Return whether Ctrl-C ended a life before any code of the robot: Python exits with the signal then, or with 1."""
    if any(fact.number == -2 for fact in seen.of("life_ended")):
        return True
    said = seen.text("console.err")
    begin, end = said.find("Traceback (most recent call last)"), said.find("\nKeyboardInterrupt\n")
    return 0 <= begin < end and "fsm_robot" not in said[begin:end] and bool(seen.of("told_to_leave"))


def _natural(seen: Seen) -> bool:
    return not (seen.of("raised", "told_to_leave", "killed"))


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")[:160]


def a_crash_is_told(seen: Seen) -> Iterator[str]:
    """What the robot died of stands in robot.log, with the callback's name where it was a callback."""
    log = seen.text("state/robot.log")
    if seen.owner_died and any(fact.number == 1 for fact in seen.of("life_ended")) and log:
        words = seen.of("raised")[0].text.split()
        # While nobody knows where robot.log is, or whether it is somebody else's, there is only the console.
        error, early = words[-1], not any(fact.life == 1 for fact in seen.of("announced"))
        told = (seen.text("console.err") + log if early else log).replace("raised by the test", error)
        unread = early and not all(effect.console for effect in seen.effects)
        if error not in told and not unread and not seen.case.has("disk"):
            yield f"the robot died of {error}, and nothing says so"
    if seen.case.trouble("callback is wrong"):
        crashes = sum(fact.number == 1 for fact in seen.of("life_ended"))
        for name, text, phrase in (
            ("robot.log", log, "callback=announce"),
            ("the console", seen.text("console.err"), "callback announce"),
        ):
            if text and text.count(phrase) < crashes and not seen.owner_died:
                yield f"{crashes} runs died of a callback, {name} names it {text.count(phrase)} times: {_last_line(text)}"


def private(seen: Seen) -> Iterator[str]:
    """What the robot writes is for its account only."""
    if seen.open_to_others:
        yield f"other accounts may read {sorted(set(seen.open_to_others))}"


def nothing_is_kept_of_the_task(seen: Seen) -> Iterator[str]:
    """A job's parameters are nowhere when the robot has drained, however its lives ended."""
    lives = seen.of("life_ended")
    if lives and lives[-1].number == 0 and not seen.of("stuck", "gone", "read_only"):
        for name in seen.files:
            if name.endswith("/job.json"):
                yield f"the parameters of a job stay: {name.rpartition('/jobs/')[2]}"


def commands_no_terminal(seen: Seen) -> Iterator[str]:
    """What a script or a server says reaches log and console as text: no control character, no escape sequence."""
    for name in ("console.out", "console.err", "state/robot.log"):
        found = COMMANDS.search(seen.files.get(name, b""))
        if found and not seen.case.trouble("encoding"):  # UTF-16 is full of them
            yield f"{name} has the control character {found[0][:1]!r}"


def no_secret(seen: Seen) -> Iterator[str]:
    """The robot's GUID is in no file and on no console, in no form."""
    folded, exact = seen.secrets
    exact = (*exact, *(text.encode() for effect in seen.effects for text in effect.secrets))
    tokens = [fact.text[6:].encode() for fact in seen.of("noted") if fact.text.startswith("token ")]
    for name, content in seen.files.items():
        if name != "seen" and any(token in content for token in tokens):
            yield f"{name} holds the token of a job"
        lower = content.lower()
        for form in (*(each for each in folded if each in lower), *(each for each in exact if each in content)):
            yield f"{name} holds a secret in the form {form[:10]!r}…"
            break


def each_task_has_one_end(seen: Seen) -> Iterator[str]:
    """A task that a script took has one end when the robot is drained, and nothing happens to it after that."""
    lives = seen.of("life_ended")
    if not lives or lives[-1].number != 0 or seen.of("stuck"):
        return
    scripts = {guid: plan.script for guid, plan, _ in seen.plans()}
    moves: dict[str, list[Fact]] = {}
    for fact in seen.of("task"):
        moves.setdefault(fact.text, []).append(fact)
    for task, facts in moves.items():
        statuses = [fact.number for fact in facts]
        taker = scripts.get(facts[0].job, "nobody")
        # What a robot has in hand is a file; where that is lost with its folder, so are they.
        if statuses[-1] == BUSY_TASK and not seen.case.has("disk"):
            yield f"{task}, which {taker} took, has no end"
        if any(status in ENDED_TASKS for status in statuses[:-1]):
            yield f"{task}, which {taker} took, went {statuses}"


def scripts_are_answered(seen: Seen) -> Iterator[str]:
    """However rough a script is to the job API, what it asks as it should is answered; no wrong token is."""
    alone = not seen.of("raised", "stuck") and all(each.kind == "job api" for each in seen.case.troubles)
    for guid, plan, _ in seen.plans():
        if plan.script != "asks_roughly":
            continue
        notes = seen.notes(guid)
        if "taken by a wrong token" in notes:
            yield "a task was given to one with a wrong token"
        if alone and any(note.startswith("trouble") for note in notes):
            yield f"asks_roughly ({plan.parameters['does']}) could not reach the robot"
        ended = any(fact.job == guid and fact.number == SUCCESS for fact in seen.of("reported"))
        if alone and ended and "answered" not in notes:
            yield f"after {plan.parameters['does']} the robot did not answer: {notes[-3:]}"


PROMISES: tuple[Callable[[Seen], Iterator[str]], ...] = (
    always_gets_on,
    one_final_status,
    the_right_status,
    started_once,
    nothing_is_left,
    orders_are_followed,
    scripts_see_plain_python,
    leaves_the_session_when_drained,
    scripts_import_their_own,
    exit_code_tells,
    words_tell,
    a_crash_is_told,
    private,
    nothing_is_kept_of_the_task,
    commands_no_terminal,
    no_secret,
    each_task_has_one_end,
    scripts_are_answered,
)


def broken(seen: Seen) -> list[Broken]:
    """Return every promise that was broken, the same sentence once."""
    found = Counter(Broken(promise.__name__, text) for promise in PROMISES for text in promise(seen))
    return list(found)
