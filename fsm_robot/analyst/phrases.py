"""The few words that drawings bring themselves, in the languages that they are written in."""

from __future__ import annotations

from collections.abc import Mapping

from fsm_robot.engine.machine.definition import Timeout
from fsm_robot.engine.machine.durations import text_of
from fsm_robot.robot.settings import times

PHRASES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "exit": "exit {0}",
        "at_most": "at most {0}×",
        "after": "after {0}×",
        "timed": "after {0}",
        "stays": "stays",
        "taken": "taken {0}×",
        "anew": "budgets start anew",
        "budget": "at most {0}× between two steps that make progress",
        "spent": "instead, once it was taken {0}×",
        "exits_with": "the process ends with code {0}",
        "final": "final state",
        "initial": "initial state",
        "calls": "calls {0}",
        "ignores": "ignores {0}",
        "counts": "{0:state|states}, {1:transition|transitions}",
        "result": "Result?",
        "begin": "Start",
        "noted": "noted",
        "robot": "Robot",
        "orchestrator": "Orchestrator",
        "legend_initial": "start",
        "legend_good": "end, nothing left to do",
        "legend_bad": "end, with an exit code",
        "legend_internal": "stays in the state",
        "entered": "{0}×",
        "times": "median {0}, 95 % within {1}",
        "share": "{0}×, {1} %",
        "failed": "{0} % of its jobs failed",
        "runs": "{0:run|runs}, {1:job|jobs}, {2} failed",
        "millisecond": "{0} ms",
        "second": "{0} s",
        "minute": "{0} min {1} s",
        "hour": "{0} h {1} min",
        "legend_added": "added",
        "legend_removed": "removed",
        "legend_changed": "changed",
        "legend_never": "never happened",
        "legend_undeclared": "not declared",
        "declared": "as it was declared",
        "happened": "as it happened",
        "discovered": "what was declared, and what happened",
        "before_failure": "What comes before a failure ({0} of {1} failed)",
        "cases_job": "{0:job|jobs}",
        "cases_run": "{0:run|runs}",
        "how_often": "How often",
        "how_long": "How long",
        "what": "what",
        "name": "name",
        "state": "state",
        "transition": "transition",
        "count": "how often",
        "of_state": "of what left the state",
        "of_failed": "of those that failed",
        "of_others": "of the others",
        "median": "median",
        "p95": "95 % within",
    },
    "ru": {
        "exit": "код {0}",
        "at_most": "не более {0}×",
        "after": "после {0}×",
        "timed": "через {0}",
        "stays": "остаётся",
        "taken": "пройдено {0}×",
        "anew": "счётчики обнуляются",
        "budget": "не более {0}× без продвижения",
        "spent": "вместо этого, когда {0}× исчерпано",
        "exits_with": "процесс завершается с кодом {0}",
        "final": "конечное состояние",
        "initial": "начальное состояние",
        "calls": "вызывает {0}",
        "ignores": "не замечает {0}",
        "counts": "состояний: {0}, переходов: {1}",
        "result": "Итог?",
        "begin": "Начало",
        "noted": "принято к сведению",
        "robot": "Робот",
        "orchestrator": "Оркестратор",
        "legend_initial": "начало",
        "legend_good": "конец, всё сделано",
        "legend_bad": "конец, с кодом завершения",
        "legend_internal": "остаётся в состоянии",
        "entered": "{0}×",
        "times": "медиана {0}, 95 % за {1}",
        "share": "{0}×, {1} %",
        "failed": "{0} % заданий с ошибкой",
        "runs": "запусков: {0}, заданий: {1}, с ошибкой: {2}",
        "millisecond": "{0} мс",
        "second": "{0} с",
        "minute": "{0} мин {1} с",
        "hour": "{0} ч {1} мин",
        "legend_added": "добавлено",
        "legend_removed": "удалено",
        "legend_changed": "изменено",
        "legend_never": "не происходило ни разу",
        "legend_undeclared": "не описано",
        "declared": "как описано",
        "happened": "как было",
        "discovered": "что описано и что было",
        "before_failure": "Что бывает перед ошибкой (с ошибкой {0} из {1})",
        "cases_job": "заданий {0}",
        "cases_run": "запусков {0}",
        "how_often": "Как часто",
        "how_long": "Как долго",
        "what": "что",
        "name": "имя",
        "state": "состояние",
        "transition": "переход",
        "count": "сколько раз",
        "of_state": "из выходов состояния",
        "of_failed": "среди ошибочных",
        "of_others": "среди остальных",
        "median": "медиана",
        "p95": "95 % за",
    },
}


class _Said(str):
    """A value of a phrase; `{0:run|runs}` in it says one or many behind the number."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        one, _, many = spec.partition("|")
        return f"{self!s} {one if self == '1' else many}" if spec else str(self)


def phrase(language: str, key: str, *values: object) -> str:
    """Return a phrase in `language`, or in English where there is none."""
    table = PHRASES.get(language.partition("-")[0], PHRASES["en"])
    return table[key].format(*(_Said(value) for value in values))


def span(timeout: Timeout) -> str:
    """Return after how long an event comes: `30s`, or the setting that says it with its default."""
    default = times().get(timeout.setting)
    return timeout.span if default is None else f"{timeout.setting} = {text_of(default)}"


def lasting_s(timeout: Timeout) -> float | None:
    """Return how many seconds that is, the default where a setting says it; None for a setting that is not known."""
    return times().get(timeout.setting) if timeout.setting else timeout.seconds


def duration(language: str, seconds: float) -> str:
    """Return how long something took, as short as it can be said."""
    if seconds < 1:
        return phrase(language, "millisecond", round(seconds * 1000))
    if seconds < 10:
        return phrase(language, "second", f"{seconds:.1f}")
    whole = round(seconds)
    if whole < 60:
        return phrase(language, "second", whole)
    if whole < 3600:
        return phrase(language, "minute", whole // 60, whole % 60)
    return phrase(language, "hour", whole // 3600, whole % 3600 // 60)


def percent(share: float) -> str:
    """Return a share as per cent; only nothing is 0 and only everything is 100."""
    if 0 < share < 0.01:
        return "<1"
    return ">99" if 0.99 < share < 1 else f"{share * 100:.0f}"
