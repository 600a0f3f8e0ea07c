"""Two machines side by side: what was added, removed or changed, as a list and as marks on one drawing. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import attrs

from fsm_robot.analyst.drawing.svg import Marks
from fsm_robot.analyst.renaming import kinds_of, with_names
from fsm_robot.engine.journal.replay import Divergence
from fsm_robot.engine.machine.definition import CallbackSpec, Definition, Labels, State, Transition
from fsm_robot.engine.wording import symbols

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
PLACES = frozenset({"line", "column"})
"""Where something stands in its file is not a difference."""
EdgeKey = tuple[str, str, bool]
Key = TypeVar("Key")
Named = TypeVar("Named", State, CallbackSpec)


@attrs.frozen
class Difference:
    """One difference.

    Attributes:
        how: `added`, `removed` or `changed`.
        what: `machine`, `state`, `transition`, `event`, `callback`, `outcome` or `inbox`.
        name: Which one.
        field: What about it, empty where the whole thing was added or removed.
        old: Before, as text.
        new: Now, as text.
    """

    how: str
    what: str
    name: str
    field: str = ""
    old: str = ""
    new: str = ""

    @property
    def label(self) -> str:
        """The name with the field."""
        return f"{self.name}: {self.field}" if self.field else self.name


@attrs.frozen
class Comparison:
    """What two machines differ in.

    Attributes:
        differences: Every difference.
        union: A machine with the states and transitions of both, to be drawn, never to be run.
        marks: What to mark on the drawing of `union`.
    """

    differences: tuple[Difference, ...]
    union: Definition
    marks: Marks


def compare(old: Definition, new: Definition) -> Comparison:
    """Return what `new` does differently from `old`; titles and places in the file do not count.

    What `new` says in `renamed` is one difference, its new name, and not one thing less and another more.
    """
    old, names = _with_names_of(old, new)
    states = _things("state", _by_name(old.states), _by_name(new.states))
    edges = list(_things("transition", _edges(old), _edges(new), _edge_name))
    callbacks = list(_things("callback", _by_name(old.callbacks), _by_name(new.callbacks)))
    before, now = ({"name": machine.name, "initial": machine.initial} for machine in (old, new))
    differences = (
        *_fields("machine", new.name, before, now),
        *names,
        *states,
        *edges,
        *callbacks,
        *_things("outcome", old.outcomes, new.outcomes),
        *_things("inbox", old.inbox, new.inbox),
    )
    return _drawn(old, new, differences)


def _with_names_of(old: Definition, new: Definition) -> tuple[Definition, list[Difference]]:
    """Return the old machine with the names that the new one has for its things, and a difference for each."""
    known = {*old.names()}
    names = {before: now for before, now in new.renamed.items() if before in known and now not in known}
    differences = [
        Difference(CHANGED, kind, now, "name", before, now)
        for before, now in names.items()
        for kind in kinds_of(old, before)
    ]
    return with_names(old, names), differences


def _by_name(things: Iterable[Named]) -> dict[str, Named]:
    return {thing.name: thing for thing in things}


def _edges(definition: Definition) -> dict[EdgeKey, Transition]:
    return {_key(edge): edge for edge in definition.transitions}


def _key(edge: Transition) -> EdgeKey:
    return edge.source, edge.trigger, edge.spent


def _edge_name(key: EdgeKey) -> str:
    source, trigger, spent = key
    return f"{source}: {trigger}{' (spent)' if spent else ''}"


def _things(
    what: str, old: Mapping[Key, object], new: Mapping[Key, object], name: Callable[[Key], str] = str
) -> list[Difference]:
    found = []
    for key in dict.fromkeys([*old, *new]):
        if key not in old:
            found.append(Difference(ADDED, what, name(key), new=_text(new[key])))
        elif key not in new:
            found.append(Difference(REMOVED, what, name(key), old=_text(old[key])))
        else:
            found += _fields(what, name(key), _values(old[key]), _values(new[key]))
    return found


def _fields(what: str, name: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Difference]:
    for field in dict.fromkeys([*old, *new]):
        before, after = old.get(field), new.get(field)
        if before != after:
            yield Difference(CHANGED, what, name, field, _text(before), _text(after))


def _values(thing: object) -> dict[str, object]:
    """Return the fields of a thing, nested ones as `retry.for_s` and `codes.HasNewJob.1`."""
    if not isinstance(thing, (State, Transition, CallbackSpec)):
        return {"": thing}
    return dict(_flat("", {key: value for key, value in attrs.asdict(thing).items() if key not in PLACES}))


def _flat(prefix: str, values: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _text(value: object) -> str:
    if isinstance(value, Transition):
        return _edge_text(value)
    if isinstance(value, State):
        return ", ".join(part for part in ("final" if value.final else "", value.on_enter) if part)
    if isinstance(value, CallbackSpec):
        return value.does
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, {}):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _edge_text(edge: Transition) -> str:
    notes = [
        f"→ {edge.dest}",
        edge.kind if edge.kind != "external" else "",
        f"at most {edge.at_most}" if edge.at_most is not None else "",
        f"exit {edge.exit_code}" if edge.exit_code is not None else "",
    ]
    return ", ".join(note for note in notes if note)


# ---- one drawing of both


def _drawn(old: Definition, new: Definition, differences: Sequence[Difference]) -> Comparison:
    """Draw the new machine, with what only the old one had beside it."""
    new_states, new_edges = _by_name(new.states), _edges(new)
    gone_states = [state for state in old.states if state.name not in new_states]
    # A transition that leads elsewhere now is drawn twice: its old way as removed, beside the new one as changed.
    gone_edges = [edge for edge in old.transitions if not _same_way(edge, new_edges.get(_key(edge)))]
    names = {spec.name for spec in new.callbacks}
    callbacks = (*new.callbacks, *(spec for spec in old.callbacks if spec.name not in names))
    union = attrs.evolve(
        new,
        states=(*new.states, *gone_states),
        transitions=(*new.transitions, *gone_edges),
        callbacks=callbacks,
        inbox={**old.inbox, **new.inbox},
        labels=Labels({**old.labels.states, **new.labels.states}, {**old.labels.events, **new.labels.events}),
    )
    by_what: dict[str, dict[str, str]] = {"state": {}, "transition": {}, "callback": {}}
    for each in differences:
        by_what.setdefault(each.what, {})[each.name] = each.how
    state_marks = {state.name: _state_mark(state, by_what) for state in new.states}
    state_marks.update({state.name: REMOVED for state in gone_states})
    edge_marks = {
        number: by_what["transition"].get(_edge_name(_key(edge)), "")
        for number, edge in enumerate(new.transitions, start=1)
    }
    first = len(new.transitions) + 1
    edge_marks.update(dict.fromkeys(range(first, first + len(gone_edges)), REMOVED))
    return Comparison(tuple(differences), union, Marks(_marked(state_marks), _marked(edge_marks)))


def _same_way(edge: Transition, other: Transition | None) -> bool:
    return other is not None and (other.dest, other.kind) == (edge.dest, edge.kind)


def _state_mark(state: State, by_what: Mapping[str, Mapping[str, str]]) -> str:
    """Return the mark of a state; a callback that changed marks the states that it acts in."""
    own = by_what["state"].get(state.name, "")
    return own or (CHANGED if state.on_enter in by_what["callback"] else "")


def _marked(marks: Mapping[Key, str]) -> dict[Key, str]:
    return {key: mark for key, mark in marks.items() if mark}


def comparison_table(comparison: Comparison, verdicts: Sequence[tuple[str, Divergence | None]]) -> str:
    """Return the differences as Markdown, which reads well as plain text too."""
    rows = [(each.how, each.what, each.label, each.old, each.new) for each in comparison.differences]
    parts = [_table(("how", "what", "name", "before", "now"), rows)] if rows else ["The two machines do the same."]
    if verdicts:
        parts.append(_table(("run", "step", "event", "recorded", "now"), [_verdict(*each) for each in verdicts]))
    return "\n\n".join(parts) + "\n"


def _verdict(name: str, found: Divergence | None) -> tuple[str, ...]:
    if found is None:
        return name, "", "", "", "the same"
    return name, str(found.seq), found.event, found.recorded, found.now


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # Lines of a text are joined; of what else is blank a name is made, and shows it by its symbol, as everywhere.
    plain = [[symbols(re.sub("[ \n]+", " ", cell).strip()) for cell in row] for row in (head, *rows)]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in plain]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
