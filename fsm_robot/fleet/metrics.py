"""Robots as a text file of Prometheus's node exporter. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from fsm_robot.fleet.health import KINDS
from fsm_robot.fleet.sight import Sight

Value = float | None


def _moment(text: str) -> Value:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


FIGURES: Mapping[str, tuple[str, Callable[[Sight], Value]]] = {
    "fsm_robot_running": ("1 while its process runs", lambda sight: float(sight.pid is not None)),
    "fsm_robot_working": ("1 while it has a job in hand", lambda sight: float(bool(sight.job and sight.pid))),
    "fsm_robot_paused": ("1 while it may not ask for jobs", lambda sight: float(bool(sight.paused))),
    "fsm_robot_last_seen_timestamp_seconds": ("when it last wrote anything", lambda sight: _moment(sight.seen_at)),
    "fsm_robot_next_start_timestamp_seconds": ("when it should start", lambda sight: _moment(sight.next_start)),
    "fsm_robot_last_exit_code": ("what its last run ended with", lambda sight: sight.exit_code),
    "fsm_robot_last_job_ended_timestamp_seconds": ("when its last job ended", lambda s: _moment(s.last_ended_at)),
    "fsm_robot_last_job_succeeded": (
        "1 where its last job ended well",
        lambda sight: float(sight.last_outcome == "succeeded") if sight.last_outcome else None,
    ),
    "fsm_robot_undelivered_results": ("results that wait", lambda sight: float(bool(sight.undelivered))),
    "fsm_robot_lines_waiting": ("lines that wait for the orchestrator's log", lambda sight: sight.lines_waiting),
    "fsm_robot_disk_free_bytes": (
        "room where its storage is",
        lambda sight: None if sight.disk_free_mib is None else float(sight.disk_free_mib << 20),
    ),
    "fsm_robot_clock_offset_seconds": ("its clock ahead of the server's", lambda sight: sight.clock_off_s),
    "fsm_robot_certificate_end_timestamp_seconds": ("end of the certificate", lambda s: _moment(s.certificate_ends)),
}
"""Name of a gauge -> what it says, and its value; None where it is not known."""


def text_of(sights: Sequence[Sight], at: str) -> str:
    """Return the file; `at` is the ISO moment of the look."""
    return "\n".join(_lines(sights, at)) + "\n"


def _lines(sights: Sequence[Sight], at: str) -> Iterator[str]:
    for name, (about, value_of) in FIGURES.items():
        yield from _head(name, about)
        for sight in sights:
            value = value_of(sight)
            if value is not None and sight.doing not in ("absent", "unreadable"):
                yield f"{name}{{{_labels(sight)}}} {value:.15g}"
    yield from _head("fsm_robot_problem", "1 where something is wrong, by its kind")
    for sight in sights:
        has = {problem.kind for problem in sight.problems}
        for kind in KINDS:
            yield f'fsm_robot_problem{{{_labels(sight)},kind="{kind}"}} {int(kind in has)}'
    yield from _head("fsm_robot_watch_heartbeat_timestamp_seconds", "when the robots were last looked at")
    yield f"fsm_robot_watch_heartbeat_timestamp_seconds {_moment(at) or 0:.15g}"


def _head(name: str, about: str) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} gauge"


def _labels(sight: Sight) -> str:
    return f'robot="{_quoted(sight.name)}",host="{_quoted(sight.host)}",folder="{_quoted(sight.folder)}"'


def _quoted(text: str) -> str:
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
