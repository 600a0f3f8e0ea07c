"""Our drawings beside those of Graphviz and ELK: `make bench-drawings`, or `python -m tests.peers.measured_drawings --count 100`.

Every program gets the same boxes and the same labels, and lays them out by its own defaults: dot with lines as polygons, ELK
`layered` with orthogonal lines. A figure is the median over all machines; the last table is states.yaml.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.analyst.drawing.layout import layout
from fsm_robot.analyst.drawing.scene import START, scene
from fsm_robot.analyst.drawing.shapes import Edge, Node, Point
from fsm_robot.analyst.words import words
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.machine import built_in
from tests.analyst.large_machines import KINDS, large
from tests.peers import peers

DOT_LIMIT_S = 30
NEAR = 0.5
"""Lines that touch a label by less than this many pixels do not cross it."""
Rectangle = tuple[float, float, float, float]
Graph = tuple[Sequence[Node], Sequence[Edge]]


@attrs.frozen
class Picture:
    """A drawing by whomever: its size, the polyline of every edge, the rectangle of every label."""

    width: float
    height: float
    lines: Mapping[str, Sequence[Point]]
    labels: Mapping[str, Rectangle]
    seconds: float = 0.0


# ---- the figures


def covered_labels(picture: Picture) -> int:
    """Return how many labels lie on a line that is not their own."""
    return sum(
        any(_meets(piece, label) for other, line in picture.lines.items() if other != name for piece in _pieces(line))
        for name, label in picture.labels.items()
    )


def crossings(picture: Picture) -> int:
    """Return how many pairs of pieces of two different lines cross."""
    pieces = [(name, *piece) for name, line in picture.lines.items() for piece in _pieces(line)]
    pieces.sort(key=lambda piece: min(piece[1][0], piece[2][0]))
    found, waiting = 0, list[tuple[str, Point, Point]]()
    for name, a, b in pieces:
        left = min(a[0], b[0])
        waiting = [other for other in waiting if max(other[1][0], other[2][0]) >= left]
        found += sum(name != other and _cross(a, b, c, d) for other, c, d in waiting)
        waiting.append((name, a, b))
    return found


def bends(picture: Picture) -> int:
    """Return how many corners all lines have."""
    return sum(max(0, len(line) - 2) for line in picture.lines.values())


def area(picture: Picture) -> float:
    """Return the area in megapixels."""
    return picture.width * picture.height / 1e6


def length(picture: Picture) -> float:
    """Return how long all lines are together, in thousands of pixels."""
    return sum(_long(a, b) for line in picture.lines.values() for a, b in _pieces(line)) / 1000


METRICS: Mapping[str, Callable[[Picture], float]] = {
    "labels on foreign lines": covered_labels,
    "crossings": crossings,
    "bends": bends,
    "area, Mpx": area,
    "edge length, kpx": length,
    "width, px": lambda picture: picture.width,
    "height, px": lambda picture: picture.height,
    "seconds": lambda picture: picture.seconds,
}


def _pieces(line: Sequence[Point]) -> Iterable[tuple[Point, Point]]:
    return pairwise(line)


def _long(a: Point, b: Point) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def _side(a: Point, b: Point, c: Point) -> float:
    value = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return 0.0 if abs(value) < 1e-6 else value


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether two pieces cross; those that only touch do not."""
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _meets(piece: tuple[Point, Point], label: Rectangle) -> bool:
    """Whether a piece of a line comes into a rectangle (Liang and Barsky's clipping)."""
    (x1, y1), (x2, y2) = piece
    left, top, right, bottom = label[0] + NEAR, label[1] + NEAR, label[0] + label[2] - NEAR, label[1] + label[3] - NEAR
    low, high = 0.0, 1.0
    for step, room in ((x1 - x2, x1 - left), (x2 - x1, right - x1), (y1 - y2, y1 - top), (y2 - y1, bottom - y1)):
        if step == 0:
            if room < 0:
                return False
        elif step < 0:
            low = max(low, room / step)
        else:
            high = min(high, room / step)
    return low < high


# ---- the three programs


def graph_of(definition: Definition) -> Graph:
    """Return boxes and lines as our own picture has them: as large, and transitions between the same two states together."""
    drawn = scene(words(definition))
    nodes = [Node(START, 18, 18), *(Node(figure.state.name, *figure.size) for figure in drawn.figures)]
    edges = [Edge("start", START, definition.initial)]
    return nodes, [*edges, *(Edge(route.id, route.source, route.dest, *route.label_size()) for route in drawn.routes)]


def ours(graph: Graph) -> Picture:
    """Return what `layout` draws."""
    begun = time.process_time()
    drawn = layout(*graph, start=START)
    seconds = time.process_time() - begun
    labels = {name: line.label for name, line in drawn.lines.items()}
    return Picture(
        drawn.width,
        drawn.height,
        {name: line.points for name, line in drawn.lines.items()},
        {name: (label.x, label.y, label.width, label.height) for name, label in labels.items() if label},
        seconds,
    )


def by_elk(graphs: Mapping[str, Graph], folder: Path) -> dict[str, Picture]:
    """Return what ELK draws."""
    job = {
        name: {
            "nodes": [[node.id, node.width, node.height] for node in nodes],
            "edges": [[e.id, e.source, e.target, e.label_width, e.label_height] for e in edges],
        }
        for name, (nodes, edges) in graphs.items()
    }
    found = peers.node("elk.js", job, folder, timeout_s=900)
    return {name: _of_elk(drawn) for name, drawn in found.items()}


def _of_elk(drawn: Mapping[str, Any]) -> Picture:
    lines = {name: [(x, y) for x, y in points] for name, points in drawn["lines"].items()}
    width, height = drawn["size"]
    labels = {name: (x, y, wide, high) for name, (x, y, wide, high) in drawn["labels"].items()}
    return Picture(width, height, lines, labels, drawn["seconds"])


def by_dot(graph: Graph) -> Picture | None:
    """Return what dot draws, or None where it takes more than its time."""
    nodes, edges = graph
    number = {node.id: f"n{place}" for place, node in enumerate(nodes)}
    text = ['digraph { graph [splines=polyline] node [shape=box fixedsize=true label=""]']
    text += [f"{number[n.id]} [width={n.width / 72:.4f} height={n.height / 72:.4f}]" for n in nodes]
    for place, e in enumerate(edges):
        table = f'<TABLE FIXEDSIZE="TRUE" WIDTH="{e.label_width:.0f}" HEIGHT="{e.label_height:.0f}" BORDER="0" CELLBORDER="0">'
        label = f" label=<{table}<TR><TD></TD></TR></TABLE>>" if e.label_width else ""
        text.append(f"{number[e.source]} -> {number[e.target]} [id={place}{label}]")
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [peers.program("dot"), "-Tjson0"],
            input="\n".join([*text, "}"]).encode(),
            capture_output=True,
            check=True,
            timeout=DOT_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return None
    return _of_dot(json.loads(done.stdout), edges, time.monotonic() - begun)


def _of_dot(drawn: Mapping[str, Any], edges: Sequence[Edge], seconds: float) -> Picture:
    left, bottom, right, top = (float(value) for value in drawn["bb"].split(","))
    lines: dict[str, list[Point]] = {}
    labels: dict[str, Rectangle] = {}
    for found in drawn.get("edges", ()):
        edge = edges[int(found["id"])]
        lines[edge.id] = _polygon(found["pos"])
        if "lp" in found:
            x, y = map(float, found["lp"].split(","))
            labels[edge.id] = (x - edge.label_width / 2, y - edge.label_height / 2, edge.label_width, edge.label_height)
    return Picture(right - left, top - bottom, lines, labels, seconds)


def _polygon(pos: str) -> list[Point]:
    """Return the corners of a line that dot writes as curves with all three points of a straight piece on it."""
    parts = pos.split()
    tip = next((part[2:] for part in parts if part.startswith("e,")), "")
    curve = [tuple(map(float, part.split(","))) for part in parts if part[0] not in "es"]
    corners = [*curve[::3], *([tuple(map(float, tip.split(",")))] if tip else [])]
    kept: list[Point] = []
    for corner in corners:
        x, y = corner
        while len(kept) > 1 and abs(_side(kept[-2], kept[-1], (x, y))) < 2 * _long(kept[-2], (x, y)):
            kept.pop()
        if not kept or kept[-1] != (x, y):
            kept.append((x, y))
    return kept


# ---- the tables


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how many machines (default: %(default)s)")
    parser.add_argument("--kinds", action="store_true", help="a table for each kind of machine too")
    arguments = parser.parse_args()
    machines = {f"{number}": large(number) for number in range(arguments.count)}
    machines["states.yaml"] = machine_file.load_labelled(built_in(), None, ())
    graphs = {name: graph_of(machine) for name, machine in machines.items()}
    with tempfile.TemporaryDirectory() as folder:
        elk = by_elk(graphs, Path(folder))
    dot = {name: by_dot(graph) for name, graph in graphs.items()}
    own = {name: ours(graph) for name, graph in graphs.items()}
    numbers = [str(number) for number in range(arguments.count)]
    late = sum(dot[name] is None for name in numbers)
    print(f"{arguments.count} machines of 20 to 100 states, median; dot was over its {DOT_LIMIT_S} s at {late}\n")
    _table(numbers, own, dot, elk)
    for place, kind in enumerate(KINDS if arguments.kinds else ()):
        print(f"\n{kind}\n")
        _table(numbers[place :: len(KINDS)], own, dot, elk)
    print("\nstates.yaml\n")
    _table(["states.yaml"], own, dot, elk)
    return 0


def _table(
    names: Sequence[str], own: Mapping[str, Picture], dot: Mapping[str, Picture | None], elk: Mapping[str, Picture]
) -> None:
    print("| figure | fsm_robot | dot | elk | fsm_robot / elk, median | worst machine |\n|---|---|---|---|---|---|")
    for metric, measure in METRICS.items():
        mine = {name: measure(own[name]) for name in names}
        theirs = {name: measure(elk[name]) for name in names}
        of_dot = [measure(found) for name in names if (found := dot[name]) is not None]
        ratios = [mine[name] / theirs[name] for name in names if theirs[name]]
        print(
            f"| {metric} | {_median(mine.values())} | {_median(of_dot)} | {_median(theirs.values())}"
            f" | {_median(ratios)} | {max(ratios, default=0.0):.2f} |"
        )


def _median(values: Iterable[float]) -> str:
    found = list(values)
    return f"{statistics.median(found):.5g}" if found else "-"


if __name__ == "__main__":
    raise SystemExit(main())
