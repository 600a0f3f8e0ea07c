"""Independent readers of what we write: stdlib only, written from the formats and not from the exporters."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping

import attrs

from fsm_robot.engine.machine.definition import Definition, Transition
from fsm_robot.engine.wording import symbols

SCXML = "{http://www.w3.org/2005/07/scxml}"
BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
PNML = "{http://www.pnml.org/version-2009/grammar/pnml}"
OWN = "{urn:fsm-robot:machine:1}"

Edge = tuple[str, str, str, str]
"""Source, event, kind, target."""


@attrs.frozen
class Seen:
    """What a format says: transitions with how often each is there, where it starts, where it ends, what is called."""

    edges: Mapping[Edge, int]
    initial: str = ""
    finals: frozenset[str] = frozenset()
    calls: Mapping[str, str] = attrs.field(factory=dict)
    ids: frozenset[str] = frozenset()


def expected(definition: Definition) -> Seen:
    """Return what every format should say."""
    edges = Counter((edge.source, edge.trigger, edge.kind, edge.dest) for edge in definition.transitions)
    finals = frozenset(state.name for state in definition.states if state.final)
    calls = {state.name: state.on_enter for state in definition.states if state.on_enter}
    return Seen(edges, definition.initial, finals, calls)


def shown_label(definition: Definition, edge: Transition) -> str:
    """Return what the formats of text write on an edge."""
    notes = ["stays"] if edge.kind == "internal" else []
    if edge.at_most is not None:
        notes.append(f"at most {edge.at_most}×")
    if edge.spent:
        (twin,) = (
            other
            for other in definition.transitions
            if (other.source, other.trigger, other.spent) == (edge.source, edge.trigger, False)
        )
        notes.append(f"after {twin.at_most}×")
    found = [each for state in definition.states if state.name == edge.source for each in state.after]
    for timeout in found:
        if timeout.event == edge.trigger:
            default = {"scripts.stop_grace_s": " = 1m"}.get(timeout.setting, "")
            notes.append(f"after {timeout.setting}{default}" if timeout.setting else f"after {timeout.span}")
            break
    if edge.exit_code is not None:
        notes.append(f"exit {edge.exit_code}")
    event = symbols(edge.trigger)
    return f"{event} ({', '.join(notes)})" if notes else event


def expected_labels(definition: Definition, *, calls: bool = False) -> Counter[tuple[str, str, str]]:
    """Return source, label and target of every edge as a format of text shows them; `calls` puts callbacks to states."""
    shown = {
        state.name: symbols(state.name) + (f"\n{symbols(state.on_enter)}" if calls and state.on_enter else "")
        for state in definition.states
    }
    return Counter(
        (shown[edge.source], shown_label(definition, edge), shown[edge.dest]) for edge in definition.transitions
    )


def read_mermaid(text: str) -> Counter[tuple[str, str, str]]:
    names = {ident: _mermaid(shown) for shown, ident in re.findall(r'^ +state "(.*)" as (\w+)$', text, re.MULTILINE)}
    found = re.findall(r"^ +(\w+) --> (\w+) : (.*)$", text, re.MULTILINE)
    found += [(inside, inside, label) for inside, label in re.findall(r"^ +(\w+) : (.*)$", text, re.MULTILINE)]
    # Loops of a state share a line.
    return Counter((names[a], _mermaid(each), names[b]) for a, b, label in found for each in label.split("<br/>"))


def _mermaid(escaped: str) -> str:
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), escaped)


def read_plantuml(text: str) -> Counter[tuple[str, str, str]]:
    names = {ident: _plantuml(shown) for shown, ident in re.findall(r'^state "(.*)" as (\w+)$', text, re.MULTILINE)}
    found = re.findall(r"^(\w+) --> (\w+) : (.*)$", text, re.MULTILINE)
    return Counter((names[a], _plantuml(label), names[b]) for a, b, label in found)


def _plantuml(escaped: str) -> str:
    return re.sub(r"<U\+([0-9A-F]{4})>", lambda match: chr(int(match[1], 16)), escaped)


def read_dot(text: str) -> Counter[tuple[str, str, str]]:
    string = r'"((?:[^"\\]|\\.)*)"'
    first_lines = re.findall(rf"^    {string} \[label={string}", text, re.MULTILINE)
    calls = dict(re.findall(rf"^    {string} \[label={string}", text, re.MULTILINE))
    assert len(first_lines) == len(calls)
    found = re.findall(rf"^    {string} -> {string} \[label={string}, id=", text, re.MULTILINE)
    return Counter((_dot(calls[a]), _dot(label), _dot(calls[b])) for a, b, label in found)


def _dot(quoted: str) -> str:
    plain = re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], quoted)
    return plain.replace("&amp;", "&")


def read_xstate(text: str) -> Seen:
    machine = json.loads(text)
    names = {ident: node["meta"]["name"] for ident, node in machine["states"].items()}
    edges: Counter[Edge] = Counter()
    ids: list[str] = []
    calls = {}
    for ident, node in machine["states"].items():
        if "entry" in node:
            (action,) = node["entry"]
            calls[names[ident]] = action.get("params", {}).get("callback", action["type"])
        for alternatives in node.get("on", {}).values():
            for edge in alternatives:
                kind = "external" if edge["reenter"] else "internal"
                edges[names[ident], edge["meta"]["event"], kind, names[edge.get("target", ident)]] += 1
                ids.append(edge["meta"]["id"])
    assert len(ids) == len(set(ids))
    finals = frozenset(names[ident] for ident, node in machine["states"].items() if node.get("type") == "final")
    return Seen(edges, names[machine["initial"]], finals, calls, frozenset(ids))


def held(text: str) -> str:
    """Undo the escapes of our own attributes."""
    return re.sub(r"\\(u[0-9a-f]{4}|\\)", lambda m: "\\" if m[1] == "\\" else chr(int(m[1][1:], 16)), text)


def own(node: ET.Element, key: str, otherwise: str = "") -> str:
    text = node.get(OWN + key)
    return otherwise if text is None else held(text)


def read_scxml(text: str) -> Seen:
    root = ET.fromstring(text.encode())
    nodes = [node for node in root if node.tag in (f"{SCXML}state", f"{SCXML}final")]
    names = {node.attrib["id"]: own(node, "name", node.attrib["id"]) for node in nodes}
    assert len(set(names.values())) == len(names)
    edges: Counter[Edge] = Counter()
    for node in nodes:
        for edge in node.findall(f"{SCXML}transition"):
            kind = "external" if "target" in edge.attrib else "internal"
            target = edge.get("target", node.attrib["id"])
            edges[names[node.attrib["id"]], own(edge, "trigger", edge.attrib["event"]), kind, names[target]] += 1
    finals = frozenset(names[node.attrib["id"]] for node in nodes if node.tag == f"{SCXML}final")
    calls = {names[node.attrib["id"]]: own(node, "on_enter") for node in nodes if own(node, "on_enter")}
    for node in nodes:
        assert len(node.findall(f"{SCXML}onentry/{SCXML}log")) == bool(own(node, "on_enter"))
    return Seen(edges, names[root.attrib["initial"]], finals, calls)


def event_ids(scxml: str) -> dict[str, str]:
    """Return event of the machine -> event of the SCXML file."""
    root = ET.fromstring(scxml.encode())
    return {
        own(edge, "trigger", edge.attrib["event"]): edge.attrib["event"] for edge in root.iter(f"{SCXML}transition")
    }


def read_pnml(text: str) -> tuple[Counter[tuple[str, str, str]], int]:
    """Return source, event and target of every visible transition, and the number of silent ones."""
    root = ET.fromstring(text.encode())
    names = {node.attrib["id"]: node.findtext(f"{PNML}name/{PNML}text", "") for node in root.iter() if node.get("id")}
    silent = {
        node.attrib["id"] for node in root.iter(f"{PNML}transition") if node.find(f"{PNML}toolspecific") is not None
    }
    arcs = [(arc.attrib["source"], arc.attrib["target"]) for arc in root.iter(f"{PNML}arc")]
    into = {target: source for source, target in arcs}
    out = dict(arcs)
    visible = [node.attrib["id"] for node in root.iter(f"{PNML}transition") if node.attrib["id"] not in silent]
    return Counter((names[into[ident]], names[ident], names[out[ident]]) for ident in visible), len(silent)


def read_bpmn_exact(text: str) -> Seen:
    root = ET.fromstring(text.encode())
    (process,) = root.iter(f"{BPMN}process")
    nodes = {node.attrib["id"]: node for node in process if node.get("id")}
    flows = [node for node in process if node.tag == f"{BPMN}sequenceFlow"]
    onward = {flow.attrib["sourceRef"]: flow.attrib["targetRef"] for flow in flows}
    before = {flow.attrib["targetRef"]: flow.attrib["sourceRef"] for flow in flows}
    state_tags = (f"{BPMN}userTask", f"{BPMN}endEvent")

    def name(ident: str) -> str:
        return own(nodes[ident], "name", nodes[ident].attrib["name"])

    def state(ident: str) -> str:
        return name(ident if nodes[ident].tag in state_tags else onward[ident])

    edges: Counter[Edge] = Counter()
    calls = {}
    for ident, node in nodes.items():
        if node.tag == f"{BPMN}serviceTask":
            calls[state(ident)] = name(ident)
    for flow in flows:
        source, target = flow.attrib["sourceRef"], flow.attrib["targetRef"]
        if nodes[source].tag != f"{BPMN}exclusiveGateway":
            continue
        origin = name(before[source])
        dest = state(target)
        past = nodes[target].tag in state_tags and dest in calls
        assert own(flow, "kind") == ("internal" if past else "external")
        edges[origin, own(flow, "trigger", flow.attrib["name"]), own(flow, "kind"), dest] += 1
    (start,) = (node.attrib["id"] for node in process if node.tag == f"{BPMN}startEvent")
    finals = frozenset(name(ident) for ident, node in nodes.items() if node.tag == f"{BPMN}endEvent")
    return Seen(edges, state(onward[start]), finals, calls)


def read_bpmn(text: str) -> set[tuple[str, str, bool]]:
    """Return which state task leads to which state, and whether the task goes on meanwhile; ends go by their ids."""
    root = ET.fromstring(text.encode())
    (process,) = root.iter(f"{BPMN}process")
    nodes = {node.attrib["id"]: node for node in process if node.get("id")}
    flows = [node for node in process if node.tag == f"{BPMN}sequenceFlow"]
    found = set()

    def follow(ident: str, origin: str, stays: bool) -> None:
        for flow in flows:
            if flow.attrib["sourceRef"] == ident:
                target = nodes[flow.attrib["targetRef"]]
                if target.tag.endswith("Gateway"):
                    follow(target.attrib["id"], origin, stays)
                else:
                    found.add((origin, target.attrib["id"], stays))

    for ident, node in nodes.items():
        if node.tag.endswith(("ask", "startEvent")):
            follow(ident, ident, False)
        elif node.tag.endswith("boundaryEvent"):
            follow(ident, node.attrib["attachedToRef"], node.get("cancelActivity") == "false")
    return found
