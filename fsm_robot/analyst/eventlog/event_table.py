"""Cases -> a table of events as CSV (RFC 4180), for tools that read no XES and for spreadsheets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from fsm_robot.analyst.eventlog.activities import Case
from fsm_robot.analyst.eventlog.plain_text import carried

BYTE_ORDER_MARK = "\ufeff"
# The first four are what the upload pages of mining tools ask for; `seq` sorts lines of one moment.
COLUMNS = (
    "case", "activity", "timestamp", "seq", "started", "seconds", "lifecycle", "kind", "event", "transition", "robot",
    "run", "step", "job", "script", "outcome",
)  # fmt: skip
# A spreadsheet takes a cell that begins so for a formula and would run it; full-width forms count as well.
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
# What most cells are, told by one look: ASCII that begins like a word, and nothing in it that means anything.
_is_plain = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/\\-]*").fullmatch
_NEEDS_QUOTES = re.compile(r'[",\r\n]|^\s|\s$')
READ_AS_MISSING = frozenset(
    {
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    }
)
"""Texts that pandas (`pandas.read_csv`, its default `na_values`) and tools like it take for no value at all."""
REMEMBERED_CELLS = 1024


def event_table(cases: Iterable[Case], *, byte_order_mark: bool = False) -> Iterator[str]:
    """Return the lines of the table; `byte_order_mark` makes Excel read it as UTF-8."""
    # A log says the same few words a million times, and those that stand side by side mostly come again together.
    cell_of = lru_cache(REMEMBERED_CELLS)(cell)

    @lru_cache(REMEMBERED_CELLS)
    def said(texts: tuple[str, ...]) -> tuple[str, str]:
        name, kind, lifecycle, event, transition, run, robot = map(cell_of, texts)
        return f",{name},", f",{lifecycle},{kind},{event},{transition},{robot},{run},"

    yield BYTE_ORDER_MARK if byte_order_mark else ""
    yield f"{','.join(COLUMNS)}\r\n"
    for case in cases:
        case_name, in_hand, of_job = cell(case.name), ("", ""), ","
        for seq, line in enumerate(case.activities, start=1):
            named, along = said(line[:7])
            started, at, seconds, step = line[10:]
            if line[7:9] != in_hand:  # a job comes for some lines and never again, so there is nothing to look up
                in_hand = line[7:9]
                of_job = f"{cell(in_hand[0])},{cell_of(in_hand[1])}"
            yield (
                f"{case_name}{named}{at},{seq},{started},{seconds}{along}{step},{of_job},{cell_of(line.outcome)}\r\n"
            )


def cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet executes: what looks like a formula gets an apostrophe before it."""
    if _is_plain(text):
        return text
    safe = carried(text)
    if safe.lstrip(" ").startswith(_FORMULA_STARTS):
        safe = f"'{safe}"
    return '"' + safe.replace('"', '""') + '"' if _NEEDS_QUOTES.search(safe) else safe
