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
    quoted, remembered = lru_cache(REMEMBERED_TEXTS)(_quoted), lru_cache(REMEMBERED_TEXTS)(_strings)
    at_all = lru_cache(REMEMBERED_TEXTS)(_strings_at_all)

    def write(activity: Activity, seq: int) -> str:
        # `start_timestamp` is where readers of intervals look for the beginning of an activity with one line.
        job = activity.job
        return (
            f'<event><string key="concept:name" value={quoted(activity.name)}/>'
            f'<string key="lifecycle:transition" value="{activity.lifecycle}"/>'
            f'<date key="time:timestamp" value="{activity.at}"/>'
            f'<date key="start_timestamp" value="{activity.started}"/>'
            f"{at_all('org:resource', activity.robot, 'kind', activity.kind)}"
            f'<int key="seq" value="{seq}"/>'
            f'<int key="step" value="{activity.step}"/><float key="seconds" value="{activity.seconds}"/>'
            f"{at_all('run', activity.run)}{remembered('event', activity.event, 'transition', activity.transition)}"
            f"{at_all('job', job, 'script', activity.script) if job else ''}"
            f"{remembered('outcome', activity.outcome)}</event>\n"
        )

    return write


def _strings_at_all(*keys_and_values: str) -> str:
    pairs = zip(keys_and_values[::2], keys_and_values[1::2], strict=True)
    return "".join(_string(key, _quoted(value)) for key, value in pairs)


def _strings(*keys_and_values: str) -> str:
    pairs = zip(keys_and_values[::2], keys_and_values[1::2], strict=True)
    return "".join(_string(key, _quoted(value)) for key, value in pairs if value)


def _string(key: str, quoted_value: str) -> str:
    return f'<string key="{key}" value={quoted_value}/>'


def _quoted(value: str) -> str:
    return quoteattr(carried(value))
