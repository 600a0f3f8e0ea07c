"""Cases -> XES 1.0, the log format of process mining (xes-standard.org). Pure; gives text piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from xml.sax.saxutils import quoteattr

from fsm_robot.analyst.eventlog.activities import Activity, Case
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
    quoted = lru_cache(REMEMBERED_TEXTS)(_quoted)  # a log says the same few words a million times
    yield _HEAD
    yield f"{_string('concept:name', _quoted(name))}\n"
    for case in cases:
        yield f"<trace>{_string('concept:name', _quoted(case.name))}{_string('robot', _quoted(case.robot))}\n"
        for seq, activity in enumerate(case.activities, start=1):
            yield _event(activity, seq, quoted)
        yield "</trace>\n"
    yield "</log>\n"


def _event(activity: Activity, seq: int, quoted: Callable[[str], str]) -> str:
    # `start_timestamp` is where readers of intervals look for the beginning of an activity with one line.
    parts = [
        f'<event><string key="concept:name" value={quoted(activity.name)}/>'
        f'<string key="lifecycle:transition" value="{activity.lifecycle}"/>'
        f'<date key="time:timestamp" value="{activity.at}"/>'
        f'<date key="start_timestamp" value="{activity.started}"/>'
        f'<string key="org:resource" value={quoted(activity.robot)}/>'
        f'<string key="kind" value={quoted(activity.kind)}/><int key="seq" value="{seq}"/>'
        f'<int key="step" value="{activity.step}"/><float key="seconds" value="{activity.seconds}"/>'
        f'<string key="run" value={quoted(activity.run)}/>'
    ]
    if activity.event:
        parts.append(_string("event", quoted(activity.event)))
    if activity.transition:
        parts.append(_string("transition", quoted(activity.transition)))
    if activity.job:
        parts.append(_string("job", quoted(activity.job)))
        parts.append(_string("script", quoted(activity.script)))
    if activity.outcome:
        parts.append(_string("outcome", quoted(activity.outcome)))
    parts.append("</event>\n")
    return "".join(parts)


def _string(key: str, quoted_value: str) -> str:
    return f'<string key="{key}" value={quoted_value}/>'


def _quoted(value: str) -> str:
    return quoteattr(carried(value))
