"""Lines made straight by moving what stands in their way: each that leads on without a jog is two corners less.

A line leads straight on between two points, or between a point and a box where it meets the box within its ports. So
everything is a distance that two items have to keep: neighbours in their row, ends of a line that is straight already.
One line after the other, the shortest jogs first, is drawn straight by pushing one of its ends; what that touches is
pushed on, as long as nothing has to go out of the drawing or to push back at the other end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, inf

import attrs

from fsm_robot.analyst.drawing.layout_columns import distance
from fsm_robot.analyst.drawing.layout_routes import port_room
from fsm_robot.analyst.drawing.layout_rows import Grid

ROUNDS = 2
"""So often every jog is looked at: what one line has freed lets another one go straight."""
STEPS = 200
"""A push that goes on for longer is given up."""


@attrs.define
class _Held:
    """Positions and what they have to keep to.

    Attributes:
        x: Where the items stand.
        beside: Per item, its neighbours to the right and to the left with the distance, or none.
        held: Per item, ends of its straight lines, each with the least and the most that it may be to the right.
        low: How far left each may stand.
        high: How far right.
    """

    x: list[float]
    right: list[tuple[int, float]]
    left: list[tuple[int, float]]
    held: list[list[tuple[int, float, float]]]
    low: list[float]
    high: list[float]

    def pushed(self, item: int, to: float, anchor: int) -> dict[int, float] | None:
        """Return where everything is after `item` went to `to`, without `anchor` having to move, or None."""
        x, forward = self.x, to > self.x[item]
        beside = self.right if forward else self.left
        sign = 1.0 if forward else -1.0
        moved = {item: to}
        waiting = [item]
        for here in waiting:  # grows while it is walked through
            place = moved[here]
            if here == anchor or place > self.high[here] or place < self.low[here] or len(waiting) > STEPS:
                return None
            near, apart = beside[here]
            if near >= 0:
                wanted = place + sign * apart
                if (wanted - moved.get(near, x[near])) * sign > 0:
                    moved[near] = wanted
                    waiting.append(near)
            for near, least, most in self.held[here]:
                wanted = place + (least if forward else most)
                if (wanted - moved.get(near, x[near])) * sign > 0:
                    moved[near] = wanted
                    waiting.append(near)
        return moved


def straightened(made: Grid, x: Sequence[float], wider: float = 1.0) -> list[float]:
    """Return positions with which more lines are straight, in a drawing that is at most so many times as wide."""
    room = _rooms(made)
    state = _begin(made, x, wider)
    for (a, b), (least, most) in room.items():
        if least <= x[b] - x[a] <= most:
            _hold(state, a, b, least, most)
    waiting = [link for link in room if not room[link][0] <= state.x[link[1]] - state.x[link[0]] <= room[link][1]]
    for _ in range(ROUNDS):
        left = []
        for a, b in sorted(waiting, key=lambda link: _jog(state.x, link, room[link])):
            if not _straighten(state, a, b, *room[a, b]):
                left.append((a, b))
        if len(left) == len(waiting):
            break
        waiting = left
        if not waiting:
            break
    return state.x


def _jog(x: Sequence[float], link: tuple[int, int], room: tuple[float, float]) -> float:
    off = x[link[1]] - x[link[0]]
    return max(room[0] - off, off - room[1])


def _hold(state: _Held, a: int, b: int, least: float, most: float) -> None:
    state.held[a].append((b, least, most))
    state.held[b].append((a, -most, -least))


def _straighten(state: _Held, a: int, b: int, least: float, most: float) -> bool:
    off = state.x[b] - state.x[a]
    if not least <= off <= most:
        bound = least if off < least else most
        ways = [state.pushed(b, state.x[a] + bound, a), state.pushed(a, state.x[b] - bound, b)]
        found = [way for way in ways if way is not None]
        if not found:
            return False
        best = min(found, key=lambda way: sum(abs(place - state.x[item]) for item, place in way.items()))
        for item, place in best.items():
            state.x[item] = place
    _hold(state, a, b, least, most)
    return True


def _begin(made: Grid, x: Sequence[float], wider: float) -> _Held:
    count = len(made.items)
    right, left = [(-1, 0.0)] * count, [(-1, 0.0)] * count
    for row in made.rows:
        for a, b in pairwise(row):
            apart = distance(made, a, b)
            right[a], left[b] = (b, apart), (a, apart)
    begins = min((place - item.left for place, item in zip(x, made.items, strict=True)), default=0.0)
    ends = max((place + item.right for place, item in zip(x, made.items, strict=True)), default=0.0)
    more = (ends - begins) * (wider - 1) / 2
    low = [begins - more + item.left for item in made.items]
    high = [ends + more - item.right for item in made.items]
    return _Held(list(x), right, left, [[] for _ in range(count)], low, high)


def _rooms(made: Grid) -> dict[tuple[int, int], tuple[float, float]]:
    """Return per link how far right of its upper end the lower one may be, at least and at most, if it is straight."""
    rooms = {(a, b): (-inf, inf) for a, below in enumerate(made.down) for b in below}
    place = {item: position for row in made.rows for position, item in enumerate(row)}
    for link in rooms:
        if all(made.items[item].node is None for item in link):
            rooms[link] = (0.0, 0.0)
    for item in made.box.values():
        for linked, below in ((made.down[item], True), (made.up[item], False)):
            low, high, gap = port_room(made, item, len(linked))
            for number, near in enumerate(sorted(linked, key=lambda near: place[near])):
                least, most = ceil(low + number * gap), floor(high - (len(linked) - 1 - number) * gap)
                link, room = ((item, near), (least, most)) if below else ((near, item), (-most, -least))
                rooms[link] = room if least <= most else (inf, -inf)
    return {link: room for link, room in rooms.items() if room[0] <= room[1]}
