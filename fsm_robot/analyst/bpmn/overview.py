"""A definition as BPMN for process analysts: what they would draw themselves.

States become tasks, the orchestrator a pool that one cannot look into, its calls messages; a machine without jobs has
neither, and no pools. What ends a task early is an event on its border: an order of the orchestrator (message),
something else from outside (signal), a failure (error), a time that is over (timer).
Events that lead the same way share an arrow. Names of the machine file are in the documentation of each element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import attrs

from fsm_robot.analyst.bpmn.plan import broken
from fsm_robot.analyst.bpmn.process import Flow, Item, Message, Note, Process
from fsm_robot.analyst.drawing.scene import Heat, budget_of
from fsm_robot.analyst.idents import idents
from fsm_robot.analyst.phrases import lasting_s, phrase, span
from fsm_robot.analyst.words import Words
from fsm_robot.engine.machine.checks import effective
from fsm_robot.engine.machine.definition import CallbackSpec, Definition, State, Timeout, Transition
from fsm_robot.engine.wording import counted, symbols

CALL = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE)\s+(/\S+)")


def analysts_process(words: Words, heat: Heat | None = None) -> Process:
    """Return the process without its drawing, with figures of runs as notes at its tasks where there are some."""
    made = _Made(words, idents(state.name for state in words.definition.states))
    made.start()
    for state in words.definition.states:
        made.state(state)
    made.join()
    messages = tuple(_messages(made)) if words.definition.has_jobs else ()
    # The built-in machine is called by a word that has translations.
    own = phrase(words.language, "robot") if words.machine == "robot" else words.machine
    # A pool shows who does what; where nobody else is there it would be a frame with a name.
    pools = (own, phrase(words.language, "orchestrator")) if messages else ()
    about = f"Machine {words.machine}, from `fsm-robot diagram --format bpmn`."
    items = sorted(made.items, key=lambda item: item.kind == "boundaryEvent")
    tasks = {item.id for item in items}
    notes = [
        Note(f"Figures_{ident}", f"State_{ident}", "\n".join(lines))
        for name, ident in made.ids.items()
        if f"State_{ident}" in tasks and (lines := heat.states.get(name) if heat else None)
    ]
    return Process(
        words.definition.name,
        about,
        tuple(items),
        tuple(made.flows),
        messages=messages,
        pools=pools,
        notes=tuple(notes),
    )


@attrs.frozen
class Group:
    """Transitions that leave a state in the same way for the same state.

    Attributes:
        role: `` where the task has ended by itself, else what interrupts it: `message`, `signal`, `error` or `timer`.
        dest: State that they lead to.
        edges: The transitions, in the order of the file.
        stays: Whether they are internal, so that the task goes on.
        timeout: For a timer: its time.
        number: For a timer: its place among those of the state, from 1.
    """

    role: str
    dest: str
    edges: tuple[Transition, ...]
    stays: bool = False
    timeout: Timeout | None = None
    number: int = 0

    @property
    def mark(self) -> str:
        """What tells it from the other groups of its state that lead to the same one."""
        return f"{self.role or 'end'}{self.number if self.number > 1 else ''}"


def groups_of(definition: Definition, state: State) -> list[Group]:
    """Return how a state is left, in the order of the file; at least one group has no role."""
    found: dict[tuple[str, str, bool, int], list[Transition]] = {}
    numbers = {timeout.event: number for number, timeout in enumerate(state.after, start=1)}
    for edge in definition.transitions_from(state.name):
        # One timer for each time: events that come at different moments share no arrow.
        key = (role_of(definition, edge), edge.dest, edge.kind == "internal", numbers.get(edge.trigger, 0))
        found.setdefault(key, []).append(edge)
    groups = [
        Group(role, dest, tuple(edges), stays, state.after[number - 1] if number else None, number)
        for (role, dest, stays, number), edges in found.items()
    ]
    ends = [place for place, group in enumerate(groups) if not group.stays and group.role != "timer"]
    if ends and not any(not group.role for group in groups):
        # A task that only ever ends early would have no way on: then its first end is the natural one.
        groups[ends[0]] = attrs.evolve(groups[ends[0]], role="")
    return groups


def role_of(definition: Definition, edge: Transition) -> str:
    """Return what kind of event on the border of its task a transition is, or `` for the task's natural end."""
    inside = definition.waits(definition.state(edge.source))
    leads = definition.state(edge.dest)
    if definition.timeout_of(edge) is not None:
        return "timer"
    outside = "message" if edge.trigger in ordered_events(definition) else "signal"
    if edge.kind == "internal":
        return outside
    if edge.trigger in definition.inbox:
        natural = inside and not definition.waits(leads) and not edge.exit_code
        return "" if natural else outside
    return "error" if edge.exit_code or _is_raised(definition, edge) else ""


def _is_raised(definition: Definition, edge: Transition) -> bool:
    """Return whether only an error of the callback brings the event of a transition."""
    state = definition.state(edge.source)
    spec = definition.callback(state.on_enter) if state.on_enter else CallbackSpec("")
    return edge.trigger in spec.errors.values() and edge.trigger not in spec.answers


def ordered_events(definition: Definition) -> set[str]:
    """Return the events of the inbox that the orchestrator's answers bring."""
    tables = (table for spec in definition.callbacks for table in effective(spec).codes.values())
    return {event for table in tables for event in table.values() if event is not None and event in definition.inbox}


@attrs.define
class _Made:
    words: Words
    ids: Mapping[str, str]
    items: list[Item] = attrs.field(factory=list)
    flows: list[Flow] = attrs.field(factory=list)

    @property
    def definition(self) -> Definition:
        return self.words.definition

    def start(self) -> None:
        self.items.append(Item("Begin", "startEvent", phrase(self.words.language, "begin")))
        first = self.definition.state(self.definition.initial)
        goal = f"State_{self.ids[first.name]}"
        if first.final and not first.on_enter:
            goal = f"End_{self.ids[first.name]}"
            self.items.append(Item(goal, "endEvent", self.words.state(first.name), self.words.about_state(first.name)))
        self.flow("Begin", goal)

    def state(self, state: State) -> None:
        ident = self.ids[state.name]
        if state.final and not state.on_enter:
            return  # each way there has an end of its own, near to where it comes from
        title, about = self.title(state), _about_state(self.words, state)
        kind = "serviceTask" if state.on_enter and calls(self.definition.callback(state.on_enter)) else "task"
        self.items.append(Item(f"State_{ident}", kind, title, about))
        if state.final:
            self.items.append(Item(f"End_{ident}", "endEvent", self.words.state(state.name)))
            self.flow(f"State_{ident}", f"End_{ident}")
            return
        groups = groups_of(self.definition, state)
        natural = [group for group in groups if not group.role]
        source = f"State_{ident}"
        if len(natural) > 1:
            source = f"Split_{ident}"
            self.items.append(Item(source, "exclusiveGateway", phrase(self.words.language, "result")))
            self.flow(f"State_{ident}", source)
        for group in natural:
            # Only what leaves a gateway has a name: a task that ends by itself has one way on. What comes from outside
            # and ends the run has one as well: the end tells the state, not what has happened.
            outside = any(edge.trigger in self.definition.inbox for edge in group.edges)
            ends = outside and self.definition.state(group.dest).final
            name = _said(self.words, group) if len(natural) > 1 or ends else ""
            self.flow(source, self.goal(ident, group), name, _about_events(self.words, group))
        for group in groups:
            if group.role:
                self.border(ident, group)

    def title(self, state: State) -> str:
        shown = self.words.state(state.name)
        call = self.words.call(state.on_enter)
        if shown == symbols(state.name) and call and call != shown:
            return f"{shown}\n{spoken(call)}"
        return shown

    def border(self, ident: str, group: Group) -> None:
        way = f"{ident}__{group.mark}__{self.ids[group.dest]}{'__stays' if group.stays else ''}"
        name, about = _said(self.words, group), _about_events(self.words, group)
        self.items.append(
            Item(
                f"Event_{way}",
                "boundaryEvent",
                name,
                about,
                group.role,
                f"State_{ident}",
                not group.stays,
                lasts_s=lasting_s(group.timeout) if group.timeout else None,
            )
        )
        self.flow(f"Event_{way}", self.goal(ident, group))

    def goal(self, ident: str, group: Group) -> str:
        """Return the id of what a group leads to; an end event is made on the way."""
        way = f"{ident}__{group.mark}__{self.ids[group.dest]}"
        dest = self.definition.state(group.dest)
        if group.stays:
            self.items.append(Item(f"Noted_{way}", "endEvent", phrase(self.words.language, "noted")))
            return f"Noted_{way}"
        if not dest.final or dest.on_enter:
            return f"State_{self.ids[group.dest]}"
        codes = sorted({edge.exit_code or 0 for edge in group.edges})
        name = f"{self.words.state(dest.name)}\n{phrase(self.words.language, 'exit', ', '.join(map(str, codes)))}"
        trigger = "error" if group.role == "error" else ""
        self.items.append(Item(f"End_{way}", "endEvent", name, self.words.about_state(dest.name), trigger))
        return f"End_{way}"

    def flow(self, source: str, target: str, name: str = "", about: str = "") -> None:
        self.flows.append(Flow(f"Flow_{source}__{target}", source, target, name, about))

    def join(self) -> None:
        """Let flows that meet at a task meet at a gateway before it."""
        for task in [item for item in self.items if item.kind in ("task", "serviceTask")]:
            meeting = [place for place, flow in enumerate(self.flows) if flow.target == task.id]
            if len(meeting) < 2:
                continue
            gateway = f"Join_{task.id.removeprefix('State_')}"
            self.items.append(Item(gateway, "exclusiveGateway"))
            for place in meeting:
                self.flows[place] = attrs.evolve(self.flows[place], target=gateway)
            self.flow(gateway, task.id)


def calls(spec: CallbackSpec) -> bool:
    """Return whether a callback asks the orchestrator."""
    return bool(CALL.search(spec.does) or effective(spec).codes)


def spoken(name: str) -> str:
    """Return a name of the machine file as people would write it."""
    return name.replace("_", " ").strip() or name


def _messages(made: _Made) -> Iterator[Message]:
    for state in made.definition.states:
        if not state.on_enter or not calls(made.definition.callback(state.on_enter)):
            continue
        spec, ident = effective(made.definition.callback(state.on_enter)), made.ids[state.name]
        found = CALL.search(spec.does)
        asked = f"{found[1]} {found[2].rstrip(',;.')}" if found else spoken(made.words.call(spec.name))
        yield Message(f"Call_{ident}", f"State_{ident}", "\n".join(broken(asked)), True)
        if spec.codes:
            answer = "\n".join(line for field in spec.codes for line in broken(field))
            yield Message(f"Answer_{ident}", f"State_{ident}", answer, False)


def _said(words: Words, group: Group) -> str:
    """Return what a group of transitions is called: its events, each once, with what is remarkable about them."""
    texts = []
    for edge in group.edges:
        notes = [phrase(words.language, "at_most", edge.at_most)] if edge.at_most is not None else []
        if edge.spent:
            notes.append(phrase(words.language, "after", budget_of(words.definition, edge)))
        if group.timeout is not None:
            notes.append(phrase(words.language, "timed", span(group.timeout)))
        event = words.event(edge.trigger)
        event = spoken(event) if event == symbols(edge.trigger) else event
        texts.append(f"{event} ({', '.join(notes)})" if notes else event)
    return ",\n".join(texts)


def _about_state(words: Words, state: State) -> str:
    lines = [words.about_state(state.name), f"State {state.name}."]
    if state.on_enter:
        spec = effective(words.definition.callback(state.on_enter))
        lines.append(f"Callback {spec.name}{f': {spec.does}' if spec.does else ''}.")
        lines += _about_callback(spec)
    if state.ignores:
        lines.append(f"Means nothing here: {', '.join(state.ignores)}.")
    return "\n".join(line for line in lines if line)


def _about_callback(spec: CallbackSpec) -> Iterator[str]:
    for field, table in spec.codes.items():
        shown = ", ".join(f"{code} {event or 'says nothing'}" for code, event in table.items())
        yield f"{field}: {shown}."
    if spec.retry is not None:
        lasts = "for ever" if spec.retry.for_s == float("inf") else f"for {spec.retry.for_s:g} s"
        yield f"Asked again {lasts} on {', '.join(spec.retry.on)}."
    if spec.errors:
        yield f"Errors: {', '.join(f'{name} {event}' for name, event in spec.errors.items())}."


def _about_events(words: Words, group: Group) -> str:
    return "\n".join(_about_edge(words, edge) for edge in group.edges)


def _about_edge(words: Words, edge: Transition) -> str:
    notes: Sequence[str] = [
        words.about_event(edge.trigger) or words.definition.inbox.get(edge.trigger, ""),
        f"at most {counted(edge.at_most, 'time')} until there is progress" if edge.at_most is not None else "",
        f"when that was used up ({counted(budget_of(words.definition, edge), 'time')})" if edge.spent else "",
        "budgets start anew" if edge.progress else "",
        f"the process ends with code {edge.exit_code}" if edge.exit_code is not None else "",
        f"the job ends as {edge.outcome}" if edge.outcome else "",
        "the task goes on" if edge.kind == "internal" else "",
    ]
    shown = "; ".join(note.rstrip(".") for note in notes if note)
    return f"{edge.trigger}: {shown}." if shown else f"{edge.trigger}."
