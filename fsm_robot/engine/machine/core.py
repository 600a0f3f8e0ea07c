"""The machine that decides: an event goes in, a step comes out. No I/O."""

from __future__ import annotations

from typing import Literal

import attrs
from transitions import Machine as Engine
from transitions import MachineError

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


def engine_for(definition: Definition) -> Engine:
    """Return the machine of `transitions` that executes a definition for any number of `RobotMachine`s."""
    return Engine(
        model=None,
        states=[state.name for state in definition.states],
        initial=definition.initial,
        transitions=[
            {
                "trigger": _trigger(number),
                "source": edge.source,
                "dest": None if edge.kind == "internal" else edge.dest,
            }
            for number, edge in enumerate(definition.transitions)
        ],
        auto_transitions=False,
        send_event=False,
    )


def _trigger(number: int) -> str:
    return f"edge_{number}"


class RobotMachine:
    """Executes a definition with `transitions`; keeps only the state and the budgets.

    `transitions.Machine` changes `state` and puts nothing on this class: it does not own it as a model, and triggers
    are called by position (`edge_7`), so no name of a machine file can hide a method of ours.

    Args:
        definition: A checked machine.
        engine: What `engine_for` returned for it, where many machines of one definition are wanted; it has no state.
    """

    def __init__(self, definition: Definition, engine: Engine | None = None) -> None:
        self.definition = definition
        self.state = definition.initial
        self._seq = 0
        self._budgets = Budgets()
        self._edges = {
            (edge.source, edge.trigger, edge.spent): (_trigger(number), edge)
            for number, edge in enumerate(definition.transitions)
        }
        self._states = {state.name: state for state in definition.states}
        self._events = (engine or engine_for(definition)).events

    @property
    def finished(self) -> bool:
        """Whether a final state has been reached."""
        return self._states[self.state].final

    @property
    def entered(self) -> State:
        """The state that the machine is in."""
        return self._states[self.state]

    def start(self) -> Step:
        """Return step 0, which enters the initial state."""
        return self._step(Event("started"), "started", "", callback=self._states[self.state].on_enter)

    def handle(self, event: Event) -> Step:
        """Return what `event` leads to.

        Raises:
            UnexpectedEventError: The machine file neither handles nor ignores the event in this state.
        """
        state = self._states[self.state]
        found = self._edge_for(event.name)
        if found is None:
            if event.name in state.ignores:
                return self._step(event, "ignored", state.name)
            allowed = [edge.trigger for edge in self.definition.transitions_from(state.name)]
            spelled = as_spelled(event.name, (*allowed, *state.ignores))
            if spelled != event.name:
                return self.handle(attrs.evolve(event, name=spelled))
            raise UnexpectedEventError(event.name, state.name, list(dict.fromkeys(allowed)))
        trigger, edge = found
        try:
            self._events[trigger].trigger(self)
        except MachineError as error:
            raise UnexpectedEventError(event.name, state.name, [edge.trigger]) from error
        self._budgets.count(edge)
        if edge.outcome:
            # Into the event, for that is what the journal keeps and the next life reads. What it says itself counts.
            event = attrs.evolve(event, data={"outcome": edge.outcome, **event.data})
        if edge.kind == "internal":
            return self._step(event, "stayed", state.name, transition=edge.key)
        return self._step(
            event,
            "taken",
            state.name,
            transition=edge.key,
            callback=self._states[edge.dest].on_enter,
            exit_code=edge.exit_code,
        )

    def late(self, event: Event) -> Step:
        """Return the step for an event that speaks of an earlier job: it changes nothing."""
        return self._step(event, "late", self.state)

    def allowed(self) -> tuple[str, ...]:
        """Return the events that lead somewhere now."""
        return tuple(dict.fromkeys(edge.trigger for edge in self.definition.transitions_from(self.state)))

    def _edge_for(self, event: str) -> tuple[str, Transition] | None:
        found = self._edges.get((self.state, event, False))
        if found is None or self._budgets.allow(found[1]):
            return found
        return self._edges[self.state, event, True]

    def _step(
        self,
        event: Event,
        kind: StepKind,
        source: str,
        *,
        transition: str = "",
        callback: str = "",
        exit_code: int | None = None,
    ) -> Step:
        step = Step(self._seq, event, kind, source, self.state, transition, callback, exit_code)
        self._seq += 1
        return step
