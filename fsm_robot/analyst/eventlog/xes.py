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
    event = _event_writer()
    yield _HEAD
    yield f"{_string('concept:name', _quoted(name))}\n"
    for case in cases:
        yield f"<trace>{_string('concept:name', _quoted(case.name))}{_string('robot', _quoted(case.robot))}\n"
        for seq, activity in enumerate(case.activities, start=1):
            yield event(activity, seq)
        yield "</trace>\n"
    yield "</log>\n"


def _event_writer() -> Callable[[Activity, int], str]:
    """Return what writes an event; a log says the same few things a million times, and each is made XML once."""
    # What stands side by side, and mostly comes again together, is one text.
    called, by, along, of_job = (lru_cache(REMEMBERED_TEXTS)(each) for each in (_called, _by, _along, _of_job))

    def write(activity: Activity, seq: int) -> str:
        # `start_timestamp` is where readers of intervals look for the beginning of an activity with one line.
        return (
            f'{called(activity.name, activity.lifecycle)}{activity.at}"/>'
            f'<date key="start_timestamp" value="{activity.started}"/>{by(activity.robot, activity.kind)}{seq}"/>'
            f'<int key="step" value="{activity.step}"/><float key="seconds" value="{activity.seconds}"/>'
            f"{along(activity.run, activity.event, activity.transition)}"
            f"{of_job(activity.job, activity.script, activity.outcome)}</event>\n"
        )

    return write


def _called(name: str, lifecycle: str) -> str:
    named = _string("concept:name", _quoted(name))
    return f'<event>{named}<string key="lifecycle:transition" value="{lifecycle}"/><date key="time:timestamp" value="'


def _by(robot: str, kind: str) -> str:
    return f'{_string("org:resource", _quoted(robot))}{_string("kind", _quoted(kind))}<int key="seq" value="'


def _along(run: str, event: str, transition: str) -> str:
    return f"{_string('run', _quoted(run))}{_told('event', event)}{_told('transition', transition)}"


def _of_job(job: str, script: str, outcome: str) -> str:
    of_it = f"{_string('job', _quoted(job))}{_string('script', _quoted(script))}" if job else ""
    return f"{of_it}{_told('outcome', outcome)}"


def _told(key: str, value: str) -> str:
    return _string(key, _quoted(value)) if value else ""


def _string(key: str, quoted_value: str) -> str:
    return f'<string key="{key}" value={quoted_value}/>'


def _quoted(value: str) -> str:
    return quoteattr(carried(value))
