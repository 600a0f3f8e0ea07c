"""Taking one task of a queue that others take from, too. Pure: each step is yielded, so a test can play all orders.

The object API has no call that takes. Reading a New task and writing In progress lets two takers have it; so does
reading back what was written: the second one may write after the first has looked. What helps is a mark that *adds*:
everybody puts a tag of his own on the task, then reads it, and takes it only where his tag is the only fresh one. Of
two takers who both have announced, the one who reads last sees both tags, whatever the timing; who is not alone
withdraws.

Limits: a server whose addTag is not one step has a window of its own; a taker that does not announce (a visual robot)
is not seen between our read and our write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from typing import Any

import attrs

from fsm_robot.gateway.object_rows import TaskRead

NEW, IN_PROGRESS = 0, 1
MOST_ROUNDS = 20
FRESH_S = 600
"""How long a claim counts; who has died in the middle blocks its task for so long."""
LONGEST_ROUND_S = 60.0
"""A taker that is slower withdraws, so that its claim is never taken for a stale one while it lives."""
FIRST_FEW = 8
VERIFY_AFTER_S = 2.0
SLOWEST_VERIFY_S = 0.5
_CLAIM = re.compile(r"claim-[0-9a-f]{4,40}-([0-9]{1,12})")


@attrs.frozen
class Step:
    """What the taker wants done next; its result is sent back.

    Attributes:
        name: `last_task` and `tasks` give candidates, `read` a task; `add_tag`, `remove_tag` and `update` write; `take`
            has the server take one; `trying`, `taken` and `dropped` go into the ledger; `pause` waits; `now` gives the
            time of the server in seconds; `clock` gives that of this machine, which never goes back.
    """

    name: str
    task: str = ""
    mark: str = ""
    seconds: float = 0.0


Taking = Generator[Step, Any, TaskRead | None]


class CrowdedError(Exception):
    """Others were there in every round."""


def is_claimed(tags: Sequence[str], now_s: float, mark: str) -> bool:
    """Return whether somebody else has announced himself, not long ago."""
    for tag in tags:
        found = _CLAIM.fullmatch(tag)
        # One from the future is that of a clock that goes wrong, and counts as fresh.
        if found and tag != mark and now_s - int(found[1]) < FRESH_S:
            return True
    return False


def without_claims(tags: Sequence[str]) -> list[str]:
    """Return the tags that a script is shown."""
    return [tag for tag in tags if not _CLAIM.fullmatch(tag)]


def mark_of(job_guid: str, random_hex: str, now_s: float) -> str:
    """Return the tag by which a taker announces himself."""
    job = "".join(character for character in job_guid.lower() if character in "0123456789abcdef")[:8] or "0000"
    return f"claim-{job}{random_hex}-{int(now_s)}"


@attrs.frozen
class Want:
    """What is taken.

    Attributes:
        fits: Whether a task is one that is looked for.
        filtered: Whether there are filters, so that the first task of the queue need not be it.
        fraction: Gives a random number from 0 to 1.
        is_ours: Whether a task says that it is this job's; None where the server does not tell, or nobody knows.
        mark: Makes the tag for the time of the server.
    """

    fits: Callable[[TaskRead], bool]
    filtered: bool
    fraction: Callable[[], float]
    is_ours: Callable[[TaskRead], bool | None]
    mark: Callable[[float], str]


def announced(want: Want) -> Taking:
    """Take one by announcing; return it, or None where there is none. Raises `CrowdedError`."""
    for round_ in range(MOST_ROUNDS):
        candidate = yield from _candidate(want, first=round_ == 0)
        if candidate is None:
            return None
        guid = candidate["guid"]
        now_s = yield Step("now")
        if not is_claimed(candidate["tags"], now_s, ""):
            began_s = yield Step("clock")
            mark = want.mark(now_s)
            yield Step("trying", guid, mark)
            yield Step("add_tag", guid, mark)
            seen = yield Step("read", guid)
            now_s, clock_s = (yield Step("now")), (yield Step("clock"))
            is_free = seen is not None and seen["status"] == NEW and not is_claimed(seen["tags"], now_s, mark)
            if is_free and mark in seen["tags"] and clock_s - began_s < LONGEST_ROUND_S:
                yield Step("update", guid)
                again = yield Step("read", guid)
                # The tags have decided: a server that does not say whose a task is will do here, but not in `verified`.
                if again is not None and want.is_ours(again) is not False:
                    yield Step("taken", guid)
                    yield Step("remove_tag", guid, mark)
                    return {**candidate, "status": IN_PROGRESS, "tags": without_claims(candidate["tags"])}
            # In this order: who dies in between has the tag in the ledger, and takes it off at the next start.
            yield Step("remove_tag", guid, mark)
            yield Step("dropped", guid)
        yield Step("pause", seconds=0.2 + min(1.8, 0.2 * 2**round_) * want.fraction())
    raise CrowdedError


def naive(want: Want) -> Taking:
    """Take one by reading and writing: for a queue that one robot takes from, and nobody else."""
    candidate = yield from _candidate(want, first=True)
    if candidate is None:
        return None
    yield Step("trying", candidate["guid"])
    yield Step("update", candidate["guid"])
    yield Step("taken", candidate["guid"])
    return {**candidate, "status": IN_PROGRESS}


def served(want: Want) -> Taking:
    """Let the server take one by its own call. It is written down after that: only the server knows which it is."""
    row: TaskRead | None = yield Step("take")
    if row is None:
        return None
    guid = row["guid"]
    yield Step("trying", guid)
    if row["status"] == NEW:
        yield Step("update", guid)
    again = yield Step("read", guid)
    if again is not None and want.is_ours(again) is False:
        yield Step("dropped", guid)
        raise CrowdedError
    yield Step("taken", guid)
    return {**row, "status": IN_PROGRESS}


def verified(want: Want) -> Taking:
    """Take one by writing, waiting and reading back: safe only while each request takes less than 1.5 s."""
    for round_ in range(MOST_ROUNDS):
        candidate = yield from _candidate(want, first=round_ == 0)
        if candidate is None:
            return None
        guid = candidate["guid"]
        yield Step("trying", guid)
        read_s = yield Step("clock")
        seen = yield Step("read", guid)
        if seen is not None and seen["status"] == NEW and (yield Step("clock")) - read_s < SLOWEST_VERIFY_S:
            yield Step("update", guid)
            yield Step("pause", seconds=VERIFY_AFTER_S)
            again = yield Step("read", guid)
            if again is not None and again["status"] == IN_PROGRESS and want.is_ours(again):
                yield Step("taken", guid)
                return {**candidate, "status": IN_PROGRESS}
        yield Step("dropped", guid)
        yield Step("pause", seconds=0.2 + 0.5 * want.fraction())
    raise CrowdedError


def _candidate(want: Want, *, first: bool) -> Generator[Step, Any, TaskRead | None]:
    """Return a task that may be taken: the queue's own choice, or one of the first few, so that takers do not meet."""
    if first and not want.filtered:
        row: TaskRead | None = yield Step("last_task")
        if row is None or row["status"] == NEW:
            return row
    rows: Sequence[TaskRead] = yield Step("tasks")
    now_s = yield Step("now")
    fitting = [row for row in rows if row["status"] == NEW and want.fits(row)]
    free = [row for row in fitting if not is_claimed(row["tags"], now_s, "")] or fitting
    if not free:
        return None
    few = free[:1] if first else free[:FIRST_FEW]
    return few[min(int(want.fraction() * len(few)), len(few) - 1)]
