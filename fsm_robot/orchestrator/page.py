"""The page at `/`: robots and jobs as they change, for reading only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fsm_robot.orchestrator.rows import iso
from fsm_robot.orchestrator.store import Store

SHOWN_JOBS = 200
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
RUNS_HEADERS: Mapping[str, str] = {**HEADERS, "Content-Security-Policy": "frame-ancestors 'none'"}
"""The run player brings a policy of its own, with the hash of its script, and no other could let that in."""
_FOLDER = Path(__file__).with_name("page")


def _state(store: Store, shows_runs: bool) -> tuple[str, bytes]:
    """Return what the page shows: every robot, and the youngest jobs first."""
    now = datetime.now(UTC)
    robots = [robot.to_json(now) for robot in store.robots()]
    shown = [job.to_json() for job in store.newest_jobs(SHOWN_JOBS)]
    faults = [fault.text for fault, _ in store.faults()]
    state = {
        "now": iso(now),
        "robots": robots,
        "jobs": shown,
        "all_jobs": store.job_count(),
        "faults": faults,
        "runs": shows_runs,
    }
    return "application/json; charset=utf-8", json.dumps(state, ensure_ascii=False).encode()


def _file(name: str, content_type: str, _store: Store, _shows_runs: bool) -> tuple[str, bytes]:
    return content_type, (_FOLDER / name).read_bytes()


FILES: Mapping[str, Callable[[Store, bool], tuple[str, bytes]]] = {
    "/": partial(_file, "page.html", "text/html; charset=utf-8"),
    "/page.css": partial(_file, "page.css", "text/css; charset=utf-8"),
    "/page.js": partial(_file, "page.js", "text/javascript; charset=utf-8"),
    "/state.json": _state,
}
"""Path -> what gives its content type and its bytes, from the store and whether there is a page of runs."""
RUNS = "/runs"
