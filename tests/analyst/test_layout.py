from __future__ import annotations

import itertools
import random
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm_robot.analyst.drawing.layout import WIDE, layout
from fsm_robot.analyst.drawing.layout_columns import columns, distance
from fsm_robot.analyst.drawing.layout_folded import fold, in_columns
from fsm_robot.analyst.drawing.layout_ranks import rankings
from fsm_robot.analyst.drawing.layout_routes import routed
from fsm_robot.analyst.drawing.layout_rows import LABEL_GAP, grid, untangle
from fsm_robot.analyst.drawing.layout_sides import with_sides
from fsm_robot.analyst.drawing.layout_straight import straightened
from fsm_robot.analyst.drawing.scene import START, scene
from fsm_robot.analyst.drawing.shapes import Box, Direction, Drawing, Edge, Line, Node
from fsm_robot.analyst.words import Words
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.machine import built_in
from tests.analyst.drawings import faults, shared_pieces
from tests.analyst.large_machines import large
from tests.peers.measured_drawings import Picture, crossings


@st.composite
def machines(draw: st.DrawFn) -> tuple[list[Node], list[Edge]]:
    """Up to 40 boxes of any size and up to 90 lines, self-loops and parallel ones among them, some without a label."""
    count = draw(st.integers(1, 40))
    chance = random.Random(draw(st.integers(0, 2**32)))
    nodes = [Node(f"s{n}", chance.choice((16, 90, 180)), chance.choice((16, 50, 90))) for n in range(count)]
    edges = []
    for number in range(draw(st.integers(0, 90))):
        source, target = chance.choice(nodes).id, chance.choice(nodes).id
        if chance.random() < 0.1:
            target = source
        size = chance.choice(((0, 0), (60, 14), (180, 14), (90, 70)))
        edges.append(Edge(f"e{number}", source, target, *size))
    return nodes, edges


def of_the_robot() -> tuple[list[Node], list[Edge]]:
    definition = machine_file.load_labelled(built_in(), None, ())
    nodes = [Node(state.name, 150, 52) for state in definition.states]
    edges = [Edge(edge.key, edge.source, edge.dest, 7 * len(edge.trigger), 14) for edge in definition.transitions]
    return nodes, edges


def boxes_of(definition: Definition) -> tuple[list[Node], list[Edge]]:
    nodes = [Node(f"n{number}", 150, 61) for number, _ in enumerate(definition.states)]
    number = {state.name: f"n{number}" for number, state in enumerate(definition.states)}
    edges = [
        Edge(edge.key, number[edge.source], number[edge.dest], 6.5 * len(edge.trigger), 17)
        for edge in definition.transitions
    ]
    return nodes, edges


def crossed(drawing: Drawing) -> int:
    return crossings(Picture(0, 0, {name: line.points for name, line in drawing.lines.items()}, {}))


@settings(max_examples=30, deadline=None)
@given(machines())
def test_nothing_covers_anything_whatever_the_machine(machine: tuple[list[Node], list[Edge]]) -> None:
    """Boxes, labels and lines keep out of each other's way, and lines start and end on borders."""
    nodes, edges = machine

    assert faults(layout(nodes, edges, start="s0"), nodes, edges) == []


@pytest.mark.parametrize("direction", ["down", "right"])
def test_the_robots_own_machine_is_drawn_without_a_fault(direction: Direction) -> None:
    """Every transition of states.yaml as a line of its own, in both directions, none upon another."""
    nodes, edges = of_the_robot()

    drawing = layout(nodes, edges, start="Recovering", direction=direction)

    assert faults(drawing, nodes, edges) == []
    assert shared_pieces(drawing) == []


@pytest.mark.parametrize("language", ["", "en", "ru"])
def test_few_lines_of_the_robots_own_machine_cross_or_turn(language: str) -> None:
    """At most three crossings, and fewer corners than lines; it begins at the top."""
    drawing = scene(Words(machine_file.load_labelled(built_in(), None, ()), language)).drawing

    assert crossed(drawing) <= 3
    assert bends(drawing) <= len(drawing.lines)
    assert min(drawing.boxes, key=lambda name: drawing.boxes[name].y) == START


@pytest.mark.parametrize("seed", range(12))
def test_lines_can_be_told_apart(seed: int) -> None:
    """No line runs upon another, dense machines included."""
    chance = random.Random(seed)
    nodes = [Node(f"s{n}", 120, 50) for n in range(chance.randrange(5, 20))]
    edges = [
        Edge(f"e{n}", chance.choice(nodes).id, chance.choice(nodes).id, chance.choice((60, 90)), 15)
        for n in range(4 * len(nodes))
    ]

    assert shared_pieces(layout(nodes, edges, start="s0")) == []


@settings(max_examples=15, deadline=None)
@given(machines(), st.integers(2, 6))
def test_a_folded_drawing_covers_nothing_either(machine: tuple[list[Node], list[Edge]], columns: int) -> None:
    """Folded into columns, it is as sound as before, and no line runs upon another."""
    nodes, edges = machine
    drawing = layout(nodes, edges, start="s0")

    parts = fold(drawing, columns)

    assert faults(parts, nodes, edges) == []
    assert shared_pieces(parts) == [] or shared_pieces(drawing)


@settings(max_examples=15, deadline=None)
@given(machines(), st.integers(2, 6))
def test_columns_make_no_drawing_longer(machine: tuple[list[Node], list[Edge]], columns: int) -> None:
    """What is wide already is not folded into a strip: with more columns no page has to be larger."""
    nodes, edges = machine
    drawing = layout(nodes, edges, start="s0")

    pages = [
        max(one.width / WIDE, one.height) for one in (drawing, *(in_columns(drawing, n) for n in range(2, columns + 1)))
    ]

    assert pages == sorted(pages, reverse=True)


def test_a_chain_of_200_states_folds_into_columns_of_one_height() -> None:
    """One column of it would be 25 times as high as wide."""
    nodes, edges = boxes_of(large(1, 200))
    drawing = layout(nodes, edges, start="n0")

    columns = in_columns(drawing, 8)

    assert columns.height < drawing.height / 8 * 1.25
    assert len({round(box.x / 300) for box in columns.boxes.values()}) >= 8
    assert crossed(columns) == crossed(drawing)


def test_the_spokes_of_a_hub_stand_in_rows() -> None:
    """40 of them, most with a way back, are no fan 7,400 px wide."""
    nodes, edges = boxes_of(large(2, 41))

    drawing = layout(nodes, edges, start="n0")

    assert len({box.y for box in drawing.boxes.values()}) >= 5
    assert drawing.width < 5000
    assert drawing.height < 2000


@pytest.mark.parametrize("number", [0, 1, 5, 6])
def test_no_box_could_move_so_that_lines_get_shorter(number: int) -> None:
    """Ranks of processes and chains: each line is at least one rank long, and all together are as short as can be."""
    nodes, edges = boxes_of(large(number, 60))

    for ranks in rankings(nodes, edges, "n0"):
        spans = {(e.source, e.target): ranks[e.target] - ranks[e.source] for e in edges}
        assert all(spans.values())
        for node in nodes:
            above = [abs(span) for (a, b), span in spans.items() if node.id == (b if span > 0 else a)]
            under = [abs(span) for (a, b), span in spans.items() if node.id == (a if span > 0 else b)]
            assert len(above) <= len(under) or min(above) == 1
            assert len(under) <= len(above) or min(under) == 1


def test_a_machine_begins_at_the_top() -> None:
    """Whichever lines are turned round, nothing stands above the start."""
    machines = {"robot": (*of_the_robot(), "Recovering")}
    machines.update({f"{number}": (*boxes_of(large(number, 20)), "n0") for number in range(5)})

    ranks = {
        name: {found[start] for found in rankings(nodes, edges, start)}
        for name, (nodes, edges, start) in machines.items()
    }

    assert ranks == {name: {0} for name in machines}


@settings(max_examples=8, deadline=None)
@given(machines())
def test_the_same_machine_is_drawn_the_same_way(machine: tuple[list[Node], list[Edge]]) -> None:
    """A picture in a repository changes only with its machine."""
    nodes, edges = machine

    assert layout(nodes, edges, start="s0") == layout(list(nodes), list(edges), start="s0")


def test_a_chain_is_one_straight_line_down() -> None:
    """The main way needs no corner."""
    nodes = [Node(name, 100, 40) for name in "abcd"]
    edges = [Edge(f"{a}{b}", a, b, 50, 14) for a, b in itertools.pairwise("abcd")]

    drawing = layout(nodes, edges, start="a")

    assert [len(line.points) for line in drawing.lines.values()] == [2, 2, 2]
    assert len({box.x for box in drawing.boxes.values()}) == 1


def test_a_long_way_back_runs_beside_the_flow() -> None:
    """A back edge over several states has a lane left of all of them."""
    nodes = [Node(name, 100, 40) for name in "abcd"]
    edges = [Edge(f"{a}{b}", a, b, 50, 14) for a, b in itertools.pairwise("abcda")]

    drawing = layout(nodes, edges, start="a")

    lane = min(x for x, _ in drawing.lines["da"].points)
    assert lane < min(box.x for box in drawing.boxes.values())


def bends(drawing: Drawing) -> int:
    return sum(len(line.points) - 2 for line in drawing.lines.values())


def beside_its_label(line: Line) -> bool:
    """Whether an upright piece of a line runs down the left side of its label."""
    label = line.label
    return not label or any(
        abs(label.x - a[0] - LABEL_GAP) < 0.1
        and min(a[1], b[1]) <= label.y + 0.01
        and max(a[1], b[1]) >= label.bottom - 0.01
        for a, b in itertools.pairwise(line.points)
        if a[0] == b[0]
    )


def test_a_line_that_goes_aside_turns_once() -> None:
    """It leaves at the side of its box where nothing stands there."""
    nodes = [Node(name, 100, 40) for name in "abcd"]
    edges = [Edge(f"a{b}", "a", b, 150, 14) for b in "bcd"]

    drawing = layout(nodes, edges, start="a")

    assert sorted(len(line.points) for line in drawing.lines.values()) == [2, 3, 3]
    assert faults(drawing, nodes, edges) == []


@pytest.mark.parametrize("number", [0, 1, 3])
def test_most_lines_are_straight_or_turn_once(number: int) -> None:
    """Lines that turned twice wherever a box was not right below the other one had more corners than there are lines."""
    nodes, edges = boxes_of(large(number, 40))

    assert bends(layout(nodes, edges, start="n0")) < 0.8 * len(edges)


@settings(max_examples=15, deadline=None)
@given(machines())
def test_ends_at_sides_cover_and_cross_nothing_new(machine: tuple[list[Node], list[Edge]]) -> None:
    """What is bent less is as sound as before."""
    nodes, edges = machine
    rows = grid(nodes, edges, "s0", rankings(nodes, edges, "s0")[0])
    untangle(rows, 1)
    before = routed(rows, columns(rows)[0])

    after = with_sides(before, {edge.id: (edge.source, edge.target) for edge in edges})

    assert faults(after, nodes, edges) == []
    assert all(beside_its_label(after.lines[edge.id]) for edge in edges if edge.source != edge.target)
    assert crossed(after) <= crossed(before)
    assert bends(after) <= bends(before)
    assert after.boxes == before.boxes


@settings(max_examples=15, deadline=None)
@given(machines(), st.sampled_from((1.0, 1.2)))
def test_what_is_pushed_straight_keeps_its_order_and_its_distance(
    machine: tuple[list[Node], list[Edge]], wider: float
) -> None:
    """Nothing comes nearer to its neighbour than before, the drawing does not grow beyond what it may."""
    nodes, edges = machine
    rows = grid(nodes, edges, "s0", rankings(nodes, edges, "s0")[0])
    untangle(rows, 1)
    before = columns(rows)[0]

    after = straightened(rows, before, wider)

    for row in rows.rows:
        for left, right in itertools.pairwise(row):
            assert after[right] - after[left] >= min(distance(rows, left, right), before[right] - before[left])
    assert bends(routed(rows, after)) <= bends(routed(rows, before))
    assert routed(rows, after).width <= routed(rows, before).width * wider + 1


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=12), st.integers(0, 3000))
def test_boxes_that_are_each_too_wide_for_a_row_come_to_an_end(widths: list[int], label: int) -> None:
    """One of them stays in each row; a row that went down as a whole would go down for ever."""
    nodes = [Node("s0", 18, 18), *(Node(f"s{number}", width, 50) for number, width in enumerate(widths, 1))]
    edges = [Edge(f"e{node.id}", "s0", node.id, label, 14) for node in nodes[1:]]

    for ranks in rankings(nodes, edges, "s0"):
        assert {*ranks.values()} == {*range(max(ranks.values()) + 1)}


def test_forty_states_take_less_than_a_second() -> None:
    """Measured in processor time, so that a busy machine does not matter; it takes a tenth of that."""
    import time

    chance = random.Random(7)
    nodes = [Node(f"s{n}", 140, 50) for n in range(40)]
    edges = [Edge(f"e{n}", f"s{chance.randrange(40)}", f"s{chance.randrange(40)}", 90, 14) for n in range(120)]

    before = time.process_time()
    layout(nodes, edges, start="s0")

    assert time.process_time() - before < 1.0


BOXES = {"a": Box(0, 0, 50, 20), "b": Box(0, 100, 50, 20), "c": Box(80, 50, 50, 20)}
GOOD = Drawing(
    200, 200, BOXES, {"ab": Line(((20, 20), (20, 100)), Box(24, 50, 30, 10)), "ac": Line(((30, 20), (100, 20), (100, 50)), None)}
)  # fmt: skip
NODES = [Node(name, 50, 20) for name in BOXES]
EDGES = [Edge("ab", "a", "b", 30, 10), Edge("ac", "a", "c")]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"boxes": {**BOXES, "c": Box(30, 10, 50, 20)}}, "cover"),
        ({"lines": {**GOOD.lines, "ab": Line(((20, 20), (20, 90)), Box(24, 50, 30, 10))}}, "does not end"),
        ({"lines": {**GOOD.lines, "ab": Line(((20, 20), (25, 100)), Box(26, 50, 30, 10))}}, "not parallel"),
        ({"lines": {**GOOD.lines, "ab": Line(((20, 20), (20, 100)), Box(10, 50, 30, 10))}}, "label of ab"),
        ({"lines": {**GOOD.lines, "ab": Line(((20, 20), (20, 100)), Box(70, 50, 30, 10))}}, "cover"),
        ({"lines": {**GOOD.lines, "ac": Line(((50, 10), (110, 10), (110, 80), (90, 80), (90, 70)), None)}}, "through c"),
        ({"lines": {"ab": GOOD.lines["ab"]}}, "not the edges"),
        ({"width": 100.0}, "outside"),
    ],
)  # fmt: skip
def test_the_judge_of_drawings_sees_each_fault(change: dict[str, Any], word: str) -> None:
    """A check that cannot fail would prove nothing."""
    assert faults(GOOD, NODES, EDGES) == []

    found = _faults(attrs.evolve(GOOD, **change))

    assert any(word in fault for fault in found), found


def _faults(drawing: Drawing) -> list[str]:
    try:
        return faults(drawing, NODES, EDGES)
    except KeyError:
        return ["the lines are not the edges"]
