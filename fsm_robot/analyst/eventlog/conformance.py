"""Does what the journals tell fit the machine? Token replay, step by step. Pure.

The machine is a net with one token, which stands in the current state. Every step takes the token from its source and
puts one into its destination. A step whose source holds no token misses one, and the token where it really was
remains: fitness is (1 - missing / consumed) / 2 + (1 - remaining / produced) / 2, as process mining defines it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from fsm_robot.analyst.eventlog.activities import Run
from fsm_robot.engine.journal.crash import crash_in
from fsm_robot.engine.journal.record import RecordedStep, steps_in
from fsm_robot.engine.machine.budgets import Budgets
from fsm_robot.engine.machine.definition import Definition, State, Transition

LOST_BELOW = 0.5
"""A run of another version that fits less than this is of another machine, whatever that is called."""


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
        made_with: Name of the machine that the run was recorded with, where that is called otherwise; else empty.
    """

    case: str
    missing: int
    remaining: int
    consumed: int
    produced: int
    deviations: tuple[Deviation, ...]
    other_machine: bool = False
    made_with: str = ""

    @property
    def fitness(self) -> float:
        """From 0 to 1; 1 exactly where there is no deviation."""
        return fitness([self])

    @property
    def is_of_wrong_machine(self) -> bool:
        """Whether it makes no sense to tell each deviation: the run was never meant to follow this machine."""
        return bool(self.deviations) and (bool(self.made_with) or (self.other_machine and self.fitness < LOST_BELOW))


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
    for step in steps_in(run.records):
        replay.step(step)
    replay.end(crash_in(run.records))
    header = run.records[0].header
    other = header.get("machine_sha256") != definition.digest()
    name = str(header.get("machine", ""))
    made_with = name if name != definition.name else ""
    deviations = tuple(replay.deviations)
    return Fit(run.id, replay.wrong, replay.wrong, replay.moved, replay.moved, deviations, other, made_with)


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
    _last: RecordedStep | None = None
    _edges: dict[tuple[str, str, bool], Transition] = attrs.field(init=False)
    _states: dict[str, State] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._edges = {(edge.source, edge.trigger, edge.spent): edge for edge in self.definition.transitions}
        self._states = {state.name: state for state in self.definition.states}

    def step(self, step: RecordedStep) -> None:
        """Replay one step."""
        before, kind = len(self.deviations), step.kind
        if self._last is None:
            self._start(step)
        elif kind == "started":
            self._deviate(step, self._allowed(), "the run starts a second time")
            self.state = step.dest
        if kind in ("taken", "stayed"):
            self._move(step)
        elif kind == "ignored":
            self._ignore(step)
        deviates = len(self.deviations) > before
        self.wrong += deviates
        # A deviation counts as a move even where the event was ignored: else more could be wrong than was moved, and
        # fitness would fall below 0.
        self.moved += deviates or kind in ("taken", "stayed")
        self._last = step

    def end(self, crash: str) -> None:
        """Replay the end: the token is taken from a final state; `crash` tells of a run that did not get there."""
        self.moved += 1
        if self._is_final():
            return
        self.wrong += 1
        message = f"the run ends in state {self.state}, which is not final: it was killed, or it is still going on"
        if crash:
            message = f"the run crashed, {crash}"
        if self._last is None:
            message = "the journal has no step"
        self._deviate(self._last, self._allowed(), message, "the end of the journal")

    def _start(self, step: RecordedStep) -> None:
        self.state = initial = self.definition.initial
        if step.kind != "started":
            self._deviate(step, ("started",), "the journal does not begin with the start of the run")
            self.state = step.source or initial
        elif step.dest != initial:
            message = f"the run starts in state {step.dest}, and the machine starts in {initial}"
            self._deviate(step, (initial,), message, step.dest)
            self.state = step.dest

    def _move(self, step: RecordedStep) -> None:
        self._follow(step)
        event, dest = step.event.name, step.dest
        edge = self._edge(event)
        if edge is None:
            self._unhandled(step)
        elif edge.dest != dest:
            why = " once its budget is spent" if edge.spent else ""
            message = f"event {event} leads from {self.state} to {edge.dest}{why}, and the journal has {dest}"
            self._deviate(step, (edge.dest,), message, dest)
        if edge is not None:
            self._budgets.count(edge)
        self.state = dest

    def _ignore(self, step: RecordedStep) -> None:
        self._follow(step)
        event, state = step.event.name, self._states.get(self.state)
        if state is None or event not in state.ignores:
            message = f"event {event} was ignored in state {self.state}, and the machine does not ignore it there"
            self._deviate(step, self._allowed(), message)

    def _follow(self, step: RecordedStep) -> None:
        source, event = step.source, step.event.name
        if source != self.state:
            allowed = self._allowed()
            expected = f"the robot was in state {self.state}, which handles {_listed(allowed)}"
            message = f"event {event} came in state {source}, but {expected}: steps are missing before it"
            self._deviate(step, allowed, message)
            self.state = source

    def _unhandled(self, step: RecordedStep) -> None:
        event, allowed = step.event.name, self._allowed()
        known = f"handles {_listed(allowed)}" if self.state in self._states else "the machine does not have"
        self._deviate(step, allowed, f"event {event} came in state {self.state}, which {known}")

    def _deviate(self, step: RecordedStep | None, expected: tuple[str, ...], message: str, came: str = "") -> None:
        seq, at, event = (step.seq, step.at, step.event.name) if step is not None else (0, "", "")
        self.deviations.append(Deviation(seq, at, self.state, expected, came or event, message))

    def _edge(self, event: str) -> Transition | None:
        edge = self._edges.get((self.state, event, False))
        if edge is None or self._budgets.allow(edge):
            return edge
        # A machine with a budget and no way on from it does not pass the checks.
        return self._edges[self.state, event, True]

    def _allowed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(edge.trigger for edge in self.definition.transitions_from(self.state)))

    def _is_final(self) -> bool:
        return self.state in self._states and self._states[self.state].final


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "no event at all"
