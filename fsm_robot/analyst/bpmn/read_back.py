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
from fsm_robot.analyst.idents import idents
from fsm_robot.analyst.merge import Drawn
from fsm_robot.analyst.xml_in import Element
from fsm_robot.engine.machine.definition import Definition, State, Timeout

STATES = ("userTask", "task", "manualTask", "endEvent")
KNOWN = (*STATES, "serviceTask", "exclusiveGateway", "startEvent", "sequenceFlow", "boundaryEvent")
# No years and no months: they have no fixed length.
DURATION = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?")
# What is written beside a process, and tells the machine nothing.
WITHOUT_MEANING = (
    "documentation", "extensionElements", "textAnnotation", "association", "laneSet", "group", "dataObject",
    "dataObjectReference", "dataStoreReference",
)  # fmt: skip


def from_bpmn(root: Element) -> Definition:
    """Return the machine of a file; see `drawn_in`."""
    return drawn_in(root).machine


def drawn_in(root: Element, before: Definition | None = None) -> Drawn:
    """Return the machine of a file, with the ids of its shapes and flows; nobody has checked it yet.

    Where a time has two arrows that lead apart, the one of the clock and the one of its event, `before` tells which
    of them was drawn anew: the machine that the drawing was made from.

    Raises:
        DefinitionError: It was drawn otherwise than the exact profile draws, so that it is not clear what is meant.
    """
    process, machine = _process_of(root)
    read = _Read({_id(found): found for found in _elements(process)})
    read.check()
    states = {name: read.state(node) for name, node in read.nodes.items() if node.name in STATES}
    initial = states[read.goal(read.start(process))].name
    edges = {_id(flow): read.transition(flow, states) for flow in read.flows() if read.is_transition(flow)}
    for timer in read.named("boundaryEvent"):
        edges = read.timed(timer, edges, states, before)
    definition = definition_from(machine, initial, tuple(states.values()), list(edges.values()))
    keys = {ident: (edge.source, edge.trigger, edge.spent) for ident, (_, edge) in edges.items()}
    read.check_choices(keys)
    return Drawn(definition, {ident: state.name for ident, state in states.items()}, keys)


def _process_of(root: Element) -> tuple[Element, Element]:
    """Return the process of the machine, and what it says of it; a pool that somebody drew beside it is another one."""
    processes = [found for found in root.walk() if (found.namespace, found.name) == (BPMN, "process")]
    for process in processes:
        extension = process.first(BPMN, "extensionElements")
        machine = extension.first(NAMESPACE, "machine") if extension else None
        if machine is not None:
            return process, machine
    if not processes:
        raise root.wrong("has no process")
    raise processes[0].wrong(
        "has no fsm:machine; only what `fsm-robot diagram --format bpmn-exact` wrote can be read back"
    )


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

    def named(self, kind: str) -> list[Element]:
        return [found for found in self.nodes.values() if found.name == kind]

    def flows(self) -> list[Element]:
        return self.named("sequenceFlow")

    def check(self) -> None:
        """Refuse what no transition would ask about, and what would be left out without a word."""
        for flow in self.flows():
            self.source(flow), self.target(flow)
        for gateway in self.named("exclusiveGateway"):
            self.before(gateway)
            if not self.out_of(gateway):
                raise gateway.wrong("no flow leaves it; draw the events of its state, or delete it")
        for call in self.named("serviceTask"):
            self.behind(call)
        for event in self.named("boundaryEvent"):
            host = self.nodes.get(event.attributes.get("attachedToRef", ""))
            if host is None or host.name not in STATES:
                raise event.wrong("is not attached to a state; a time is counted in the state, not in its callback")

    def check_choices(self, keys: Mapping[str, tuple[str, str, bool]]) -> None:
        """Refuse a second arrow of an event at the same state, the one without attributes of ours: it was drawn."""
        seen: set[tuple[str, str, bool]] = set()
        for ident, key in sorted(keys.items(), key=lambda each: not has_kind(self.nodes[each[0]])):
            if key in seen:
                said = f"state {key[0]!r} has another arrow of {key[1]!r}"
                raise self.nodes[ident].wrong(f"{said}, and an event leads one way; rename or delete one")
            seen.add(key)

    def start(self, process: Element) -> Element:
        """Return the flow to the initial state."""
        starts = self.named("startEvent")
        if not starts:
            raise process.wrong("has no start event")
        for start in starts[1:]:
            raise start.wrong("is a second start event, and a machine has one initial state; delete one of them")
        flows = self.out_of(starts[0])
        if len(flows) != 1:
            raise starts[0].wrong(f"one flow must leave the start event, not {len(flows)}")
        return flows[0]

    def end(self, flow: Element, key: str) -> Element:
        node = self.nodes.get(flow.attributes.get(key, ""))
        if node is None or node.name == "sequenceFlow":
            raise flow.wrong(f"{key} is not an element of this process")
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
        node = self.behind(node) if node.name == "serviceTask" else node
        if node.name not in STATES:
            raise flow.wrong(f"must lead to a state, or to the callback before one, not to a {node.name}")
        return _id(node)

    def behind(self, call: Element) -> Element:
        """Return the state that a callback belongs to."""
        onward = self.out_of(call)
        if len(onward) != 1:
            raise call.wrong(f"one flow must leave a callback, not {len(onward)}")
        node = self.target(onward[0])
        if node.name not in STATES:
            raise call.wrong(f"a callback must lead to its state, not to a {node.name}")
        return node

    def origin(self, flow: Element) -> str:
        """Return the id of the state that a transition leaves, before its gateway."""
        node = self.source(flow)
        return _id(self.before(node) if node.name == "exclusiveGateway" else node)

    def before(self, gateway: Element) -> Element:
        """Return the state that a gateway belongs to."""
        into = self.into(gateway)
        if len(into) != 1:
            raise gateway.wrong(f"one flow must lead to a gateway, not {len(into)}")
        node = self.source(into[0])
        if node.name not in STATES:
            raise gateway.wrong(f"must stand behind a state, not behind a {node.name}")
        return node

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
            raise found.wrong("is not a timer; other events come to the gateway behind a state")
        lasts = timer.first(BPMN, "timeDuration")
        read = DURATION.fullmatch("".join(("".join(lasts.texts) if lasts else "").split()))
        lengths = zip(read.groups(default="0"), (86400, 3600, 60, 1), strict=True) if read else ()
        seconds = sum(float(number) * length for number, length in lengths)
        return timeout_from(found, found.attributes.get("name", ""), seconds if read else None)

    def timed(
        self,
        timer: Element,
        edges: Mapping[str, Ordered],
        states: Mapping[str, State],
        before: Definition | None,
    ) -> dict[str, Ordered]:
        """Return the transitions with the one that a clock leads to: its arrow stands beside that of its event."""
        flows, found = self.out_of(timer), dict(edges)
        if len(flows) > 1:
            raise timer.wrong(f"one flow must leave a time, not {len(flows)}")
        if not flows:
            return found
        source, event = timer.attributes["attachedToRef"], self.timeout(timer).event
        beside = [
            ident for ident, (_, edge) in edges.items() if (edge.source, edge.trigger) == (states[source].name, event)
        ]
        if not beside:
            order, edge = self.transition(flows[0], states, source)
            found[_id(flows[0])] = order, attrs.evolve(edge, trigger=event)
            return found
        goals = {self.goal(self.nodes[ident]) for ident in beside}
        if self.goal(flows[0]) in goals:
            return found
        if len(beside) == 1 and before is not None:
            was = _goals_before(before, source, event)
            if goals == was:
                order, edge = edges[beside[0]]
                _, led = self.transition(flows[0], states, source)
                found[beside[0]] = order, attrs.evolve(edge, dest=led.dest, kind=led.kind)
                return found
            if {self.goal(flows[0])} == was:
                return found
        raise timer.wrong(f"its arrow leads elsewhere than the arrow {event!r}, and both are the same transition")

    def transition(self, flow: Element, states: Mapping[str, State], origin: str = "") -> Ordered:
        source, dest = origin or self.origin(flow), self.goal(flow)
        order, edge = transition_from(flow, flow.attributes.get("name", ""), states[source].name, states[dest].name)
        if not origin and not edge.trigger.strip():
            raise flow.wrong("has no name; write at it which event it is for")
        if not states[dest].final:
            # Of an arrow that led to an end and leads elsewhere now, which nobody sees on the drawing.
            edge = attrs.evolve(edge, exit_code=None)
        past_callback = source == dest and self.target(flow).name != "serviceTask" and states[dest].on_enter
        # A flow that somebody drew has no attributes of ours: where it leads says whether the state is entered again.
        if not has_kind(flow) and past_callback:
            edge = attrs.evolve(edge, kind="internal")
        if edge.kind == "internal" and (source != dest or self.target(flow).name == "serviceTask"):
            raise flow.wrong("an internal transition leads back to its own state, past the callback")
        if edge.kind == "external" and past_callback:
            raise flow.wrong("an external transition leads to the callback of its state")
        return order, edge


def _goals_before(before: Definition, source: str, event: str) -> set[str]:
    """Return the ids of the states that an event led to from a state, in the drawing of the machine as it was."""
    ids = {state: f"State_{ident}" for state, ident in idents(state.name for state in before.states).items()}
    return {ids[edge.dest] for edge in before.transitions if ids[edge.source] == source and edge.trigger == event}
