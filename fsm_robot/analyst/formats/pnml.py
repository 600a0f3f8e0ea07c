"""A definition as a Petri net in PNML: a workflow net, with one token that is where the robot is.

A place before the initial state and one behind the final states, joined by silent transitions, make it sound even where
the initial state is entered again. A net cannot count what `progress` sets back, so budgets are choices in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from fsm_robot.analyst.idents import edge_idents, idents
from fsm_robot.analyst.markup import element, escaped
from fsm_robot.engine.machine.definition import Definition

NAMESPACE = "http://www.pnml.org/version-2009/grammar/pnml"
TYPE = "http://www.pnml.org/version-2009/grammar/ptnet"
START, END = "start", "end"
# The mark by which ProM, pm4py and others tell a silent transition.
SILENT = element("toolspecific", {"tool": "ProM", "version": "6.4", "activity": "$invisible$", "localNodeID": "silent"})


def pnml(definition: Definition) -> str:
    """Return the net; a place per state, a transition per edge with its event as the label."""
    places = idents((state.name for state in definition.states), "state_")
    edges = edge_idents(definition, "edge_")
    finals = [state.name for state in definition.states if state.final]
    marked = element("initialMarking", {}, element("text", {}, "1"))
    parts = [_node("place", START, START, marked), _node("place", END, END)]
    parts += [_node("place", ident, name) for name, ident in places.items()]
    parts.append(_node("transition", "begin", "begin", SILENT))
    parts += [_node("transition", f"end_of_{places[name]}", f"end of {name}", SILENT) for name in finals]
    parts += [_node("transition", ident, edge.trigger) for edge, ident in edges.items()]
    ways = [(START, "begin"), ("begin", places[definition.initial])]
    for name in finals:
        ways += [(places[name], f"end_of_{places[name]}"), (f"end_of_{places[name]}", END)]
    for edge, ident in edges.items():
        ways += [(places[edge.source], ident), (ident, places[edge.dest])]
    parts += _arcs(ways)
    final = element("marking", {}, element("place", {"idref": END}, element("text", {}, "1")))
    net = element(
        "net",
        {"id": "net", "type": TYPE},
        element("name", {}, _text(definition.name)),
        "\n" + element("page", {"id": "page"}, "\n", *(f"{part}\n" for part in parts)) + "\n",
        element("finalmarkings", {}, final),
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{element("pnml", {"xmlns": NAMESPACE}, net)}\n'


def _node(kind: str, ident: str, name: str, *content: str) -> str:
    return element(kind, {"id": ident}, element("name", {}, _text(name)), *content)


def _text(text: str) -> str:
    return element("text", {}, escaped(text))


def _arcs(ways: list[tuple[str, str]]) -> Iterator[str]:
    for number, (source, target) in enumerate(ways, start=1):
        inscription = element("inscription", {}, element("text", {}, "1"))
        yield element("arc", {"id": f"arc_{number}", "source": source, "target": target}, inscription)
