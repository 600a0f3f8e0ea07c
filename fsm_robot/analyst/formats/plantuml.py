"""A definition as a PlantUML state diagram."""

from __future__ import annotations

from fsm_robot.analyst.formats.mermaid import label
from fsm_robot.analyst.words import Words

PLAIN = frozenset(" _.,()?!×")


def plantuml(words: Words) -> str:
    """Return `@startuml` text; states get safe ids and keep their real names as labels."""
    definition = words.definition
    ids = {state.name: f"s{number}" for number, state in enumerate(definition.states, start=1)}
    lines = ["@startuml", "hide empty description"]
    # Every state is declared: from bare arrows PlantUML guesses another kind of diagram.
    lines += [f'state "{_escaped(words.state(name))}" as {ids[name]}' for name in ids]
    lines += [
        f"{ids[state.name]} : {_escaped(f'entry / {words.call(state.on_enter)}')}"
        for state in definition.states
        if state.on_enter
    ]
    lines.append(f"[*] --> {ids[definition.initial]}")
    lines += [
        f"{ids[edge.source]} --> {ids[edge.dest]} : {_escaped(label(words, edge))}" for edge in definition.transitions
    ]
    lines += [f"{ids[state.name]} --> [*]" for state in definition.states if state.final]
    return "\n".join([*lines, "@enduml"]) + "\n"


def _escaped(text: str) -> str:
    # What PlantUML could take as its own notation, or as the end of a text, is written as a character code. It has no
    # code of more than four digits; such characters mean nothing to it and stay. Two underscores would underline.
    is_apart = "__" not in text
    return "".join(
        char
        if char.isalnum() or (char in PLAIN and (is_apart or char != "_")) or ord(char) > 0xFFFF
        else f"<U+{ord(char):04X}>"
        for char in text
    )
