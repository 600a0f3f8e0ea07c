"""A definition as Graphviz DOT."""

from __future__ import annotations

from fsm_robot.export.idents import edge_idents, idents
from fsm_robot.export.mermaid import label
from fsm_robot.export.words import Words
from fsm_robot.machine.definition import State

START = "_start"
"""The node of the start mark; ids of states never begin with an underscore."""


def dot(words: Words) -> str:
    """Return a `digraph`; ids are plain words, labels the real names."""
    definition = words.definition
    ids = idents(state.name for state in definition.states)
    edges = edge_idents(definition)
    lines = [
        f"digraph {_quoted(definition.name)} {{",
        '    graph [rankdir=TB, fontname="sans-serif"]',
        '    node [shape=box, style=rounded, fontname="sans-serif"]',
        '    edge [fontname="sans-serif", fontsize=10]',
        f'    "{START}" [shape=point, width=0.15]',
    ]
    lines += [f'    "{ids[state.name]}" [{_looks(words, state)}]' for state in definition.states]
    lines.append(f'    "{START}" -> "{ids[definition.initial]}"')
    for edge in definition.transitions:
        style = ", style=dashed" if edge.kind == "internal" else ""
        shown = f'label={_quoted(label(words, edge))}, id="{edges[edge]}"{style}'
        lines.append(f'    "{ids[edge.source]}" -> "{ids[edge.dest]}" [{shown}]')
    return "\n".join([*lines, "}"]) + "\n"


def _looks(words: Words, state: State) -> str:
    title = words.state(state.name)
    text = f"{title}\n{state.on_enter}" if state.on_enter else title
    return f"label={_quoted(text)}{', peripheries=2' if state.final else ''}"


def _quoted(text: str) -> str:
    # Graphviz reads character entities, and `\N` and its like, inside of labels.
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"{}"'.format(escaped.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n").replace("\0", "\ufffd"))
