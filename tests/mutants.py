"""Breaks states.yaml and the code that must never lose a job, one line at a time, and looks who notices. `make mutants`.

Each mutant is a copy of the project with one text replaced. The machine check, the simulator and the tests are asked in
this order; the first that fails has caught it. `--only NAME` runs some, `--list` names them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[1]
LONGEST_S = 120.0
SIMULATE = ["-m", "fsm_robot", "simulate", "--seed", "1", "--jobs", "4000", "--no-shrink", "--out", "found"]
PYTEST = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
TESTS = [
    "tests/engine/test_runner.py",
    "tests/robot/test_heartbeats.py",
    "tests/engine/test_retry.py",
    "tests/engine/journal",
    "tests/robot",
    "tests/worker/test_output.py",
    "tests/worker/test_names.py",
    "tests/engine/machine",
]
JUDGES = {
    "check": ["-m", "fsm_robot", "check", "states.yaml"],
    "simulator": SIMULATE,
    "tests": [*PYTEST, *TESTS],
}


@attrs.frozen
class Mutant:
    """One change: the `number`-th place where `old` stands in `file` becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    number: int = 1

    def apply(self, folder: Path) -> None:
        """Change the copy; it is an error when the text is not there."""
        path = folder / self.file
        text = path.read_text(encoding="utf-8")
        parts = text.split(self.old)
        if len(parts) <= self.number:
            raise SystemExit(f"mutant {self.name}: {self.old!r} does not stand {self.number} times in {self.file}")
        changed = self.old.join(parts[: self.number]) + self.new + self.old.join(parts[self.number :])
        path.write_text(changed, encoding="utf-8")


def machine(name: str, old: str, new: str = "", number: int = 1) -> Mutant:
    """A mutant of states.yaml."""
    return Mutant(name, "states.yaml", old, new, number)


def edge(trigger: str, source: str, dest: str, more: str = "") -> str:
    return f"  - {{trigger: {trigger}, source: {source}, dest: {dest}{more}}}\n"


def dropped(trigger: str, source: str, dest: str, more: str = "") -> Mutant:
    """A mutant without one edge."""
    return machine(f"drop {trigger} from {source}", edge(trigger, source, dest, more))


def led(trigger: str, source: str, dest: str, wrong: str, more: str = "") -> Mutant:
    """A mutant whose edge leads elsewhere; exit codes belong to final states only."""
    new_more = more if wrong in ("Finished", "Faulted", "Interrupted") else ""
    if wrong in ("Finished", "Faulted", "Interrupted") and "exit_code" not in more:
        new_more = f"{more}, exit_code: 0"
    return machine(
        f"{trigger} from {source} leads to {wrong}",
        edge(trigger, source, dest, more),
        edge(trigger, source, wrong, new_more),
    )


ALL_WORKING = "[Working, Stopping, Aborting]"
FINAL, LEAVES = "final: true}", "final: true, on_enter: leave_session}"
MACHINE = [
    dropped("nothing_left", "Recovering", "Ready"),
    dropped("result_left", "Recovering", "Reporting"),
    led("nothing_left", "Recovering", "Ready", "Finished"),
    led("result_left", "Recovering", "Reporting", "Ready"),
    dropped("no_job", "Ready", "Finished", ", exit_code: 0"),
    led("no_job", "Ready", "Finished", "Interrupted", ", exit_code: 0"),
    led("job_found", "Ready", "Consuming", "Claiming"),
    dropped("robot_unknown", "Ready", "Faulted", ", exit_code: 3"),
    dropped("storage_unusable", "Ready", "Faulted", ", exit_code: 1"),
    led("job_consumed", "Consuming", "Claiming", "Working", ", progress: true"),
    machine("job_consumed makes no progress", "dest: Claiming, progress: true", "dest: Claiming"),
    machine("job_gone without a budget", ", at_most: 1, then: {dest: Finished, exit_code: 0}"),
    machine("job_gone ends as a fault", "then: {dest: Finished, exit_code: 0}", "then: {dest: Faulted, exit_code: 4}"),
    machine("consume_answer_lost once only", "dest: Ready, at_most: 3", "dest: Ready, at_most: 1"),
    machine(
        "job_repeated is claimed and run", "source: Consuming, dest: Reporting", "source: Consuming, dest: Claiming"
    ),
    machine("job_repeated is passed over", "source: Consuming, dest: Reporting", "source: Consuming, dest: Ready"),
    dropped("interrupted", "Consuming", "Interrupted", ", exit_code: 6"),
    led("job_claimed", "Claiming", "Working", "Reporting"),
    led("claim_failed", "Claiming", "Reporting", "Working"),
    led("claim_failed", "Claiming", "Reporting", "Ready"),
    led("interrupted", "Claiming", "Reporting", "Ready"),
    machine(
        "script_ended is not seen while aborting",
        f"script_ended, source: {ALL_WORKING}",
        "script_ended, source: [Working, Stopping]",
    ),
    led("script_ended", ALL_WORKING, "Reporting", "Ready"),
    led("script_not_started", "Working", "Reporting", "Ready"),
    led("stop_ordered", "Working", "Stopping", "Aborting"),
    dropped("stop_ordered", "Working", "Stopping"),
    machine(
        "abort_ordered only from Working",
        "abort_ordered, source: [Working, Stopping]",
        "abort_ordered, source: Working",
    ),
    machine(
        "abort_ordered is a stop",
        "source: [Working, Stopping], dest: Aborting",
        "source: [Working, Stopping], dest: Stopping",
    ),
    led("grace_ended", "Stopping", "Aborting", "Reporting"),
    dropped("grace_ended", "Stopping", "Aborting"),
    dropped("interrupted_again", "Stopping", "Aborting"),
    led("interrupted", "Working", "Stopping", "Aborting"),
    led("contact_lost", "Working", "Stopping", "Aborting"),
    machine(
        "robot_forgotten starts the script again", "dest: Working, kind: internal", "dest: Working, kind: external"
    ),
    machine("robot_forgotten asks to stop again", "dest: Stopping, kind: internal", "dest: Stopping, kind: external"),
    led("job_reported", "Reporting", "Ready", "Finished"),
    led("report_refused", "Reporting", "Ready", "Reporting"),
    led("report_undelivered", "Reporting", "Faulted", "Ready", ", exit_code: 4"),
    led("credential_refused", "Reporting", "Faulted", "Ready", ", exit_code: 3"),
    led("interrupted", "Reporting", "Interrupted", "Ready", ", exit_code: 6"),
    machine(
        "grace_ended is not ignored in Working",
        "ignores: [grace_ended, interrupted_again]",
        "ignores: [interrupted_again]",
    ),
    machine("order codes swapped", "10: abort_ordered, 20: stop_ordered", "20: abort_ordered, 10: stop_ordered"),
    machine("code 101 while Ready means nothing", "20: null, 101: robot_unknown", "20: null, 101: null"),
    machine(
        "code 101 while Working means nothing", "20: stop_ordered, 101: robot_forgotten", "20: stop_ordered, 101: null"
    ),
    machine("code 10 means nothing", "{0: null, 10: abort_ordered", "{0: null, 10: null"),
    machine("HasNewJob swapped", "{0: no_job, 1: job_found}", "{0: job_found, 1: no_job}"),
    machine("consume codes swapped", "101: robot_unknown, 102: job_gone", "101: job_gone, 102: robot_unknown"),
    machine(
        "announce is not tried again",
        "    retry: {for_s: 60, first_s: 1, factor: 2, longest_s: 15,"
        " on: [no_connection, no_answer, server_error, throttled, garbled]}\n",
    ),
    machine(
        "consume is tried again blindly", "on: [no_connection, throttled]", "on: [no_connection, throttled, no_answer]"
    ),
    machine("claim is not tried again", "retry: {for_s: 120,", "retry: {for_s: 0,"),
    machine("claim is tried for hours", "retry: {for_s: 120,", "retry: {for_s: 12000,"),
    machine("report is not tried again", "retry: {for_s: 600,", "retry: {for_s: 0,"),
    machine("report is tried for ever", "retry: {for_s: 600,", "retry: {for_s: .inf,"),
    machine("no pause after a miss", "pause_s: 5 ", "pause_s: 0 "),
    machine("run_script does not wait", "    waits: true\n"),
    machine("Finished does not leave", LEAVES, FINAL),
    machine("Interrupted logs off", f"Interrupted, {FINAL}", f"Interrupted, {LEAVES}"),
    machine("Faulted logs off", f"Faulted, {FINAL}", f"Faulted, {LEAVES}"),
    machine(
        "an undelivered report is exit 0",
        "report_undelivered, source: Reporting, dest: Faulted, exit_code: 4",
        "report_undelivered, source: Reporting, dest: Faulted, exit_code: 0",
    ),
    machine(
        "an unknown robot is exit 0",
        "robot_unknown, source: Ready, dest: Faulted, exit_code: 3",
        "robot_unknown, source: Ready, dest: Faulted, exit_code: 0",
    ),
    *(
        machine(f"{outcome} is reported as {wrong}", f"  {outcome}: {right} ", f"  {outcome}: {wrong} ")
        for outcome, right, wrong in (
            ("succeeded", 4, 5),
            ("failed", 5, 4),
            ("refused", 5, 4),
            ("not_started", 5, 7),
            ("lost", 5, 4),
            ("stopped", 7, 4),
            ("stop_ran_out", 3, 7),
            ("aborted", 3, 7),
        )
    ),
]

CALLBACKS, RUNNER, HEARTBEATS = (
    "fsm_robot/robot/callbacks.py",
    "fsm_robot/engine/runner.py",
    "fsm_robot/robot/heartbeats.py",
)
TIMEOUTS = "fsm_robot/engine/timeouts.py"
RETRIES, RETRY = "fsm_robot/robot/retries.py", "fsm_robot/engine/retry.py"
REPEATED = "fsm_robot/robot/machine.py"
LOOK_BACK = "fsm_robot/robot/look_back.py"
FILE, LEDGER, UNSETTLED = (
    "fsm_robot/engine/journal/file.py",
    "fsm_robot/robot/ledger.py",
    "fsm_robot/robot/unsettled.py",
)
APPEND = """        try:
            self.journal.append(step)
        except JournalError as error:
            self._not_written(step, error)
        else:
            if isinstance(step.event, Posted):
                step.event.written(step, "")
"""
ACT = """        callback: Callable[[Step], Event | None] = getattr(self.callbacks, step.callback)
        return callback(step)
"""
CODE = [
    Mutant("act before the journal", RUNNER, APPEND, ""),
    Mutant("late events count", CALLBACKS, "event.job_run != self._number()", "False"),
    Mutant(
        "a broken journal is not told",
        RUNNER,
        "            self._not_written(step, error)\n        else:",
        "            pass\n        else:",
    ),
    Mutant(
        "the inbox comes first",
        RUNNER,
        "event = answer or self._take()",
        "event = self._take()",
    ),
    Mutant(
        "skip the recovery kill",
        CALLBACKS,
        "self.ports.worker.end_remains(left.run_token) if left.run_token else ()",
        "()",
    ),
    Mutant("ignore the unsettled job", CALLBACKS, "if left is None:", "if left is None or left:"),
    Mutant("forget the outcome that was left", CALLBACKS, 'left.outcome or "lost"', '"lost"'),
    Mutant("skip the ledger when a job is taken", CALLBACKS, "if self._already_had(job.guid):", "if False:"),
    Mutant("no ledger entry before the claim", CALLBACKS, '        self._write_ledger("")\n', ""),
    Mutant("no outcome in the ledger", CALLBACKS, "self._write_ledger(self.outcome)", "pass"),
    Mutant("a repeated job is always lost", CALLBACKS, 'self._ended_before(job.guid) or "lost"', '"lost"'),
    Mutant(
        "the journals are not asked how a repeated job ended",
        CALLBACKS,
        "self.ports.ledger.outcome(job_guid) or self.ports.past.outcome(job_guid)",
        "self.ports.ledger.outcome(job_guid)",
    ),
    Mutant(
        "beats go on after the report",
        CALLBACKS,
        '        """Deliver the final status; no Working heartbeat leaves after it."""\n        self.heartbeats.stop()',
        '        """Deliver."""',
    ),
    Mutant(
        "no run token in the journal",
        "fsm_robot/robot/job_in_hand.py",
        '"run_token": self.run_token}',
        '"run_token": ""}',
    ),
    Mutant("the number of the job stays", CALLBACKS, "self._number() + 1, ", "1, "),
    Mutant("every kill is an abort", CALLBACKS, '"stop_ran_out" if step.source', '"aborted" if step.source'),
    Mutant("no kill", CALLBACKS, "        self.ports.worker.kill(outcome)\n", ""),
    Mutant("no polite stop", CALLBACKS, "        self.ports.worker.ask_to_stop()\n", ""),
    Mutant("no grace time", TIMEOUTS, "self.timers.after(due[0][0], come)", "self.timers.after(0.0, come)"),
    Mutant("no grace timer", TIMEOUTS, "self.inbox.post(TimedOut(", "str(TimedOut("),
    Mutant("a time that ran out before the state was left counts", TIMEOUTS, "event.visit != self._visit", "False"),
    Mutant("the ending is not taken over", CALLBACKS, 'self.in_hand.outcome = str(data["outcome"])', "pass"),
    Mutant(
        "a broken disk takes jobs: announce",
        CALLBACKS,
        '        if self.storage_broken:\n            return Event("storage_unusable")\n        if self._forgotten',
        "        if self._forgotten",
    ),
    Mutant(
        "a broken disk takes jobs: consume",
        CALLBACKS,
        '        if not self._could_keep_a_job():\n            return Event("storage_unusable")\n        if self.ports.inbox',
        "        if self.ports.inbox",
    ),
    Mutant(
        "a broken disk claims jobs",
        CALLBACKS,
        '        if self.storage_broken:\n            return Event("claim_failed"',
        '        if False:\n            return Event("claim_failed"',
    ),
    Mutant(
        "a broken disk starts scripts", CALLBACKS, "            if self.storage_broken:\n", "            if False:\n"
    ),
    Mutant(
        "a lost consume answer is a failure",
        CALLBACKS,
        'if error.kind not in ("no_answer", "server_error", "garbled"):',
        "if True:",
    ),
    Mutant("a refused report stays open", CALLBACKS, 'if error.kind == "rejected":', "if False:"),
    Mutant(
        "a refused report is not closed",
        CALLBACKS,
        '        if error.kind == "rejected":\n            self._close_job()\n',
        '        if error.kind == "rejected":\n',
    ),
    Mutant(
        "leaving is not heard before a heartbeat",
        CALLBACKS,
        '        if self.ports.inbox.leaving():\n            return Event("interrupted")\n        spec = self._spec(step)\n        try:\n            answer = self.retries.linger',
        "        spec = self._spec(step)\n        try:\n            answer = self.retries.linger",
    ),
    Mutant(
        "leaving is not heard before a claim",
        CALLBACKS,
        '        if self.ports.inbox.leaving():\n            return Event("interrupted", {"outcome"',
        '        if False:\n            return Event("interrupted", {"outcome"',
    ),
    Mutant("101 while working is forgotten", CALLBACKS, "self._forgotten = True", "pass"),
    Mutant(
        "a crash leaves the script",
        CALLBACKS,
        "        try:\n            self.ports.worker.close()\n",
        "        try:\n            pass\n",
    ),
    Mutant(
        "the grace timer is not cancelled",
        TIMEOUTS,
        "            self._cancel()\n",
        "",
    ),
    Mutant("no retry at all", RETRIES, "if policy else 0.0\n", "if policy else 0.0\n                raise\n"),
    Mutant(
        "leaving is not heard in a pause",
        RETRIES,
        "if self.inbox.pause(wait_s):",
        "self.ports.inbox.pause(wait_s)\n                if False:",
    ),
    Mutant("every failure is tried again", RETRY, "error.kind in policy.on and ", ""),
    Mutant("retries never end", RETRY, " and elapsed_s + wait_s <= policy.for_s", ""),
    Mutant("no back-off", RETRY, "min(attempt - 1, 64)", "0"),
    Mutant(
        "first beat at once",
        HEARTBEATS,
        "self.timers.after(self.interval_s, beats.beat)",
        "self.timers.after(0.0, beats.beat)",
    ),
    Mutant(
        "beats at half the distance",
        HEARTBEATS,
        "        return self.of.interval_s\n",
        "        return self.of.interval_s / 2\n",
    ),
    Mutant(
        "back-off below the distance",
        HEARTBEATS,
        "max(self.of.interval_s, retry_wait_s(self.failures, error, policy, self.of.fraction()))",
        "retry_wait_s(self.failures, error, policy, self.of.fraction()) / 4",
    ),
    Mutant("orders are posted again and again", HEARTBEATS, "elif order and order != self.last_order:", "elif order:"),
    Mutant(
        "only the first order counts",
        HEARTBEATS,
        "elif order and order != self.last_order:",
        "elif order and not self.last_order:",
    ),
    Mutant("silence is never told", HEARTBEATS, "if limit_s is not None and", "if False and"),
    Mutant("the gate stays open", HEARTBEATS, "        self.gateway.end_beats()\n", ""),
    Mutant(
        "beats end at the first failure",
        HEARTBEATS,
        "            return self._missed(error)",
        "            self._missed(error)\n            return None",
    ),
    Mutant(
        "a job is asked for before its step is on disk",
        REPEATED,
        '"leave_session"})',
        '"leave_session", "consume_job"})',
    ),
    Mutant("a claim waits for no disk", REPEATED, '"leave_session"})', '"leave_session", "claim_job"})'),
    Mutant(
        "a script starts before its step is on disk", REPEATED, '"leave_session"})', '"leave_session", "run_script"})'
    ),
    Mutant("the journal is not synced", FILE, "            file.sync()\n", "            pass\n"),
    Mutant("a torn line is not mended", FILE, "            file.cut(self._whole_bytes)\n", "            pass\n"),
    Mutant("journals overwrite the order", FILE, "_number(names[-1]) + 1", "_number(names[-1]) + 0"),
    Mutant("the journal is not redacted", FILE, "chain, self.redactor.text)", "chain, str)"),
    Mutant(
        "only the last journal is read",
        LOOK_BACK,
        "if found is not None or has_looked_back(reading.records):",
        "if True:",
    ),
    Mutant(
        "old journals are always read on",
        LOOK_BACK,
        "if found is not None or has_looked_back(reading.records):",
        "if found is not None:",
    ),
    Mutant("the oldest journal comes first", LOOK_BACK, "in reversed(names):", "in names:"),
    Mutant("what the ledger closed is reported again", LOOK_BACK, "not ledger.outcome(found.job_guid):", "True:"),
    Mutant("the ledger is not synced", LEDGER, "                if outcome:\n                    file.sync()\n", ""),
    Mutant(
        "the ledger goes on behind a torn line", LEDGER, 'start = b"" if self._ends_whole() else b"\\n"', 'start = b""'
    ),
    Mutant("the index is not asked", LEDGER, " or self._indexed(job_guid) is not None", ""),
    Mutant("the ledger is cut and nothing handed over", LEDGER, "        self.index.take_over(entries)\n", ""),
    Mutant(
        "the ledger is cut while a job is open", LEDGER, "        if _last_open(entries):\n            return\n", ""
    ),
    Mutant(
        "the ledger keeps the first outcome",
        LEDGER,
        "reversed(self._outcomes(job_guid))",
        "iter(self._outcomes(job_guid))",
    ),
    Mutant(
        "a consumed job opens nothing",
        UNSETTLED,
        '"job_consumed", "result_left", "job_repeated"',
        '"result_left", "job_repeated"',
    ),
    Mutant(
        "a job taken over opens nothing",
        UNSETTLED,
        '"job_consumed", "result_left", "job_repeated"',
        '"job_consumed", "job_repeated"',
    ),
    Mutant(
        "a repeated job opens nothing",
        UNSETTLED,
        '"job_consumed", "result_left", "job_repeated"',
        '"job_consumed", "result_left"',
    ),
    Mutant("a reported job stays open", UNSETTLED, '("job_reported", "report_refused")', '("report_refused",)'),
    Mutant("a refused job stays open", UNSETTLED, '("job_reported", "report_refused")', '("job_reported",)'),
    Mutant("a late ending counts", UNSETTLED, ' and step.kind == "taken"', ""),
    Mutant("an outcome is not read back", UNSETTLED, "outcome=outcome)", 'outcome="")', 1),
]
MUTANTS = {mutant.name: mutant for mutant in [*MACHINE, *CODE]}
EXPLAINED = {
    "interrupted from Reporting leads to Ready": "Ready asks for nothing once the robot was told to leave, and ends alike",
    "the grace timer is not cancelled": "its event speaks of a stay that is over: it is dropped",
    "the ledger keeps the first outcome": "a job gets one outcome; a later entry repeats it",
}
"""Mutants that nobody can notice, and why: they change nothing that anybody could see."""
SAMPLE = (
    "drop grace_ended from Stopping",
    "order codes swapped",
    "stopped is reported as 4",
    "skip the recovery kill",
    "beats go on after the report",
    "the journal is not synced",
)
"""Run with the tests: one for each way to be caught, and the ones that hurt most."""


@attrs.frozen
class Verdict:
    """Who caught a mutant: `check`, `simulator`, `tests`, or nobody; and what was said."""

    caught_by: str
    said: str = ""


def copy_of_the_project(folder: Path) -> None:
    """Copy what a mutant needs."""
    leave_out = shutil.ignore_patterns("*.pyc", "__pycache__", "cli_output", ".hypothesis")
    for name in ("fsm_robot", "tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=leave_out)
    for path in (*ROOT.glob("states*.yaml"), ROOT / "pyproject.toml"):
        shutil.copy2(path, folder)


def judge(mutant: Mutant | None, judges: dict[str, list[str]] | None = None) -> Verdict:
    """Return who notices the mutant; None is the unchanged project, which nobody may complain about."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        copy_of_the_project(folder)
        if mutant is not None:
            mutant.apply(folder)
        for judge_name, command in (judges or JUDGES).items():
            said = _complaint(folder, command)
            if said is not None:
                return Verdict(judge_name, said)
    return Verdict("")


def _complaint(folder: Path, command: list[str]) -> str | None:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "0"}
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it never ends"
    if done.returncode == 0:
        return None
    return next(_telling(done.stdout + "\n" + done.stderr), "exit code")


def _telling(text: str) -> Iterator[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for mark in ("BROKEN ", "FAILED ", "ERROR ", "states.yaml:"):
        yield from (line for line in lines if line.startswith(mark))
    yield from reversed(lines)


def main() -> int:
    """Run mutants and print a table; exit 1 when one survives that is not explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="names, or beginnings of names")
    parser.add_argument("--list", action="store_true", help="name the mutants")
    arguments = parser.parse_args()
    chosen = [
        mutant for name, mutant in MUTANTS.items() if not arguments.only or name.startswith(tuple(arguments.only))
    ]
    if arguments.list:
        print("\n".join(mutant.name for mutant in chosen))
        return 0
    started_s, counts, wrong = time.monotonic(), dict.fromkeys([*JUDGES, "nobody"], 0), []
    for mutant in chosen:
        verdict = judge(mutant)
        by = verdict.caught_by or "nobody"
        counts[by] += 1
        said = verdict.said if verdict.caught_by else EXPLAINED.get(mutant.name, "NOT EXPLAINED")
        print(f"{mutant.name:<45} {by:<10} {said[:110]}", flush=True)
        if not verdict.caught_by and mutant.name not in EXPLAINED:
            wrong.append(mutant.name)
    told = ", ".join(f"{by} {count}" for by, count in counts.items())
    print(f"\n{len(chosen)} mutants in {time.monotonic() - started_s:.0f} s: {told}")
    if wrong:
        print("survived without an explanation: " + ", ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
