"""A definition as BPMN one to one: it can be executed, and it can be read back as the machine that it was.

A state is a user task that waits for an event, a final one an end event; its callback is a service task before it; each
transition is a sequence flow out of the gateway behind it, under the condition that its event has come. An external
transition leads to the callback, an internal one past it, straight back to the waiting task. A time that
is over is a timer on the border of its task, beside the flow of its transition.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import attrs

from fsm_robot.analyst.bpmn.process import Flow, Item, Process
from fsm_robot.analyst.extension import (
    call_attributes,
    machine_element,
    state_attributes,
    survives,
    timeout_attributes,
    transition_attributes,
)
from fsm_robot.analyst.idents import edge_idents, idents
from fsm_robot.analyst.phrases import lasting_s
from fsm_robot.analyst.words import Words
from fsm_robot.engine.machine.definition import Definition, State


def exact_process(words: Words) -> Process:
    """Return the process without its drawing."""
    definition = words.definition
    ids = idents(state.name for state in definition.states)
    items = [Item("Begin", "startEvent", "start")]
    for state in definition.states:
        items += _items(state, ids[state.name])
    entries = {state.name: f"{'Call' if state.on_enter else 'State'}_{ids[state.name]}" for state in definition.states}
    flows = [Flow("Flow_Begin", "Begin", entries[definition.initial])]
    for state in definition.states:
        ident = ids[state.name]
        if state.on_enter:
            flows.append(Flow(f"Flow_Call_{ident}", f"Call_{ident}", f"State_{ident}"))
        if not state.final:
            flows.append(Flow(f"Flow_Choice_{ident}", f"State_{ident}", f"Choice_{ident}"))
    flows += _transitions(definition, ids, entries)
    timers = list(_timers(definition, ids, entries))
    items += [item for item, _ in timers]
    flows += [flow for _, flow in timers]
    about = "Each transition is taken when `event` is its event; `spent` tells whether its budget has been used up."
    return Process(
        definition.name, about, tuple(items), tuple(flows), extension=machine_element(definition), executable=True
    )


def _items(state: State, ident: str) -> Iterator[Item]:
    shown = state.name if survives(state.name) else f"State_{ident}"
    if state.on_enter:
        name = state.on_enter if survives(state.on_enter) else f"Call_{ident}"
        yield Item(f"Call_{ident}", "serviceTask", name, own=call_attributes(state, name))
    kind = "endEvent" if state.final else "userTask"
    yield Item(
        f"State_{ident}", kind, shown, own=state_attributes(attrs.evolve(state, on_enter="", final=False), shown)
    )
    if not state.final:
        yield Item(f"Choice_{ident}", "exclusiveGateway", "event?")


def _timers(definition: Definition, ids: Mapping[str, str], entries: Mapping[str, str]) -> Iterator[tuple[Item, Flow]]:
    """Yield a timer on the border of its task, and where it leads: the way of its transition."""
    for state in definition.states:
        for number, timeout in enumerate(state.after, start=1):
            edges = [edge for edge in definition.transitions_from(state.name) if edge.trigger == timeout.event]
            if not edges:
                continue  # nobody has checked this machine
            ident = f"Timer_{ids[state.name]}_{number}"
            shown = timeout.event if survives(timeout.event) else ident
            own = timeout_attributes(timeout, shown)
            host, lasts_s = f"State_{ids[state.name]}", lasting_s(timeout)
            target = f"State_{ids[edges[0].dest]}" if edges[0].kind == "internal" else entries[edges[0].dest]
            item = Item(ident, "boundaryEvent", shown, "", "timer", host, own=own, lasts_s=lasts_s)
            yield item, Flow(f"Flow_{ident}", ident, target)


def _transitions(definition: Definition, ids: Mapping[str, str], entries: Mapping[str, str]) -> Iterator[Flow]:
    flow_ids = edge_idents(definition, "Flow_")
    for edge in definition.transitions:
        twins = [other for other in definition.transitions_from(edge.source) if other.trigger == edge.trigger]
        condition = f"event == {json.dumps(edge.trigger, ensure_ascii=False)}"
        if len(twins) > 1:
            condition += " and spent" if edge.spent else " and not spent"
        shown = edge.trigger if survives(edge.trigger) else flow_ids[edge]
        target = f"State_{ids[edge.dest]}" if edge.kind == "internal" else entries[edge.dest]
        own = transition_attributes(definition, edge, shown)
        yield Flow(flow_ids[edge], f"Choice_{ids[edge.source]}", target, shown, "", condition, own)
