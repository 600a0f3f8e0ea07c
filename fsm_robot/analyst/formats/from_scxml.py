"""SCXML that `scxml` wrote, and that somebody may have changed since, as a definition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from fsm_robot.analyst.extension import NAMESPACE, Ordered, definition_from, state_from, timeout_from, transition_from
from fsm_robot.analyst.formats.scxml import SCXML
from fsm_robot.analyst.xml_in import Element
from fsm_robot.engine.machine.definition import Definition, State, Timeout
from fsm_robot.engine.machine.durations import UNITS_S


def from_scxml(root: Element) -> Definition:
    """Return the machine of a document; nobody has checked it yet.

    Raises:
        DefinitionError: It does not say what only our own namespace can say, or uses what the machine does not have.
    """
    machine = root.first(NAMESPACE, "machine")
    if machine is None:
        raise root.wrong("has no fsm:machine; only what `fsm-robot diagram --format scxml` wrote can be read back")
    nodes = root.all(SCXML, "state", "final")
    for found in root.walk():
        if found.namespace == SCXML and found.name in ("parallel", "history"):
            raise found.wrong("the machine has no such state; use plain ones")
    states: dict[str, State] = {}
    for node in nodes:
        if node.all(SCXML, "state", "final"):
            raise node.wrong("has states inside; the machine has plain ones only")
        states[_id(node)] = attrs.evolve(state_from(node, _id(node)), after=tuple(_timeouts(node)))
    edges = [edge for node in nodes for edge in _transitions(node, states)]
    initial = root.attributes.get("initial", "")
    if initial not in states:
        raise root.wrong(f"initial: there is no state {initial[:60]!r}")
    return definition_from(machine, states[initial].name, tuple(states.values()), edges)


def _id(node: Element) -> str:
    found = node.attributes.get("id")
    if not found:
        raise node.wrong("has no id")
    return found


def _timeouts(node: Element) -> Iterator[Timeout]:
    for entry in node.all(SCXML, "onentry"):
        for found in entry.all(SCXML, "send"):
            delay = re.fullmatch(r"([0-9]{0,12}(?:\.[0-9]{1,12})?)(ms|s)", found.attributes.get("delay", ""))
            seconds = float(delay[1] or 0) * UNITS_S[delay[2]] if delay and delay[1] not in ("", ".") else None
            yield timeout_from(found, found.attributes.get("event", ""), seconds)


def _transitions(node: Element, states: Mapping[str, State]) -> Iterator[Ordered]:
    source = _id(node)
    for found in node.all(SCXML, "transition"):
        target = found.attributes.get("target", source)
        if target not in states:
            raise found.wrong(f"there is no state {target[:60]!r}")
        event = found.attributes.get("event", "")
        order, edge = transition_from(found, event, states[source].name, states[target].name)
        if (edge.kind == "internal") != ("target" not in found.attributes):
            raise found.wrong("an internal transition has no target, an external one has one")
        yield order, edge
