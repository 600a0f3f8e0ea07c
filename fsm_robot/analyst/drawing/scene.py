"""What a drawing of a machine shows and where: boxes with texts, lines with labels, the start. Formats give the look.

All transitions between the same two states share one line; the label of the line has a row for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from fsm_robot.analyst.drawing.layout import layout
from fsm_robot.analyst.drawing.layout_folded import in_columns
from fsm_robot.analyst.drawing.shapes import Box, Drawing, Edge, Line, Node
from fsm_robot.analyst.drawing.text_width import folded, monospace_width, text_width, wrapped
from fsm_robot.analyst.phrases import phrase, span
from fsm_robot.analyst.words import Words
from fsm_robot.engine.machine.definition import Definition, State, Transition

TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 15.0, 12.5, 11.0
TITLE_HEIGHT, ROW_HEIGHT, SMALL_HEIGHT, RULE_HEIGHT = 20.0, 17.0, 14.5, 10.0
PADDING = 12.0
NARROWEST, WIDEST = 150.0, 262.0
LONGEST_LABEL, LONGEST_TITLE = 320.0, 270.0
ABOUT_LINES = 4
START = "\0start"
"""The node of the start mark: no state can have this name."""


@attrs.frozen
class Row:
    """A transition in a label, or inside its state.

    Attributes:
        number: Its place among the transitions of the machine, from 1.
        edge: The transition.
        lines: What its event is called.
        note: What else is shown behind the last line: budget, exit code, figures.
    """

    number: int
    edge: Transition
    lines: tuple[str, ...]
    note: str = ""

    @property
    def width(self) -> float:
        """The room that the row needs to the right."""
        gap = SMALL_SIZE / 2 if self.note else 0
        last = text_width(self.lines[-1], TEXT_SIZE) + gap + text_width(self.note, SMALL_SIZE)
        return max([last, *(text_width(line, TEXT_SIZE) for line in self.lines)])

    @property
    def height(self) -> float:
        """The room that the row needs downwards."""
        return ROW_HEIGHT * len(self.lines)


@attrs.frozen
class Figure:
    """A state as a box.

    Attributes:
        state: The state.
        titles: What it is called, in lines.
        about: Lines below the title.
        code: Whether `about` is a name of the source, to be set in letters of equal width.
        heat: Lines of figures from runs.
        internal: Transitions that stay in it.
        outcome: `` for a state that is left again, `good` for a final one whose exit codes are all 0, else `bad`.
        warmth: Share of the hottest state, from 0 to 1, or None without runs.
    """

    state: State
    titles: tuple[str, ...]
    about: tuple[str, ...] = ()
    code: bool = False
    heat: tuple[str, ...] = ()
    internal: tuple[Row, ...] = ()
    outcome: str = ""
    warmth: float | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the box."""
        about = monospace_width if self.code else text_width
        widths = [text_width(line, TITLE_SIZE, bold=True) for line in self.titles]
        widths += [about(line, SMALL_SIZE) for line in self.about]
        widths += [text_width(line, SMALL_SIZE) for line in self.heat]
        widths += [row.width + 18 for row in self.internal]
        height = 2 * PADDING + TITLE_HEIGHT * len(self.titles) + SMALL_HEIGHT * (len(self.about) + len(self.heat))
        height += sum(row.height for row in self.internal) + (RULE_HEIGHT if self.internal else 0)
        return max(NARROWEST, max(widths) + 2 * PADDING), height


@attrs.frozen
class Route:
    """A line between two states and the transitions that take it.

    `traffic` is its share of the busiest transition's, from 0 to 1, or None without runs.
    """

    id: str
    source: str
    dest: str
    rows: tuple[Row, ...]
    traffic: float | None = None

    def label_size(self) -> tuple[float, float]:
        """Return width and height of the label."""
        return (max(row.width for row in self.rows), sum(row.height for row in self.rows)) if self.rows else (0, 0)


@attrs.frozen
class Scene:
    """Everything to be drawn, with its place."""

    definition: Definition
    words: Words
    figures: tuple[Figure, ...]
    routes: tuple[Route, ...]
    drawing: Drawing
    headline: str

    def box(self, figure: Figure) -> Box:
        """Return where a state is."""
        return self.drawing.boxes[figure.state.name]

    def line(self, route: Route) -> Line:
        """Return where a line goes."""
        return self.drawing.lines[route.id]

    def phrase(self, key: str, *values: object) -> str:
        """Return one of the drawing's own phrases in its language."""
        return phrase(self.words.language, key, *values)


@attrs.frozen
class Heat:
    """Figures from runs, ready to be shown.

    Attributes:
        headline: What all runs were like.
        states: State -> lines.
        edges: Key of a transition -> note.
        warmth: State -> share of the hottest one, from 0 to 1.
        traffic: Key of a transition -> share of the busiest one, from 0 to 1.
    """

    headline: str = ""
    states: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    edges: Mapping[str, str] = attrs.field(factory=dict)
    warmth: Mapping[str, float] = attrs.field(factory=dict)
    traffic: Mapping[str, float] = attrs.field(factory=dict)


def scene(words: Words, heat: Heat | None = None, columns: int = 1) -> Scene:
    """Return the drawing of a machine in the given words, with figures from runs where there are some; see `fold`."""
    definition = words.definition
    rows = [_row(words, number, edge, heat) for number, edge in enumerate(definition.transitions, start=1)]
    figures = tuple(_figure(words, state, rows, heat) for state in definition.states)
    routes = _routes(rows, heat)
    nodes = [Node(START, 18, 18), *(Node(figure.state.name, *figure.size) for figure in figures)]
    edges = [Edge(START, START, definition.initial)]
    edges += [Edge(route.id, route.source, route.dest, *route.label_size()) for route in routes]
    drawing = in_columns(layout(nodes, edges, start=START), columns)
    counts = phrase(words.language, "counts", len(definition.states), len(definition.transitions))
    headline = f"{counts} · {heat.headline}" if heat else counts
    return Scene(definition, words, figures, routes, drawing, headline)


def _routes(rows: Sequence[Row], heat: Heat | None) -> tuple[Route, ...]:
    between: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.edge.kind != "internal":
            between.setdefault((row.edge.source, row.edge.dest), []).append(row)
    return tuple(
        Route(f"route-{number}", source, dest, tuple(found), _traffic(found, heat))
        for number, ((source, dest), found) in enumerate(between.items(), start=1)
    )


def _traffic(rows: Sequence[Row], heat: Heat | None) -> float | None:
    # Several that share a line may together be busier than the busiest one.
    return None if heat is None else min(1.0, sum(heat.traffic.get(row.edge.key, 0.0) for row in rows))


def _row(words: Words, number: int, edge: Transition, heat: Heat | None) -> Row:
    notes = [*notes_of(words, edge), heat.edges.get(edge.key, "") if heat else ""]
    lines = folded(words.event(edge.trigger), TEXT_SIZE, LONGEST_LABEL)
    return Row(number, edge, tuple(lines), " · ".join(note for note in notes if note))


def notes_of(words: Words, edge: Transition) -> list[str]:
    """Return what is remarkable about a transition, short enough for a label."""
    notes = []
    if edge.at_most is not None:
        notes.append(phrase(words.language, "at_most", edge.at_most))
    if edge.spent:
        notes.append(phrase(words.language, "after", budget_of(words.definition, edge)))
    timeout = words.definition.timeout_of(edge)
    if timeout is not None:
        notes.append(phrase(words.language, "timed", span(timeout)))
    if edge.exit_code is not None:
        notes.append(phrase(words.language, "exit", edge.exit_code))
    return notes


def budget_of(definition: Definition, spent: Transition) -> int:
    """Return how often the twin of `spent` may be taken before it."""
    return next(
        edge.at_most or 0
        for edge in definition.transitions
        if (edge.source, edge.trigger, edge.spent) == (spent.source, spent.trigger, False)
    )


def _figure(words: Words, state: State, rows: Sequence[Row], heat: Heat | None) -> Figure:
    internal = tuple(row for row in rows if row.edge.kind == "internal" and row.edge.source == state.name)
    described = words.about_state(state.name)
    width = WIDEST - 2 * PADDING
    about = wrapped(described, SMALL_SIZE, width, ABOUT_LINES) if described else [words.call(state.on_enter)]
    return Figure(
        state,
        tuple(folded(words.state(state.name), TITLE_SIZE, LONGEST_TITLE, bold=True)),
        tuple(line for line in about if line),
        not described,
        heat.states.get(state.name, ()) if heat else (),
        internal,
        _outcome(words.definition, state),
        heat.warmth.get(state.name, 0.0) if heat else None,
    )


def _outcome(definition: Definition, state: State) -> str:
    if not state.final:
        return ""
    codes = {edge.exit_code for edge in definition.transitions if edge.dest == state.name}
    return "good" if codes <= {0} else "bad"
