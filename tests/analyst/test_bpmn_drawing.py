from __future__ import annotations

import itertools
import random
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given, settings

from fsm_robot.analyst.bpmn.exact import exact_process
from fsm_robot.analyst.bpmn.kept_places import drawn, places
from fsm_robot.analyst.bpmn.overview import analysts_process
from fsm_robot.analyst.bpmn.process import OTHER_POOL, ROBOT_POOL, Plan, Process
from fsm_robot.analyst.drawing.scene import Heat
from fsm_robot.analyst.drawing.shapes import Box, Point
from fsm_robot.analyst.words import Words, words
from fsm_robot.analyst.xml_in import parse
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.definition import Definition, State, Transition
from fsm_robot.errors import DefinitionError
from fsm_robot.robot.machine import built_in
from tests.analyst.drawings import overlap, runs_through
from tests.analyst.generated_machines import MACHINES
from tests.analyst.random_machines import machines

POOLS = (ROBOT_POOL, OTHER_POOL)
PROFILES: dict[str, Callable[[Words], Process]] = {"bpmn": analysts_process, "bpmn-exact": exact_process}


def robot() -> Definition:
    return machine_file.load_labelled(built_in(), None, ())


def plan_of(text: str) -> Plan:
    return places(parse(text.encode(), "drawing.bpmn"))


def faults(process: Process, plan: Plan) -> list[str]:
    """Return what an analyst would not like about a drawing."""
    return [*_covered(process, plan), *_ends(process, plan), *_lines(process, plan), *_outside(process, plan)]


def _covered(process: Process, plan: Plan) -> Iterator[str]:
    hosts = {item.id: item.host for item in process.items}
    shapes = {name: box for name, box in plan.shapes.items() if name not in POOLS}
    shapes.update({f"label of {name}": box for name, box in plan.labels.items()})
    for (a, first), (b, second) in itertools.combinations(shapes.items(), 2):
        if overlap(first, second) and a not in (b, hosts.get(b)) and b != hosts.get(a):
            yield f"{a} and {b} cover each other"


def _ends(process: Process, plan: Plan) -> Iterator[str]:
    kinds = {item.id: item.kind for item in process.items}
    for flow in process.flows:
        points = plan.lines[flow.id]
        for end, name in ((points[0], flow.source), (points[-1], flow.target)):
            if not on_outline(kinds[name], plan.shapes[name], end):
                yield f"{flow.id} does not touch the outline of {name}"
            for guest in process.items:
                if guest.host == name and overlap(Box(end[0] - 1, end[1] - 1, 2, 2), plan.shapes[guest.id]):
                    yield f"{flow.id} meets {name} beneath {guest.id}"
    for message in process.messages:
        task, other = plan.shapes[message.task], plan.shapes[OTHER_POOL]
        up, down = sorted(plan.lines[message.id][:: len(plan.lines[message.id]) - 1], key=lambda point: point[1])
        if up[1] != task.bottom or not task.x <= up[0] <= task.right or down[1] != other.y:
            yield f"{message.id} does not run between its task and the other pool"


def on_outline(kind: str, shape: Box, point: Point, tolerance: float = 0.02) -> bool:
    across = abs(point[0] - shape.x - shape.width / 2) / (shape.width / 2)
    along = abs(point[1] - shape.y - shape.height / 2) / (shape.height / 2)
    if kind == "exclusiveGateway":
        return abs(across + along - 1) < tolerance
    if kind.endswith("Event"):
        return abs(across**2 + along**2 - 1) < tolerance
    return abs(max(across, along) - 1) < tolerance / 2


def _lines(process: Process, plan: Plan) -> Iterator[str]:
    hosts = {item.id: item.host for item in process.items}
    for flow in process.flows:
        for segment in itertools.pairwise(plan.lines[flow.id]):
            for name, box in plan.shapes.items():
                near = (flow.source, flow.target, hosts[flow.source])
                if name not in (*POOLS, *near) and runs_through(segment, box):
                    yield f"{flow.id} runs through {name}"
            for name, box in plan.labels.items():
                if runs_through(segment, box):
                    yield f"{flow.id} runs through the label of {name}"


def _outside(process: Process, plan: Plan) -> Iterator[str]:
    if not process.pools:
        return
    pool = plan.shapes[ROBOT_POOL]
    for name, box in plan.shapes.items():
        inside = pool.x < box.x and box.right < pool.right and pool.y < box.y and box.bottom < pool.bottom
        if name not in POOLS and not inside:
            yield f"{name} is not in the pool"
    if OTHER_POOL in plan.shapes and overlap(*(plan.shapes[name] for name in POOLS)):
        yield "the pools cover each other"


@pytest.mark.parametrize("language", ["", "en", "ru"])
@pytest.mark.parametrize("profile", PROFILES)
def test_the_robots_process_is_drawn_without_a_fault(profile: str, language: str) -> None:
    """Nothing covers anything, lines start and end on outlines, all of it is in its pool."""
    process = PROFILES[profile](words(robot(), language))

    plan = plan_of(drawn(process))

    assert faults(process, plan) == []


def test_messages_of_the_robot_run_through_nothing() -> None:
    """A dashed line crosses flows, but no task, event or label."""
    process = analysts_process(words(robot()))
    plan = plan_of(drawn(process))
    things = {name: box for name, box in plan.shapes.items() if name not in POOLS} | {**plan.labels}

    hit = [
        (message.id, name)
        for message in process.messages
        for segment in itertools.pairwise(plan.lines[message.id])
        for name, box in things.items()
        if runs_through(segment, box)
    ]

    assert hit == []


@pytest.mark.long
@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=60, deadline=None)
@given(machine=machines())
def test_processes_of_random_machines_are_drawn_without_a_fault(profile: str, machine: Definition) -> None:
    """Any machine file, not only ours."""
    process = PROFILES[profile](words(machine))

    assert faults(process, plan_of(drawn(process))) == []


def docked(process: Process, plan: Plan) -> Iterator[str]:
    """Yield flows that meet a gateway beside its corners, an event beside its ends, or leave where arrows come in."""
    kinds = {item.id: item.kind for item in process.items}
    for flow in process.flows:
        line = plan.lines[flow.id]
        for (x, y), name in ((line[0], flow.source), (line[-1], flow.target)):
            box = plan.shapes[name]
            beside = min(abs(x - box.x - box.width / 2), abs(y - box.y - box.height / 2))
            if not kinds[name].endswith("ask") and beside > 0.1:
                yield f"{flow.id} meets {name} beside its corner"
        if line[1][0] < line[0][0] and kinds[flow.source] != "boundaryEvent":
            yield f"{flow.id} leaves to the left"
        if line[-1][0] < line[-2][0]:
            yield f"{flow.id} arrives from the right"


def crooked(process: Process, plan: Plan) -> Iterator[str]:
    """Yield flows that jog between two elements that stand level, with nothing on the straight way or near it."""
    things = {name: box for name, box in plan.shapes.items() if name not in POOLS} | {
        f"label of {name}": box for name, box in plan.labels.items()
    }
    lines = [(flow.id, pair) for flow in process.flows for pair in itertools.pairwise(plan.lines[flow.id])]
    hosts = {item.id: item.host for item in process.items}
    for flow in process.flows:
        one, other = plan.shapes[flow.source], plan.shapes[flow.target]
        y = one.y + one.height / 2
        level = abs(y - other.y - other.height / 2) < 0.1 and one.right < other.x and not hosts[flow.source]
        if not level or len(plan.lines[flow.id]) == 2:
            continue
        way, wide = (Box(one.right, y - clear, other.x - one.right, 2 * clear) for clear in (4, 6))
        near = [name for name, box in things.items() if name not in (flow.source, flow.target) and overlap(way, box)]
        near += [name for name, (a, b) in lines if name != flow.id and a[1] == b[1] and runs_through((a, b), wide)]
        if not near:
            yield f"{flow.id} is not straight"


@pytest.mark.parametrize("name", MACHINES)
def test_flows_are_docked_at_corners_and_ways_back_leave_to_the_right(name: str) -> None:
    """Fifty machines that nobody has drawn; no two flows run upon each other, and what can be straight is."""
    process = analysts_process(words(MACHINES[name]))

    plan = plan_of(drawn(process))

    assert [*faults(process, plan), *docked(process, plan), *crooked(process, plan)] == []


def lifts(count: int, chance: random.Random) -> Definition:
    """Return a group of lifts: lanes of one kind with ways back to where they came from, and events at most of their states."""
    edges = [Transition("called", "Parked", "Dispatching"), Transition("off", "Parked", "Over", exit_code=0)]
    lanes = [[f"{step}{lane}" for step in ("Moving", "Opening", "Open", "Closing")] for lane in range(count)]
    for moving, opening, is_open, closing in lanes:
        found = [
            Transition(f"chosen_{moving}", "Dispatching", moving),
            Transition("reached", moving, opening),
            Transition("opened", opening, is_open),
            Transition("elapsed", is_open, closing),
            Transition("obstructed", closing, opening),
            Transition("closed", closing, "Parked"),
            Transition("another", closing, "Dispatching"),
        ]
        more = [
            Transition("alarm", moving, "Over", exit_code=0),
            Transition("passed", moving, moving, kind="external"),
            Transition("overshot", moving, moving, kind="external"),
            Transition("weighed", is_open, is_open, kind="internal"),
        ]
        edges += [*found, *(edge for edge in more if chance.random() < 0.8)]
    names = ("Parked", "Dispatching", *itertools.chain(*lanes))
    states = (*(State(name) for name in names), State("Over", final=True))
    events = tuple(dict.fromkeys(edge.trigger for edge in edges))
    return Definition("lifts", "Parked", states, tuple(edges), dict.fromkeys(events, ""), (), {}, posted=events)


@pytest.mark.parametrize("seed", range(4))
def test_no_flow_meets_a_task_beneath_an_event_on_its_border(seed: int) -> None:
    """An arrow into a task would seem to lead to the event that stands there."""
    process = analysts_process(words(lifts(2 + seed % 2, random.Random(seed))))

    assert faults(process, plan_of(drawn(process))) == []


def test_a_line_beside_a_corner_is_seen() -> None:
    """The check above can fail."""
    process = analysts_process(words(robot()))
    plan = plan_of(drawn(process))
    flow = next(flow for flow in process.flows if flow.target.startswith("Join_"))
    (x, y), *others = reversed(plan.lines[flow.id])
    lines = {**plan.lines, flow.id: (*others[::-1], (x, y + 7))}

    assert any("beside its corner" in fault for fault in docked(process, attrs.evolve(plan, lines=lines)))


def test_a_line_that_jogs_is_seen() -> None:
    """The check above can fail."""
    process = analysts_process(words(robot()))
    plan = plan_of(drawn(process))
    line = plan.lines["Flow_State_Ready__Split_Ready"]
    (x1, y), (x2, _) = line
    jog = ((x1, y - 23), (x1 + 33, y - 23), (x1 + 33, y), (x2, y))

    assert list(crooked(process, plan)) == []
    assert list(crooked(process, attrs.evolve(plan, lines={**plan.lines, "Flow_State_Ready__Split_Ready": jog})))


LEAVES = """
states:
  - {name: Watching, on_enter: watch}
  - {name: Over, final: true}
transitions:
  - {trigger: told_to_leave, source: Watching, dest: Over, exit_code: 0}
posted: [told_to_leave]
callbacks: {watch: {waits: true, answers: [], does: GET /somewhere}}
"""


def test_what_ends_a_run_from_outside_has_a_name_and_a_machine_without_a_partner_no_pool() -> None:
    """The word of a person or of another program, exit code 0; nobody is there for a second pool."""
    machine = compile_text(LEAVES, "leaves.yaml")

    process = analysts_process(words(machine), figures(machine))

    assert "told to leave" in [flow.name for flow in process.flows]
    assert process.pools == ()
    assert not process.executable
    assert faults(process, plan_of(drawn(process))) == []


REMINDED = """
states:
  - {name: Asking, on_enter: ask, after: {1m: reminded, 2m: reminded_again, 5m: called_a_colleague, 1h: gave_up}}
  - {name: Over, final: true}
transitions:
  - {trigger: reminded, source: Asking, dest: Asking, kind: internal}
  - {trigger: reminded_again, source: Asking, dest: Asking, kind: internal}
  - {trigger: called_a_colleague, source: Asking, dest: Asking, kind: external}
  - {trigger: gave_up, source: Asking, dest: Over}
  - {trigger: answered, source: Asking, dest: Over}
posted: [answered]
callbacks: {ask: {waits: true, answers: []}}
"""


@pytest.mark.parametrize("profile", PROFILES)
def test_times_that_lead_back_to_their_state_have_their_events_below_it(profile: str) -> None:
    """Beside those that lead on, none upon another, each with its own way round."""
    process = PROFILES[profile](words(compile_text(REMINDED, "reminded.yaml")))

    assert faults(process, plan_of(drawn(process))) == []


def figures(machine: Definition) -> Heat:
    return Heat("", {state.name: ("12×, median 3 s", "25 % of its jobs failed") for state in machine.states})


@settings(max_examples=30, deadline=None)
@given(machine=machines())
def test_notes_of_figures_cover_nothing(machine: Definition) -> None:
    """A note stands near its task where there is room, and is tied to it."""
    process = analysts_process(words(machine), figures(machine))

    plan = plan_of(drawn(process))

    assert faults(process, plan) == []
    assert {note.item for note in process.notes} == {i.id for i in process.items if i.kind in ("task", "serviceTask")}


def test_notes_of_the_robot_are_near_their_tasks_and_keep_their_positions() -> None:
    """Right above or below, and an analyst may put them elsewhere."""
    process = analysts_process(words(robot(), "en"), figures(robot()))
    text = drawn(process)
    plan = plan_of(text)

    for note in process.notes:
        (x1, y1), (x2, y2) = plan.lines[note.tie]
        assert x1 == x2
        assert abs(y1 - y2) < 150
    old = moved(text, 70, 30)
    assert plan_of(drawn(process, parse(old.encode(), "old.bpmn"))) == plan_of(old)


def test_drawing_is_the_same_each_time() -> None:
    """Two exports of one machine are one file."""
    assert drawn(analysts_process(words(robot()))) == drawn(analysts_process(words(robot())))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda plan: {"shapes": {**plan.shapes, "State_Ready": plan.shapes["State_Claiming"]}}, "cover each other"),
        (lambda plan: {"labels": {**plan.labels, "Begin": plan.shapes["State_Ready"]}}, "cover each other"),
        (lambda plan: {"lines": dict.fromkeys(plan.lines, ((0.0, 0.0), (9.0, 0.0)))}, "does not touch the outline"),
        (lambda plan: {"shapes": {**plan.shapes, "State_Ready": Box(9e4, 0, 120, 80)}}, "is not in the pool"),
        (lambda plan: {"shapes": {**plan.shapes, OTHER_POOL: plan.shapes[ROBOT_POOL]}}, "the pools cover"),
    ],
)
def test_bad_drawing_is_seen_to_be_bad(change: Callable[[Plan], dict[str, Any]], word: str) -> None:
    """A check that cannot fail would prove nothing."""
    process = analysts_process(words(robot()))
    plan = plan_of(drawn(process))

    found = faults(process, attrs.evolve(plan, **change(plan)))

    assert any(word in fault for fault in found), found


# ---- positions that an analyst gave


def moved(text: str, dx: float, dy: float) -> str:
    """Return the drawing with every shape, label and line somewhere else, as an analyst may leave it."""
    root = ET.fromstring(text.encode())
    for node in root.iter():
        if node.tag.endswith(("}Bounds", "}waypoint")):
            node.set("x", str(round(float(node.attrib["x"]) + dx, 2)))
            node.set("y", str(round(float(node.attrib["y"]) + dy, 2)))
    return ET.tostring(root, encoding="unicode")


@pytest.mark.parametrize("profile", PROFILES)
def test_positions_survive_an_export_of_the_same_machine(profile: str) -> None:
    """Every shape, label and way point is where the analyst put it."""
    process = PROFILES[profile](words(robot()))
    old = moved(drawn(process), 1000, -333)

    again = drawn(process, parse(old.encode(), "old.bpmn"))

    assert plan_of(again) == plan_of(old)


def test_positions_survive_where_the_machine_has_grown() -> None:
    """Old elements stay, new ones stand to the right of them, in the pool and on nothing."""
    machine = robot()
    old = moved(drawn(analysts_process(words(machine))), 500, 70)
    grown = attrs.evolve(
        machine,
        states=(*machine.states, State("Resting", "announce"), State("Broken", final=True)),
        transitions=(
            *machine.transitions,
            Transition("tired", "Reporting", "Resting"),
            Transition("rested", "Resting", "Ready", progress=True),
            Transition("broke", "Resting", "Broken", exit_code=9),
        ),
    )
    process = analysts_process(words(grown))

    plan = plan_of(drawn(process, parse(old.encode(), "old.bpmn")))

    before = plan_of(old)
    same = [item.id for item in process.items if item.id in before.shapes]
    assert len(same) > 30
    assert all(plan.shapes[ident] == before.shapes[ident] for ident in same)
    new = {item.id for item in process.items if item.id not in before.shapes}
    assert {"State_Resting", "Event_Resting__error__Broken", "End_Resting__error__Broken"} <= new
    assert all(plan.shapes[name].x > before.shapes["State_Reporting"].x for name in new - {"Split_Reporting"})
    covered = [fault for fault in _covered(process, plan) if "label" not in fault]
    assert covered == []
    assert list(_outside(process, plan)) == []


def test_drawing_without_positions_cannot_be_kept() -> None:
    """The file is named, and what is missing in it."""
    with pytest.raises(DefinitionError, match=r"bare\.bpmn:1:1: definitions: has no drawing"):
        places(parse(b"<definitions/>", "bare.bpmn"))
    text = drawn(analysts_process(words(robot()))).replace('x="', 'x="left', 1)

    with pytest.raises(DefinitionError, match="x must be a coordinate, not 'left"):
        plan_of(text)
