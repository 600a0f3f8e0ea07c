"""Ways to misbehave, ordered by a text such as `heartbeat:status:503*3`. Pure."""

from __future__ import annotations

import re

import attrs

from fsm_robot.engine.wording import did_you_mean
from fsm_robot.errors import RobotError

ENDPOINTS = (
    *("all", "heartbeat", "announce", "beat", "consume", "update", "claim", "report"),
    *("log", "queue", "task", "take", "asset", "file", "job-create"),
)
KINDS: dict[str, str] = {
    "drop-before": "closes the connection and does nothing",
    "drop-after": "acts, and closes the connection without an answer",
    "delay": "answers after SECONDS (delay:2.5)",
    "status": "answers with an HTTP status and a page (status:503, status:503/7 with Retry-After: 7)",
    "html": "acts, and answers 200 with a login page",
    "empty": "acts, and answers 200 with nothing",
    "truncated": "acts, and answers 200 with a part of the JSON",
    "cut": "acts, and closes the connection in the middle of the answer",
    "garbage": "acts, and answers 200 with bytes that mean nothing",
    "bom": "acts, and answers with a byte order mark before the JSON",
    "code": "heartbeats and consume: answers with another code (code:101); no job is taken",
    "hold": "acts, and answers when `orchestrator release NAME` says so (hold:NAME)",
    "duplicate": "consume: hands out once more the job that the robot was given last",
}
# A fault that cannot strike would be used up by calls that it does nothing to.
_STRIKES = {"duplicate": ("consume",), "code": ("heartbeat", "announce", "beat", "consume")}
LONGEST_DELAY_S = 86_400
LONGEST_SHOWN = 100
LARGEST_NUMBER = 2**31 - 1
SYNTAX = "ENDPOINT:KIND[:VALUE][*TIMES][~SECONDS][@PROBABILITY]"
_PATTERN = re.compile(
    r"(?P<endpoint>[a-z-]+):(?P<kind>[a-z-]+)(?::(?P<value>[0-9./]+|(?<=hold:)[A-Za-z0-9_-]{1,50}))?"
    r"(?:\*(?P<times>[0-9]{1,6}))?(?:~(?P<for_s>[0-9.]{1,9}))?(?:@(?P<probability>[01]?\.?[0-9]*))?"
)


class FaultError(RobotError):
    """A text that orders no fault; says what one looks like."""

    exit_code = 2


@attrs.frozen
class Fault:
    """One way to misbehave.

    Attributes:
        text: As it was ordered.
        endpoint: What it strikes; `heartbeat` is `announce` and `beat`, `update` is `claim` and `report`.
        kind: See `KINDS`.
        value: Seconds, HTTP status or code; 0 where the kind needs none.
        retry_after_s: For `status`: the header, or None.
        times: How often it strikes, None without end.
        for_s: How long it is in force, None without end.
        probability: How likely it strikes a call, from 0 to 1.
        name: For `hold`: what releases the answer.
    """

    text: str
    endpoint: str
    kind: str
    value: float = 0
    retry_after_s: int | None = None
    times: int | None = 1
    for_s: float | None = None
    probability: float = 1.0
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Return what `text` orders.

        Without `*TIMES` it strikes once; with `~SECONDS` or `@PROBABILITY` alone it strikes without end.

        Raises:
            FaultError: It orders nothing.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise FaultError(f"fault {_short(text)} is not of the form {SYNTAX}, such as heartbeat:status:503*3")
        parts = match.groupdict()
        _known("endpoint", parts["endpoint"], ENDPOINTS)
        _known("kind", parts["kind"], tuple(KINDS))
        can_strike = _STRIKES.get(parts["kind"], ENDPOINTS)
        if parts["endpoint"] not in can_strike:
            raise FaultError(f"fault {_short(text)}: {parts['kind']} is for {', '.join(can_strike)} only")
        name = (parts["value"] or "") if parts["kind"] == "hold" else ""
        if parts["kind"] == "hold" and not name:
            raise FaultError(f"fault {_short(text)}: hold needs a name, such as hold:before-update")
        value, retry_after_s = _value(text, parts["kind"], None if name else parts["value"])
        try:
            for_s = float(parts["for_s"]) if parts["for_s"] else None
            probability = float(parts["probability"]) if parts["probability"] else 1.0
        except ValueError:
            raise FaultError(f"fault {_short(text)}: seconds and probability are numbers such as 2.5 and 0.3") from None
        if not 0 < probability <= 1 or (parts["times"] and int(parts["times"]) < 1):
            raise FaultError(
                f"fault {_short(text)}: a fault strikes at least once, with a probability above 0 and up to 1"
            )
        unbounded = parts["for_s"] or parts["probability"]
        times = int(parts["times"]) if parts["times"] else None if unbounded else 1
        return cls(
            text.strip(), parts["endpoint"], parts["kind"], value, retry_after_s, times, for_s, probability, name
        )


def _short(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")


def _known(what: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise FaultError(f"fault: there is no {what} {word!r}{did_you_mean(word, known)}")


def _value(text: str, kind: str, value: str | None) -> tuple[float, int | None]:
    if kind not in ("delay", "status", "code"):
        if value is not None:
            raise FaultError(f"fault {_short(text)}: {kind} takes no value")
        return 0, None
    number, _, retry_after = (value or "").partition("/")
    try:
        found = float(number)
        header = int(retry_after) if retry_after else None
    except ValueError:
        raise FaultError(
            f"fault {_short(text)}: {kind} needs a number, such as {kind}:{503 if kind == 'status' else 2}"
        ) from None
    if kind == "delay" and found > LONGEST_DELAY_S:
        raise FaultError(f"fault {_short(text)}: a delay is at most {LONGEST_DELAY_S} s")
    if max(found, header or 0) > LARGEST_NUMBER:
        raise FaultError(f"fault {_short(text)}: a number is at most {LARGEST_NUMBER}")
    if kind == "status" and not 300 <= found <= 599:
        raise FaultError(f"fault {_short(text)}: an HTTP status from 300 to 599 is needed")
    return found, header
