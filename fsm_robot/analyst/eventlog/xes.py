"""Cases -> XES 1.0, the log format of process mining (xes-standard.org). Pure; gives text piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from xml.sax.saxutils import quoteattr

from fsm_robot.analyst.eventlog.activities import Case
from fsm_robot.analyst.eventlog.plain_text import carried

EXTENSIONS = (("Concept", "concept"), ("Lifecycle", "lifecycle"), ("Time", "time"), ("Organizational", "org"))
REMEMBERED_TEXTS = 1024
_SITE = "http://www.xes-standard.org"
# A reader such as ProM refuses a log that does not say what every trace and every event has.
_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xes.features="" xmlns="{_SITE}/">
{"".join(f'<extension name="{name}" prefix="{prefix}" uri="{_SITE}/{prefix}.xesext"/>' for name, prefix in EXTENSIONS)}
<global scope="trace"><string key="concept:name" value="-"/></global>
<global scope="event"><string key="concept:name" value="-"/><string key="lifecycle:transition" value="complete"/>\
<date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/><string key="org:resource" value="-"/></global>
<classifier name="Activity" keys="concept:name"/>
<classifier name="Activity and lifecycle" keys="concept:name lifecycle:transition"/>
<string key="lifecycle:model" value="standard"/>
"""


def xes(cases: Iterable[Case], name: str) -> Iterator[str]:
    """Return the pieces of a XES log called `name`."""
    # A log says the same few things a million times: what comes again together is made XML once.
    said, script_of, end_of = (lru_cache(REMEMBERED_TEXTS)(each) for each in (_said, _script, _end))
    yield _HEAD
    yield f"{_string('concept:name', _quoted(name))}\n"
    for case in cases:
        yield f"<trace>{_string('concept:name', _quoted(case.name))}{_string('robot', _quoted(case.robot))}\n"
        in_hand, of_job = ("", ""), ""
        for seq, line in enumerate(case.activities, start=1):
            called, by, along = said(line[:7])
            started, at, seconds, step = line[10:]
            if line[7:9] != in_hand:  # a job comes for some lines and never again, so there is nothing to look up
                in_hand = job, script = line[7:9]
                of_job = f"{_string('job', _quoted(job))}{script_of(script)}" if job else ""
            # `start_timestamp` is where readers of intervals look for the beginning of an activity with one line.
            yield (
                f'{called}{at}"/><date key="start_timestamp" value="{started}"/>{by}{seq}"/>'
                f'<int key="step" value="{step}"/><float key="seconds" value="{seconds}"/>{along}'
                f"{of_job}{end_of(line.outcome)}"
            )
        yield "</trace>\n"
    yield "</log>\n"


def _said(texts: tuple[str, ...]) -> tuple[str, str, str]:
    """Return what stands before the moment of an event, before its number in the trace, and behind its figures."""
    name, kind, lifecycle, event, transition, run, robot = texts
    named = f'{_string("concept:name", _quoted(name))}<string key="lifecycle:transition" value="{lifecycle}"/>'
    return (
        f'<event>{named}<date key="time:timestamp" value="',
        f'{_string("org:resource", _quoted(robot))}{_string("kind", _quoted(kind))}<int key="seq" value="',
        f"{_string('run', _quoted(run))}{_told('event', event)}{_told('transition', transition)}",
    )


def _script(script: str) -> str:
    return _string("script", _quoted(script))


def _end(outcome: str) -> str:
    return f"{_told('outcome', outcome)}</event>\n"


def _told(key: str, value: str) -> str:
    return _string(key, _quoted(value)) if value else ""


def _string(key: str, quoted_value: str) -> str:
    return f'<string key="{key}" value={quoted_value}/>'


def _quoted(value: str) -> str:
    return quoteattr(carried(value))
