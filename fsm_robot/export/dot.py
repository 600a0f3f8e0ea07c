"""A definition as Graphviz DOT."""

from __future__ import annotations

from fsm_robot.export.mermaid import label
from fsm_robot.machine.definition import Definition, State


def dot(definition: Definition) -> str:
    """Return a `digraph`; names stay as they are, quoted."""
    lines = [
        f"digraph {_quoted(definition.name)} {{",
        '    graph [rankdir=TB, fontname="sans-serif"]',
        '    node [shape=box, style=rounded, fontname="sans-serif"]',
        '    edge [fontname="sans-serif", fontsize=10]',
        '    "" [shape=point, width=0.15]',
    ]
    lines += [f"    {_quoted(state.name)} [{_looks(state)}]" for state in definition.states]
    lines.append(f'    "" -> {_quoted(definition.initial)}')
    for edge in definition.transitions:
        style = ", style=dashed" if edge.kind == "internal" else ""
        lines.append(f"    {_quoted(edge.source)} -> {_quoted(edge.dest)} [label={_quoted(label(edge))}{style}]")
    return "\n".join([*lines, "}"]) + "\n"


def _looks(state: State) -> str:
    text = f"{state.name}\n{state.on_enter}" if state.on_enter else state.name
    return f"label={_quoted(text)}{', peripheries=2' if state.final else ''}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
