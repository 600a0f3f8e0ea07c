"""A definition as SCXML.

Its guards and counters are written in what ECMAScript and Python have in common, because engines take the one or the
other whatever `datamodel` says. An internal transition has no target: with one, an engine would leave the state and
enter it again. What comes when a state has lasted for some time is sent with a delay on entry and cancelled on exit, a
setting with its default. A callback is a `log` on entry, so that every engine can run the file as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from fsm_robot.analyst.extension import (
    NAMESPACE,
    machine_element,
    state_attributes,
    timeout_attributes,
    transition_attributes,
)
from fsm_robot.analyst.idents import budget_idents, idents
from fsm_robot.analyst.markup import UNFIT, element
from fsm_robot.analyst.phrases import lasting_s
from fsm_robot.engine.machine.definition import Definition, State, Timeout, Transition

SCXML = "http://www.w3.org/2005/07/scxml"


def scxml(definition: Definition) -> str:
    """Return the document."""
    ids = _Ids(
        idents(state.name for state in definition.states),
        idents(definition.events()),
        budget_idents(definition),
    )
    counters = [*ids.counters.values(), "exit_code"]
    attributes = {
        "xmlns": SCXML,
        "xmlns:fsm": NAMESPACE,
        "version": "1.0",
        "datamodel": "ecmascript",
        "initial": ids.states[definition.initial],
    }
    parts = [
        machine_element(definition),
        element("datamodel", {}, *(element("data", {"id": counter, "expr": "0"}) for counter in counters)),
        *(_state(definition, state, ids) for state in definition.states),
    ]
    body = "".join(f"\n{part}" for part in parts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{element("scxml", attributes, body, chr(10))}\n'


@attrs.frozen
class _Ids:
    states: Mapping[str, str]
    events: Mapping[str, str]
    counters: Mapping[Transition, str]


def _state(definition: Definition, state: State, ids: _Ids) -> str:
    ident = ids.states[state.name]
    parts = []
    entry = [element("log", {"label": "call", "expr": _quoted(state.on_enter)})] if state.on_enter else []
    timers = [(f"{ident}_after_{number}", timeout) for number, timeout in enumerate(state.after, start=1)]
    entry += [_send(name, timeout, ids) for name, timeout in timers]
    if entry:
        parts.append(element("onentry", {}, *entry))
    if timers:
        parts.append(element("onexit", {}, *(element("cancel", {"sendid": name}) for name, _ in timers)))
    # The edge of a spent budget comes last: an engine takes the first one whose guard agrees.
    edges = sorted(definition.transitions_from(state.name), key=lambda edge: edge.spent)
    parts += [_transition(definition, edge, ids) for edge in edges]
    content = "".join(f"\n  {part}" for part in parts)
    return element("final" if state.final else "state", {"id": ident, **state_attributes(state, ident)}, content, "\n")


def _send(name: str, timeout: Timeout, ids: _Ids) -> str:
    """Return what makes an event come after a time; for a setting that is not known here, after none is said."""
    seconds = lasting_s(timeout)
    event = ids.events[timeout.event]
    attributes = {"event": event, "id": name, "delay": None if seconds is None else f"{seconds:.15g}s"}
    return element("send", {**attributes, **timeout_attributes(timeout, event)})


def _transition(definition: Definition, edge: Transition, ids: _Ids) -> str:
    counter = ids.counters.get(edge)
    attributes = {
        "event": ids.events[edge.trigger],
        "cond": f"{counter} < {edge.at_most}" if counter else None,
        # An internal transition with a type is refused by python-statemachine: without a target it needs none.
        "type": "external" if edge.kind == "external" else None,
        "target": ids.states[edge.dest] if edge.kind == "external" else None,
        **transition_attributes(definition, edge, ids.events[edge.trigger]),
    }
    actions = [element("assign", {"location": place, "expr": value}) for place, value in _assigned(edge, counter, ids)]
    return element("transition", attributes, *actions)


def _assigned(edge: Transition, counter: str | None, ids: _Ids) -> Iterator[tuple[str, str]]:
    if edge.progress:
        yield from ((other, "0") for other in ids.counters.values())
    if counter:
        yield counter, f"{counter} + 1"
    if edge.exit_code is not None:
        yield "exit_code", str(edge.exit_code)


def _quoted(text: str) -> str:
    """Return a text as a literal of ECMAScript and of Python alike."""
    escaped = UNFIT.sub("\ufffd", text).replace("\\", "\\\\").replace("'", "\\'")
    for char, code in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        escaped = escaped.replace(char, code)
    return f"'{escaped}'"
