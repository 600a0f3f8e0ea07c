"""The machine that decides: an event goes in, a step comes out. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import attrs
from transitions import Machine, MachineError

from fsm_robot.engine.machine.budgets import Budgets
from fsm_robot.engine.machine.definition import Definition, State, Transition
from fsm_robot.engine.machine.events import Event, as_spelled
from fsm_robot.errors import UnexpectedEventError

__all__ = ("Engine", "RobotMachine", "Step", "StepKind", "engine_for")

StepKind = Literal["started", "taken", "stayed", "ignored", "late"]
"""What an event did: began the run, led to a state, stayed in it (internal), meant nothing there, or came too late."""

CameFrom = Literal["", "callback", "inbox", "post"]
"""Where an event came from: the answer of the callback that the step before it made due, the inbox, or `post`.

Empty where it came from neither: at the start of a run, and where nobody has said it.
"""

Position = tuple[str, tuple[tuple[str, int], ...]]
"""A state, and how often the transitions that are counted were taken: two machines at one position decide alike."""


@attrs.frozen
class Step:
    """The machine's answer to an event.

    Attributes:
        seq: Number of the step within the run, from 0.
        event: What happened.
        kind: See `StepKind`.
        source: State before, empty at the start.
        dest: State after.
        transition: Key of the edge, empty where none was taken.
        callback: What is due now, empty where nothing is.
        exit_code: What the process ends with, where `dest` is final.
        came_from: See `CameFrom`; the machine does not know it, who hands it the event does.
    """

    seq: int
    event: Event
    kind: StepKind
    source: str
    dest: str
    transition: str = ""
    callback: str = ""
    exit_code: int | None = None
    came_from: CameFrom = ""

    def that_came_from(self, came_from: CameFrom) -> Step:
        """Return this step with the origin of its event; ten times as fast as `attrs.evolve`, and once per step."""
        return Step(
            self.seq,
            self.event,
            self.kind,
            self.source,
            self.dest,
            self.transition,
            self.callback,
            self.exit_code,
            came_from,
        )


@attrs.frozen(eq=False, repr=False)
class _Way:
    """A transition as the machine takes it: what fires it, and what its step says."""

    fire: Callable[[RobotMachine], bool]
    edge: Transition
    kind: StepKind
    key: str
    callback: str
    exit_code: int | None
    counts: bool
    outcome: str


@attrs.frozen(eq=False, repr=False)
class Engine:
    """What all machines of one definition share: the machine of `transitions` that executes them, and its tables."""

    definition: Definition
    states: Mapping[str, State]
    ways: Mapping[tuple[str, str], _Way]
    spent: Mapping[tuple[str, str], _Way]


def engine_for(definition: Definition) -> Engine:
    """Return what executes a definition for any number of `RobotMachine`s; it has no state of its own."""
    machine = Machine(
        model=None,
        states=[state.name for state in definition.states],
        initial=definition.initial,
        transitions=[
            {
                "trigger": _trigger(number),
                "source": edge.source,
                # An edge without `dest` is internal for the library; one to its own source leaves and enters.
                "dest": None if edge.kind == "internal" else edge.dest,
            }
            for number, edge in enumerate(definition.transitions)
        ],
        # Else the library adds a `to_STATE` trigger from everywhere to each state, and none stands in the machine file.
        auto_transitions=False,
        send_event=False,
    )
    states = {state.name: state for state in definition.states}
    ways: dict[tuple[str, str], _Way] = {}
    spent: dict[tuple[str, str], _Way] = {}
    for number, edge in enumerate(definition.transitions):
        way = _way(edge, states, machine.events[_trigger(number)].trigger)
        (spent if edge.spent else ways)[edge.source, edge.trigger] = way
    return Engine(definition, states, ways, spent)


def _trigger(number: int) -> str:
    return f"edge_{number}"


def _way(edge: Transition, states: Mapping[str, State], fire: Callable[[RobotMachine], bool]) -> _Way:
    stays = edge.kind == "internal"
    return _Way(
        fire=fire,
        edge=edge,
        kind="stayed" if stays else "taken",
        key=edge.key,
        callback="" if stays else states[edge.dest].on_enter,
        exit_code=None if stays else edge.exit_code,
        counts=edge.progress or edge.at_most is not None,
        outcome=edge.outcome,
    )


class RobotMachine:
    """Executes a definition with `transitions`; keeps only the state and the budgets.

    `transitions.Machine` changes `state` and puts nothing on this class: it does not own it as a model, and triggers
    are called by position (`edge_7`), so no name of a machine file can hide a method of ours.

    Args:
        definition: A checked machine.
        engine: What `engine_for` returned for it, where many machines of one definition are wanted.
    """

    __slots__ = ("_budgets", "_engine", "_seq", "definition", "state")

    def __init__(self, definition: Definition, engine: Engine | None = None) -> None:
        self.definition = definition
        self.state = definition.initial
        self._seq = 0
        self._budgets = Budgets()
        self._engine = engine or engine_for(definition)

    @property
    def finished(self) -> bool:
        """Whether a final state has been reached."""
        return self._engine.states[self.state].final

    @property
    def position(self) -> Position:
        """All that its next decision depends on, besides the event."""
        return self.state, self._budgets.taken

    @position.setter
    def position(self, position: Position) -> None:
        self.state, self._budgets.taken = position

    @property
    def entered(self) -> State:
        """The state that the machine is in."""
        return self._engine.states[self.state]

    def start(self) -> Step:
        """Return step 0, which enters the initial state."""
        return self._step(Event("started"), "started", "", callback=self.entered.on_enter)

    def handle(self, event: Event) -> Step:
        """Return what `event` leads to.

        Raises:
            UnexpectedEventError: The machine file neither handles nor ignores the event in this state.
        """
        source = self.state
        way = self._engine.ways.get((source, event.name))
        if way is None:
            return self._not_handled(event)
        # Counted here and not by a condition of `transitions`: a replay counts alike, and the checks can prove a bound.
        if way.counts and not self._budgets.allow(way.edge):
            way = self._engine.spent[source, event.name]
        try:
            way.fire(self)
        except MachineError as error:
            raise UnexpectedEventError(event.name, source, [event.name]) from error
        if way.counts:
            self._budgets.count(way.edge)
        if way.outcome:
            # Into the event, for that is what the journal keeps and the next life reads. What it says itself counts.
            event = attrs.evolve(event, data={"outcome": way.outcome, **event.data})
        seq = self._seq
        self._seq = seq + 1
        return Step(seq, event, way.kind, source, self.state, way.key, way.callback, way.exit_code)

    def _not_handled(self, event: Event) -> Step:
        state = self.entered
        if event.name in state.ignores:
            return self._step(event, "ignored", state.name)
        allowed = [edge.trigger for edge in self.definition.transitions_from(state.name)]
        spelled = as_spelled(event.name, (*allowed, *state.ignores))
        if spelled != event.name:
            return self.handle(attrs.evolve(event, name=spelled))
        raise UnexpectedEventError(event.name, state.name, list(dict.fromkeys(allowed)))

    def late(self, event: Event) -> Step:
        """Return the step for an event that speaks of an earlier job: it changes nothing."""
        return self._step(event, "late", self.state)

    def allowed(self) -> tuple[str, ...]:
        """Return the events that lead somewhere now."""
        return tuple(dict.fromkeys(edge.trigger for edge in self.definition.transitions_from(self.state)))

    def _step(
        self,
        event: Event,
        kind: StepKind,
        source: str,
        *,
        callback: str = "",
    ) -> Step:
        step = Step(self._seq, event, kind, source, self.state, "", callback)
        self._seq += 1
        return step
