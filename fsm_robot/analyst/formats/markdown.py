"""A definition as a Markdown page: diagram, states, transitions, codes, outcomes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fsm_robot.analyst.formats.mermaid import mermaid
from fsm_robot.analyst.phrases import span
from fsm_robot.analyst.words import Words, words
from fsm_robot.engine.journal.taken import Taken
from fsm_robot.engine.machine.checks import JOB_STATUSES, coverage, effective
from fsm_robot.engine.machine.definition import CallbackSpec, Definition, RetryPolicy, Transition
from fsm_robot.engine.wording import counted, symbols

# Inside a word an underscore is one. GitHub takes two of `~` and `=` for a mark, others one of them; it makes links of
# what looks like an address, with the signs behind it.
SIGNS = re.compile(r"[*`\[\]<>&\\|$~^@]|(?<![^\W_])_|_(?![^\W_])|==+|:(?=//)|(?<=www)\.", re.IGNORECASE)


def markdown(
    definition: Definition, shown: Words | None = None, taken: Taken | None = None, source: str = "states.yaml"
) -> str:
    """Return the page that docs/states.md holds, made from the machine file that is called `source`.

    Words in a language add what people call states and events; with `taken`, it says how often each edge was taken.
    """
    how_often = ("taken",) if taken else ()
    names = [state.name for state in definition.states if not state.final]
    callbacks = [effective(spec) for spec in definition.callbacks]
    parts = [
        f"# The machine {_code(definition.name)}",
        f"Made from {_code(source)} by {_code(f'fsm-robot diagram {source} --format markdown')}; change that file,"
        " not this one.",
        f"```mermaid\n{mermaid(words(definition), taken)}```",
        "## States",
        _table(
            ("state", "callback", "what it does"),
            (
                (
                    _text(state.name),
                    _code(state.on_enter) if state.on_enter else "",
                    _does(definition, state.on_enter, state.final),
                )
                for state in definition.states
            ),
        ),
        *_called(definition, shown),
        "## Transitions",
        _table(
            ("from", "event", "to", "exit code", "remarks", *how_often),
            (
                (
                    _text(edge.source),
                    _code(edge.trigger),
                    _text(edge.dest),
                    _number(edge.exit_code),
                    _remarks(definition, edge),
                    *((str(taken.transitions.get(edge.key, 0)),) if taken else ()),
                )
                for edge in definition.transitions
            ),
        ),
        "## Every event in every state",
        "An empty cell: the event cannot come there, because no callback of the state answers it.",
        _table(
            ("event", *map(_text, names)),
            ((_code(event), *(_text(cells[name]) for name in names)) for event, cells in coverage(definition)),
        ),
        *_section("Codes of the orchestrator", ("callback", "field", "value", "event"), _codes(callbacks)),
        *_section(
            "What is asked again",
            ("callback", "on", "for", "first pause", "grows by", "longest pause", "jitter"),
            [(_code(spec.name), *_retry(spec.retry)) for spec in callbacks if spec.retry],
        ),
        *_section("What errors become", ("callback", "error", "event"), _errors(definition.callbacks)),
        *_section(
            "How a script ended, and what is reported",
            ("outcome", "job status"),
            [(_code(name), f"{status} {JOB_STATUSES[status]}") for name, status in definition.outcomes.items()],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _called(definition: Definition, shown: Words | None) -> list[str]:
    if shown is None or not shown.language:
        return []
    states = [
        (_text(state.name), _text(shown.state(state.name)), _sentence(shown.about_state(state.name)))
        for state in definition.states
    ]
    events = [
        (_code(name), _text(shown.event(name)), _sentence(shown.about_event(name))) for name in definition.events()
    ]
    return [
        f"## What they are called ({shown.language})",
        _table(("state", "title", "description"), states),
        _table(("event", "title", "description"), events),
    ]


def _does(definition: Definition, callback: str, final: bool) -> str:
    text = definition.callback(callback).does if callback else ""
    return "; ".join(part for part in ("the run ends" if final else "", _sentence(text)) if part)


def _remarks(definition: Definition, edge: Transition) -> str:
    timeout = definition.timeout_of(edge)
    notes = [
        f"after {_text(span(timeout))}" if timeout else "",
        "stays, the callback does not run again" if edge.kind == "internal" else "",
        f"at most {counted(edge.at_most, 'time')}" if edge.at_most else "",
        "when that is used up" if edge.spent else "",
        "budgets start anew" if edge.progress else "",
        f"the job ends as {_code(edge.outcome)}" if edge.outcome else "",
    ]
    return ", ".join(note for note in notes if note)


def _codes(callbacks: Iterable[CallbackSpec]) -> Iterable[tuple[str, ...]]:
    for spec in callbacks:
        for field, table in spec.codes.items():
            for value, event in table.items():
                yield _code(spec.name), _text(field), str(value), _code(event) if event else "(says nothing)"


def _errors(callbacks: Iterable[CallbackSpec]) -> Iterable[tuple[str, ...]]:
    for spec in callbacks:
        for name, event in spec.errors.items():
            yield _code(spec.name), _code(name), _code(event)


def _retry(policy: RetryPolicy | None) -> tuple[str, ...]:
    if policy is None:
        return ()
    lasts = "ever" if policy.for_s == float("inf") else f"{policy.for_s:g} s"
    pauses = f"{policy.first_s:g} s", f"{policy.factor:g}x", f"{policy.longest_s:g} s", f"{policy.jitter:.0%}"
    return (", ".join(policy.on), lasts, *pauses)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a heading with its table, or nothing where a machine has nothing of it."""
    found = list(rows)
    return [f"## {title}", _table(head, found)] if found else []


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(text: str) -> str:
    """Return a text of the machine file as it is read on the page: no sign of it is markup, none ends a cell."""
    return SIGNS.sub(lambda sign: "".join(f"&#{ord(char)};" for char in sign[0]), symbols(text))


def _sentence(text: str) -> str:
    """Return a text that may have several lines, in one."""
    return _text(" ".join(text.split()))


def _code(name: str) -> str:
    """Return a name of the machine file as code, of which a grave or a bar would be the end."""
    shown = symbols(name)
    simple = shown == shown.strip() and not set("`|\\") & set(shown)
    return f"`{shown}`" if simple else f"<code>{_text(shown)}</code>"
