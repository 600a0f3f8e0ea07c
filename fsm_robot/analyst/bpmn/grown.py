"""What is new in a process, drawn around what has its place already.

New elements that hang together are laid out as one block by the same layout as a whole process, and put where there
is room near to what leads to them; new events are put on a free piece of the border of their task; flows, ties of notes
and messages look for their way (`router`); labels stand at the nearest free place. What is kept is never moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from fsm_robot.analyst.bpmn.docks import docks, inside, used
from fsm_robot.analyst.bpmn.plan import EVENT, MARGIN, POOL_GAP, TITLE_BAND, plan, without_ways_back
from fsm_robot.analyst.bpmn.process import OTHER_POOL, ROBOT_POOL, Flow, Item, Message, Note, Plan, Process
from fsm_robot.analyst.drawing.free_place import around, free_place, pieces
from fsm_robot.analyst.drawing.router import Dock, Surroundings, cuts, route
from fsm_robot.analyst.drawing.shapes import Box, Point

AWAY = 60.0
"""Between a new block and what leads to it, where there is room."""
BLOCK_GAP, LABEL_GAP, EVENT_GAP = 26.0, 4.0, 4.0
OPEN = 160.0
"""How far a drawing may grow on a side on which nothing stands."""
POOLS = (ROBOT_POOL, OTHER_POOL)


def grown(process: Process, fresh: Plan, kept: Plan) -> Plan:
    """Return the plan of all of `process`.

    Args:
        process: What is to be drawn.
        fresh: The same, drawn without regard to anything kept: it has the sizes of what is new.
        kept: What has its place.
    """
    sheet = _Sheet(process, fresh, dict(kept.shapes), dict(kept.lines), dict(kept.labels))
    sheet.frame = sheet.space()
    sheet.put_blocks()
    sheet.put_events()
    sheet.draw_flows()
    sheet.put_labels()
    sheet.put_notes()
    if process.pools:
        sheet.put_pools()
        sheet.draw_messages()
    order = [*fresh.lines]
    return Plan(sheet.shapes, {name: sheet.lines[name] for name in order}, sheet.labels)


@attrs.define
class _Sheet:
    process: Process
    fresh: Plan
    shapes: dict[str, Box]
    lines: dict[str, tuple[Point, ...]]
    labels: dict[str, Box]
    frame: Box = attrs.field(default=Box(0, 0, 0, 0))

    @property
    def items(self) -> Mapping[str, Item]:
        return {item.id: item for item in self.process.items}

    def things(self) -> dict[str, Box]:
        return {name: box for name, box in self.shapes.items() if name not in POOLS}

    def room(self) -> list[Box]:
        """Return all that is inside the pool of the process."""
        outside = {message.id for message in self.process.messages}
        labels = [box for name, box in self.labels.items() if name not in outside]
        lines = pieces(line for name, line in self.lines.items() if name not in outside)
        return [*self.things().values(), *labels, *lines]

    def space(self) -> Box:
        """Return where new things may be: the pool, and more where it may grow; always something to the right."""
        boxes = self.room()
        pool, other = self.shapes.get(ROBOT_POOL), self.shapes.get(OTHER_POOL)
        room = around([*boxes, pool] if pool else boxes)
        below = other is not None and other.y > room.y
        above = other is not None and not below
        left = room.x + TITLE_BAND + MARGIN / 2 if pool else room.x - OPEN
        top = room.y + MARGIN / 2 if above else room.y - OPEN
        bottom = room.bottom - MARGIN / 2 if below else room.bottom + OPEN
        block = sum(box.width + AWAY for name, box in self.fresh.shapes.items() if name not in (*POOLS, *self.shapes))
        return Box(left, top, room.right + block + 10 * OPEN - left, bottom - top)

    def taken(self) -> list[Box]:
        return [*self.things().values(), *self.labels.values(), *pieces(self.lines.values())]

    # ---- new elements

    def put_blocks(self) -> None:
        new = [item for item in self.process.items if not item.host and item.id not in self.shapes]
        waiting = list(_components([item.id for item in new], self.process.flows, self.items))
        while waiting:
            # What something leads to that has its place comes first.
            block = next((block for block in waiting if self._anchor(block) is not None), waiting[0])
            waiting.remove(block)
            self._put(block)

    def _anchor(self, block: Sequence[str]) -> tuple[Box, str, bool] | None:
        """Return a placed element beside the block, what of the block it is linked to, and whether it leads there."""
        for flow in self.process.flows:
            before = self.items[flow.source].host or flow.source
            if flow.target in block and before not in block and before in self.shapes:
                return self.shapes[before], flow.target, True
        for flow in self.process.flows:
            before = self.items[flow.source].host or flow.source
            if before in block and flow.target not in block and flow.target in self.shapes:
                return self.shapes[flow.target], before, False
        return None

    def _put(self, block: Sequence[str]) -> None:
        anchor = self._anchor(block)
        part = self._laid_out(block, anchor[1] if anchor else block[0])
        whole = around([*part.shapes.values(), *part.labels.values(), *pieces(part.lines.values())])
        wish = (self.frame.x, self.frame.y)
        if anchor is not None:
            box, entry, leads = anchor
            own = part.shapes[entry]
            y = box.y + box.height / 2 - (own.y + own.height / 2 - whole.y)
            wish = (box.right + AWAY if leads else box.x - AWAY - whole.width, y)
        place = free_place((whole.width, whole.height), wish, self.taken(), self._tall(whole), BLOCK_GAP)
        dx, dy = place.x - whole.x, place.y - whole.y

        def moved(box: Box) -> Box:
            return attrs.evolve(box, x=box.x + dx, y=box.y + dy)

        self.shapes |= {name: moved(box) for name, box in part.shapes.items()}
        self.labels |= {name: moved(box) for name, box in part.labels.items()}
        self.lines |= {name: tuple((x + dx, y + dy) for x, y in line) for name, line in part.lines.items()}

    def _tall(self, whole: Box) -> Box:
        """Return the frame, higher where a block would not fit into it at all."""
        missing = whole.height + 2 * BLOCK_GAP - self.frame.height
        return (
            attrs.evolve(self.frame, y=self.frame.y - missing, height=self.frame.height + missing)
            if missing > 0
            else self.frame
        )

    def _laid_out(self, block: Sequence[str], entry: str) -> Plan:
        """Return the plan of a block by itself: its elements, what is on their borders, the flows between them."""
        members = {*block}
        flows = [
            flow
            for flow in self.process.flows
            if flow.target in members and (self.items[flow.source].host or flow.source) in members
        ]
        members |= {flow.source for flow in flows}
        items = [item for item in self.process.items if item.id in members]
        items.sort(key=lambda item: item.id != entry)
        part = attrs.evolve(
            self.process, items=tuple(items), flows=tuple(flows), messages=(), pools=(), notes=(), extension=""
        )
        return without_ways_back(part, plan(part))

    def put_events(self) -> None:
        for item in self.process.items:
            if item.host and item.id not in self.shapes:
                self.shapes[item.id] = self._on_border(item)

    def _on_border(self, item: Item) -> Box:
        """Return the freest place on the border of the task, the lower border first."""
        host = self.shapes[item.host]
        others = [box for name, box in self.things().items() if name != item.host]
        others += self.labels.values()
        lines = pieces(self.lines.values())
        # What meets the task beneath an event would seem to lead to the event, or to leave it.
        ends = [Box(x, y, 0.0, 0.0) for x, y in self._ends_at(item.host)]

        def trouble(box: Box) -> int:
            wide = Box(box.x - EVENT_GAP, box.y - EVENT_GAP, box.width + 2 * EVENT_GAP, box.height + 2 * EVENT_GAP)
            near = sum(_overlap(wide, other) for other in (*others, *ends))
            return near + sum(_overlap(box, line) for line in lines)

        return min(_border_places(host), key=trouble)

    def _ends_at(self, name: str) -> Iterator[Point]:
        """Yield where flows that are drawn already meet an element."""
        for flow in self.process.flows:
            line = self.lines.get(flow.id)
            if line and flow.source == name:
                yield line[0]
            if line and flow.target == name:
                yield line[-1]

    # ---- lines

    def draw_flows(self) -> None:
        # The shortest first: a gateway right before its task keeps its corner for the flow between the two.
        for flow in sorted(self.process.flows, key=self._length):
            if flow.id not in self.lines:
                self.lines[flow.id] = self._flow(flow)

    def _length(self, flow: Flow) -> float:
        a, b = self.shapes[flow.source], self.shapes[flow.target]
        return abs(a.x + a.width / 2 - b.x - b.width / 2) + abs(a.y + a.height / 2 - b.y - b.height / 2)

    def _flow(self, flow: Flow) -> tuple[Point, ...]:
        source, target = self.items[flow.source], self.items[flow.target]
        starts = self._docks(source, self._ends(flow, source), leaves=True)
        ends = self._docks(target, self._ends(flow, target), leaves=False)
        # Flows that meet at a gateway may share the last piece of their way, as people draw it.
        friends = {other.id for other in self.process.flows if _meet(other, flow, self.items)}
        lines = [line for name, line in self.lines.items() if name not in friends]
        return route(starts, ends, self._surroundings(lines))

    def _docks(self, item: Item, ends: set[Point], *, leaves: bool) -> list[Dock]:
        host = self.shapes.get(item.host)
        events = [box for name, box in self.shapes.items() if name in self.items and self.items[name].host == item.id]
        found = docks(item, self.shapes[item.id], host, leaves)
        return [used(dock, ends) for dock in found if not any(inside(event, dock.point) for event in events)]

    def _ends(self, flow: Flow, item: Item) -> set[Point]:
        """Return where other flows meet an element; at a gateway those of the same direction may share a corner."""
        shares = item.kind.endswith("Gateway")
        found = set()
        for other in self.process.flows:
            line = self.lines.get(other.id)
            if not line:
                continue
            if other.source == item.id and not (shares and flow.source == item.id):
                found.add(line[0])
            if other.target == item.id and not (shares and flow.target == item.id):
                found.add(line[-1])
        return found

    def _surroundings(self, lines: Sequence[Sequence[Point]]) -> Surroundings:
        room = around(self.room())
        right = max(room.right, self.shapes[ROBOT_POOL].right if ROBOT_POOL in self.shapes else room.right) + OPEN
        top = min(self.frame.y, room.y - OPEN / 2)
        within = Box(self.frame.x, top, right - self.frame.x, max(self.frame.bottom, room.bottom) - top)
        return Surroundings([*self.things().values()], [*self.labels.values()], lines, within)

    # ---- labels and notes

    def put_labels(self) -> None:
        for name, box in self.fresh.labels.items():
            if name not in self.labels and name not in {message.id for message in self.process.messages}:
                self.labels[name] = self._near(box, self._wish(name, box))

    def _wish(self, name: str, box: Box) -> Point:
        if name in self.lines:
            x, y = self.lines[name][0]
            return x + 2 * LABEL_GAP, y + LABEL_GAP
        shape, item = self.shapes[name], self.items[name]
        if item.host:
            after = next((flow.id for flow in self.process.flows if flow.source == name), "")
            x, y = self.lines[after][1] if after else (shape.right, shape.bottom)
            return shape.right + LABEL_GAP if x >= shape.x else shape.x - box.width, y + LABEL_GAP
        drawn = self.fresh.shapes[name]
        return box.x + shape.x - drawn.x, box.y + shape.y - drawn.y

    def _near(self, box: Box, wish: Point) -> Box:
        return free_place((box.width, box.height), wish, self.taken(), self.frame, LABEL_GAP)

    def put_notes(self) -> None:
        for note in self.process.notes:
            if note.id not in self.shapes:
                size, task = self.fresh.shapes[note.id], self.shapes[note.item]
                wish = (task.x, task.y - size.height - MARGIN)
                taken = [*self.taken(), *self._ways_out()]
                place = free_place((size.width, size.height), wish, taken, self.frame, LABEL_GAP)
                self.shapes[note.id] = place
            if note.tie not in self.lines:
                self.lines[note.tie] = self._tie(note)

    def _ways_out(self) -> Iterator[Box]:
        """Yield the room before tasks that their messages will need, which are drawn last."""
        for message in self.process.messages:
            task = self.shapes[message.task]
            yield Box(task.x, task.y - AWAY / 2, task.width, task.height + AWAY)

    def _tie(self, note: Note) -> tuple[Point, ...]:
        task, text = self.items[note.item], Item(note.id, "task")
        starts = self._docks(task, set(), leaves=True)
        ends = self._docks(text, set(), leaves=False)
        # A tie has no direction: above and below are as good as the sides.
        starts, ends = ([attrs.evolve(dock, cost=0.0) for dock in found] for found in (starts, ends))
        return route(starts, ends, self._surroundings([*self.lines.values()]))

    # ---- pools and messages

    def put_pools(self) -> None:
        whole = around(self.room())
        wide = Box(
            whole.x - TITLE_BAND - MARGIN,
            whole.y - MARGIN,
            whole.width + TITLE_BAND + 2 * MARGIN,
            whole.height + 2 * MARGIN,
        )
        known = self.shapes.get(ROBOT_POOL)
        pool = wide
        if known:
            # Only as far as something needs it: what an analyst has drawn close to the border stays close to it.
            left = known.x if whole.x >= known.x + TITLE_BAND else wide.x
            top = known.y if whole.y > known.y else wide.y
            right = known.right if whole.right < known.right else wide.right
            bottom = known.bottom if whole.bottom < known.bottom else wide.bottom
            pool = Box(left, top, right - left, bottom - top)
        self.shapes[ROBOT_POOL] = pool
        if not self.process.pools[1:]:
            return
        other = self.shapes.get(OTHER_POOL)
        if other is None:
            other = Box(pool.x, pool.bottom + POOL_GAP, pool.width, self.fresh.shapes[OTHER_POOL].height)
        self.shapes[OTHER_POOL] = attrs.evolve(other, width=max(other.width, pool.right - other.x))

    def draw_messages(self) -> None:
        other = self.shapes.get(OTHER_POOL)
        if other is None:
            return
        for message in self.process.messages:
            if message.id not in self.lines:
                self.lines[message.id] = self._message(message, other)
            if message.id not in self.labels and message.id in self.fresh.labels:
                self.labels[message.id] = self._message_label(message, other)

    def _message(self, message: Message, other: Box) -> tuple[Point, ...]:
        task, below = self.shapes[message.task], other.y > self.shapes[message.task].y
        out: Point = (0, 1) if below else (0, -1)
        y, goal = (task.bottom, other.y) if below else (task.y, other.bottom)
        inner = [task.x + 14 + 10 * n for n in range(int((task.width - 28) // 10) + 1)]
        starts = [Dock((x, y), out, abs(x - task.x - task.width * (0.35 if message.asks else 0.65)) / 4) for x in inner]
        outer = [task.x - 600 + 20 * n for n in range(int((task.width + 1200) // 20) + 1)]
        ends = [
            Dock((x, goal), (0, -out[1]), abs(x - task.x - task.width / 2) / 8)
            for x in (*inner, *outer)
            if other.x + 10 < x < other.right - 10
        ]
        found = self._surroundings([*self.lines.values()])
        top, bottom = min(found.within.y, goal), max(found.within.bottom, goal)
        way = route(starts, ends, attrs.evolve(found, within=attrs.evolve(found.within, y=top, height=bottom - top)))
        return way if message.asks else way[::-1]

    def _message_label(self, message: Message, other: Box) -> Box:
        size, pool = self.fresh.labels[message.id], self.shapes[ROBOT_POOL]
        top, bottom = (pool.bottom, other.y) if other.y > pool.y else (other.bottom, pool.y)
        x = self.lines[message.id][-1 if message.asks else 0][0]
        left = x - size.width - LABEL_GAP if message.asks else x + LABEL_GAP
        band = Box(pool.x, top, other.right + 10 * OPEN - pool.x, max(bottom - top, size.height))
        wish = (left, (top + bottom - size.height) / 2)
        return free_place((size.width, size.height), wish, self.taken(), band, LABEL_GAP / 2)


def _components(names: Sequence[str], flows: Sequence[Flow], items: Mapping[str, Item]) -> Iterator[list[str]]:
    """Yield the names that hang together by flows, each group in the order that was given."""
    links: dict[str, set[str]] = {name: set() for name in names}
    for flow in flows:
        a, b = items[flow.source].host or flow.source, flow.target
        if a in links and b in links:
            links[a].add(b)
            links[b].add(a)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            continue
        group, waiting = set(), [name]
        while waiting:
            here = waiting.pop()
            if here not in group:
                group.add(here)
                waiting += links[here]
        seen |= group
        yield [other for other in names if other in group]


def _meet(one: Flow, other: Flow, items: Mapping[str, Item]) -> bool:
    """Return whether two flows leave the same gateway, or reach the same one."""
    for a, b in ((one.source, other.source), (one.target, other.target)):
        if a == b and items[a].kind.endswith("Gateway"):
            return True
    return False


def _border_places(host: Box) -> Iterator[Box]:
    half, step = EVENT / 2, 6.0
    along = [host.x + half + step * n for n in range(int((host.width - EVENT) // step) + 1)]
    down = [host.y + half + step * n for n in range(int((host.height - EVENT) // step) + 1)]
    # The middles of the sides are for what ends the task by itself, and for what leads there.
    sides = [y for y in down if abs(y - host.y - host.height / 2) > half + EVENT_GAP] or down
    centres = [(x, host.bottom) for x in along]
    centres += [(host.right, y) for y in sides]
    centres += [(x, host.y) for x in along]
    centres += [(host.x, y) for y in sides]
    for x, y in centres:
        yield Box(x - half, y - half, EVENT, EVENT)


def _overlap(a: Box, b: Box) -> bool:
    return cuts(((a.x, a.y), (a.right, a.bottom)), b, 0.01)
