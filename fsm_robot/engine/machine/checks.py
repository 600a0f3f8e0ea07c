"""Is a machine sound? Names known, every state reachable and able to end, every event answered, every cycle bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import attrs

from fsm_robot.engine.machine.definition import CallbackSpec, Definition, State, Transition
from fsm_robot.engine.machine.document import Problem
from fsm_robot.engine.wording import did_you_mean

JOB_STATUSES: Mapping[int, str] = {
    0: "Created",
    1: "Pending",
    2: "Aborting",
    3: "Aborted",
    4: "Success",
    5: "Failed",
    6: "Stopping",
    7: "Stopped",
    8: "In_Progress",
}
"""Job statuses of the orchestrator. Source: docs/protocol.md."""
ACTING: Mapping[str, tuple[str, ...]] = {
    "announce": ("codes", "retry"),
    "consume_job": ("codes", "retry", "pause_s"),
    "claim_job": ("retry",),
    "run_script": ("codes", "retry"),
    "report_outcome": ("retry",),
}
"""Callback that asks the orchestrator -> the keys by which it goes. In any other callback nobody would read them."""
INSTEAD: Mapping[str, str] = {
    "codes": "return the event from the callback",
    "retry": "try again in the callback, or by a transition with `at_most` back to its state",
    "pause_s": "wait in a state with `after`",
}

REPORTS = "report_outcome"
"""The callback that tells the orchestrator how a job has ended."""
SAYS_THE_OUTCOME = frozenset(("result_left", "job_repeated", "claim_failed", "script_not_started", "script_ended"))
"""Events of the robot that say themselves how the job has ended."""
KNOWS_THE_OUTCOME = frozenset(("claim_job", "run_script", "ask_script_to_stop", "kill_script"))
"""Callbacks of the robot that hold a claimed job, which is not started as long as nothing else is known of it."""


def check(definition: Definition, known_callbacks: Collection[str] | None = None) -> list[Problem]:
    """Return every mistake of `definition`; `known_callbacks` None leaves out whether the program has them."""
    found = [
        *_duplicate_states(definition),
        *_unknown_names(definition, known_callbacks),
        *_edges(definition),
        *_events_answered(definition),
        *(without_effect(definition) if known_callbacks is not None else ()),
    ]
    # Reachability speaks of names, so it has nothing to say while some of them are wrong.
    if not found:
        found = [*_unreachable(definition), *_without_end(definition), *_unbounded_cycles(definition)]
    return found


def coverage(definition: Definition) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield per event what each state does with it: where it leads, `stays`, `ignored`, or `` where it cannot come."""
    for event in definition.events():
        cells = {}
        for state in definition.states:
            edges = [edge for edge in definition.transitions_from(state.name) if edge.trigger == event]
            leads = " / ".join("stays" if edge.kind == "internal" else edge.dest for edge in edges)
            cells[state.name] = leads or ("ignored" if event in state.ignores else "")
        yield event, cells


def effective(spec: CallbackSpec) -> CallbackSpec:
    """Return a callback without the keys that have no effect in it, as drawings tell of it."""
    acts = ACTING.get(spec.name, ())
    return attrs.evolve(
        spec,
        codes=spec.codes if "codes" in acts else {},
        retry=spec.retry if "retry" in acts else None,
        pause_s=spec.pause_s if "pause_s" in acts else 0.0,
    )


def without_effect(definition: Definition) -> Iterator[Problem]:
    """Yield every key of a callback that nobody would read."""
    for spec in definition.callbacks:
        left = effective(spec)
        for key, instead in INSTEAD.items():
            if getattr(spec, key) != getattr(left, key):
                where = ", ".join(name for name, keys in ACTING.items() if key in keys)
                yield _at(spec, f"{spec.name}: `{key}` works only in {where}; leave it out, and {instead}")


def _duplicate_states(definition: Definition) -> Iterator[Problem]:
    counts = Counter(state.name for state in definition.states)
    for position, state in enumerate(definition.states):
        earlier = next((s for s in definition.states[:position] if s.name == state.name), None)
        if counts[state.name] > 1 and earlier is not None:
            yield _at(state, f"state {state.name!r} is written twice; the first one is in line {earlier.line}")


def _unknown_names(definition: Definition, known_callbacks: Collection[str] | None) -> Iterator[Problem]:
    states = [state.name for state in definition.states]
    callbacks = [callback.name for callback in definition.callbacks]
    if definition.initial not in states:
        yield Problem(
            1, 1, f"initial: there is no state {definition.initial!r}{did_you_mean(definition.initial, states)}"
        )
    for edge in definition.transitions:
        for name in dict.fromkeys((edge.source, edge.dest)):
            if name not in states:
                yield _at(edge, f"{edge.trigger}: there is no state {name!r}{did_you_mean(name, states)}")
    for state in definition.states:
        if state.on_enter and state.on_enter not in callbacks:
            yield _at(state, f"callback {state.on_enter!r} is not declared{did_you_mean(state.on_enter, callbacks)}")
        outside = [*definition.inbox, *definition.timed()]
        for event in state.ignores:
            if event not in outside:
                yield _at(
                    state, f"ignores {event!r}, but the inbox has no event of this name{did_you_mean(event, outside)}"
                )
    used = {state.on_enter for state in definition.states}
    for callback in definition.callbacks:
        if known_callbacks is not None and callback.name not in known_callbacks:
            near = did_you_mean(callback.name, known_callbacks)
            yield _at(callback, f"the program has no callback {callback.name!r}{near}")
        elif callback.name not in used:
            yield _at(
                callback, f"callback {callback.name!r} is not used by any state; delete it, or name it in on_enter"
            )
    yield from _unknown_events(definition)


def _unknown_events(definition: Definition) -> Iterator[Problem]:
    answers = {answer for callback in definition.callbacks for answer in callback.possible}
    possible = {*answers, *definition.inbox, *definition.timed()}
    for edge in definition.transitions:
        if edge.trigger not in possible and not edge.spent:
            near = did_you_mean(edge.trigger, sorted(possible))
            yield _at(edge, f"no callback answers {edge.trigger!r} and the inbox does not bring it{near}")
    for callback in definition.callbacks:
        allowed = {*callback.answers, *(definition.inbox if callback.waits else ())}
        for field, table in callback.codes.items():
            for code, event in table.items():
                if event is not None and event not in allowed:
                    near = did_you_mean(event, sorted(allowed))
                    yield _at(
                        callback, f"{callback.name}: {field} {code} gives {event!r}, which it never answers{near}"
                    )


def _edges(definition: Definition) -> Iterator[Problem]:
    finals = {state.name for state in definition.states if state.final}
    if not finals:
        yield Problem(1, 1, "no state is final; a run could never end")
    taken: dict[tuple[str, str, bool], Transition] = {}
    for edge in definition.transitions:
        if edge.outcome and edge.outcome not in definition.outcomes:
            near = did_you_mean(edge.outcome, definition.outcomes)
            yield _at(edge, f"{edge.source} on {edge.trigger}: `outcomes` has no {edge.outcome!r}{near}")
        twin = taken.setdefault((edge.source, edge.trigger, edge.spent), edge)
        if twin is not edge:
            yield _at(edge, f"{edge.source} already has a transition for {edge.trigger!r} in line {twin.line}")
        if edge.source in finals:
            yield _at(edge, f"{edge.source} is final, so no transition can leave it")
        twins = [other for other in definition.transitions_from(edge.source) if other.trigger == edge.trigger]
        if (edge.at_most is not None) != any(other.spent for other in twins) and not edge.spent:
            yield _at(edge, f"{edge.source} on {edge.trigger}: `at_most` and `then` must be written together")
        yield from (_at(edge, f"{edge.source} on {edge.trigger}: {text}") for text in _edge_mistakes(edge, finals))


def _edge_mistakes(edge: Transition, finals: Collection[str]) -> Iterator[str]:
    if edge.source == edge.dest and not edge.kind:
        yield "a transition to the same state must say `kind: internal` (stay) or `kind: external` (call again)"
    if edge.source != edge.dest and edge.kind == "internal":
        yield "only a transition to the same state can be internal"
    if edge.dest not in finals and edge.exit_code is not None:
        yield f"{edge.dest} is not final, so exit_code has no effect here"
    if edge.kind == "internal" and edge.at_most is not None:
        yield "an internal transition cannot have a budget"
    if edge.kind == "internal" and edge.outcome:
        yield "an internal transition ends no job, so outcome has no effect here"


def _events_answered(definition: Definition) -> Iterator[Problem]:
    callbacks = {callback.name: callback for callback in definition.callbacks}
    for state in definition.states:
        handled = {edge.trigger for edge in definition.transitions_from(state.name)}
        for event in handled.intersection(state.ignores):
            yield _at(state, f"{state.name} both handles and ignores {event!r}")
        spec = callbacks.get(state.on_enter)
        # That it is not declared is a mistake of its own; what it would answer nobody knows.
        if state.on_enter and spec is None:
            continue
        yield from _without_use(definition, state, spec)
        if state.final:
            continue
        for event, how in _brought(state, spec):
            if event not in handled:
                yield _at(state, f"{state.name} has no transition for {event!r}, which {how}")
        if definition.waits(state):
            yield from _from_outside(definition, state, handled, spec)
        else:
            for event in handled.difference(spec.possible if spec else ()):
                yield _at(state, f"{state.name} handles {event!r}, which {state.on_enter} never answers")


def _without_use(definition: Definition, state: State, spec: CallbackSpec | None) -> Iterator[Problem]:
    if state.final and spec is not None and spec.errors:
        yield _at(spec, f"{spec.name} acts in {state.name}, which is final, so no event can follow its `errors`")
    if state.after and not definition.waits(state):
        why = "is final" if state.final else f"does not wait: {state.on_enter} must answer at once"
        yield _at(state, f"{state.name} has `after`, and {why}; `after` works only in a state that waits")


def _brought(state: State, spec: CallbackSpec | None) -> Iterator[tuple[str, str]]:
    """Yield every event that a state itself brings about, and how."""
    for timeout in state.after:
        yield timeout.event, f"comes after {timeout.span}"
    for event in spec.possible if spec else ():
        how = "may answer" if spec and event in spec.answers else "answers where it raises an error"
        yield event, f"{state.on_enter} {how}"


def _from_outside(
    definition: Definition, state: State, handled: Collection[str], spec: CallbackSpec | None
) -> Iterator[Problem]:
    here = {*definition.inbox, *(event for event, _ in _brought(state, spec))}
    for event in definition.timed():
        if event in handled and event not in here:
            yield _at(state, f"{state.name} handles {event!r}, which never comes there; add it to its `after`")
    for event in definition.inbox:
        if event not in handled and event not in state.ignores:
            text = f"{state.name} neither handles nor ignores {event!r} from the inbox"
            yield _at(state, f"{text}; add a transition, or the name to its `ignores`")


def _unreachable(definition: Definition) -> Iterator[Problem]:
    reached = _closure([definition.initial], lambda name: [edge.dest for edge in definition.transitions_from(name)])
    for state in definition.states:
        if state.name not in reached:
            yield _at(state, f"{state.name} cannot be reached from {definition.initial}")


def _without_end(definition: Definition) -> Iterator[Problem]:
    finals = [state.name for state in definition.states if state.final]
    ending = _closure(finals, lambda name: [edge.source for edge in definition.transitions if edge.dest == name])
    for state in definition.states:
        if state.name not in ending:
            yield _at(state, f"from {state.name} no final state can be reached")


def _unbounded_cycles(definition: Definition) -> Iterator[Problem]:
    """Report each cycle that the robot could run round for ever, by itself: no edge has a budget or means progress.

    A way round that waits for time, for the inbox or for a person is no such cycle. A callback that may wait may answer
    at once, too: its own answers do not count as waiting.
    """
    free = [
        edge
        for edge in definition.transitions
        if edge.kind == "external"
        and edge.at_most is None
        and not edge.progress
        and not _is_waited_for(definition, edge)
    ]
    reported: set[str] = set()
    for edge in free:
        if edge.source in reported:
            continue
        way = _way(edge.dest, edge.source, free)
        if way is not None:
            reported.update([edge.source, *(step.source for step in way)])
            names = " -> ".join([edge.source, edge.dest, *(step.dest for step in way)])
            yield _at(
                edge,
                f"there is no limit for the cycle {names}; give one of its transitions `at_most`, or `progress: true`",
            )


def _is_waited_for(definition: Definition, edge: Transition) -> bool:
    """Return whether nothing that the robot itself does brings an edge about."""
    state = definition.state(edge.source)
    answers = definition.callback(state.on_enter).possible if state.on_enter else ()
    return definition.waits(state) and edge.trigger not in answers


def reports(definition: Definition) -> bool:
    """Return whether some state reports how a job has ended."""
    return any(state.on_enter == REPORTS for state in definition.states)


def without_outcome(definition: Definition) -> list[Problem]:
    """Return every transition with which a job may come to its report while nobody has said how it ended.

    For machines that are sound otherwise. An outcome that was said before counts: a state between the end of a script
    and the report needs to say nothing.
    """
    reporting = {state.name for state in definition.states if state.on_enter == REPORTS}
    knowing = {state.name for state in definition.states if state.on_enter in KNOWS_THE_OUTCOME}
    silent = [edge for edge in definition.transitions if not edge.outcome and edge.trigger not in SAYS_THE_OUTCOME]

    def on_from(name: str) -> list[str]:
        return [] if name in reporting else [edge.dest for edge in silent if edge.source == name]

    unsaid = _closure([definition.initial], on_from)
    text = (
        "{0} on {1} leads to {2}, and the outcome of the job is not known there;"
        " add `outcome: not_started` or another one"
    )
    return [
        _at(edge, text.format(edge.source, edge.trigger, edge.dest))
        for edge in silent
        if edge.source in unsaid and edge.dest in reporting and edge.source not in (*reporting, *knowing)
    ]


def _way(start: str, goal: str, edges: Iterable[Transition]) -> list[Transition] | None:
    """Return the shortest way from `start` to `goal`, empty where they are the same, None where there is none."""
    ways: dict[str, list[Transition]] = {start: []}
    queue = [start]
    while queue and goal not in ways:
        here = queue.pop(0)
        for edge in edges:
            if edge.source == here and edge.dest not in ways:
                ways[edge.dest] = [*ways[here], edge]
                queue.append(edge.dest)
    return ways.get(goal)


def _closure(start: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(following(name))
    return reached


def _at(thing: State | Transition | CallbackSpec, text: str) -> Problem:
    return Problem(thing.line, thing.column, text)
