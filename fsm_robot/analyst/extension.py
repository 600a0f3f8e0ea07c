"""What a machine file says and a foreign format has no word for, in a namespace of our own, written and read.

SCXML and the exact profile of BPMN carry it, so that the machine comes back whole. Keys are those of the machine file.
States and transitions have attributes only: SCION takes an element `state` of any namespace for a state of its own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence

import attrs

from fsm_robot.analyst.markup import UNFIT, element
from fsm_robot.analyst.xml_in import SEPARATOR, Element
from fsm_robot.engine.machine.definition import (
    CallbackSpec,
    Definition,
    Label,
    Labels,
    RetryPolicy,
    State,
    Timeout,
    Transition,
)
from fsm_robot.engine.machine.durations import LONGEST_S, SHORTEST_S

Ordered = tuple[int, Transition]
"""A transition with its place in the machine file, from 1."""
NAMESPACE = "urn:fsm-robot:machine:1"
UNHELD = re.compile(f"\\\\|{UNFIT.pattern}")
HELD = re.compile(r"\\(u[0-9a-f]{4}|\\)")


def survives(text: str) -> bool:
    """Return whether an attribute of XML holds `text` as it is."""
    return not UNFIT.search(text)


def held(text: str) -> str:
    r"""Return `text` so that XML can hold it: what XML has no place for as `\u0001`, a backslash doubled."""
    return UNHELD.sub(lambda found: "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}", text)


def freed(text: str) -> str:
    """Return the text that `held` was given."""
    return HELD.sub(lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)), text)


# ---- written


def machine_element(definition: Definition) -> str:
    """Return everything that does not fit into an attribute of one state or transition."""
    labels = definition.labels.events
    return _own(
        "machine",
        {"name": definition.name},
        *(_own("inbox", {"event": event, "text": text}) for event, text in definition.inbox.items()),
        *(_callback(spec) for spec in definition.callbacks),
        *(_own("outcome", {"name": name, "status": status}) for name, status in definition.outcomes.items()),
        *_about_states(definition),
        *(_own("event", {"name": name}, *_label(label)) for name, label in labels.items()),
    )


def state_attributes(state: State, shown: str) -> dict[str, str]:
    """Return what belongs to a state; its name only where `shown`, which the format itself holds, is another text."""
    return _own_attributes(
        {
            "name": None if shown == state.name else state.name,
            "on_enter": state.on_enter or None,
            "final": "true" if state.final else None,
        }
    )


def call_attributes(state: State, shown: str) -> dict[str, str]:
    """Return the name of a state's callback where `shown` is another text."""
    return _own_attributes({"name": None if shown == state.on_enter else state.on_enter})


def timeout_attributes(timeout: Timeout, shown: str) -> dict[str, str]:
    """Return the setting that says a time, and its event only where `shown` is another text."""
    return _own_attributes(
        {"setting": timeout.setting or None, "trigger": None if shown == timeout.event else timeout.event}
    )


def transition_attributes(definition: Definition, edge: Transition, shown: str) -> dict[str, str]:
    """Return what belongs to a transition; its event only where `shown` is another text."""
    return _own_attributes(
        {
            # The machine file may have its transitions in another order than state by state.
            "order": definition.transitions.index(edge) + 1,
            "trigger": None if shown == edge.trigger else edge.trigger,
            "kind": edge.kind,
            "exit_code": edge.exit_code,
            "progress": "true" if edge.progress else None,
            "at_most": edge.at_most,
            "spent": "true" if edge.spent else None,
            "outcome": edge.outcome or None,
        }
    )


def _own_attributes(values: Mapping[str, object]) -> dict[str, str]:
    return {f"fsm:{key}": held(str(value)) for key, value in values.items() if value is not None}


def _about_states(definition: Definition) -> Iterable[str]:
    for state in definition.states:
        parts = [_own("ignores", {"event": event}) for event in state.ignores]
        parts += _label(definition.labels.states.get(state.name, Label()))
        if parts:
            yield _own("about", {"name": state.name}, *parts)


def _callback(spec: CallbackSpec) -> str:
    retry = spec.retry
    policy = (
        {"on": " ".join(retry.on)} | {key: repr(getattr(retry, key)) for key in _POLICY} if retry is not None else {}
    )
    return _own(
        "callback",
        {
            "name": spec.name,
            "does": spec.does or None,
            "waits": "true" if spec.waits else None,
            "pause_s": repr(spec.pause_s) if spec.pause_s else None,
        },
        *(_own("answer", {"event": event}) for event in spec.answers),
        *(_own("error", {"name": name, "event": event}) for name, event in spec.errors.items()),
        *(
            _own("field", {"name": field}, *(_own("code", {"value": v, "event": e}) for v, e in table.items()))
            for field, table in spec.codes.items()
        ),
        *([_own("retry", policy)] if retry is not None else []),
    )


_POLICY = ("for_s", "first_s", "factor", "longest_s", "jitter")


def _label(label: Label) -> Iterable[str]:
    for kind in ("title", "describes"):
        texts: Mapping[str, str] = getattr(label, kind)
        for language, text in texts.items():
            yield _own(kind, {"lang": language, "text": text})


def _own(name: str, attributes: Mapping[str, object], *content: str) -> str:
    texts = {key: None if value is None else held(str(value)) for key, value in attributes.items()}
    return element(f"fsm:{name}", texts, *content)


# ---- read


def definition_from(
    found: Element, initial: str, states: Sequence[State], transitions: Sequence[Ordered]
) -> Definition:
    """Return the machine, which nobody has checked yet, from its element and what was read of the rest.

    Raises:
        DefinitionError: A value is missing or is no number.
    """
    about = {text_of(each, "name"): each for each in own(found, "about")}
    return Definition(
        name=text_of(found, "name"),
        initial=initial,
        states=tuple(
            attrs.evolve(state, ignores=_ignored(about[state.name])) if state.name in about else state
            for state in states
        ),
        transitions=tuple(edge for _, edge in sorted(transitions, key=lambda found: found[0])),
        inbox={text_of(each, "event"): text_of(each, "text") for each in own(found, "inbox")},
        callbacks=tuple(_callback_from(each) for each in own(found, "callback")),
        outcomes={text_of(each, "name"): whole_of(each, "status") for each in own(found, "outcome")},
        labels=Labels(
            {name: label for name, each in about.items() if (label := _label_from(each)) != Label()},
            {text_of(each, "name"): _label_from(each) for each in own(found, "event")},
        ),
    )


def _ignored(about: Element) -> tuple[str, ...]:
    return tuple(text_of(each, "event") for each in own(about, "ignores"))


def state_from(found: Element, shown: str) -> State:
    """Return the state that an element stands for; `shown` is its name unless an attribute of ours tells it."""
    return State(_of(found, "name") or shown, _of(found, "on_enter") or "", _of(found, "final") == "true")


def called_from(found: Element, shown: str) -> str:
    """Return the callback that an element stands for; `shown` is its name unless an attribute of ours tells it."""
    return _of(found, "name") or shown


def has_kind(found: Element) -> bool:
    """Return whether an attribute of ours tells if a transition is internal."""
    return _of(found, "kind") is not None


def timeout_from(found: Element, shown: str, seconds: float | None) -> Timeout:
    """Return the time that an element stands for; `shown` is its event unless an attribute of ours names it.

    Raises:
        DefinitionError: Neither a time that the machine can count nor a setting is there.
    """
    setting = _of(found, "setting") or ""
    if not setting and (seconds is None or not SHORTEST_S <= seconds <= LONGEST_S):
        raise found.wrong("must have a time from 1 ms to 366 days")
    return Timeout(_of(found, "trigger") or shown, 0.0 if setting else round(seconds or 0.0, 6), setting)


def transition_from(found: Element, shown: str, source: str, dest: str) -> Ordered:
    """Return the transition that an element stands for, and its place among the others; a new one comes last.

    `shown` is its event unless an attribute of ours names it.
    """
    numbers = {key: _own_whole(found, key) for key in ("exit_code", "at_most")}
    order = _own_whole(found, "order")
    edge = Transition(
        trigger=_of(found, "trigger") or shown,
        source=source,
        dest=dest,
        kind=_of(found, "kind") or "external",
        progress=_of(found, "progress") == "true",
        spent=_of(found, "spent") == "true",
        outcome=_of(found, "outcome") or "",
        line=found.line,
        column=found.column,
        **numbers,
    )
    return (sys.maxsize if order is None else order), edge


def _of(found: Element, key: str) -> str | None:
    text = found.attributes.get(f"{NAMESPACE}{SEPARATOR}{key}")
    return None if text is None else freed(text)


def _own_whole(found: Element, key: str) -> int | None:
    text = _of(found, key)
    return None if text is None else _whole(found, key, text)


def own(found: Element, name: str) -> list[Element]:
    """Return the children of that name in our namespace."""
    return found.all(NAMESPACE, name)


def text_of(found: Element, key: str) -> str:
    """Return an attribute that must be there."""
    text = optional(found, key)
    if text is None:
        raise found.wrong(f"the attribute {key!r} is missing")
    return text


def optional(found: Element, key: str) -> str | None:
    """Return an attribute, or None."""
    text = found.attributes.get(key)
    return None if text is None else freed(text)


def whole_of(found: Element, key: str) -> int:
    """Return an attribute that must be a whole number."""
    return _whole(found, key, text_of(found, key))


def _whole(found: Element, key: str, text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise found.wrong(f"{key} must be a whole number, not {text[:40]!r}")
    return int(text)


def _number_of(found: Element, key: str) -> float:
    text = text_of(found, key)
    # 60 and 60.0 are two texts in the digest, so each comes back as it was.
    if re.fullmatch(r"[0-9]{1,18}", text):
        return int(text)
    try:
        return float(text)
    except ValueError as error:
        raise found.wrong(f"{key} must be a number, not {text[:40]!r}") from error


def _callback_from(found: Element) -> CallbackSpec:
    policies = own(found, "retry")
    return CallbackSpec(
        name=text_of(found, "name"),
        does=optional(found, "does") or "",
        answers=tuple(text_of(each, "event") for each in own(found, "answer")),
        waits=optional(found, "waits") == "true",
        codes={
            text_of(field, "name"): {whole_of(code, "value"): optional(code, "event") for code in own(field, "code")}
            for field in own(found, "field")
        },
        retry=_retry_from(policies[0]) if policies else None,
        pause_s=_number_of(found, "pause_s") if "pause_s" in found.attributes else 0.0,
        errors={text_of(each, "name"): text_of(each, "event") for each in own(found, "error")},
    )


def _retry_from(found: Element) -> RetryPolicy:
    return RetryPolicy(tuple(text_of(found, "on").split()), *(_number_of(found, key) for key in _POLICY))


def _label_from(found: Element) -> Label:
    title, describes = (
        {optional(each, "lang") or "": text_of(each, "text") for each in own(found, kind)}
        for kind in ("title", "describes")
    )
    return Label(title, describes)
