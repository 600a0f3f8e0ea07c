"""Ranks of boxes: which ones stand beside each other, so that lines are short and no rank is much wider than others.

Lines that close a circle are turned round first. Then the sum of all lengths is made as small as it can be, by the
network simplex method (Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs", 1993): a spanning
tree of lines that are as short as they may be, of which one is exchanged as long as that shortens the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import attrs

from fsm_robot.analyst.drawing.shapes import Edge, Node

Pair = tuple[str, str]
EXCHANGES = 400
"""More exchanges of tree lines than any machine of 200 states has needed; what is found until then is drawn."""
KEPT, SMALL = 2, 120
"""So many rankings are drawn, those with the shortest lines, and all whose lines pass fewer ranks than that."""
WIDER = 1.5
"""How many times as wide as a square drawing a rank may be before some of its boxes go a rank further down."""
NARROWEST = 1600.0
"""A rank of so many pixels is always good."""
BESIDE = 30.0
"""Between boxes of a rank, and between labels."""


def rankings(nodes: Sequence[Node], edges: Sequence[Edge], start: str) -> list[dict[str, int]]:
    """Return several ways to give each node a rank, from 0: they differ in which lines are turned round.

    Ends of a line are at least one rank apart; a line that goes up is a back edge. No two of the results are the same.
    """
    names = [node.id for node in nodes]
    pairs = [(edge.source, edge.target) for edge in edges if edge.source != edge.target]
    # Which one reads best depends on the machine.
    orders = [
        _depth_first(names, pairs, start),
        _depth_first(names, pairs[::-1], start),
        _breadth_first(names, pairs, start),
        _greedy(names, pairs, start),
    ]
    found: list[dict[str, int]] = []
    for order in orders:
        ranks = _ranked(nodes, edges, pairs, order)
        if ranks not in found:
            found.append(ranks)
    spans = sorted((sum(abs(ranks[a] - ranks[b]) for a, b in pairs), number) for number, ranks in enumerate(found))
    return [found[number] for place, (span, number) in enumerate(spans) if place < KEPT or span < SMALL]


def longest_ways(nodes: Sequence[Node], edges: Sequence[Edge], start: str) -> dict[str, int]:
    """Return the rank of each node, from 0: one more than the highest of its predecessors, back edges left out."""
    names = [node.id for node in nodes]
    pairs = [(edge.source, edge.target) for edge in edges if edge.source != edge.target]
    orders = [_depth_first(names, pairs, start), _depth_first(names, pairs[::-1], start)]
    order = min(orders, key=lambda order: _backward(pairs, order))
    return _longest_ways(order, _downwards(pairs, order))


def _backward(pairs: Iterable[Pair], order: Sequence[str]) -> int:
    position = {name: number for number, name in enumerate(order)}
    return sum(position[a] > position[b] for a, b in set(pairs))


def _downwards(pairs: Sequence[Pair], order: Sequence[str]) -> dict[Pair, int]:
    """Return how many lines lie between two nodes, as if all of them led on in this order."""
    position = {name: number for number, name in enumerate(order)}
    weights: dict[Pair, int] = defaultdict(int)
    for a, b in pairs:
        weights[(a, b) if position[a] < position[b] else (b, a)] += 1
    return weights


def _ranked(
    nodes: Sequence[Node], edges: Sequence[Edge], pairs: Sequence[Pair], order: Sequence[str]
) -> dict[str, int]:
    weights = _downwards(pairs, order)
    # What nothing leads down to is below the start all the same.
    led = {below for _, below in weights}
    weights.update({(order[0], name): 0 for name in order[1:] if name not in led})
    ranks = _longest_ways(order, weights)
    for part in _connected(order, weights):
        ranks.update(_shortened({name: ranks[name] for name in part}, weights))
    _set_between(nodes, edges, weights, ranks)
    _narrowed(nodes, edges, weights, ranks)
    return ranks


def _breadth_first(names: Sequence[str], pairs: Sequence[Pair], start: str) -> list[str]:
    """Return the nodes so that a line which leads nearer to the start goes backwards."""
    after: dict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        after[source].append(target)
    order: list[str] = []
    seen: set[str] = set()
    for root in (start, *names):
        if root not in seen:
            seen.add(root)
            order.append(root)
            for name in islice(order, len(order) - 1, None):
                for other in after[name]:
                    if other not in seen:
                        seen.add(other)
                        order.append(other)
    return order


def _greedy(names: Sequence[str], pairs: Sequence[Pair], start: str) -> list[str]:
    """Return the nodes with few lines backwards: ends last, else what leads on most first (Eades and others, 1993)."""
    after: dict[str, list[str]] = defaultdict(list)
    before: dict[str, list[str]] = defaultdict(list)
    for a, b in pairs:
        after[a].append(b)
        before[b].append(a)
    leads = {name: len(after[name]) for name in names}
    led = {name: len(before[name]) for name in names}
    rest = dict.fromkeys(names)
    first: list[str] = []
    last: list[str] = []

    def take(name: str, where: list[str]) -> None:
        where.append(name)
        del rest[name]
        for other in before[name]:
            leads[other] -= 1
        for other in after[name]:
            led[other] -= 1

    take(start, first)
    while rest:
        ends = [name for name in rest if not leads[name]]
        begins = [name for name in rest if not led[name]]
        for name in ends:
            take(name, last)
        for name in begins:
            if name in rest:
                take(name, first)
        if not ends and not begins:
            take(max(rest, key=lambda name: leads[name] - led[name]), first)
    return [*first, *reversed(last)]


def _depth_first(names: Sequence[str], pairs: Sequence[tuple[str, str]], start: str) -> list[str]:
    """Return the nodes so that only edges which close a circle of a depth-first walk go backwards."""
    after: dict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        after[source].append(target)
    left: list[str] = []
    seen: set[str] = set()
    for root in (start, *names):
        if root in seen:
            continue
        seen.add(root)
        # No recursion: a machine may have a chain of states longer than Python's stack.
        stack = [(root, iter(after[root]))]
        while stack:
            name, ways = stack[-1]
            unseen = next((way for way in ways if way not in seen), None)
            if unseen is None:
                left.append(name)
                stack.pop()
            else:
                seen.add(unseen)
                stack.append((unseen, iter(after[unseen])))
    return left[::-1]


def _longest_ways(order: Sequence[str], weights: Mapping[Pair, int]) -> dict[str, int]:
    """Return one more than the highest rank of what leads to it, for each node."""
    before: dict[str, list[str]] = defaultdict(list)
    for above, below in weights:
        before[below].append(above)
    ranks: dict[str, int] = {}
    for name in order:
        ranks[name] = max((ranks[above] + 1 for above in before[name]), default=0)
    return ranks


def _connected(order: Sequence[str], weights: Mapping[Pair, int]) -> list[list[str]]:
    """Return the parts of the graph that no line joins."""
    near: dict[str, list[str]] = defaultdict(list)
    for a, b in weights:
        near[a].append(b)
        near[b].append(a)
    parts, seen = [], set[str]()
    for root in order:
        if root in seen:
            continue
        seen.add(root)
        part = [root]
        for name in part:  # grows while it is walked through
            for other in near[name]:
                if other not in seen:
                    seen.add(other)
                    part.append(other)
        parts.append(part)
    return parts


# ---- as short as can be


@attrs.define
class _Tree:
    """A spanning tree of lines that are one rank long, rooted at node 0.

    Attributes:
        lines: Every line as (upper node, lower node).
        rank: Rank per node.
        chosen: Numbers of the lines that are in the tree.
        order: The nodes, parents first, subtrees together.
        place: Place of a node in `order`.
        last: Place of the last node of its subtree.
        parent: Number of the line that leads to the parent, -1 for the root.
    """

    lines: Sequence[tuple[int, int]]
    rank: list[int]
    chosen: set[int] = attrs.field(factory=set)
    order: list[int] = attrs.field(factory=list)
    place: list[int] = attrs.field(factory=list)
    last: list[int] = attrs.field(factory=list)
    parent: list[int] = attrs.field(factory=list)

    def slack(self, line: int) -> int:
        """Return by how many ranks a line is longer than it must be."""
        above, below = self.lines[line]
        return self.rank[below] - self.rank[above] - 1

    def grow(self) -> None:
        """Find a first tree: what can be reached by lines of one rank, moved until the next line is one."""
        touching: list[list[int]] = [[] for _ in self.rank]
        for number, (a, b) in enumerate(self.lines):
            touching[a].append(number)
            touching[b].append(number)
        reached, inside = [0], {0}
        edge_of_it: set[int] = set(touching[0])
        while len(reached) < len(self.rank):
            line = min(edge_of_it, key=lambda number: (self.slack(number), number))
            a, b = self.lines[line]
            shift = self.slack(line) if a in inside else -self.slack(line)
            for node in reached if shift else ():
                self.rank[node] += shift
            new = b if a in inside else a
            self.chosen.add(line)
            reached.append(new)
            inside.add(new)
            edge_of_it ^= set(touching[new])  # what has both ends inside is no way out any more
        self.walk()

    def walk(self) -> None:
        """Number the nodes, so that a subtree is a piece of `order`."""
        touching: dict[int, list[int]] = defaultdict(list)
        for number in sorted(self.chosen):
            for node in self.lines[number]:
                touching[node].append(number)
        count = len(self.rank)
        self.order, self.place, self.last, self.parent = [], [-1] * count, [0] * count, [-1] * count
        stack = [0]
        while stack:
            node = stack.pop()
            self.place[node] = len(self.order)
            self.order.append(node)
            for number in touching[node]:
                if number != self.parent[node]:
                    a, b = self.lines[number]
                    child = b if a == node else a
                    self.parent[child] = number
                    stack.append(child)
        for node in reversed(self.order):
            self.last[node] = max(self.last[node], self.place[node])
            if self.parent[node] >= 0:
                a, b = self.lines[self.parent[node]]
                above = b if a == node else a
                self.last[above] = max(self.last[above], self.last[node])

    def below(self, node: int, top: int) -> bool:
        """Whether `node` is in the subtree of `top`."""
        return self.place[top] <= self.place[node] <= self.last[top]

    def worst(self, pull: Sequence[int]) -> int:
        """Return the node whose line to its parent lengthens the whole most by being short, or -1."""
        total = list(pull)
        found, most = -1, 0
        for node in reversed(self.order[1:]):
            a, b = self.lines[self.parent[node]]
            gain = total[node] if a == node else -total[node]
            total[b if a == node else a] += total[node]
            if gain < most:
                found, most = node, gain
        return found

    def exchange(self, top: int) -> bool:
        """Take another line into the tree instead of the one above `top`; return whether there is one."""
        leaves_it = self.lines[self.parent[top]][0] == top
        ways = [
            number
            for number, (a, b) in enumerate(self.lines)
            if self.below(a, top) != self.below(b, top) and self.below(b, top) == leaves_it
        ]
        if not ways:
            return False
        line = min(ways, key=lambda number: (self.slack(number), number))
        shift = -self.slack(line) if leaves_it else self.slack(line)
        for node in self.order[self.place[top] : self.last[top] + 1]:
            self.rank[node] += shift
        self.chosen.remove(self.parent[top])
        self.chosen.add(line)
        self.walk()
        return True


def _shortened(ranks: Mapping[str, int], weights: Mapping[Pair, int]) -> dict[str, int]:
    """Return ranks of a connected part, from 0, with which all its lines together are as short as can be."""
    names = list(ranks)
    number = {name: place for place, name in enumerate(names)}
    pairs = [(pair, weight) for pair, weight in weights.items() if pair[0] in number]
    if not pairs:
        return dict(ranks)
    tree = _Tree([(number[a], number[b]) for (a, b), _ in pairs], [ranks[name] for name in names])
    pull = [0] * len(names)
    for (a, b), weight in pairs:
        pull[number[a]] += weight
        pull[number[b]] -= weight
    tree.grow()
    for _ in range(EXCHANGES):
        top = tree.worst(pull)
        if top < 0 or not tree.exchange(top):
            break
    least = min(tree.rank)
    return {name: rank - least for name, rank in zip(names, tree.rank, strict=True)}


# ---- as wide as the others


@attrs.define
class _Crowd:
    """How wide the ranks are, boxes and the labels that lead to them."""

    ranks: dict[str, int]
    width: Mapping[str, float]
    above: Mapping[str, Sequence[str]]
    under: Mapping[str, Sequence[str]]
    wide: dict[int, float] = attrs.field(factory=lambda: defaultdict(float))

    def room(self, name: str) -> tuple[int, int]:
        """Return the highest and the lowest rank where a node may stand."""
        high = max((self.ranks[other] + 1 for other in self.above[name]), default=self.ranks[name])
        low = min((self.ranks[other] - 1 for other in self.under[name]), default=self.ranks[name])
        return high, low

    def move(self, name: str, rank: int) -> None:
        """Put a node into another rank."""
        self.wide[self.ranks[name]] -= self.width[name]
        self.ranks[name] = rank
        self.wide[rank] += self.width[name]


def _crowd(nodes: Sequence[Node], edges: Sequence[Edge], pairs: Iterable[Pair], ranks: dict[str, int]) -> _Crowd:
    above: dict[str, list[str]] = defaultdict(list)
    under: dict[str, list[str]] = defaultdict(list)
    for a, b in pairs:
        above[b].append(a)
        under[a].append(b)
    labels: dict[str, float] = defaultdict(float)
    for edge in edges:
        if edge.source != edge.target and edge.label_width:
            labels[max(edge.source, edge.target, key=lambda name: ranks[name])] += edge.label_width + BESIDE
    width = {node.id: max(node.width + BESIDE, labels[node.id]) for node in nodes}
    crowd = _Crowd(ranks, width, above, under)
    for node in nodes:
        crowd.wide[ranks[node.id]] += width[node.id]
    return crowd


def _set_between(
    nodes: Sequence[Node], edges: Sequence[Edge], weights: Mapping[Pair, int], ranks: dict[str, int]
) -> None:
    """Put what is as long whatever its rank is into the narrowest one that it may have."""
    crowd = _crowd(nodes, edges, weights, ranks)
    for node in nodes:
        name = node.id
        up = sum(weights[other, name] for other in crowd.above[name])
        down = sum(weights[name, other] for other in crowd.under[name])
        if up and up == down:
            high, low = crowd.room(name)
            best = min(range(high, low + 1), key=lambda rank: (crowd.wide[rank], abs(rank - ranks[name])))
            if crowd.wide[best] + crowd.width[name] < crowd.wide[ranks[name]]:
                crowd.move(name, best)


def _narrowed(nodes: Sequence[Node], edges: Sequence[Edge], weights: Mapping[Pair, int], ranks: dict[str, int]) -> None:
    """Let the spokes of a hub stand in rows: what nothing holds goes down from a rank that is too wide."""
    crowd = _crowd(nodes, edges, weights, ranks)
    surface = sum((node.width + BESIDE) * (node.height + BESIDE) for node in nodes)
    surface += sum((edge.label_width + BESIDE) * (edge.label_height + BESIDE) for edge in edges if edge.label_width)
    widest = max(NARROWEST, WIDER * surface**0.5)
    rank = 0
    while rank <= max(ranks.values()):
        there = [node.id for node in nodes if ranks[node.id] == rank]
        there.reverse()
        left = len(there)
        # Ends first: they hold nothing that would have to go down with them.
        for name in sorted(there, key=lambda name: len(crowd.under[name])):
            # The last one stays, however wide it is: else a rank would go down as a whole, and without end.
            if crowd.wide[rank] <= widest or left == 1:
                break
            if all(ranks[other] > rank + 1 for other in crowd.under[name]):
                crowd.move(name, rank + 1)
                left -= 1
        rank += 1
