"""A definition as a Markdown page: diagram, states, transitions, codes, outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fsm_robot.analyst.formats.mermaid import mermaid
from fsm_robot.analyst.phrases import span
from fsm_robot.analyst.words import Words, words
from fsm_robot.engine.journal.taken import Taken
from fsm_robot.engine.machine.checks import JOB_STATUSES, coverage, effective
from fsm_robot.engine.machine.definition import CallbackSpec, Definition, RetryPolicy, Transition
from fsm_robot.engine.wording import counted


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
        f"# The machine `{definition.name}`",
        f"Made from `{source}` by `fsm-robot diagram {source} --format markdown`; change that file, not this one.",
        f"```mermaid\n{mermaid(words(definition), taken)}```",
        "## States",
        _table(
            ("state", "callback", "what it does"),
            (
                (
                    state.name,
                    f"`{state.on_enter}`" if state.on_enter else "",
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
                    edge.source,
                    f"`{edge.trigger}`",
                    edge.dest,
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
            ("event", *names),
            ((f"`{event}`", *(cells[name] for name in names)) for event, cells in coverage(definition)),
        ),
        *_section("Codes of the orchestrator", ("callback", "field", "value", "event"), _codes(callbacks)),
        *_section(
            "What is asked again",
            ("callback", "on", "for", "first pause", "grows by", "longest pause", "jitter"),
            [(f"`{spec.name}`", *_retry(spec.retry)) for spec in callbacks if spec.retry],
        ),
        *_section("What errors become", ("callback", "error", "event"), _errors(definition.callbacks)),
        *_section(
            "How a script ended, and what is reported",
            ("outcome", "job status"),
            [(f"`{name}`", f"{status} {JOB_STATUSES[status]}") for name, status in definition.outcomes.items()],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _called(definition: Definition, shown: Words | None) -> list[str]:
    if shown is None or not shown.language:
        return []
    states = [(state.name, shown.state(state.name), shown.about_state(state.name)) for state in definition.states]
    events = [(f"`{name}`", shown.event(name), shown.about_event(name)) for name in definition.events()]
    return [
        f"## What they are called ({shown.language})",
        _table(("state", "title", "description"), states),
        _table(("event", "title", "description"), events),
    ]


def _does(definition: Definition, callback: str, final: bool) -> str:
    text = definition.callback(callback).does if callback else ""
    return "; ".join(part for part in ("the run ends" if final else "", text) if part)


def _remarks(definition: Definition, edge: Transition) -> str:
    timeout = definition.timeout_of(edge)
    notes = [
        f"after {span(timeout)}" if timeout else "",
        "stays, the callback does not run again" if edge.kind == "internal" else "",
        f"at most {counted(edge.at_most, 'time')}" if edge.at_most else "",
        "when that is used up" if edge.spent else "",
        "budgets start anew" if edge.progress else "",
        f"the job ends as `{edge.outcome}`" if edge.outcome else "",
    ]
    return ", ".join(note for note in notes if note)


def _codes(callbacks: Iterable[CallbackSpec]) -> Iterable[tuple[str, ...]]:
    for spec in callbacks:
        for field, table in spec.codes.items():
            for value, event in table.items():
                yield f"`{spec.name}`", field, str(value), f"`{event}`" if event else "(says nothing)"


def _errors(callbacks: Iterable[CallbackSpec]) -> Iterable[tuple[str, ...]]:
    for spec in callbacks:
        for name, event in spec.errors.items():
            yield f"`{spec.name}`", f"`{name}`", f"`{event}`"


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
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
