"""Machine file -> Definition: reads every part, and collects every mistake with its place.

`SHAPES` says which keys there are and what they hold; the reader and the JSON Schema for editors both follow it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import attrs

from fsm_robot.engine.machine.checks import JOB_STATUSES, check, reports, without_effect, without_outcome
from fsm_robot.engine.machine.definition import (
    FAILURE_KINDS,
    CallbackSpec,
    Definition,
    Label,
    Labels,
    RetryPolicy,
    State,
    Timeout,
    Transition,
)
from fsm_robot.engine.machine.document import Place, Problem, Value, read
from fsm_robot.engine.machine.durations import is_setting, seconds_of
from fsm_robot.engine.machine.error_names import problem_with
from fsm_robot.engine.wording import did_you_mean
from fsm_robot.errors import DefinitionError

FORMAT = 1
GRACE_OF_0_1 = ("ask_script_to_stop", "grace_ended", "scripts.stop_grace_s")
"""Callback, event and setting of the timer that 0.1 had in the program and not in the machine file."""
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@attrs.frozen
class Shape:
    """What one key may hold.

    Attributes:
        kind: `text`, `name` (a word for a state, event or callback), `flag`, `whole`, `number`, `names` (a list of
            names), `name or names`, or the name of another entry of `SHAPES`, also as `list of …` and `map of …`;
            `whole map` is name -> whole number, `text map` is name -> text, `name map` is name -> name, `codes` is
            field -> whole -> name or null, `spans` is time -> name;
            `line` is a text of one line; `wording` is one, or language -> line.
        help: One line for editors.
        required: Whether the key must be there.
        allowed: The only values, or empty.
        least: Smallest number.
        most: Largest number, or longest text, or None.
    """

    kind: str
    help: str
    required: bool = False
    allowed: tuple[str, ...] = ()
    least: float = 0
    most: float | None = None


LABEL: Mapping[str, Shape] = {
    "title": Shape("wording", "what people call it: a text, or a text per language, such as {en: Ready}", most=60),
    "describes": Shape("wording", "a sentence about it: a text, or a text per language", most=300),
}
POSTED = "brought by `fsm-robot post`"
"""What is said of an event that may be posted and has no line of its own under `inbox`."""
WHOLE_FILES: Mapping[str, str] = {"file": "the machine file", "labels": "a file of labels"}
SHAPES: Mapping[str, Mapping[str, Shape]] = {
    "file": {
        "format": Shape("whole", "version of this file format: 1 (default)", least=1, most=1),
        "machine": Shape("text", "name of the machine (default: that of the file)"),
        "initial": Shape("name", "state that the machine starts in (default: the first one)"),
        "states": Shape("list of state", "every state", required=True),
        "transitions": Shape("list of transition", "every edge", required=True),
        "inbox": Shape("text map", "events from outside, each with a line that explains it"),
        "posted": Shape(
            "names", "events that `fsm-robot post` may bring; a waiting state without an edge ignores them"
        ),
        "events": Shape("map of label", "what people call the events, in diagrams"),
        "callbacks": Shape("map of callback", "what the callbacks of the states may answer", required=True),
        "outcomes": Shape("whole map", "how a job ended -> job status from 0 to 8; none in a machine without jobs"),
        "renamed": Shape("text map", "old name -> name in this file, so that older journals can be replayed"),
    },
    "state": {
        "name": Shape("name", "name of the state", required=True),
        "on_enter": Shape("name", "callback that acts when the state is entered"),
        "final": Shape("flag", "whether the run ends here"),
        "ignores": Shape("names", "events of the inbox that mean nothing in this state"),
        "heartbeats": Shape(
            "flag", "whether Working heartbeats run here (default: only where the script runs or ends)"
        ),
        "after": Shape("spans", "time in a state that waits -> event: 500ms, 30s, 2m, 1h, or a setting of robot.toml"),
        **LABEL,
    },
    "label": LABEL,
    "labels": {
        "states": Shape("map of label in one language", "state -> what people call it"),
        "events": Shape("map of label in one language", "event -> what people call it"),
    },
    "label in one language": {
        "title": Shape("line", "what people call it", most=60),
        "describes": Shape("line", "a sentence about it", most=300),
    },
    "transition": {
        "trigger": Shape("name", "event that takes this edge", required=True),
        "source": Shape("name or names", "state or states that it leaves", required=True),
        "dest": Shape("name", "state that it leads to", required=True),
        "kind": Shape(
            "text",
            "must be there where source = dest: external runs the callback again, internal does not",
            allowed=("internal", "external"),
        ),
        "exit_code": Shape("whole", "what the process ends with, where dest is final (default: 0)", most=255),
        "outcome": Shape("name", "how the job in hand has ended with this, where the event itself does not say"),
        "progress": Shape("flag", "whether all budgets start anew here"),
        "at_most": Shape("whole", "budget: how often between two edges with progress", least=1, most=1000),
        "then": Shape("spent edge", "where it leads instead once the budget is used up"),
    },
    "spent edge": {
        "dest": Shape("name", "state that it leads to", required=True),
        "exit_code": Shape("whole", "what the process ends with, where dest is final (default: 0)", most=255),
        "outcome": Shape("name", "how the job in hand has ended with this"),
    },
    "callback": {
        "does": Shape("text", "one line for people"),
        "answers": Shape("names", "events that it may return", required=True),
        "waits": Shape("flag", "whether it may return nothing, so that the state waits for the inbox"),
        "codes": Shape("codes", "field of the orchestrator's answer -> value -> event, null: the next field decides"),
        "retry": Shape("retry", "which failures are retried, how often and how long"),
        "pause_s": Shape("number", "seconds of pause before it answers that it failed", most=3600),
        "errors": Shape("name map", "error that it raises -> event; Python's own, a.dotted.Path, or '*' for every one"),
    },
    "retry": {
        "on": Shape("names", "failures after which it is tried again", required=True, allowed=FAILURE_KINDS),
        "for_s": Shape("number", "seconds after which no further try starts; .inf never gives up", required=True),
        "first_s": Shape("number", "pause before the second try", least=0.01, most=3600),
        "factor": Shape("number", "each pause is this many times the one before", least=1, most=10),
        "longest_s": Shape("number", "no pause is longer", least=0.01, most=3600),
        "jitter": Shape("number", "share by which a pause may vary", most=1),
    },
}
_ONE_HOOK = "; a state has only `on_enter`: what must happen on leaving belongs in the callback of the next state"
_NO_GUARD = "; a transition has no condition: let a callback choose between two events that it may answer"
_NO_ACTION = "; a transition calls nothing: use the `on_enter` of the state that it leads to"
_NO_NESTING = "; states cannot have states inside: write each of them as a separate state"
INSTEAD: Mapping[tuple[str, object], str] = {
    **dict.fromkeys((("state", key) for key in ("on_exit", "exit", "onexit", "on_leave")), _ONE_HOOK),
    **dict.fromkeys((("state", key) for key in ("entry", "onentry", "enter", "do")), "; it is called `on_enter` here"),
    **dict.fromkeys((("state", key) for key in ("children", "states", "parallel", "regions", "parent")), _NO_NESTING),
    **dict.fromkeys((("state", key) for key in ("transitions", "on")), "; transitions stand in a list of their own"),
    ("state", "initial"): "; `initial` stands at the top of the file, with the name of the state",
    **dict.fromkeys((("transition", key) for key in ("conditions", "condition", "cond", "guard", "unless")), _NO_GUARD),
    **dict.fromkeys((("transition", key) for key in ("before", "after", "prepare", "action", "actions")), _NO_ACTION),
    **dict.fromkeys((("transition", key) for key in ("to", "target")), "; it is called `dest` here"),
    ("transition", "from"): "; it is called `source` here",
    **dict.fromkeys((("transition", key) for key in ("event", "on")), "; it is called `trigger` here"),
}
"""What is said to who knows another machine and looks for its words here."""


def compile_text(
    text: str,
    name: str,
    known_callbacks: Collection[str] | None = None,
    known_outcomes: Collection[str] = (),
    known_settings: Collection[str] | None = None,
    *,
    jobs_only: bool = False,
) -> Definition:
    """Return the machine that `text` describes.

    Args:
        text: The machine file.
        name: How messages call the file.
        known_callbacks: Names that the program can call; None where that is not to be checked.
        known_outcomes: Outcomes that the worker may give; each must have a job status in a machine that has jobs.
        known_settings: Settings that hold a time in seconds; None where that is not to be checked.
        jobs_only: Whether `known_callbacks` says nothing about a machine without jobs.

    Raises:
        DefinitionError: Every mistake, each as `name:line:column: sentence`.
    """
    document, problems = read(text, name, spellings=known_callbacks or ())
    reader = _Reader(problems)
    values = reader.entry(document, "file")
    definition, place_of_outcomes = _definition(reader, values, document, name)
    _check_errors(reader, values, imports=known_callbacks is not None)
    _check_settings(reader, values, known_settings)
    if jobs_only and not (definition.has_jobs or reports(definition)):
        found = [*check(definition), *without_effect(definition)]
    else:
        found = check(definition, known_callbacks)
    if definition.outcomes or reports(definition):
        found += _missing_outcomes(definition.outcomes, known_outcomes, place_of_outcomes)
    if known_outcomes and not found:
        found = without_outcome(definition)
    # A line that could not be read is no witness: what the checks say of it would only follow from that.
    unread = {problem.line for problem in reader.problems}
    problems = sorted([*reader.problems, *(problem for problem in found if problem.line not in unread)])
    if problems:
        raise DefinitionError([f"{name}:{problem.line}:{problem.column}: {problem.text}" for problem in problems])
    return definition


def read_entry(document: Value, shape_name: str, problems: list[Problem]) -> dict[str, Any]:
    """Return what `document` holds of the keys of `SHAPES[shape_name]`; what does not fit is added to `problems`."""
    return _Reader(problems).entry(document, shape_name)


def _definition(
    reader: _Reader, values: Mapping[str, Any], document: Value, file_name: str
) -> tuple[Definition, Place]:
    places = document.key_places
    finals = {entry.get("name", "") for entry, _ in values.get("states", ()) if entry.get("final")}
    transitions = tuple(edge for entry, value in values.get("transitions", ()) for edge in _edges(entry, value, finals))
    callbacks = tuple(_callback(key, entry, value) for key, (entry, value) in values.get("callbacks", {}).items())
    posted = tuple(values.get("posted", ()))
    waiting = {callback.name for callback in callbacks if callback.waits}
    states = tuple(
        _ignoring(_with_grace(_state(entry, value), transitions), posted, transitions, waiting)
        for entry, value in values.get("states", ())
    )
    outcomes = values.get("outcomes", {})
    event_labels = values.get("events", {})
    for outcome, status in outcomes.items():
        if status not in JOB_STATUSES:
            reader.complain(
                places["outcomes"],
                f"outcome {outcome!r}: {status} is not a job status; a job status is a number from 0 to 8",
            )
    definition = Definition(
        name=values.get("machine", "" if "machine" in places else _stem(file_name)),
        initial=values.get("initial", states[0].name if states and "initial" not in places else ""),
        states=states,
        transitions=transitions,
        inbox={**dict.fromkeys(posted, POSTED), **values.get("inbox", {})},
        posted=posted,
        callbacks=callbacks,
        outcomes=outcomes,
        labels=Labels(
            {entry.get("name", ""): _label(entry) for entry, _ in values.get("states", ()) if _is_labelled(entry)},
            {name: _label(entry) for name, (entry, _) in event_labels.items() if _is_labelled(entry)},
        ),
        renamed=values.get("renamed", {}),
    )
    if definition.renamed:
        _check_renamed(reader, definition, document.content["renamed"])
    events = definition.events()
    for name, (_, value) in event_labels.items():
        if name not in events:
            reader.complain(value.place, f"events: there is no event {name!r}{did_you_mean(name, events)}")
    return definition, places.get("outcomes", document.place)


def _stem(file_name: str) -> str:
    base = re.split(r"[/\\]", file_name)[-1]
    return base.rpartition(".")[0] or base


def _check_renamed(reader: _Reader, definition: Definition, value: Value) -> None:
    names = definition.names()
    for old, new in definition.renamed.items():
        place = value.key_places.get(old, value.place)
        if new not in names:
            near = did_you_mean(new, names)
            reader.complain(place, f"renamed: no state, event or callback is called {new!r}{near}")
        if old in names:
            reader.complain(place, f"renamed: {old!r} is still a name of this file, so it cannot be an old one")


def _check_errors(reader: _Reader, values: Mapping[str, Any], *, imports: bool) -> None:
    for callback, (entry, value) in values.get("callbacks", {}).items():
        for name in entry.get("errors", ()):
            problem = problem_with(name, imports=imports)
            if problem:
                reader.complain(value.content["errors"].key_places[name], f"{callback}: errors: {problem}")


def _check_settings(reader: _Reader, values: Mapping[str, Any], known: Collection[str] | None) -> None:
    for entry, value in values.get("states", ()):
        for timeout in entry.get("after", ()):
            if timeout.setting and known is not None and timeout.setting not in known:
                near = did_you_mean(timeout.setting, known)
                place = value.content["after"].key_places[timeout.setting]
                reader.complain(place, f"after: no setting {timeout.setting!r} holds a time in seconds{near}")


def _state(entry: Mapping[str, Any], value: Value) -> State:
    return State(
        entry.get("name", ""),
        entry.get("on_enter", ""),
        entry.get("final", False),
        tuple(entry.get("ignores", ())),
        value.place.line,
        value.place.column,
        tuple(entry.get("after", ())),
        entry.get("heartbeats", False),
    )


def _with_grace(state: State, transitions: Iterable[Transition]) -> State:
    """Return the state, with the grace time that a machine file of 0.1 did not say.

    There the callback itself had a timer, and a file from then would wait for ever for a script that does not leave.
    """
    asks = state.on_enter == GRACE_OF_0_1[0] and not state.after
    if asks and any((edge.source, edge.trigger) == (state.name, GRACE_OF_0_1[1]) for edge in transitions):
        return attrs.evolve(state, after=(Timeout(GRACE_OF_0_1[1], setting=GRACE_OF_0_1[2]),))
    return state


def _ignoring(
    state: State, posted: Iterable[str], transitions: Iterable[Transition], waiting: Collection[str]
) -> State:
    """Return the state, which ignores what may be posted and leads nowhere in it: people post whenever they like."""
    if state.final or (state.on_enter and state.on_enter not in waiting):
        return state
    handled = {edge.trigger for edge in transitions if edge.source == state.name} | set(state.ignores)
    more = tuple(event for event in posted if event not in handled)
    return attrs.evolve(state, ignores=(*state.ignores, *more)) if more else state


def _is_labelled(entry: Mapping[str, Any]) -> bool:
    return any(key in entry for key in LABEL)


def _label(entry: Mapping[str, Any]) -> Label:
    return Label(entry.get("title", {}), entry.get("describes", {}))


def _edges(entry: Mapping[str, Any], value: Value, finals: Collection[str]) -> Iterable[Transition]:
    """Yield one edge per source, each with its twin for the spent budget."""
    for source in entry.get("source", ()):
        edge = Transition(
            trigger=entry.get("trigger", ""),
            source=source,
            dest=entry.get("dest", ""),
            # An edge that leaves the state enters another one, so only a self-transition has the choice;
            # `checks` demands that it is made in the file.
            kind=entry.get("kind", "external" if source != entry.get("dest") else ""),
            exit_code=entry.get("exit_code", 0 if entry.get("dest") in finals else None),
            outcome=entry.get("outcome", ""),
            progress=entry.get("progress", False),
            at_most=entry.get("at_most"),
            line=value.place.line,
            column=value.place.column,
        )
        yield edge
        if "then" in entry:
            then, _ = entry["then"]
            dest = then.get("dest", "")
            exit_code, outcome = then.get("exit_code", 0 if dest in finals else None), then.get("outcome", "")
            spent = attrs.evolve(edge, dest=dest, exit_code=exit_code, outcome=outcome, spent=True)
            yield attrs.evolve(spent, kind="external", progress=False, at_most=None)


def _callback(name: str, entry: Mapping[str, Any], value: Value) -> CallbackSpec:
    retry = entry["retry"][0] if "retry" in entry else None
    return CallbackSpec(
        name=name,
        does=entry.get("does", ""),
        answers=tuple(entry.get("answers", ())),
        waits=entry.get("waits", False),
        codes=entry.get("codes", {}),
        retry=None if retry is None else RetryPolicy(**{**retry, "on": tuple(retry.get("on", ()))}),
        pause_s=float(entry.get("pause_s", 0)),
        errors=entry.get("errors", {}),
        line=value.place.line,
        column=value.place.column,
    )


def _missing_outcomes(outcomes: Mapping[str, int], known: Collection[str], place: Place) -> list[Problem]:
    problems = [
        Problem(place.line, place.column, f"outcome {name!r} has no job status; add `{name}: 5`")
        for name in known
        if name not in outcomes
    ]
    return problems + [
        Problem(place.line, place.column, f"no script ends as {name!r}{did_you_mean(name, known)}")
        for name in outcomes
        if known and name not in known
    ]


@attrs.define
class _Reader:
    """Turns document values into plain ones by `SHAPES`; what does not fit becomes a problem and is left out."""

    problems: list[Problem]

    def complain(self, place: Place, text: str) -> None:
        self.problems.append(Problem(place.line, place.column, text))

    def entry(self, value: Value, shape_name: str) -> dict[str, Any]:
        shapes = SHAPES[shape_name]
        what = WHOLE_FILES.get(shape_name, f"a {shape_name}")
        if not isinstance(value.content, dict):
            self.complain(value.place, f"{what} must be a mapping with {', '.join(shapes)}")
            return {}
        for key in value.content:
            if key not in shapes:
                said = INSTEAD.get((shape_name, key), "") or did_you_mean(str(key), shapes)
                self.complain(value.key_places[key], f"unknown key {key!r} in {what}{said}")
        for key, shape in shapes.items():
            if shape.required and key not in value.content:
                self.complain(value.place, f"{what} needs the key {key!r}: {shape.help}")
        read = {key: self._value(value.content[key], shapes[key], key) for key in value.content if key in shapes}
        return {key: content for key, content in read.items() if content is not _BAD}

    def _value(self, value: Value, shape: Shape, key: str) -> Any:
        if shape.kind.startswith("list of "):
            return self._list(value, shape.kind.removeprefix("list of "), key)
        if shape.kind.startswith("map of "):
            return self._map(value, key, lambda item: (self.entry(item, shape.kind.removeprefix("map of ")), item))
        if shape.kind in SHAPES:
            return self.entry(value, shape.kind), value
        return _KINDS[shape.kind](self, value, shape, key)

    def _list(self, value: Value, entry_name: str, key: str) -> Any:
        if not isinstance(value.content, list):
            return self._refuse(value, f"{key} must be a list, each line beginning with a dash")
        return [(self.entry(item, entry_name), item) for item in value.content]

    def _map(self, value: Value, key: str, convert: Callable[[Value], Any]) -> Any:
        if not isinstance(value.content, dict):
            return self._refuse(value, f"{key} must be a mapping")
        read = {}
        for name, item in value.content.items():
            converted = convert(item)
            if converted is not _BAD:
                read[str(name)] = converted
        return read

    def text(self, value: Value, shape: Shape, key: str) -> Any:
        if not isinstance(value.content, str) or not value.content.strip():
            quotes = f'; write it in quotes: "{value.content}"' if isinstance(value.content, int | float) else ""
            return self._refuse(value, f"{key} must be a text, not {_shown(value)}{quotes}")
        if shape.allowed and value.content not in shape.allowed:
            hint = did_you_mean(value.content, shape.allowed)
            return self._refuse(value, f"{key} must be one of {', '.join(shape.allowed)}, not {value.content!r}{hint}")
        return value.content

    def names(self, value: Value, shape: Shape, key: str) -> Any:
        if not isinstance(value.content, list):
            return self._refuse(value, f"{key} must be a list in brackets, such as [one, two]")
        names = [self.text(item, shape, key) for item in value.content]
        for item, name in zip(value.content, names, strict=True):
            # A `Value` knows its place, so two equal words are two values: `index` finds this one.
            if name is not _BAD and names.count(name) > 1 and names.index(name) != value.content.index(item):
                self.complain(item.place, f"{key} names {name!r} twice")
        return [name for name in names if name is not _BAD]

    def name_or_names(self, value: Value, shape: Shape, key: str) -> Any:
        if isinstance(value.content, list):
            if not value.content:
                return self._refuse(value, f"{key} must name at least one state")
            return self.names(value, shape, key)
        name = self.text(value, shape, key)
        return _BAD if name is _BAD else [name]

    def flag(self, value: Value, _shape: Shape, key: str) -> Any:
        return value.content if isinstance(value.content, bool) else self._refuse(value, f"{key} must be true or false")

    def whole(self, value: Value, shape: Shape, key: str) -> Any:
        # For Python `true` is the number 1.
        if not isinstance(value.content, int) or isinstance(value.content, bool):
            return self._refuse(value, f"{key} must be a whole number, not {_shown(value)}")
        return self._in_range(value, shape, key)

    def number(self, value: Value, shape: Shape, key: str) -> Any:
        if not isinstance(value.content, (int, float)) or isinstance(value.content, bool):
            infinite = "; write .inf for no limit" if str(value.content).lower().lstrip("+").startswith("inf") else ""
            return self._refuse(value, f"{key} must be a number, not {_shown(value)}{infinite}")
        return self._in_range(value, shape, key)

    def text_map(self, value: Value, shape: Shape, key: str) -> Any:
        return self._map(value, key, lambda item: self.text(item, shape, f"{key}: an explanation"))

    def name_map(self, value: Value, shape: Shape, key: str) -> Any:
        return self._map(value, key, lambda item: self.text(item, shape, f"{key}: an event"))

    def spans(self, value: Value, shape: Shape, key: str) -> Any:
        events = self.name_map(value, shape, key)
        if events is _BAD:
            return _BAD
        found = []
        for span, event in events.items():
            seconds = seconds_of(span)
            if seconds is None and not is_setting(span):
                unit = f"; write {span}s for seconds" if span.isdecimal() else ""
                self.complain(
                    # A bare `30` is a number in the document and a text by now.
                    next(place for name, place in value.key_places.items() if str(name) == span),
                    f"{key}: {span!r} is not a time such as 500ms, 30s, 2m or 1h (1ms to 366 days),"
                    f" and not a setting such as scripts.stop_grace_s{unit}",
                )
                seconds = 1.0  # the event is there all the same, or its transition would be a mistake, too
            found.append(Timeout(event, seconds or 0.0, "" if seconds else span))
        return found

    def whole_map(self, value: Value, shape: Shape, key: str) -> Any:
        return self._map(value, key, lambda item: self.whole(item, shape, key))

    def wording(self, value: Value, shape: Shape, key: str) -> Any:
        if not isinstance(value.content, dict):
            text = self.line(value, shape, key)
            return _BAD if text is _BAD else {"": text}
        texts = {}
        for language, item in value.content.items():
            text = self.line(item, shape, key)
            if not LANGUAGE.fullmatch(str(language)):
                self.complain(
                    value.key_places[language], f"{key}: {language!r} is not a language such as en, ru or pt-BR"
                )
            elif text is not _BAD:
                texts[language] = text
        return texts

    def line(self, value: Value, shape: Shape, key: str) -> Any:
        text = self.text(value, shape, key)
        if text is not _BAD and (len(text) > (shape.most or len(text)) or len(text.splitlines()) > 1):
            return self._refuse(value, f"{key} must be one line of at most {shape.most:g} characters")
        return text

    def codes(self, value: Value, shape: Shape, key: str) -> Any:
        return self._map(value, key, lambda item: self._code_table(item, shape, key))

    def _code_table(self, value: Value, shape: Shape, key: str) -> Any:
        if not isinstance(value.content, dict):
            return self._refuse(value, f"{key} must map whole numbers to events, such as {{0: no_job, 1: job_found}}")
        table: dict[int, str | None] = {}
        for written, item in value.content.items():
            # JSON has no keys but texts.
            code = int(written) if re.fullmatch("-?[0-9]{1,18}", str(written)) else written
            if not isinstance(code, int):
                self.complain(value.key_places[written], f"{key}: {written!r} is not a whole number")
            elif code in table:
                self.complain(value.key_places[written], f"{key}: the code {code} is written twice")
            elif item.content is None:
                table[code] = None
            elif (event := self.text(item, shape, f"{key}: an event")) is not _BAD:
                table[code] = event
        return table

    def _in_range(self, value: Value, shape: Shape, key: str) -> Any:
        if value.content < shape.least or (shape.most is not None and value.content > shape.most):
            most = "" if shape.most is None else f" and at most {shape.most:g}"
            return self._refuse(value, f"{key} must be at least {shape.least:g}{most}, not {value.content!r}")
        return value.content

    def _refuse(self, value: Value, text: str) -> Any:
        self.complain(value.place, text)
        return _BAD


# None, 0, false and an empty text are values that a file may hold, so none of them can stand for a mistake.
_BAD = object()
_KINDS: Mapping[str, Callable[[_Reader, Value, Shape, str], Any]] = {
    "text": _Reader.text,
    "name": _Reader.text,
    "names": _Reader.names,
    "name or names": _Reader.name_or_names,
    "flag": _Reader.flag,
    "whole": _Reader.whole,
    "number": _Reader.number,
    "text map": _Reader.text_map,
    "whole map": _Reader.whole_map,
    "name map": _Reader.name_map,
    "spans": _Reader.spans,
    "codes": _Reader.codes,
    "line": _Reader.line,
    "wording": _Reader.wording,
}


def _shown(value: Value) -> str:
    content = value.content
    if isinstance(content, dict):
        return "a mapping"
    return "a list" if isinstance(content, list) else "nothing" if content is None else repr(content)[:60]
