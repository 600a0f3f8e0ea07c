"""Journals -> the process that they show: what follows what, how often, how long, what comes before failures. Pure.

Nothing of the machine file is believed: states and transitions are those that were seen. Beside the declared machine it
shows what never happens, and what happens that nobody has declared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from fsm_robot.analyst.eventlog.activities import Run
from fsm_robot.analyst.eventlog.statistics import FAILURES, Statistics, run_statistics
from fsm_robot.engine.journal.record import Record, RecordedStep, steps_in
from fsm_robot.engine.machine.definition import Definition, State, Transition
from fsm_robot.robot.unsettled import CLOSING, OPENING

MOST_SIGNS = 12
"""How many signs of a failure are told; more than that nobody reads."""


@attrs.frozen
class Sign:
    """Something that failed cases did more often than others.

    Attributes:
        what: Key of a transition; with `(ignored)` or the like an event that changed nothing.
        failed: How many failed cases did it.
        others: How many others did it.
        failed_share: Of the failed cases, from 0 to 1.
        others_share: Of the others, from 0 to 1.
    """

    what: str
    failed: int
    others: int
    failed_share: float
    others_share: float


@attrs.frozen
class Discovered:
    """The process that journals show.

    Attributes:
        happened: It as a machine, to be drawn, never to be run.
        statistics: How often and how long.
        follows: (state, state that was entered next) -> how often, within runs: the directly-follows graph.
        starts: State -> how many runs began in it.
        ends: State -> in how many runs it was the last.
        case: `job`, or `run` where there are no jobs: what fails.
        cases: How many there are whose end is known.
        failed: How many of them failed.
        signs: What came before failures, the most telling first.
        never_states: Declared states that no run entered.
        never_edges: Declared transitions that no run took.
        undeclared: Transitions that were taken and are not declared.
    """

    happened: Definition
    statistics: Statistics
    follows: Mapping[tuple[str, str], int]
    starts: Mapping[str, int]
    ends: Mapping[str, int]
    case: str
    cases: int
    failed: int
    signs: tuple[Sign, ...]
    never_states: tuple[str, ...]
    never_edges: tuple[str, ...]
    undeclared: tuple[str, ...]


def discover(runs: Iterable[Run], declared: Definition) -> Discovered:
    """Return what the runs show beside `declared`; the runs of one robot come oldest first, one is held at a time."""
    seen = _Seen()
    statistics = run_statistics(seen.passing(runs))
    case, whole = ("job", seen.jobs.values()) if seen.jobs else ("run", seen.runs)
    ended = [each for each in whole if each.failed is not None]
    happened = _happened(seen, declared)
    declared_keys = dict.fromkeys(edge.key for edge in declared.transitions)
    taken = dict.fromkeys(edge.key for edge in happened.transitions)
    return Discovered(
        happened=happened,
        statistics=statistics,
        follows=seen.follows,
        starts=seen.starts,
        ends=seen.ends,
        case=case,
        cases=len(ended),
        failed=sum(bool(each.failed) for each in ended),
        signs=_signs(ended),
        never_states=tuple(state.name for state in declared.states if state.name not in seen.states),
        never_edges=tuple(key for key in declared_keys if key not in taken),
        undeclared=tuple(key for key in taken if key not in declared_keys),
    )


@attrs.define
class _Case:
    """What a job, or a run, did; whether it failed is None as long as its end is not known."""

    did: set[str] = attrs.field(factory=set)
    failed: bool | None = None


@attrs.define
class _Seen:
    follows: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    starts: Counter[str] = attrs.field(factory=Counter)
    ends: Counter[str] = attrs.field(factory=Counter)
    states: dict[str, None] = attrs.field(factory=dict)
    edges: dict[str, Transition] = attrs.field(factory=dict)
    jobs: dict[str, _Case] = attrs.field(factory=dict)
    runs: list[_Case] = attrs.field(factory=list)

    def passing(self, runs: Iterable[Run]) -> Iterator[Sequence[Record]]:
        """Hand on the records of each run, and note what is in them."""
        for run in runs:
            self._add(run.records)
            yield run.records

    def _add(self, records: Sequence[Record]) -> None:
        case, job = _Case(), None
        self.runs.append(case)
        way: list[str] = []
        for step in steps_in(records):
            if step.kind in ("started", "taken"):
                way.append(step.dest)
            if step.kind in ("taken", "stayed"):
                self._edge(step)
            if step.event.name in OPENING and step.event.data.get("job"):
                job = self.jobs.setdefault(str(step.event.data["job"]), _Case())
            for each in (case, job):
                if each is not None and step.kind != "started":
                    each.did.add(_told(step))
            if job is not None and step.kind != "late":
                if step.event.data.get("outcome"):
                    job.failed = str(step.event.data["outcome"]) in FAILURES
                job = None if step.event.name in CLOSING else job
        self.states.update(dict.fromkeys(way))
        self.follows.update(pairwise(way))
        if way:
            self.starts[way[0]] += 1
            self.ends[way[-1]] += 1
        end = next((record for record in records if record.kind == "end"), None)
        case.failed = end is None or bool(end.exit_code) or bool(end.values.get("crash"))

    def _edge(self, step: RecordedStep) -> None:
        if step.transition not in self.edges:
            kind = "internal" if step.kind == "stayed" else "external"
            spent = "(spent)-->" in step.transition
            self.edges[step.transition] = Transition(
                step.event.name, step.source, step.dest, kind, exit_code=step.exit_code, spent=spent
            )


def _told(step: RecordedStep) -> str:
    return step.transition if step.kind == "taken" else f"{step.source}--{step.event.name} ({step.kind})"


def _happened(seen: _Seen, declared: Definition) -> Definition:
    """Return what was seen as a machine, in the order of the declared one where both have it."""
    known = {state.name: state for state in declared.states}
    edges = {edge.key: edge for edge in declared.transitions}
    left = {source for source, _ in seen.follows}
    names = [*(name for name in known if name in seen.states), *(name for name in seen.states if name not in known)]
    keys = [*(key for key in edges if key in seen.edges), *(key for key in seen.edges if key not in edges)]
    states = tuple(known.get(name) or State(name, final=name not in left) for name in names)
    used = {state.on_enter for state in states}
    return attrs.evolve(
        declared,
        initial=seen.starts.most_common(1)[0][0] if seen.starts else declared.initial,
        states=states,
        transitions=tuple(edges.get(key) or seen.edges[key] for key in keys),
        callbacks=tuple(spec for spec in declared.callbacks if spec.name in used),
    )


def _signs(ended: Sequence[_Case]) -> tuple[Sign, ...]:
    failed = [case for case in ended if case.failed]
    others = [case for case in ended if not case.failed]
    in_failed = Counter(what for case in failed for what in case.did)
    in_others = Counter(what for case in others for what in case.did)
    signs = [
        Sign(what, count, in_others[what], count / len(failed), in_others[what] / len(others) if others else 0.0)
        for what, count in in_failed.items()
    ]
    telling = [sign for sign in signs if sign.failed_share > sign.others_share]
    telling.sort(key=lambda sign: (sign.others_share - sign.failed_share, sign.what))
    return tuple(telling[:MOST_SIGNS])
