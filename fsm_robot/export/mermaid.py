"""A definition as a Mermaid state diagram."""

from __future__ import annotations

from fsm_robot.journal.taken import Taken
from fsm_robot.machine.definition import Definition, Transition

# Everything else is written as a character code: Mermaid takes `;` as the end of a line and `<` as HTML.
PLAIN = frozenset(" _.,()/=+?!*-")
TAKEN_FILL, TAKEN_LINE = "#cfe8ff", "#1f6fb2"


def mermaid(definition: Definition, taken: Taken | None = None) -> str:
    """Return `stateDiagram-v2` text; states get safe ids and keep their real names as labels.

    With `taken`, what runs did is marked: states that were entered are filled, edges that were taken carry their count.
    """
    ids = {state.name: f"s{number}" for number, state in enumerate(definition.states, start=1)}
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_escaped(name)}" as {ids[name]}' for name in ids]
    lines.append(f"    [*] --> {ids[definition.initial]}")
    lines += [
        f"    {ids[edge.source]} --> {ids[edge.dest]} : {_escaped(label(edge, taken))}"
        for edge in definition.transitions
    ]
    lines += [f"    {ids[state.name]} --> [*]" for state in definition.states if state.final]
    entered = [ids[name] for name in ids if taken and taken.states.get(name)]
    if entered:
        lines += [f"    classDef taken fill:{TAKEN_FILL},stroke:{TAKEN_LINE}", f"    class {','.join(entered)} taken"]
    return "\n".join(lines) + "\n"


def label(edge: Transition, taken: Taken | None = None) -> str:
    """Return what a diagram writes on an edge, with how often it was taken where that is given."""
    count = taken.transitions.get(edge.key, 0) if taken else 0
    notes = [
        f"taken {count} times" if count > 1 else "taken once" if count else "",
        "stays" if edge.kind == "internal" else "",
        f"at most {edge.at_most}" if edge.at_most else "",
        "then" if edge.spent else "",
        f"exit {edge.exit_code}" if edge.exit_code is not None else "",
    ]
    shown = ", ".join(note for note in notes if note)
    return f"{edge.trigger} ({shown})" if shown else edge.trigger


def _escaped(text: str) -> str:
    return "".join(char if char.isalnum() or char in PLAIN else f"#{ord(char)};" for char in text)
