"""A changed drawing -> the machine file that it was drawn from, with its comments, its order and its own words. Pure.

Only what the drawing changes is changed in the text: a field of a state or transition, an entry more, an entry less.
What a shape or a flow was is known by its id, which editors keep, so a state that got a new name is that state still,
and its old name goes into `renamed:`, by which recorded runs are still understood.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from fsm_robot.analyst.formats.machine_text import as_flow, callback_values, state_values, transition_values
from fsm_robot.analyst.idents import edge_idents, idents
from fsm_robot.analyst.renaming import with_names
from fsm_robot.engine.machine.definition import CallbackSpec, Definition, State, Transition
from fsm_robot.engine.machine.document import Part, parts_of

EdgeKey = tuple[str, str, bool]
NEW_INBOX_EVENT = "drawn by an analyst; say here where it comes from"
NEW_CALLBACK = "drawn by an analyst; say here what it does"


@attrs.frozen
class Drawn:
    """A drawing that was read.

    Attributes:
        machine: The machine that it shows.
        states: Id of a shape -> state; empty where the format has no ids.
        edges: Id of a flow -> source, event, whether it is that of a spent budget.
    """

    machine: Definition
    states: Mapping[str, str] = attrs.field(factory=dict)
    edges: Mapping[str, EdgeKey] = attrs.field(factory=dict)


@attrs.frozen
class Merged:
    """The new text of a machine file, and what was added so that the drawing is a machine."""

    text: str
    notes: tuple[str, ...]
    renamed: Mapping[str, str]


def merged(text: str, name: str, old: Definition, drawn: Drawn) -> Merged:
    """Return the text of the machine file with what the drawing changes.

    Raises:
        DefinitionError: The text is no YAML.
    """
    states = _renamed(old, drawn)
    edges = _edges_now(old, drawn, states)
    others = {**_renamed_events(old, drawn.machine, edges), **_renamed_callbacks(old, drawn.machine, states)}
    new, notes = _completed(with_names(drawn.machine, others), old, states, others)
    edits = _Edits(text, parts_of(text, name), old, new, {**states, **others}, edges)
    edits.machine()
    return Merged(edits.applied(), tuple(notes), {**states, **others})


def _renamed(old: Definition, drawn: Drawn) -> dict[str, str]:
    ids = idents(state.name for state in old.states)
    now = {state.name: drawn.states.get(f"State_{ids[state.name]}", state.name) for state in old.states}
    return {before: after for before, after in now.items() if before != after}


def _renamed_events(old: Definition, new: Definition, edges: Mapping[EdgeKey, EdgeKey | None]) -> dict[str, str]:
    """Return events whose arrows have all got the same new name: an event that is still there has kept its own."""
    left = {edge.trigger for edge in new.transitions} | {each.event for state in new.states for each in state.after}
    now: dict[str, set[str]] = {}
    for (_, event, _), key in edges.items():
        if key is not None:
            now.setdefault(event, set()).add(key[1])
    return _one_new_name(now, old, left)


def _renamed_callbacks(old: Definition, new: Definition, states: Mapping[str, str]) -> dict[str, str]:
    """Return callbacks that have got the same new name before each of their states."""
    drawn = {state.name: state.on_enter for state in new.states}
    now: dict[str, set[str]] = {}
    for state in old.states:
        after = drawn.get(states.get(state.name, state.name))
        if state.on_enter and after is not None:
            now.setdefault(state.on_enter, set()).add(after)
    return _one_new_name(now, old, {*drawn.values()})


def _one_new_name(now: Mapping[str, set[str]], old: Definition, left: Collection[str]) -> dict[str, str]:
    known = {*old.names(), *old.inbox, ""}
    one = {before: next(iter(names)) for before, names in now.items() if len(names) == 1 and before not in left}
    # Two that have become one have no name that tells which of them a recorded run means.
    return {before: after for before, after in one.items() if after not in known and [*one.values()].count(after) == 1}


def _edges_now(old: Definition, drawn: Drawn, renamed: Mapping[str, str]) -> dict[EdgeKey, EdgeKey | None]:
    """Return for each transition of the file which one of the drawing it is, None for one that is gone."""
    ids = edge_idents(old, "Flow_")
    there = {_key(edge) for edge in drawn.machine.transitions}
    found: dict[EdgeKey, EdgeKey | None] = {}
    for edge in old.transitions:
        same = renamed.get(edge.source, edge.source), edge.trigger, edge.spent
        now = drawn.edges.get(ids[edge], same)
        found[_key(edge)] = now if now in there else None
    return found


def _key(edge: Transition) -> EdgeKey:
    return edge.source, edge.trigger, edge.spent


def _completed(
    new: Definition, old: Definition, renamed: Mapping[str, str], names: Mapping[str, str]
) -> tuple[Definition, list[str]]:
    """Return the machine with what a drawing has no sign for: who brings a new event, a callback that is new.

    `renamed` are states, `names` events and callbacks.
    """
    notes: list[str] = []
    callbacks = {spec.name: spec for spec in new.callbacks}
    inbox, ignores = dict(new.inbox), {state.name: state.ignores for state in new.states}
    for before, after in renamed.items():  # what is said of a state beside the shapes says it by its old name
        ignores[after] = tuple(names.get(event, event) for event in old.state(before).ignores)
    for state in new.states:
        if state.on_enter and state.on_enter not in callbacks:
            callbacks[state.on_enter] = CallbackSpec(state.on_enter, NEW_CALLBACK)
            notes.append(f"callback {state.on_enter} is new: somebody has to write it")
    for edge in new.transitions:
        state, timed = new.state(edge.source), {timeout.event for timeout in new.state(edge.source).after}
        spec = callbacks.get(state.on_enter)
        if edge.spent or edge.trigger in timed or edge.trigger in inbox or (spec and edge.trigger in spec.possible):
            continue
        if spec is not None:
            callbacks[spec.name] = attrs.evolve(spec, answers=(*spec.answers, edge.trigger))
            notes.append(f"callback {spec.name} may answer {edge.trigger} now: somebody has to write that")
            continue
        inbox[edge.trigger] = NEW_INBOX_EVENT
        notes.append(f"event {edge.trigger} comes from outside (inbox): somebody has to send it")
    for name, gone in _gone_answers(new, callbacks).items():
        callbacks[name] = attrs.evolve(
            callbacks[name], answers=tuple(event for event in callbacks[name].answers if event not in gone)
        )
        notes.append(f"callback {name} may not answer {', '.join(gone)} any more: somebody has to change that")
    added = [event for event in inbox if event not in new.inbox]
    complete = attrs.evolve(new, inbox=inbox, callbacks=tuple(callbacks.values()))
    known = {renamed.get(state.name, state.name) for state in old.states}
    for state in complete.states:
        handled = {edge.trigger for edge in complete.transitions_from(state.name)} | {*ignores[state.name]}
        more = [event for event in inbox if event not in handled] if complete.waits(state) else []
        told = [event for event in more if state.name not in known or event not in added]
        if told:
            notes.append(f"state {state.name} ignores {', '.join(told)}: somebody has to check whether that is right")
        ignores[state.name] = (*ignores[state.name], *more)
    states = tuple(attrs.evolve(state, ignores=ignores[state.name]) for state in complete.states)
    used = {state.on_enter for state in states}
    was_used = {state.on_enter for state in old.states}
    kept = tuple(spec for spec in complete.callbacks if spec.name in used or spec.name not in was_used)
    return attrs.evolve(complete, states=states, callbacks=kept), notes


def _gone_answers(new: Definition, callbacks: Mapping[str, CallbackSpec]) -> dict[str, list[str]]:
    """Return what callbacks may answer and no arrow of their states is for; a code or an error stays what it means."""
    found: dict[str, list[str]] = {}
    for spec in callbacks.values():
        states = [state.name for state in new.states if state.on_enter == spec.name]
        handled = {edge.trigger for name in states for edge in new.transitions_from(name)}
        meant = {*spec.errors.values(), *(event for table in spec.codes.values() for event in table.values())}
        gone = [event for event in spec.answers if event not in handled | meant]
        if states and gone:
            found[spec.name] = gone
    return found


@attrs.define
class _Edits:
    """Collects what is to be replaced in the text, by the places of characters."""

    text: str
    root: Part
    old: Definition
    new: Definition
    renamed: Mapping[str, str]
    edges: Mapping[EdgeKey, EdgeKey | None]
    found: list[tuple[int, int, str]] = attrs.field(factory=list)
    gone: list[tuple[Part, Part]] = attrs.field(factory=list)
    more: list[tuple[Part, str]] = attrs.field(factory=list)

    def applied(self) -> str:
        """Return the text with all of it done."""
        # What stands around an entry tells which comma goes with it, so lists are changed when all is known of them.
        for whole in dict.fromkeys(whole.start for whole, _ in (*self.gone, *self.more)):
            self._member_edits(whole)
        text = self.text
        for start, end, replacement in sorted(self.found, reverse=True):
            text = text[:start] + replacement + text[end:]
        return text if text.endswith("\n") else f"{text}\n"

    def machine(self) -> None:
        """Look at every part of the file."""
        self._top("machine", self.old.name, self.new.name)
        self._top("initial", self.old.initial, self.new.initial)
        self._states()
        self._transitions()
        before, now = ({spec.name: callback_values(spec) for spec in each.callbacks} for each in (self.old, self.new))
        self._map("callbacks", before, now)
        posted = self._posted()
        self._map(
            "inbox",
            {event: text for event, text in self.old.inbox.items() if event not in posted},
            {event: text for event, text in self.new.inbox.items() if event not in posted.values()},
        )
        labelled = {str(name.value): self._now(str(name.value)) for name, _ in self.entries_of("events")}
        known = {*self.new.events()}
        self._map("events", dict.fromkeys(labelled), dict.fromkeys(now for now in labelled.values() if now in known))
        if self.renamed:
            earlier = {before: self.renamed.get(after, after) for before, after in self.old.renamed.items()}
            self._map("renamed", self.old.renamed, {**earlier, **self.renamed})

    def _now(self, name: str) -> str:
        return self.renamed.get(name, name)

    def _posted(self) -> dict[str, str]:
        """Change names of events in `posted:`; return those that stand there alone, each with what it is called now."""
        part = self.root.get("posted")
        explained = {name.value for name, _ in self.entries_of("inbox")}
        found: dict[str, str] = {}
        for item in part.items if part is not None else ():
            now = self._now(item.value)
            if now != item.value:
                self.replace(item, as_flow(now))
            if item.value not in explained:
                found[item.value] = now
        return found

    def _top(self, key: str, old: str, new: str) -> None:
        part = self.root.get(key)
        if part is not None and old != new:
            self.replace(part, as_flow(new))
        elif part is None and old != new:
            self.found.append((self.root.start, self.root.start, f"{key}: {as_flow(new)}\n"))

    # ---- states

    def _states(self) -> None:
        part = self.root.get("states")
        assert part is not None, "a machine file has states"
        now = {state.name: state for state in self.new.states}
        items = {str(item.value_of("name")): item for item in part.items}
        for state in self.old.states:
            item = items[state.name]
            after = now.pop(self.renamed.get(state.name, state.name), None)
            if after is None:
                self.drop(part, item)
            else:
                self._fields(item, _of_state(self.old, state), _of_state(self.new, after))
        self._insert(part, [as_flow(_of_state(self.new, state)) for state in now.values()])

    # ---- transitions

    def _transitions(self) -> None:
        part = self.root.get("transitions")
        assert part is not None, "a machine file has transitions"
        by_key = {_key(edge): edge for edge in self.new.transitions}
        left = {key for key in by_key if not key[2]}
        added: list[str] = []
        for item in part.items:
            sources, before = self._edges_of(item)
            after: dict[str, dict[str, object]] = {}
            for source, edge in before.items():
                now = self.edges[_key(edge)]
                if now is not None and now in left:
                    left.discard(now)
                    after[source] = transition_values(self.new, by_key[now])
            added += self._transition(part, item, sources, before, after)
        added += [as_flow(transition_values(self.new, edge)) for key, edge in by_key.items() if key in left]
        self._insert(part, added)

    def _edges_of(self, item: Part) -> tuple[list[str], dict[str, Transition]]:
        written = item.get("source")
        assert written is not None, "a transition has a source"
        sources = [str(each.value) for each in written.items] if written.kind == "list" else [str(written.value)]
        trigger = str(item.value_of("trigger"))
        known = {_key(edge): edge for edge in self.old.transitions}
        return sources, {source: known[source, trigger, False] for source in sources}

    def _transition(
        self,
        part: Part,
        item: Part,
        sources: Sequence[str],
        before: Mapping[str, Transition],
        after: Mapping[str, dict[str, object]],
    ) -> list[str]:
        """Change an entry, which may stand for several sources; return entries for those that go another way now."""
        unlike = [values for source, values in after.items() if not self._alike(after[next(iter(after))], values)]
        if not after:
            self.drop(part, item)
            return []
        if len(after) == len(sources) and not unlike:
            first = next(iter(after))
            self._fields(item, self._values(before[first], sources), {**after[first], "source": _named(after, sources)})
            return []
        same = [
            s for s, values in after.items() if self._alike(transition_values(self.old, before[s]), values, old=True)
        ]
        apart = [as_flow(values) for source, values in after.items() if source not in same]
        if not same:
            self.replace(item, apart[0])
            return apart[1:]
        kept = {source: after[source] for source in same}
        values = self._values(before[same[0]], sources)
        self._fields(item, values, {**after[same[0]], "source": _named(kept, same)})
        return apart

    def _values(self, edge: Transition, sources: Sequence[str]) -> dict[str, object]:
        return {**transition_values(self.old, edge), "source": sources[0] if len(sources) == 1 else list(sources)}

    def _alike(self, one: Mapping[str, object], other: Mapping[str, object], *, old: bool = False) -> bool:
        """Return whether two transitions differ in their source alone; `old` values may have old names of states."""
        values = dict(one)
        if old:
            for key in ("trigger", "dest"):
                values[key] = self._now(str(values[key]))
            if isinstance(then := values.get("then"), dict):
                values["then"] = {**then, "dest": self.renamed.get(str(then["dest"]), then["dest"])}
        apart = {key for key in {*values, *other} if values.get(key) != other.get(key)}
        # `kind` is written where a state leads to itself, or by whoever likes to.
        return not apart - {"source", "kind"} or (apart <= {"source", "kind", "dest"} and _is_loop(values, other))

    # ---- callbacks and other maps

    def entries_of(self, key: str) -> tuple[tuple[Part, Part], ...]:
        """Return the entries of a map at the top of the file, none where it has no such key."""
        part = self.root.get(key)
        return () if part is None else part.entries

    def _map(self, key: str, old: Mapping[str, object], new: Mapping[str, object]) -> None:
        part = self.root.get(key)
        if part is not None and part.entries and not new and not part.is_flow:
            head = next(head for head, _ in self.root.entries if head.value == key)
            self.drop(self.root, attrs.evolve(part, start=head.start))
            return
        kept: set[str] = set()
        for name_part, value in part.entries if part is not None else ():
            name = name_part.value
            after = self._now(name) if name not in new else name
            if name in old and after not in new and part is not None:
                self.drop(part, attrs.evolve(value, start=name_part.start))
                continue
            if after != name:
                self.replace(name_part, as_flow(after))
                kept.add(after)
            if name in old and old[name] != new[after]:
                before, now = old[name], new[after]
                if isinstance(before, dict) and isinstance(now, dict):
                    self._fields(value, before, now)
                else:
                    self.replace(value, as_flow(now))
        lines = [f"{as_flow(name)}: {as_flow(value)}" for name, value in new.items() if name not in {*old, *kept}]
        if part is not None and (part.entries or part.is_flow):
            self._insert(part, lines)
        elif lines:
            block = "".join(f"  {line}\n" for line in lines)
            self.found.append((len(self.text), len(self.text), f"{_break(self.text)}\n{key}:\n{block}"))

    # ---- pieces

    def _fields(self, item: Part, old: Mapping[str, object], new: Mapping[str, object]) -> None:
        """Change the fields of an entry; others, and comments, stay as they are."""
        gone = [key for key in old if key not in new and item.get(key) is not None]
        for key in dict.fromkeys([*old, *new]):
            value, now = item.get(key), new.get(key)
            if old.get(key) == now or key in gone:
                continue
            if value is None:
                self._insert(item, [f"{as_flow(key)}: {as_flow(now)}"])
            elif not (value.is_flow and self._names(value, old.get(key), now)):
                self.replace(value, as_flow(now))
        for name, value in item.entries:
            if name.value in gone:
                self.drop(item, attrs.evolve(value, start=name.start))

    def _names(self, part: Part, old: object, new: object) -> bool:
        """Change a list of names in place, with the comments between them; return whether that could be done."""
        if not isinstance(old, list | tuple) or not isinstance(new, list | tuple) or len(part.items) != len(old):
            return False
        now = [self._now(str(name)) for name in old]
        kept = [name for name in now if name in new]
        if not kept or list(new[: len(kept)]) != kept:
            return False
        for item, name in zip(part.items, now, strict=True):
            if name not in new:
                self.drop(part, item)
            elif name != item.value:
                self.replace(item, as_flow(name))
        self._insert(part, [as_flow(name) for name in new[len(kept) :]])
        return True

    def replace(self, part: Part, text: str) -> None:
        """Put a text in place of a part."""
        self.found.append((part.start, part.end, text))

    def drop(self, whole: Part, entry: Part) -> None:
        """Take an entry out, with its comma, or with its line and what is said behind it."""
        self.gone.append((whole, entry))

    def _insert(self, whole: Part, entries: Sequence[str]) -> None:
        """Put entries behind the last one."""
        self.more += [(whole, entry) for entry in entries]

    def _member_edits(self, place: int) -> None:
        """Do what was asked for the list or map that begins at `place`."""
        gone = [(whole, entry) for whole, entry in self.gone if whole.start == place]
        more = [(whole, entry) for whole, entry in self.more if whole.start == place]
        whole, entries = (gone or more)[0][0], [text for _, text in more]
        if whole.is_flow:
            self._flow_members(whole, {entry.start for _, entry in gone}, entries)
            return
        for _, entry in gone:
            start = self.text.rfind("\n", 0, entry.start) + 1
            end = self.text.find("\n", entry.end)
            self.found.append((start, len(self.text) if end < 0 else end + 1, ""))
        if entries:
            self._new_lines(whole, entries)

    def _flow_members(self, whole: Part, gone: Collection[int], entries: Sequence[str]) -> None:
        members = whole.members()
        left = [number for number, member in enumerate(members) if member.start not in gone]
        if not left:
            start, end = (members[0].start, members[-1].end) if members else (whole.start + 1, whole.start + 1)
            self.found.append((start, end, ", ".join(entries)))
            return
        for number, member in enumerate(members):
            if member.start not in gone:
                continue
            # The last ones go with the comma before them, the others with the one behind.
            if number > left[-1]:
                self.found.append((members[number - 1].end, member.end, ""))
            else:
                self.found.append((member.start, members[number + 1].start, ""))
        if entries:
            self.found.append((members[-1].end, members[-1].end, f", {', '.join(entries)}"))

    def _new_lines(self, whole: Part, entries: Sequence[str]) -> None:
        members = whole.members()
        first = self.text.rfind("\n", 0, members[0].start) + 1
        # In a mapping within a list the first key stands behind the dash, the others below it.
        lead = self.text[first : members[0].start]
        lead = lead if whole.kind == "list" else " " * len(lead)
        end = self.text.find("\n", members[-1].end)
        end = len(self.text) if end < 0 else end + 1
        before = _break(self.text) if end == len(self.text) else ""
        self.found.append((end, end, before + "".join(f"{lead}{entry}\n" for entry in entries)))


def _of_state(definition: Definition, state: State) -> dict[str, object]:
    # Titles stay where they are: in the file, or in those beside it.
    values = state_values(definition, state)
    return {key: value for key, value in values.items() if key not in ("title", "describes")}


def _named(after: Mapping[str, Mapping[str, object]], sources: Iterable[str]) -> object:
    names = [str(after[source]["source"]) for source in sources]
    return names[0] if len(names) == 1 else names


def _is_loop(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return one["source"] == one["dest"] and other["source"] == other["dest"]


def _break(text: str) -> str:
    return "" if text.endswith("\n") or not text else "\n"


def shapes_named(drawn: Drawn, sentence: str) -> Iterator[str]:
    """Yield the shapes that a sentence about the machine speaks of, as `State_Ready 'Ready'`."""
    yield from (f"{ident} {name!r}" for ident, name in drawn.states.items() if name and name in sentence)


def relabelled(text: str, name: str, new: Definition, renamed: Mapping[str, str]) -> str:
    """Return a file of labels for the new machine: names that it has not are left out, new ones stand for old ones.

    Raises:
        DefinitionError: The text cannot be changed in place.
    """
    root, edits = parts_of(text, name), _Edits(text, parts_of(text, name), new, new, renamed, {})
    known = {"states": {state.name for state in new.states}, "events": {*new.events()}}
    for kind, names in known.items():
        part = root.get(kind)
        if part is None:
            continue
        for key, value in part.entries:
            after = renamed.get(key.value, key.value)
            if after not in names:
                edits.drop(part, attrs.evolve(value, start=key.start))
            elif after != key.value:
                edits.replace(key, as_flow(after))
    return edits.applied()
