"""A definition as the text of a machine file, one line per state and transition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from fsm_robot.engine.machine.definition import CallbackSpec, Definition, Label, RetryPolicy, State, Transition

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Plain words that YAML, of this version or an older one, takes for a value.
NOT_PLAIN = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def machine_text(definition: Definition) -> str:
    """Return a machine file that compiles to `definition`; the edge of a spent budget follows its twin."""
    lines = [
        "format: 1",
        f"machine: {_text(definition.name)}",
        f"initial: {_text(definition.initial)}",
        "",
        "states:",
        *(f"  - {as_flow(state_values(definition, state))}" for state in definition.states),
        "",
        "transitions:" if definition.transitions else "transitions: []",
        *(f"  - {as_flow(transition_values(definition, edge))}" for edge in definition.transitions if not edge.spent),
        "",
        *_block("inbox", definition.inbox),
        *_block("events", {name: _label(label) for name, label in definition.labels.events.items()}),
        *_block("callbacks", {spec.name: callback_values(spec) for spec in definition.callbacks}),
        *_block("outcomes", definition.outcomes),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _block(key: str, values: Mapping[str, object]) -> Iterator[str]:
    if values:
        yield f"{key}:"
        yield from (f"  {_text(name)}: {as_flow(value)}" for name, value in values.items())
        yield ""
    elif key == "callbacks":
        yield f"{key}: {{}}"


def state_values(definition: Definition, state: State) -> dict[str, object]:
    """Return what a machine file says of a state."""
    values = {
        "name": state.name,
        "on_enter": state.on_enter or None,
        "final": state.final or None,
        "ignores": state.ignores or None,
        "after": {timeout.span: timeout.event for timeout in state.after} or None,
    }
    return _given(values) | _label(definition.labels.states.get(state.name, Label()))


def transition_values(definition: Definition, edge: Transition) -> dict[str, object]:
    """Return what a machine file says of a transition, with what follows once its budget is spent."""
    values = {
        "trigger": edge.trigger,
        "source": edge.source,
        "dest": edge.dest,
        "kind": edge.kind if edge.source == edge.dest or edge.kind != "external" else None,
        "exit_code": edge.exit_code,
        "outcome": edge.outcome or None,
        "progress": edge.progress or None,
        "at_most": edge.at_most,
    }
    for twin in definition.transitions:
        if twin.spent and (twin.source, twin.trigger) == (edge.source, edge.trigger):
            then = {"dest": twin.dest, "exit_code": twin.exit_code, "outcome": twin.outcome or None}
            return _given({**values, "then": _given(then)})
    return _given(values)


def _label(label: Label) -> dict[str, object]:
    texts = {"title": label.title, "describes": label.describes}
    return {key: text[""] if list(text) == [""] else text for key, text in texts.items() if text}


def callback_values(spec: CallbackSpec) -> dict[str, object]:
    """Return what a machine file says of a callback."""
    values = {
        "does": spec.does or None,
        "waits": spec.waits or None,
        "codes": spec.codes or None,
        "retry": _retry(spec.retry) if spec.retry is not None else None,
        "pause_s": spec.pause_s or None,
        "errors": spec.errors or None,
    }
    return _given(values) | {"answers": spec.answers}


def _retry(policy: RetryPolicy) -> dict[str, object]:
    numbers = {key: getattr(policy, key) for key in ("for_s", "first_s", "factor", "longest_s", "jitter")}
    return {**numbers, "on": policy.on}


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}


def as_flow(value: object) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {as_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(as_flow(item) for item in value) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        return _number(value)
    return str(value) if isinstance(value, int) else _text(str(value))


def _key(key: object) -> str:
    return str(key) if isinstance(key, int) else _text(str(key))


def _number(value: float) -> str:
    return ".inf" if value == float("inf") else repr(value)


def _text(text: str) -> str:
    if PLAIN.fullmatch(text) and text.lower() not in NOT_PLAIN:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    # YAML takes the quotes of JSON, but makes a blank of U+0085 in them, and refuses other characters that JSON leaves.
    return "".join(char if char.isprintable() else _code(ord(char)) for char in quoted)


def _code(number: int) -> str:
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
