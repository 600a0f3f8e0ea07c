"""A definition as Graphviz DOT."""

from __future__ import annotations

from fsm_robot.export.mermaid import TAKEN_FILL, TAKEN_LINE, label
from fsm_robot.journal.taken import Taken
from fsm_robot.machine.definition import Definition, State


def dot(definition: Definition, taken: Taken | None = None) -> str:
    """Return a `digraph`; names stay as they are, quoted. With `taken`, what runs did is marked."""
    lines = [
        f"digraph {_quoted(definition.name)} {{",
        '    graph [rankdir=TB, fontname="sans-serif"]',
        '    node [shape=box, style=rounded, fontname="sans-serif"]',
        '    edge [fontname="sans-serif", fontsize=10]',
        '    "" [shape=point, width=0.15]',
    ]
    lines += [f"    {_quoted(state.name)} [{_looks(state, taken)}]" for state in definition.states]
    lines.append(f'    "" -> {_quoted(definition.initial)}')
    for edge in definition.transitions:
        style = ", style=dashed" if edge.kind == "internal" else ""
        if taken and taken.transitions.get(edge.key):
            style += f', color="{TAKEN_LINE}", penwidth=2.5'
        lines.append(f"    {_quoted(edge.source)} -> {_quoted(edge.dest)} [label={_quoted(label(edge, taken))}{style}]")
    return "\n".join([*lines, "}"]) + "\n"


def _looks(state: State, taken: Taken | None) -> str:
    text = f"{state.name}\n{state.on_enter}" if state.on_enter else state.name
    marked = f', style="rounded,filled", fillcolor="{TAKEN_FILL}"' if taken and taken.states.get(state.name) else ""
    return f"label={_quoted(text)}{', peripheries=2' if state.final else ''}{marked}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
