"""BPMN that `bpmn_exact` wrote, and that somebody may have changed since, as a definition.

The drawing decides: names of tasks, callbacks and flows, and where flows lead. Our own attributes add what BPMN has no
word for. A task, gateway or flow that somebody added needs none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from fsm_robot.analyst.bpmn.process import BPMN
from fsm_robot.analyst.extension import (
    NAMESPACE,
    Ordered,
    called_from,
    definition_from,
    has_kind,
    state_from,
    timeout_from,
    transition_from,
)
from fsm_robot.analyst.merge import Drawn
from fsm_robot.analyst.xml_in import Element
from fsm_robot.engine.machine.definition import Definition, State, Timeout

STATES = ("userTask", "task", "manualTask", "endEvent")
KNOWN = (*STATES, "serviceTask", "exclusiveGateway", "startEvent", "sequenceFlow", "boundaryEvent")
# No years and no months: they have no fixed length.
DURATION = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?")
WITHOUT_MEANING = ("documentation", "extensionElements", "textAnnotation", "association", "laneSet", "group")


def from_bpmn(root: Element) -> Definition:
    """Return the machine of a file; see `drawn_in`."""
    return drawn_in(root).machine


def drawn_in(root: Element) -> Drawn:
    """Return the machine of a file, with the ids of its shapes and flows; nobody has checked it yet.

    Raises:
        DefinitionError: It was drawn otherwise than the exact profile draws, so that it is not clear what is meant.
    """
    process = next((found for found in root.walk() if (found.namespace, found.name) == (BPMN, "process")), None)
    if process is None:
        raise root.wrong("has no process")
    extension = process.first(BPMN, "extensionElements")
    machine = extension.first(NAMESPACE, "machine") if extension else None
    if machine is None:
        raise process.wrong(
            "has no fsm:machine; only what `fsm-robot diagram --format bpmn-exact` wrote can be read back"
        )
    read = _Read({_id(found): found for found in _elements(process)})
    states = {name: read.state(node) for name, node in read.nodes.items() if node.name in STATES}
    starts = [flow for flow in read.flows() if read.source(flow).name == "startEvent"]
    if len(starts) != 1:
        raise process.wrong(f"one flow must leave the start event, not {len(starts)}")
    initial = states[read.goal(starts[0])].name
    edges = {_id(flow): read.transition(flow, states) for flow in read.flows() if read.is_transition(flow)}
    definition = definition_from(machine, initial, tuple(states.values()), list(edges.values()))
    keys = {ident: (edge.source, edge.trigger, edge.spent) for ident, (_, edge) in edges.items()}
    return Drawn(definition, {ident: state.name for ident, state in states.items()}, keys)


def _elements(process: Element) -> Iterator[Element]:
    for found in process.children:
        if found.namespace == BPMN and found.name in KNOWN:
            yield found
        elif found.namespace == BPMN and found.name not in WITHOUT_MEANING:
            raise found.wrong("is not part of the exact profile, so it is not clear what the machine should do here")


def _id(found: Element) -> str:
    ident = found.attributes.get("id")
    if not ident:
        raise found.wrong("has no id")
    return ident


@attrs.frozen
class _Read:
    """Every element of the process, by its id."""

    nodes: Mapping[str, Element]

    def flows(self) -> list[Element]:
        return [found for found in self.nodes.values() if found.name == "sequenceFlow"]

    def end(self, flow: Element, key: str) -> Element:
        node = self.nodes.get(flow.attributes.get(key, ""))
        if node is None or node.name == "sequenceFlow":
            raise flow.wrong(f"{key} is no element of this process")
        return node

    def source(self, flow: Element) -> Element:
        return self.end(flow, "sourceRef")

    def target(self, flow: Element) -> Element:
        return self.end(flow, "targetRef")

    def into(self, node: Element) -> list[Element]:
        return [flow for flow in self.flows() if self.target(flow) is node]

    def out_of(self, node: Element) -> list[Element]:
        return [flow for flow in self.flows() if self.source(flow) is node]

    def goal(self, flow: Element) -> str:
        """Return the id of the state that a flow leads to, past its callback."""
        node = self.target(flow)
        if node.name == "serviceTask":
            onward = self.out_of(node)
            if len(onward) != 1:
                raise node.wrong(f"one flow must leave a callback, not {len(onward)}")
            node = self.target(onward[0])
        if node.name not in STATES:
            raise flow.wrong(f"must lead to a state, or to the callback before one, not to a {node.name}")
        return _id(node)

    def origin(self, flow: Element) -> str:
        """Return the id of the state that a transition leaves, before its gateway."""
        node = self.source(flow)
        if node.name == "exclusiveGateway":
            before = self.into(node)
            if len(before) != 1:
                raise node.wrong(f"one flow must lead to a gateway, not {len(before)}")
            node = self.source(before[0])
        if node.name not in STATES:
            raise flow.wrong(f"must come from a state, or from the gateway behind one, not from a {node.name}")
        return _id(node)

    def is_transition(self, flow: Element) -> bool:
        source = self.source(flow)
        plumbing = self.target(flow).name == "exclusiveGateway"
        return not plumbing and source.name in (*STATES, "exclusiveGateway")

    def calls_of(self, node: Element) -> list[Element]:
        return [source for flow in self.into(node) if (source := self.source(flow)).name == "serviceTask"]

    def state(self, node: Element) -> State:
        calls = self.calls_of(node)
        if len(calls) > 1:
            raise node.wrong("has more than one callback before it")
        name = node.attributes.get("name") or _id(node)
        called = called_from(calls[0], calls[0].attributes.get("name", "")) if calls else ""
        return attrs.evolve(
            state_from(node, name),
            on_enter=called,
            final=node.name == "endEvent",
            after=tuple(self.timeout(found) for found in self.timers_of(node)),
        )

    def timers_of(self, node: Element) -> list[Element]:
        """Return the events on the border of a state, which all have to be timers."""
        return [
            found
            for found in self.nodes.values()
            if found.name == "boundaryEvent" and found.attributes.get("attachedToRef") == _id(node)
        ]

    def timeout(self, found: Element) -> Timeout:
        timer = found.first(BPMN, "timerEventDefinition")
        if timer is None:
            raise found.wrong("is no timer; other events come to the gateway behind a state")
        lasts = timer.first(BPMN, "timeDuration")
        read = DURATION.fullmatch("".join(("".join(lasts.texts) if lasts else "").split()))
        lengths = zip(read.groups(default="0"), (86400, 3600, 60, 1), strict=True) if read else ()
        seconds = sum(float(number) * length for number, length in lengths)
        return timeout_from(found, found.attributes.get("name", ""), seconds if read else None)

    def transition(self, flow: Element, states: Mapping[str, State]) -> Ordered:
        source, dest = self.origin(flow), self.goal(flow)
        order, edge = transition_from(flow, flow.attributes.get("name", ""), states[source].name, states[dest].name)
        past_callback = source == dest and self.target(flow).name != "serviceTask" and states[dest].on_enter
        # A flow that somebody drew has no attributes of ours: where it leads says whether the state is entered again.
        if not has_kind(flow) and past_callback:
            edge = attrs.evolve(edge, kind="internal")
        if edge.kind == "internal" and (source != dest or self.target(flow).name == "serviceTask"):
            raise flow.wrong("an internal transition leads back to its own state, past the callback")
        if edge.kind == "external" and past_callback:
            raise flow.wrong("an external transition leads to the callback of its state")
        return order, edge
