"""What people do to a drawing of the exact profile in an editor, at random: sensible edits, and others."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import attrs

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
OWN = "{urn:fsm-robot:machine:1}"
TITLES = ("Booking in", "", "Ready", "line\nbreak", "x" * 200, "<b>", "NA", "Claiming", "__init__", "Ждать ответа")
EVENTS = ("was_told", "", "no_job", "interrupted", "a b", "job_found", "*done*")
KINDS = (
    "exclusiveGateway", "serviceTask", "parallelGateway", "startEvent", "dataObjectReference", "intermediateThrowEvent",
    "boundaryEvent", "subProcess", "scriptTask", "textAnnotation",
)  # fmt: skip


@attrs.define
class Drawing:
    """A drawing that is being edited, and what was done to it."""

    root: ET.Element
    chance: random.Random
    done: list[str] = attrs.field(factory=list)

    @property
    def process(self) -> ET.Element:
        found = self.root.find(f"{BPMN}process")
        assert found is not None
        return found

    @property
    def flows(self) -> list[ET.Element]:
        return self.process.findall(f"{BPMN}sequenceFlow")

    @property
    def nodes(self) -> list[ET.Element]:
        return [each for each in self.process if each.get("id") and each.tag != f"{BPMN}sequenceFlow"]

    def edit(self) -> None:
        """Do one thing to it."""
        acts = (
            self.delete_flow, self.delete_node, self.lead_elsewhere, self.rename, self.rename_flow, self.append,
            self.connect, self.draw_something, self.forget_ours,
        )  # fmt: skip
        act = self.chance.choice(acts)
        self.done.append(f"{act.__name__} {' '.join(act())}")

    def delete_flow(self) -> Iterator[str]:
        flow = self.chance.choice(self.flows)
        self._remove(flow)
        yield flow.attrib["id"]

    def delete_node(self) -> Iterator[str]:
        """As bpmn-js does it: one way in and one way out become one, what is attached goes, too."""
        node = self.chance.choice(self.nodes)
        yield node.attrib["id"]
        into = [flow for flow in self.flows if flow.get("targetRef") == node.get("id")]
        out = [flow for flow in self.flows if flow.get("sourceRef") == node.get("id")]
        if len(into) == len(out) == 1:
            into[0].set("targetRef", out[0].attrib["targetRef"])
            self._remove(out[0])
        attached = [each for each in self.nodes if each.get("attachedToRef") == node.get("id")]
        for gone in (node, *attached):
            for flow in self.flows:
                if gone.get("id") in (flow.get("sourceRef"), flow.get("targetRef")):
                    self._remove(flow)
            self.process.remove(gone)

    def lead_elsewhere(self) -> Iterator[str]:
        flow, node = self.chance.choice(self.flows), self.chance.choice(self.nodes)
        flow.set(self.chance.choice(("sourceRef", "targetRef")), node.attrib["id"])
        yield from (flow.attrib["id"], node.attrib["id"])

    def rename(self) -> Iterator[str]:
        node, name = self.chance.choice(self.nodes), self.chance.choice(TITLES)
        node.set("name", name)
        yield from (node.attrib["id"], repr(name))

    def rename_flow(self) -> Iterator[str]:
        flow, name = self.chance.choice(self.flows), self.chance.choice(EVENTS)
        flow.set("name", name)
        yield from (flow.attrib["id"], repr(name))

    def append(self) -> Iterator[str]:
        """Draw a state behind something, and mostly a way on."""
        before, behind = self.chance.choice(self.nodes), self.chance.choice(self.nodes)
        state = self._add(self.chance.choice(("task", "userTask", "endEvent")), name=self.chance.choice(TITLES))
        ways = [(before, state), (state, behind)][: self.chance.choice((1, 2, 2, 2))]
        for one, other in ways:
            self._flow(one, other)
        yield from (before.attrib["id"], state.attrib["id"], behind.attrib["id"])

    def connect(self) -> Iterator[str]:
        one, other = self.chance.choice(self.nodes), self.chance.choice(self.nodes)
        self._flow(one, other)
        yield from (one.attrib["id"], other.attrib["id"])

    def draw_something(self) -> Iterator[str]:
        yield self._add(self.chance.choice(KINDS), name="new").attrib["id"]

    def forget_ours(self) -> Iterator[str]:
        """Drop our attributes, as an editor that does not know them may do."""
        each = self.chance.choice([*self.flows, *self.nodes])
        for key in [key for key in each.attrib if key.startswith(OWN)]:
            del each.attrib[key]
        yield each.attrib["id"]

    def _flow(self, one: ET.Element, other: ET.Element) -> None:
        name = self.chance.choice(EVENTS)
        self._add("sequenceFlow", sourceRef=one.attrib["id"], targetRef=other.attrib["id"], name=name)

    def _add(self, kind: str, **attributes: str) -> ET.Element:
        ident = f"New_{kind}_{self.chance.randrange(10**6)}"
        return ET.SubElement(self.process, f"{BPMN}{kind}", {"id": ident, **attributes})

    def _remove(self, flow: ET.Element) -> None:
        if flow in self.flows:
            self.process.remove(flow)


def edited(text: str, seed: int) -> tuple[bytes, list[str]]:
    """Return the drawing after one to three edits, and what they were."""
    drawing = Drawing(ET.fromstring(text), random.Random(seed))
    for _ in range(drawing.chance.choice((1, 1, 2, 3))):
        drawing.edit()
    return ET.tostring(drawing.root), drawing.done
