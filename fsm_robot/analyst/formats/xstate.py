"""A definition as the JSON of an XState 5 machine.

Names that XState could misread (a dot is a path, `*` a wildcard) become safe ids; the real ones are in `meta` and
`params`. Budgets are named guards and actions with parameters, because JSON holds no code: `within_budget` {counter,
at_most}, `count` {counter}, `start_budgets_anew` {counters} and `exit_with` {code} are to be given by whoever runs it.
What comes when a state has lasted for some time is under `after`, a setting with its default; it is under `on` as well,
so that a test need not wait.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs

from fsm_robot.analyst.idents import budget_idents, edge_idents, idents
from fsm_robot.analyst.phrases import lasting_s, span
from fsm_robot.engine.machine.definition import Definition, State, Transition


def xstate(definition: Definition) -> str:
    """Return the JSON text."""
    ids = _Ids(
        idents(state.name for state in definition.states),
        idents(definition.events()),
        idents(state.on_enter for state in definition.states if state.on_enter),
        edge_idents(definition),
        budget_idents(definition),
    )
    machine = {
        "id": "machine",
        "initial": ids.states[definition.initial],
        "context": dict.fromkeys(ids.counters.values(), 0),
        "meta": {"name": definition.name, "digest": definition.digest()},
        "states": {ids.states[state.name]: _state(definition, state, ids) for state in definition.states},
    }
    return json.dumps(machine, ensure_ascii=False, indent=2) + "\n"


@attrs.frozen
class _Ids:
    states: Mapping[str, str]
    events: Mapping[str, str]
    callbacks: Mapping[str, str]
    edges: Mapping[Transition, str]
    counters: Mapping[Transition, str]


def _state(definition: Definition, state: State, ids: _Ids) -> dict[str, object]:
    node: dict[str, object] = {"meta": {"name": state.name}}
    if state.final:
        node["type"] = "final"
    if state.on_enter:
        action = ids.callbacks[state.on_enter]
        called = {} if action == state.on_enter else {"params": {"callback": state.on_enter}}
        node["entry"] = [{"type": action, **called}]
    edges: dict[str, list[Transition]] = {}
    # The edge of a spent budget is the last of its event: XState takes the first one whose guard agrees.
    for edge in sorted(definition.transitions_from(state.name), key=lambda edge: edge.spent):
        edges.setdefault(edge.trigger, []).append(edge)
    if edges:
        node["on"] = {ids.events[event]: [_edge(edge, ids) for edge in those] for event, those in edges.items()}
    after: dict[str, list[dict[str, object]]] = {}
    for timeout in state.after:
        seconds = lasting_s(timeout)
        # Of a setting that nobody knows here the name is left: whoever runs the machine gives it as a delay.
        delay = timeout.setting if seconds is None else f"{seconds * 1000:.15g}"
        later = (_edge(edge, ids, after=span(timeout)) for edge in edges.get(timeout.event, ()))
        after.setdefault(delay, []).extend(later)
    if after:
        node["after"] = after
    return node


def _edge(edge: Transition, ids: _Ids, after: str = "") -> dict[str, object]:
    meta = {"id": ids.edges[edge], "event": edge.trigger, "kind": edge.kind}
    node: dict[str, object] = {"meta": {**meta, "after": after} if after else meta}
    if edge.kind == "external":
        node["target"] = ids.states[edge.dest]
    node["reenter"] = edge.kind == "external"
    counter = ids.counters.get(edge)
    if counter:
        node["guard"] = {"type": "within_budget", "params": {"counter": counter, "at_most": edge.at_most}}
    actions: list[dict[str, object]] = []
    if edge.progress and ids.counters:
        actions.append({"type": "start_budgets_anew", "params": {"counters": list(ids.counters.values())}})
    if counter:
        actions.append({"type": "count", "params": {"counter": counter}})
    if edge.exit_code is not None:
        actions.append({"type": "exit_with", "params": {"code": edge.exit_code}})
    return {**node, "actions": actions} if actions else node
