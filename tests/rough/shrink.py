"""A case that breaks a promise -> the smallest that still breaks it, found by leaving things out and trying again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

import attrs

from tests.rough.case import Case, JobPlan, Trouble
from tests.rough.play import Played, played
from tests.rough.scripts import SCRIPTS

Thing = TypeVar("Thing")
TRIES = 2
"""How often a smaller case is played before it counts as kept: what hangs on a moment does not break each time."""


def shrunk(result: Played, finds: str, side_by_side: int, longest_s: float) -> Played:
    """Return the smallest case found within `longest_s` that breaks one of the same promises.

    Args:
        result: What broke promises.
        finds: A pattern for the sentences that count.
        side_by_side: How many cases are played at once.
        longest_s: When no further case is begun.
    """
    wanted = _sort_of(result, finds)
    deadline_s = time.monotonic() + longest_s
    found = True
    while found and time.monotonic() < deadline_s:
        found = False
        candidates = [case for case in _smaller(result.case) for _ in range(TRIES)]
        for tried in played(candidates, side_by_side):
            if wanted & _sort_of(tried, finds) and _size(tried.case) < _size(result.case):
                result, found = tried, True
            if time.monotonic() > deadline_s:
                break
    return result


def _sort_of(result: Played, finds: str) -> set[str]:
    return {each.promise for each in result.broken if re.search(finds, " ".join(each))}


def _smaller(case: Case) -> Iterator[Case]:
    """Yield cases with one thing less, the boldest first."""
    if len(case.troubles) > 1:
        for number in range(len(case.troubles)):
            yield attrs.evolve(case, troubles=_without(case.troubles, number))
    if len(case.jobs) > 2:
        half = len(case.jobs) // 2
        yield attrs.evolve(case, jobs=case.jobs[:half])
        yield attrs.evolve(case, jobs=case.jobs[half:])
    if len(case.jobs) > 1:
        for number in range(len(case.jobs)):
            yield attrs.evolve(case, jobs=_without(case.jobs, number))
    for number, job in enumerate(case.jobs):
        for less in _simpler_jobs(job):
            yield attrs.evolve(case, jobs=(*case.jobs[:number], less, *case.jobs[number + 1 :]))
    for number, trouble in enumerate(case.troubles):
        for values in _simpler_troubles(trouble):
            changed = (*case.troubles[:number], attrs.evolve(trouble, values=values), *case.troubles[number + 1 :])
            yield attrs.evolve(case, troubles=changed)


def _simpler_jobs(job: JobPlan) -> Iterator[JobPlan]:
    if len(job.orders) > 1:
        yield attrs.evolve(job, orders=job.orders[:1])
        yield attrs.evolve(job, orders=job.orders[1:])
    elif job.orders and SCRIPTS[job.script].waits == "never":
        yield attrs.evolve(job, orders=())
    elif job.orders and SCRIPTS[job.script].waits == "may":
        yield attrs.evolve(job, orders=(), parameters={**job.parameters, "waits": False})


def _simpler_troubles(trouble: Trouble) -> Iterator[dict[str, object]]:
    """Yield the numbers of a trouble with one of a list left out."""
    for key, value in trouble.values.items():
        if isinstance(value, list) and len(value) > 1:
            for number in range(len(value)):
                yield {**trouble.values, key: list(_without(value, number))}


def _without(values: Sequence[Thing], number: int) -> tuple[Thing, ...]:
    return (*values[:number], *values[number + 1 :])


def _size(case: Case) -> int:
    lists = sum(len(value) for each in case.troubles for value in each.values.values() if isinstance(value, list))
    waiting = sum(job.parameters.get("waits") is True for job in case.jobs)
    return 10 * len(case.troubles) + 5 * len(case.jobs) + sum(len(job.orders) for job in case.jobs) + lists + waiting
