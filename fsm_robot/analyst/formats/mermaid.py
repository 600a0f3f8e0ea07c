"""A definition as a Mermaid state diagram."""

from __future__ import annotations

from fsm_robot.analyst.drawing.scene import notes_of
from fsm_robot.analyst.phrases import phrase
from fsm_robot.analyst.words import Words
from fsm_robot.engine.journal.taken import Taken
from fsm_robot.engine.machine.definition import Transition

# Everything else is written as a character code: Mermaid takes `;` as the end of a line and `<` as HTML.
PLAIN = frozenset(" ,(/=?!")
JOINTS = frozenset("_-")
"""Signs of Markdown, which a label is to Mermaid, but not inside of a word: `job_found` has none, `__init__` has."""
NEW_LINE = "<br/>"
TAKEN_FILL, TAKEN_LINE = "#cfe8ff", "#1f6fb2"


def mermaid(words: Words, taken: Taken | None = None) -> str:
    """Return `stateDiagram-v2` text; states get safe ids and keep their real names as labels.

    With `taken`, what runs did is marked: states that were entered are filled, edges that were taken carry their count.
    """
    definition = words.definition
    ids = {state.name: f"s{number}" for number, state in enumerate(definition.states, start=1)}
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_escaped(words.state(name))}" as {ids[name]}' for name in ids]
    lines.append(f"    [*] --> {ids[definition.initial]}")
    loops: dict[str, list[str]] = {}
    for edge in definition.transitions:
        text = _escaped(label(words, edge, taken))
        if edge.kind == "internal":
            lines.append(f"    {ids[edge.source]} : {text}")
        elif edge.source == edge.dest:
            loops.setdefault(edge.source, []).append(text)
        else:
            lines.append(f"    {ids[edge.source]} --> {ids[edge.dest]} : {text}")
    # Of several lines from a state to itself Mermaid draws but the last: they share one.
    lines += [f"    {ids[name]} --> {ids[name]} : {NEW_LINE.join(texts)}" for name, texts in loops.items()]
    lines += [f"    {ids[state.name]} --> [*]" for state in definition.states if state.final]
    entered = [ids[name] for name in ids if taken and taken.states.get(name)]
    if entered:
        lines += [f"    classDef taken fill:{TAKEN_FILL},stroke:{TAKEN_LINE}", f"    class {','.join(entered)} taken"]
    return "\n".join(lines) + "\n"


def label(words: Words, edge: Transition, taken: Taken | None = None) -> str:
    """Return what a diagram of text writes on an edge: the event, and in brackets what is remarkable about it."""
    count = taken.transitions.get(edge.key, 0) if taken else 0
    times = [phrase(words.language, "taken", count)] if count else []
    stays = [phrase(words.language, "stays")] if edge.kind == "internal" else []
    shown = ", ".join([*times, *stays, *notes_of(words, edge)])
    event = words.event(edge.trigger)
    return f"{event} ({shown})" if shown else event


def _escaped(text: str) -> str:
    # A blank at either end would be trimmed; `isalnum` holds for letters of every script. A letter after another one
    # that combines is left alone, so a text stays readable in the source too.
    return "".join(
        char if char.isalnum() or _is_plain(text, place) else f"#{ord(char)};" for place, char in enumerate(text)
    )


def _is_plain(text: str, place: int) -> bool:
    char, before, after = text[place], text[:place], text[place + 1 :]
    if char == ")":
        return "(" in before  # `1)` at the beginning would be a list
    if char in JOINTS:
        return before[-1:].isalnum() and after[:1].isalnum()
    if char == " ":
        # Wherever a line holds `direction LR`, Mermaid takes all of it for its own word.
        return bool(before) and bool(after) and before[-1] != " " and not before.lower().endswith("direction")
    return char in PLAIN
