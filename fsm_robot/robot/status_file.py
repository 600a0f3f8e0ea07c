"""`status.json`: what a robot does, for who may not ask it and may not read all its files. No secret is in it.

It is written when a job is over, when a state of one lasts, when a robot begins to wait, and once at the end of a run:
a wake-up that finds no job pays for one small file, and so does a job of moments. What it tells of earlier jobs is
taken over from the one before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from socket import gethostname
from typing import Any

import attrs

from fsm_robot import __version__
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.ports import Clock
from fsm_robot.robot.unsettled import CLOSING
from fsm_robot.system.held import PATIENCE, put_whole
from fsm_robot.system.readers import NOBODY_ELSE, Readers

NAME = "status.json"
SCHEMA = 1
LARGEST_BYTES = 1 << 20
MOST_SCRIPTS = 50
"""How many scripts are remembered that failed when they last ran."""
BEFORE_A_JOB = frozenset({"Recovering", "Ready", "Consuming"})
HEARD = ("no_job", "job_found", "job_consumed", "job_claimed", "job_reported", "report_refused")
"""Events that only an orchestrator causes that takes the credential."""
FINE = "succeeded"
NO_FAILURE = frozenset({FINE, "stopped", "aborted"})
"""How a job ends that did not fail: an operator's order is not a failure of its script."""


def _no_facts() -> dict[str, object]:
    return {}


@attrs.define(eq=False, repr=False)
class StatusFile:
    """Keeps the file of one robot current.

    Attributes:
        folder: The storage folder.
        clock: For its stamps.
        redact: Takes secrets out of what an error says.
        readers: Who else may read it.
        facts: What the outside says at the end of a run: `disk_free_mib`, `clock_off_s`, `certificate_ends`, `lines`.
        failed: Told why the file could not be written; the robot goes on.
    """

    folder: Path
    clock: Clock
    redact: Callable[[str], str] = str
    readers: Readers = NOBODY_ELSE
    facts: Callable[[], dict[str, object]] = _no_facts
    failed: Callable[..., None] = lambda *_, **__: None
    _told: dict[str, Any] | None = None
    _state: str = ""
    _is_due: bool = False
    _heard: bool = False
    _began_at: str = attrs.field(default=attrs.Factory(lambda self: self.clock.utc_now(), takes_self=True))

    def note(self, step: Step, job: str, script: str, outcome: str) -> None:
        """Take in a step; write where a job is over. That one has changed its state is written once that `lasts`.

        Args:
            step: What was taken, before its callback.
            job: The GUID of the job in hand, or of the last one; empty before the first.
            script: What it runs.
            outcome: How it ended, empty while that is not known.
        """
        if step.kind not in ("taken", "started"):
            return
        is_over = step.exit_code is not None  # `over` writes that
        name = step.event.name
        self._heard = self._heard or name in HEARD
        closes = name in CLOSING
        if not closes and (not job or is_over or step.dest in {*BEFORE_A_JOB, self._state}) and not _failure(name):
            return
        told = self._read()
        if name == "credential_refused":
            told["refused_at"] = told.get("refused_at") or self.clock.utc_now()
        if closes:
            self._close(told, job, script, outcome, name)
        elif name in ("report_undelivered", "credential_refused") and job and step.source == "Reporting":
            self._keep_waiting(told, job, script, outcome)
        if job and not is_over and (step.dest != self._state or closes):
            in_hand = not closes and step.dest not in BEFORE_A_JOB
            self._enter(step.dest, job if in_hand else "", script if in_hand else "")
            self._is_due = True
            if closes:
                self.lasts()

    def lasts(self) -> None:
        """Write what is not written yet: the robot stays where it is, and somebody may look."""
        if self._is_due:
            self._write()

    @property
    def readers_before(self) -> list[str]:
        """Who could read what was kept until now."""
        return list(self._read().get("readers") or [])

    def waits(self, state: str) -> None:
        """Write that the robot lives and waits for a job: an idle wake-up ends before it comes to that."""
        self._enter(state, "", "")
        self._write()

    def over(self, exit_code: int, error: str = "") -> None:
        """Write how the run ended.

        Args:
            exit_code: Of the process.
            error: What ended it, where it was not its machine.
        """
        told = self._read()
        now = self.clock.utc_now()
        told.update(self.facts())
        told["ended_at"], told["exit_code"], told["error"] = now, exit_code, self.redact(error)[:500]
        self._enter("crashed" if error else "idle", "", "")
        self._write()

    # ---- pieces

    def _enter(self, state: str, job: str, script: str) -> None:
        self._state = state
        told = self._read()
        told.update(state=state, since=self.clock.utc_now(), job=job, script=script)

    def _close(self, told: dict[str, Any], job: str, script: str, outcome: str, name: str) -> None:
        told["last_job"] = {
            "job": job,
            "script": script,
            "outcome": outcome,
            "ended_at": self.clock.utc_now(),
            "delivery": "delivered" if name == "job_reported" else "refused",
        }
        if (told.get("undelivered") or {}).get("job", job) == job:
            told["undelivered"] = None
        self._count(told, job, script, outcome)

    def _keep_waiting(self, told: dict[str, Any], job: str, script: str, outcome: str) -> None:
        """Remember a result that waits, since when it does."""
        before = told.get("undelivered") or {}
        since = before.get("since") if before.get("job") == job else None
        told["undelivered"] = {"job": job, "script": script, "outcome": outcome, "since": since or self.clock.utc_now()}

    def _count(self, told: dict[str, Any], job: str, script: str, outcome: str) -> None:
        failing: dict[str, Any] = dict(told.get("failing") or {})
        before = failing.pop(script, None) or {"times": 0}
        if outcome not in NO_FAILURE:
            # Put at the end: those that failed longest ago are forgotten first.
            failing[script] = {"times": int(before["times"]) + 1, "job": job, "at": self.clock.utc_now()}
        told["failing"] = dict(list(failing.items())[-MOST_SCRIPTS:])

    def _read(self) -> dict[str, Any]:
        if self._told is None:
            self._told, wrong = document_in(self.folder)
            if wrong:
                self.failed("status.foreign", "status.json could not be understood, it is written anew", reason=wrong)
        return self._told

    def _write(self) -> None:
        now = self.clock.utc_now()
        told, self._is_due = self._read(), False
        if self._heard:
            told["heard_at"] = now
            if told.get("refused_at", "") <= self._began_at:
                told["refused_at"] = ""
        told |= {"schema": SCHEMA, "version": __version__, "host": gethostname(), "pid": os.getpid(), "at": now}
        told["readers"] = list(self.readers.groups)
        try:
            put_whole(self.folder / NAME, json.dumps(told).encode("ascii"), ready=self.readers.let)
        except OSError as error:
            self.failed(
                "status.not_written",
                "status.json cannot be written and shows an old state",
                error=str(error),
            )


def _failure(name: str) -> bool:
    return name in ("credential_refused", "report_undelivered")


def read_document(folder: Path) -> dict[str, Any]:
    """Return what the file of a storage folder says; empty where there is none, or none that can be understood."""
    return document_in(folder)[0]


def document_in(folder: Path) -> tuple[dict[str, Any], str]:
    """Return what the file of a storage folder says, and why it is not believed: one of the two is empty, or both.

    Another account's robot, or another version of this program, may have written it, and so may anybody who can write
    there: whoever reads it relies on every key having the type that this program gives it.
    """
    path = folder / NAME
    try:
        data = PATIENCE.until_free(path, lambda: _beginning_of(path))
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"{NAME} cannot be read: {error.strerror or error}"
    try:
        told = json.loads(data) if len(data) <= LARGEST_BYTES else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return {}, f"{NAME} is not in the robot's format; the next run writes it anew"
    version = told.get("schema")
    if version != SCHEMA or isinstance(version, bool):
        return {}, f"{NAME} is of version {str(version)[:20]}, and {SCHEMA} is understood here; install one version"
    wrong = next((key for key, fits in FITS.items() if key in told and not fits(told[key])), "")
    if wrong:
        return {}, f"{NAME} is not in the robot's format: {wrong} has the wrong type; the next run writes it anew"
    return told, ""


def _beginning_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(LARGEST_BYTES + 1)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _scripts(value: object) -> bool:
    return value is None or (
        isinstance(value, dict)
        and all(isinstance(each, dict) and _number(each.get("times")) for each in value.values())
    )


FITS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("state", "since", "job", "script", "ended_at", "error", "heard_at", "refused_at"), _text),
    **dict.fromkeys(("version", "host", "at", "certificate_ends"), _text),
    **dict.fromkeys(("pid", "disk_free_mib", "clock_off_s", "lines"), _number),
    "exit_code": lambda value: value is None or _number(value),
    **dict.fromkeys(("last_job", "undelivered"), lambda value: value is None or _texts(value)),
    "failing": _scripts,
    "readers": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
}
"""What each key may hold; one that a later version adds is not looked at."""
