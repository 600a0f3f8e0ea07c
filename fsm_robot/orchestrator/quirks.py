"""Ways in which real servers may differ where the vendor's pages leave it open, ordered by `NAME=VALUE`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import attrs

from fsm_robot.engine.wording import did_you_mean
from fsm_robot.errors import RobotError

# The first value is the default: the best reading of what is published.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "empty_last": ("[]", "null", "false", "{}"),
    "task_rows": ("strings", "structured"),
    "task_read": ("published", "full"),
    "parameters": ("text", "object", "nested"),
    "names": ("on", "off"),
    "absent": ("keep", "reset"),
    "job_field": ("any", "job_guid", "JobGUID", "none"),
    "add_tag": ("atomic", "racy"),
    "filters": ("on", "off"),
    "reserves": ("no", "yes"),
    "duplicate": ("400", "200"),
    "unknown": ("404", "200-empty", "500"),
    "no_credential": ("401", "403"),
    "log_answer": ("list", "guid"),
    "log_after_end": ("take", "refuse"),
    "file_read": ("bytes", "base64", "base32", "base16"),
    "level": ("any", "text", "number"),
    "level_numbers": ("debug0", "info1"),
    "task_priority": ("low0", "low1"),
    "postponed": ("kept", "ignored"),
}
MEANINGS: Mapping[str, str] = {
    "empty_last": "what lastTask answers where no task is New",
    "task_rows": "numbers in rows of tasks as texts, or as numbers",
    "task_read": "task/read without the parameters, as its published sample, or with them",
    "parameters": "of a task: JSON text, an object, or JSON text inside JSON text",
    "names": "whether names and numbers are taken where a GUID is expected",
    "absent": "what an update does with fields that it does not name",
    "job_field": "how task/update has to spell the job's GUID to be understood",
    "add_tag": "whether addTag is one step, or reads and writes in two",
    "filters": "whether filter/list filters",
    "reserves": "whether lastTask reserves the task for the caller, so that nobody else gets it",
    "duplicate": "the answer to a second name in a queue of unique tasks",
    "unknown": "the answer for a thing that is not there",
    "no_credential": "the answer to a call without a credential",
    "log_answer": "what log/create answers",
    "log_after_end": "whether a job that has ended may still log",
    "file_read": "how files/read gives a file",
    "level": "which levels log/create takes",
    "level_numbers": "numbers of levels: Debug 0 up to Critical 5, or Info 1, Critical 2, Error 3, Warning 4, Debug 5",
    "task_priority": "numbers of priorities: low 0, normal 1, high 2, or one more each; a fresh task has 1",
    "postponed": "whether task/update keeps the time of a postponed task",
    "log_limit": "how many lines a minute a robot may log, and what happens to more: off, 60/min:429, 60/min:drop",
    "verbs": "which verbs a call takes: CALL:VERB,VERB, such as task/update:POST; may be given for many calls",
}
_LIMIT = re.compile(r"(?P<count>[0-9]{1,6})/min:(?P<what>429|drop)")
_VERBS = re.compile(
    r"(?P<call>[A-Za-z]+(?:/[A-Za-z]+){1,2}):(?P<verbs>(?:GET|POST|PUT|DELETE)(?:,(?:GET|POST|PUT|DELETE))*)"
)


class QuirkError(RobotError):
    """A text that orders no quirk; says what one looks like."""

    exit_code = 2


@attrs.frozen
class LogLimit:
    """How many lines a minute a robot may log; `drops` tells whether more are swallowed instead of answered 429."""

    per_minute: int
    drops: bool


@attrs.frozen
class Quirks:
    """How this server differs.

    Attributes:
        chosen: Name -> value for those of `CHOICES` that are not the default.
        log_limit: Or None.
        verbs: Call such as `task/update` -> the verbs that it takes.
    """

    chosen: Mapping[str, str] = attrs.field(factory=dict)
    log_limit: LogLimit | None = None
    verbs: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.chosen.get(name, CHOICES[name][0])

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Quirks:
        """Return what `NAME=VALUE` texts order. Raises `QuirkError`."""
        quirks = cls()
        for text in texts:
            quirks = quirks.with_(text)
        return quirks

    def with_(self, text: str) -> Quirks:
        """Return these and what one more text orders. Raises `QuirkError`."""
        name, sign, value = text.strip().partition("=")
        if not sign or name not in MEANINGS:
            raise QuirkError(f"quirk {text!r}: NAME=VALUE is needed{did_you_mean(name, MEANINGS)}")
        if name == "log_limit":
            return attrs.evolve(self, log_limit=_log_limit(value))
        if name == "verbs":
            call, verbs = _verbs(value)
            return attrs.evolve(self, verbs={**self.verbs, call: verbs})
        if value not in CHOICES[name]:
            raise QuirkError(f"quirk {name}: there is no {value!r}; known are {', '.join(CHOICES[name])}")
        return attrs.evolve(self, chosen={**self.chosen, name: value})


def _log_limit(value: str) -> LogLimit | None:
    match = _LIMIT.fullmatch(value)
    if match is None and value != "off":
        raise QuirkError(f"quirk log_limit: {value!r} is not off and not of the form 60/min:429 or 60/min:drop")
    return LogLimit(int(match["count"]), match["what"] == "drop") if match else None


def _verbs(value: str) -> tuple[str, tuple[str, ...]]:
    match = _VERBS.fullmatch(value)
    if match is None:
        raise QuirkError(f"quirk verbs: {value!r} is not of the form CALL:VERB,VERB such as task/update:POST")
    return match["call"], tuple(match["verbs"].split(","))
