"""Does what the journals tell fit the machine? Token replay, step by step. Pure.

The machine is a net with one token, which stands in the current state. Every step takes the token from its source and
puts one into its destination. A step whose source holds no token misses one, and the token where it really was
remains: fitness is (1 - missing / consumed) / 2 + (1 - remaining / produced) / 2, as process mining defines it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from fsm_robot.analyst.eventlog.activities import Run
from fsm_robot.engine.journal.crash import crash_in
from fsm_robot.engine.machine.budgets import Budgets
from fsm_robot.engine.machine.definition import Definition, State, Transition


@attrs.frozen
class Deviation:
    """A place where a run left the machine.

    Attributes:
        step: `seq` of the step in the journal.
        at: When, as the journal tells it.
        state: Where the robot was, by the machine.
        expected: Events that the machine handles there, or the state that it would have gone to.
        came: What the journal has instead.
        message: All of it as one sentence.
    """

    step: int
    at: str
    state: str
    expected: tuple[str, ...]
    came: str
    message: str


@attrs.frozen
class Fit:
    """How well one run fits.

    Attributes:
        case: `Run.id`.
        missing: Tokens that had to be added for a step.
        remaining: Tokens that were left behind.
        consumed: All tokens that steps took, and the one that the end takes.
        produced: All tokens that steps put, and the one of the start.
        deviations: In the order of the run.
        other_machine: Whether the run was recorded with another version of the machine.
    """

    case: str
    missing: int
    remaining: int
    consumed: int
    produced: int
    deviations: tuple[Deviation, ...]
    other_machine: bool = False

    @property
    def fitness(self) -> float:
        """From 0 to 1; 1 exactly where there is no deviation."""
        return fitness([self])


def fitness(fits: Iterable[Fit]) -> float:
    """Return the fitness of a whole log; one without runs fits."""
    all_fits = list(fits)
    consumed, produced = sum(fit.consumed for fit in all_fits), sum(fit.produced for fit in all_fits)
    if not all_fits:
        return 1.0
    missing, remaining = sum(fit.missing for fit in all_fits), sum(fit.remaining for fit in all_fits)
    return (1 - missing / consumed) / 2 + (1 - remaining / produced) / 2


def fit_of(run: Run, definition: Definition) -> Fit:
    """Replay one run against the machine."""
    replay = _Replay(definition)
    for record in run.records:
        if record.kind == "step":
            replay.step(record.values)
    replay.end(crash_in(run.records))
    other = run.records[0].values.get("machine_sha256") != definition.digest()
    return Fit(run.id, replay.wrong, replay.wrong, replay.moved, replay.moved, tuple(replay.deviations), other)


@attrs.define
class _Replay:
    """Replays one run. Each wrong step misses one token and leaves one; every step takes one and puts one.

    After a deviation the journal is believed, so that one mistake is told once.
    """

    definition: Definition
    state: str = ""
    wrong: int = 0
    moved: int = 0
    deviations: list[Deviation] = attrs.field(factory=list)
    _budgets: Budgets = attrs.field(factory=Budgets)
    _last: Mapping[str, Any] = attrs.field(factory=dict)
    _edges: dict[tuple[str, str, bool], Transition] = attrs.field(init=False)
    _states: dict[str, State] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._edges = {(edge.source, edge.trigger, edge.spent): edge for edge in self.definition.transitions}
        self._states = {state.name: state for state in self.definition.states}

    def step(self, values: Mapping[str, Any]) -> None:
        """Replay one step."""
        before, kind = len(self.deviations), values["kind"]
        if not self._last:
            self._start(values)
        elif kind == "started":
            self._deviate(values, self._allowed(), "the run starts a second time")
            self.state = values["dest"]
        if kind in ("taken", "stayed"):
            self._move(values)
        elif kind == "ignored":
            self._ignore(values)
        deviates = len(self.deviations) > before
        self.wrong += deviates
        self.moved += deviates or kind in ("taken", "stayed")
        self._last = values

    def end(self, crash: str) -> None:
        """Replay the end: the token is taken from a final state; `crash` tells of a run that did not get there."""
        self.moved += 1
        if self._is_final():
            return
        self.wrong += 1
        message = f"the run ends in state {self.state}, which is not final: it was killed, or it is still going on"
        if crash:
            message = f"the run crashed, {crash}"
        if not self._last:
            message = "the journal has no step"
        self._deviate(self._last or {"seq": 0}, self._allowed(), message, "the end of the journal")

    def _start(self, values: Mapping[str, Any]) -> None:
        self.state = initial = self.definition.initial
        if values["kind"] != "started":
            self._deviate(values, ("started",), "the journal does not begin with the start of the run")
            self.state = values.get("source", initial)
        elif values["dest"] != initial:
            message = f"the run starts in state {values['dest']}, and the machine starts in {initial}"
            self._deviate(values, (initial,), message, values["dest"])
            self.state = values["dest"]

    def _move(self, values: Mapping[str, Any]) -> None:
        self._follow(values)
        event, dest = values["event"]["name"], values["dest"]
        edge = self._edge(event)
        if edge is None:
            self._unhandled(values)
        elif edge.dest != dest:
            why = " once its budget is spent" if edge.spent else ""
            message = f"event {event} leads from {self.state} to {edge.dest}{why}, and the journal has {dest}"
            self._deviate(values, (edge.dest,), message, dest)
        if edge is not None:
            self._budgets.count(edge)
        self.state = dest

    def _ignore(self, values: Mapping[str, Any]) -> None:
        self._follow(values)
        event, state = values["event"]["name"], self._states.get(self.state)
        if state is None or event not in state.ignores:
            message = f"event {event} was ignored in state {self.state}, and the machine does not ignore it there"
            self._deviate(values, self._allowed(), message)

    def _follow(self, values: Mapping[str, Any]) -> None:
        source, event, allowed = values.get("source", ""), values["event"]["name"], self._allowed()
        if source != self.state:
            expected = f"the robot was in state {self.state}, which handles {_listed(allowed)}"
            message = f"event {event} came in state {source}, but {expected}: steps are missing before it"
            self._deviate(values, allowed, message)
            self.state = source

    def _unhandled(self, values: Mapping[str, Any]) -> None:
        event, allowed = values["event"]["name"], self._allowed()
        known = f"handles {_listed(allowed)}" if self.state in self._states else "the machine does not have"
        self._deviate(values, allowed, f"event {event} came in state {self.state}, which {known}")

    def _deviate(
        self, values: Mapping[str, Any], expected: tuple[str, ...], message: str, came: str | None = None
    ) -> None:
        came = values["event"]["name"] if came is None else came
        self.deviations.append(Deviation(values["seq"], values.get("at", ""), self.state, expected, came, message))

    def _edge(self, event: str) -> Transition | None:
        edge = self._edges.get((self.state, event, False))
        if edge is None or self._budgets.allow(edge):
            return edge
        return self._edges[self.state, event, True]

    def _allowed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(edge.trigger for edge in self.definition.transitions_from(self.state)))

    def _is_final(self) -> bool:
        return self.state in self._states and self._states[self.state].final


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "no event at all"
