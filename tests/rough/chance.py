"""Cases by seed."""

from __future__ import annotations

from itertools import islice
from random import Random

from tests.rough import troubles
from tests.rough.case import ABORT, KINDS, STOP, Case, JobPlan, Order, Trouble
from tests.rough.scripts import SCRIPTS, Script, of_kind

COMMON = ("quick", "quick", "fails", "leaves", "waits", "waits", "deaf")
TWO_AT_ONCE, MOST_TRIES = 0.36, 20
"""A little more than a third: what goes with nothing else stays alone."""
ORDERS = ("none", "none", "stop", "abort", "stop then abort")


def case_by(name: str) -> Case:
    """Return the case that belongs to a name such as `any:7:12` or `wire:7:12`: kind, seed, number."""
    wanted, _, _ = name.partition(":")
    chance = Random(f"rough {name}")
    kinds = [chance.choice(KINDS) if wanted == "any" else wanted]
    if chance.random() < TWO_AT_ONCE:
        kinds += [kind for kind in KINDS if kind != kinds[0]]
    found = [troubles.drawn(kinds[0], chance)]
    if len(kinds) > 1:
        # Drawn until both take effect together, or a third of the jobs would not have two.
        tries = (troubles.drawn(chance.choice(kinds[1:]), chance) for _ in range(MOST_TRIES))
        found += list(islice((each for each in tries if troubles.go_together(found[0], each)), 1))
    jobs = tuple(_job(chance, script) for script in _scripts(chance, tuple(found)))
    if troubles.EFFECTS[found[0].kind, found[0].name].in_order:
        orders = ((Order(ABORT, 0.0),), (Order(STOP, 1.0),))
        jobs = tuple(JobPlan("waits", {"tidy_s": 0}, each) for each in orders) + jobs[2:]
    return Case(name, tuple(found), jobs)


def _scripts(chance: Random, found: tuple[Trouble, ...]) -> list[Script]:
    names: list[str] = []
    for trouble in found:
        effect = troubles.EFFECTS[trouble.kind, trouble.name]
        own = [script.name for script in of_kind(trouble.kind)] if effect.any_script_of_kind else []
        names += [*effect.scripts]
        names += [chance.choice(own) for _ in range(chance.choice([4, 6, 8]))] if own else []
    names += [chance.choice(COMMON) for _ in range(chance.choice([2, 4, 6]))]
    chance.shuffle(names)
    return [SCRIPTS[name] for name in names]


def _job(chance: Random, script: Script) -> JobPlan:
    values = script.draw(chance)
    what = chance.choice(ORDERS)
    if script.waits == "always" and what == "none" and script.kind != "killed":
        what = chance.choice(ORDERS[2:])
    if (script.waits == "never" and chance.random() < 0.6) or script.kind == "killed":
        what = "none"
    if script.waits == "may":
        values["waits"] = what != "none"
    return JobPlan(script.name, values, _orders(chance, what))


def _orders(chance: Random, what: str) -> tuple[Order, ...]:
    if what == "none":
        return ()
    first_s = round(chance.uniform(0.0, 0.3), 3)
    if what == "stop then abort":
        return (Order(STOP, first_s), Order(ABORT, round(first_s + chance.uniform(0.0, 0.8), 3)))
    return (Order(what, first_s),)
