"""A definition as Graphviz DOT."""

from __future__ import annotations

from fsm_robot.analyst.formats.mermaid import TAKEN_FILL, TAKEN_LINE, label
from fsm_robot.analyst.idents import edge_idents, idents
from fsm_robot.analyst.words import Words
from fsm_robot.engine.journal.taken import Taken
from fsm_robot.engine.machine.definition import State

START = "_start"
"""The node of the start mark; ids of states never begin with an underscore."""


def dot(words: Words, taken: Taken | None = None) -> str:
    """Return a `digraph`; ids are plain words, labels the real names. With `taken`, what runs did is marked."""
    definition = words.definition
    ids = idents(state.name for state in definition.states)
    edges = edge_idents(definition)
    lines = [
        f"digraph {_quoted(words.machine)} {{",
        '    graph [rankdir=TB, fontname="sans-serif"]',
        '    node [shape=box, style=rounded, fontname="sans-serif"]',
        '    edge [fontname="sans-serif", fontsize=10]',
        f'    "{START}" [shape=point, width=0.15]',
    ]
    lines += [f'    "{ids[state.name]}" [{_looks(words, state, taken)}]' for state in definition.states]
    lines.append(f'    "{START}" -> "{ids[definition.initial]}"')
    for edge in definition.transitions:
        style = ", style=dashed" if edge.kind == "internal" else ""
        if taken and taken.transitions.get(edge.key):
            style += f', color="{TAKEN_LINE}", penwidth=2.5'
        shown = f'label={_quoted(label(words, edge, taken))}, id="{edges[edge]}"{style}'
        lines.append(f'    "{ids[edge.source]}" -> "{ids[edge.dest]}" [{shown}]')
    return "\n".join([*lines, "}"]) + "\n"


def _looks(words: Words, state: State, taken: Taken | None) -> str:
    title = words.state(state.name)
    text = f"{title}\n{words.call(state.on_enter)}" if state.on_enter else title
    marked = f', style="rounded,filled", fillcolor="{TAKEN_FILL}"' if taken and taken.states.get(state.name) else ""
    return f"label={_quoted(text)}{', peripheries=2' if state.final else ''}{marked}"


def _quoted(text: str) -> str:
    # Graphviz reads character entities, and `\N` and its like, inside of labels.
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"{}"'.format(escaped.replace("\n", "\\n"))
