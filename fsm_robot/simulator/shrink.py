"""A scenario that breaks a promise -> a smaller one that breaks the same promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from fsm_robot.simulator.chance import CALLS_PER_JOB, EFFECTS_PER_JOB, WRITES_PER_JOB
from fsm_robot.simulator.scenario import CRASHES, DISK_FAULTS, NETWORK_FAULTS, Fault, JobPlan, Scenario, Script

MOST_TRIES = 8000
MOST_MOVED_FAULTS, MOST_OF_A_JOB = 3, 2
PER_JOB = ((CRASHES, EFFECTS_PER_JOB), (NETWORK_FAULTS, CALLS_PER_JOB), (DISK_FAULTS, WRITES_PER_JOB))
"""About how many of what a fault counts belong to one job."""


def shrunk(scenario: Scenario, still_breaks: Callable[[Scenario], bool]) -> Scenario:
    """Return the smallest scenario that is found by leaving out, one thing at a time, what is not needed.

    Args:
        scenario: Breaks a promise.
        still_breaks: Runs a scenario and says whether it breaks the same promise.
    """
    tries = 0
    found = True
    while found:
        found = False
        for smaller in _smaller(scenario):
            tries += 1
            if tries > MOST_TRIES:
                return scenario
            if still_breaks(smaller):
                scenario, found = smaller, True
                break
    return scenario


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Yield scenarios with less in them, the boldest cuts first."""
    faults, jobs = scenario.faults, scenario.jobs
    for part in _without_parts(len(faults)):
        yield attrs.evolve(scenario, faults=tuple(fault for number, fault in enumerate(faults) if number not in part))
    for part in _without_parts(len(jobs)):
        if len(part) < len(jobs):
            yield attrs.evolve(scenario, jobs=tuple(job for number, job in enumerate(jobs) if number not in part))
    if len(jobs) > 1 and len(faults) <= MOST_MOVED_FAULTS:
        yield from _windows(scenario)
    if scenario.contact_lost_after_s is not None:
        yield attrs.evolve(scenario, contact_lost_after_s=None)
    for number, job in enumerate(jobs):
        for simpler in _simpler(job):
            yield attrs.evolve(scenario, jobs=(*jobs[:number], simpler, *jobs[number + 1 :]))


def _windows(scenario: Scenario) -> Iterator[Scenario]:
    """Yield one job, or two neighbours, with one fault or all of them moved to wherever they could strike then."""
    jobs = scenario.jobs
    choices = [(fault,) for fault in scenario.faults] if len(scenario.faults) > 1 else []
    for size in (1, 2):
        for first in range(len(jobs) - size + 1) if size < len(jobs) else ():
            for chosen in [*choices, scenario.faults]:
                for faults in _moved(chosen, size):
                    yield attrs.evolve(scenario, jobs=jobs[first : first + size], faults=faults)


def _moved(faults: tuple[Fault, ...], jobs: int) -> Iterator[tuple[Fault, ...]]:
    """Yield the faults with the earliest counted one at every place in so many jobs, the others as far behind it."""
    counted = [fault for fault in faults if _per_job(fault)]
    if not counted:
        yield faults
        return
    earliest = min(counted, key=lambda fault: fault.at / _per_job(fault))
    for at in range(1, MOST_OF_A_JOB * jobs * _per_job(earliest) + 1):
        jobs_earlier = (earliest.at - at) / _per_job(earliest)
        yield tuple(
            attrs.evolve(fault, at=max(1, round(fault.at - jobs_earlier * _per_job(fault))))
            if fault in counted
            else fault
            for fault in faults
        )


def _per_job(fault: Fault) -> int:
    return next((number for kinds, number in PER_JOB if fault.kind in kinds), 0)


def _without_parts(count: int) -> Iterator[range]:
    size = count
    while size:
        for start in range(0, count, size):
            yield range(start, min(start + size, count))
        size //= 2


def _simpler(job: JobPlan) -> Iterator[JobPlan]:
    if job != JobPlan():
        yield JobPlan()
    if job.orders:
        yield attrs.evolve(job, orders=job.orders[1:])
    if job.appears_s:
        yield attrs.evolve(job, appears_s=0.0)
    plain = Script()
    for field in attrs.fields(Script):
        if getattr(job.script, field.name) != getattr(plain, field.name):
            changes = {field.name: getattr(plain, field.name)}
            yield attrs.evolve(job, script=attrs.evolve(job.script, **changes))
