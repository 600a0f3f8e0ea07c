"""A machine as it is executed: states, transitions, callbacks, codes, outcomes.

Values only. `compiler.py` makes them from a machine file and is not imported when a cached form is at hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import attrs

from fsm_robot.engine.machine.durations import text_of

BEATING = ("run_script", "ask_script_to_stop", "kill_script")
"""Callbacks in whose states Working heartbeats run without a word of the machine file."""
FAILURE_KINDS = ("no_connection", "no_answer", "server_error", "throttled", "garbled", "refused", "rejected")


@attrs.frozen
class Timeout:
    """An event that comes when a state has lasted so long: `seconds`, or what the setting called `setting` says."""

    event: str
    seconds: float = 0.0
    setting: str = ""

    @property
    def span(self) -> str:
        """The time as a machine file writes it: `30s`, or the name of the setting."""
        return self.setting or text_of(self.seconds)


@attrs.frozen
class State:
    """A state.

    Attributes:
        name: As journals and drawings call it.
        on_enter: Its callback, or empty.
        final: Whether the run ends here.
        ignores: Events from outside that mean nothing in it.
        line: Where it stands in the machine file, with `column`.
        after: What comes when it has lasted for some time; only where it waits.
        heartbeats: Whether Working heartbeats run in it, besides the states that run and end the script.
    """

    name: str
    on_enter: str = ""
    final: bool = False
    ignores: tuple[str, ...] = ()
    line: int = 0
    column: int = 0
    after: tuple[Timeout, ...] = ()
    heartbeats: bool = False

    @property
    def beats(self) -> bool:
        """Whether Working heartbeats run in it, so that the orchestrator's orders are heard there."""
        return self.heartbeats or self.on_enter in BEATING

    def timeout(self, event: str) -> Timeout | None:
        """Return the time after which an event comes here, or None where no time brings it."""
        return next((timeout for timeout in self.after if timeout.event == event), None)


@attrs.frozen
class Transition:
    """An edge of the machine.

    Attributes:
        trigger: The event.
        source: State that it leaves.
        dest: State that it leads to.
        kind: `external` runs the callback of `dest`; `internal` (only where source = dest) does not.
        exit_code: What the process ends with; only, and always, where `dest` is final (a file that does not say: 0).
        progress: Starts all budgets of the machine anew.
        at_most: Budget: how often it may be taken between two `progress` transitions; None is without bound.
        spent: Whether this is the edge that is taken instead once the budget of its twin is used up.
        outcome: How the job in hand has ended when it is taken, where the event itself does not say; else empty.
        line: Where it stands in the machine file, with `column`.
    """

    trigger: str
    source: str
    dest: str
    kind: str = "external"
    exit_code: int | None = None
    progress: bool = False
    at_most: int | None = None
    spent: bool = False
    outcome: str = ""
    line: int = 0
    column: int = 0

    @property
    def key(self) -> str:
        """The name that journals, diagrams and messages use for this edge."""
        return f"{self.source}--{self.trigger}{'(spent)' if self.spent else ''}-->{self.dest}"


@attrs.frozen
class RetryPolicy:
    """What is asked again, how often and how long.

    Attributes:
        on: Kinds of failure (see `errors.FailureKind`) that are worth another try.
        for_s: Seconds after which no further try starts; `inf` never gives up.
        first_s: Pause before the second try.
        factor: Each pause is this many times the one before.
        longest_s: No pause is longer, the server's own `Retry-After` included.
        jitter: Share by which a pause may be longer or shorter, from 0 to 1.
    """

    on: tuple[str, ...] = ()
    for_s: float = 0.0
    first_s: float = 1.0
    factor: float = 2.0
    longest_s: float = 60.0
    jitter: float = 0.3


@attrs.frozen
class CallbackSpec:
    """A callback: what it may answer, how answers of the orchestrator become events, what is tried again.

    Attributes:
        name: The method of `Callbacks`.
        does: One line for people.
        answers: Events that it may return.
        waits: Whether it may return nothing, so that the next event comes from the inbox.
        codes: Field of the answer -> value -> event, or None where the next field decides.
        retry: Policy, or None where nothing is tried again.
        pause_s: Seconds that it waits before it answers that it came to nothing.
        errors: Name of an error -> event that it becomes; the first that fits decides. See `error_names`.
    """

    name: str
    does: str = ""
    answers: tuple[str, ...] = ()
    waits: bool = False
    codes: Mapping[str, Mapping[int, str | None]] = attrs.field(factory=dict)
    retry: RetryPolicy | None = None
    pause_s: float = 0.0
    errors: Mapping[str, str] = attrs.field(factory=dict)
    line: int = 0
    column: int = 0

    @property
    def possible(self) -> tuple[str, ...]:
        """Every event that can come of it: what it may return, and what its errors become."""
        return tuple(dict.fromkeys([*self.answers, *self.errors.values()]))


@attrs.frozen
class Label:
    """What people call a state or an event, and a sentence about it: language -> text, `` for every language."""

    title: Mapping[str, str] = attrs.field(factory=dict)
    describes: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Labels:
    """The labels of a machine. They are not behaviour: the digest leaves them out."""

    states: Mapping[str, Label] = attrs.field(factory=dict)
    events: Mapping[str, Label] = attrs.field(factory=dict)

    def languages(self) -> tuple[str, ...]:
        """Return every language that some text is in; `` stands for texts in no particular one."""
        labels = [*self.states.values(), *self.events.values()]
        return tuple(sorted({language for label in labels for language in (*label.title, *label.describes)}))


@attrs.frozen
class Definition:
    """A checked machine.

    `renamed` leads from names that older files used to the ones of this file. `outcomes` is empty where the machine has
    nothing to do with jobs. `posted` are the events of the inbox that other processes may bring.
    """

    name: str
    initial: str
    states: tuple[State, ...]
    transitions: tuple[Transition, ...]
    inbox: Mapping[str, str]
    callbacks: tuple[CallbackSpec, ...]
    outcomes: Mapping[str, int]
    labels: Labels = attrs.field(factory=Labels)
    renamed: Mapping[str, str] = attrs.field(factory=dict)
    posted: tuple[str, ...] = ()

    def state(self, name: str) -> State:
        """Return the state called `name`."""
        return self._by_name[0][name]

    def callback(self, name: str) -> CallbackSpec:
        """Return the callback called `name`."""
        return self._by_name[1][name]

    def beats(self) -> CallbackSpec:
        """Return the callback whose `codes` and `retry` heartbeats follow; an empty one where no script is run."""
        return next((each for each in self.callbacks if each.name == BEATING[0]), CallbackSpec(BEATING[0]))

    def events(self) -> tuple[str, ...]:
        """Return every event that triggers a transition or is ignored somewhere, in the order of the file."""
        names = [transition.trigger for transition in self.transitions]
        return tuple(dict.fromkeys([*names, *self.inbox, *self.timed()]))

    def names(self) -> tuple[str, ...]:
        """Return every name that a journal may use: states, events and callbacks."""
        return (
            *(state.name for state in self.states),
            *self.events(),
            *(callback.name for callback in self.callbacks),
        )

    def transitions_from(self, state: str) -> tuple[Transition, ...]:
        """Return the edges that leave `state`, in the order of the file."""
        return tuple(transition for transition in self.transitions if transition.source == state)

    @property
    def has_jobs(self) -> bool:
        """Whether it speaks of jobs and of the orchestrator that gives them; a traffic light does not."""
        return bool(self.outcomes) or any(spec.codes for spec in self.callbacks)

    def waits(self, state: State) -> bool:
        """Return whether events of the inbox can arrive in `state`."""
        return not state.final and (not state.on_enter or self.callback(state.on_enter).waits)

    def timeout_of(self, edge: Transition) -> Timeout | None:
        """Return the time after which a transition is taken, or None where no time takes it."""
        return next((state.timeout(edge.trigger) for state in self.states if state.name == edge.source), None)

    def timed(self) -> tuple[str, ...]:
        """Return every event that comes when a state has lasted for some time."""
        return tuple(dict.fromkeys(timeout.event for state in self.states for timeout in state.after))

    def to_values(self) -> dict[str, Any]:
        """Return JSON values from which `from_values` makes the same definition."""
        return attrs.asdict(self)

    def digest(self) -> str:
        """Return the SHA-256 of what the machine does: comments, order, lines, labels and old names do not count."""
        return self._digest

    @cached_property  # each step asks three times
    def _by_name(self) -> tuple[dict[str, State], dict[str, CallbackSpec]]:
        states, callbacks = reversed(self.states), reversed(self.callbacks)  # of two with one name the first counts
        return {state.name: state for state in states}, {spec.name: spec for spec in callbacks}

    @cached_property  # a command asks once for each journal
    def _digest(self) -> str:
        values = self.to_values()
        del values["labels"], values["renamed"]
        for entry in [*values["states"], *values["transitions"], *values["callbacks"]]:
            del entry["line"], entry["column"]
        # What came with a later version is left out where a machine has none of it: older journals name it so.
        if not values["posted"]:
            del values["posted"]
        for edge in values["transitions"]:
            if not edge["outcome"]:
                del edge["outcome"]
        for state in values["states"]:
            for key in ("after", "heartbeats"):
                if not state[key]:
                    del state[key]
        for callback in values["callbacks"]:
            # In the order of the file, which decides.
            errors = list(callback.pop("errors").items())
            if errors:
                callback["errors"] = errors
        return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def from_values(values: Mapping[str, Any], digest: str = "") -> Definition:
    """Make a definition from what `Definition.to_values` returned (JSON has turned its integer keys into text).

    `digest` is what `Definition.digest` has returned, where that is known: to make it again costs as much as all else.
    """
    definition = Definition(
        name=values["name"],
        initial=values["initial"],
        states=tuple(_state_from(state) for state in values["states"]),
        transitions=tuple(Transition(**transition) for transition in values["transitions"]),
        inbox=values["inbox"],
        callbacks=tuple(_callback_from(callback) for callback in values["callbacks"]),
        outcomes=values["outcomes"],
        labels=Labels(*(_labels_from(values["labels"][kind]) for kind in ("states", "events"))),
        renamed=values["renamed"],
        posted=tuple(values["posted"]),
    )
    if digest:
        object.__setattr__(definition, "_digest", digest)  # as the cached property does
    return definition


def _state_from(values: Mapping[str, Any]) -> State:
    after = tuple(Timeout(**timeout) for timeout in values["after"])
    return State(**{**values, "ignores": tuple(values["ignores"]), "after": after})


def _labels_from(values: Mapping[str, Any]) -> dict[str, Label]:
    return {name: Label(**label) for name, label in values.items()}


def _callback_from(values: Mapping[str, Any]) -> CallbackSpec:
    retry = values["retry"]
    return CallbackSpec(
        **{
            **values,
            "answers": tuple(values["answers"]),
            "codes": {
                field: {int(value): event for value, event in table.items()} for field, table in values["codes"].items()
            },
            "retry": None if retry is None else RetryPolicy(**{**retry, "on": tuple(retry["on"])}),
        }
    )
