"""A machine with other names for some of its states, events and callbacks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from fsm_robot.engine.machine.definition import CallbackSpec, Definition, Labels, State, Transition


def with_names(machine: Definition, names: Mapping[str, str]) -> Definition:
    """Return the machine with what `names` says (old name -> new one) wherever a name stands."""
    if not names:
        return machine
    by = _Names(names)
    labels = machine.labels
    return attrs.evolve(
        machine,
        initial=by.now(machine.initial),
        states=tuple(map(by.state, machine.states)),
        transitions=tuple(map(by.edge, machine.transitions)),
        inbox={by.now(event): text for event, text in machine.inbox.items()},
        callbacks=tuple(map(by.callback, machine.callbacks)),
        labels=Labels(
            {by.now(name): label for name, label in labels.states.items()},
            {by.now(name): label for name, label in labels.events.items()},
        ),
        posted=tuple(map(by.now, machine.posted)),
    )


def kinds_of(machine: Definition, name: str) -> Iterator[str]:
    """Yield what of the machine is called so: `state`, `event`, `callback`."""
    known = {
        "state": [state.name for state in machine.states],
        "event": machine.events(),
        "callback": [spec.name for spec in machine.callbacks],
    }
    yield from (kind for kind, names in known.items() if name in names)


@attrs.frozen
class _Names:
    names: Mapping[str, str]

    def now(self, name: str) -> str:
        return self.names.get(name, name)

    def state(self, state: State) -> State:
        return attrs.evolve(
            state,
            name=self.now(state.name),
            on_enter=self.now(state.on_enter),
            ignores=tuple(map(self.now, state.ignores)),
            after=tuple(attrs.evolve(timeout, event=self.now(timeout.event)) for timeout in state.after),
        )

    def edge(self, edge: Transition) -> Transition:
        trigger, source, dest = map(self.now, (edge.trigger, edge.source, edge.dest))
        return attrs.evolve(edge, trigger=trigger, source=source, dest=dest)

    def callback(self, spec: CallbackSpec) -> CallbackSpec:
        codes = {
            field: {value: self.now(event) if event else event for value, event in table.items()}
            for field, table in spec.codes.items()
        }
        return attrs.evolve(
            spec,
            name=self.now(spec.name),
            answers=tuple(map(self.now, spec.answers)),
            errors={error: self.now(event) for error, event in spec.errors.items()},
            codes=codes,
        )
