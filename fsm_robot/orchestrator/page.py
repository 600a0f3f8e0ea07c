"""The page at `/`: what it is made of, and what its tabs show. What it does is in `page_actions`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

import attrs

from fsm_robot.orchestrator.objects import LOG_LEVELS
from fsm_robot.orchestrator.protocol import GarbledRequestError
from fsm_robot.orchestrator.rows import JobRow, iso
from fsm_robot.orchestrator.store import NoSuchError, Store
from fsm_robot.orchestrator.tables.tasks import TaskFilter
from fsm_robot.system import language

SHOWN_JOBS, SHOWN_TASKS, SHOWN_LINES = 200, 500, 500
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
RUNS_HEADERS: Mapping[str, str] = {**HEADERS, "Content-Security-Policy": "frame-ancestors 'none'"}
"""The run player brings a policy of its own, with the hash of its script, and no other could let that in."""
RUNS, RUN = "/runs", "/run.json"
_FOLDER = Path(__file__).with_name("page")
_JSON, _HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"


class Runs(Protocol):
    """What robots on this machine have done."""

    def page(self, address: str) -> str:
        """Return a page that lists the runs and fetches them from `address`. Raises `RobotError`."""

    def run(self, folder: int, file: str) -> str:
        """Return the JSON of one of them. Raises `RobotError`."""


@attrs.frozen
class Look:
    """A look at the page.

    Attributes:
        store: What the orchestrator remembers.
        query: Parameters of the address by folded name.
        runs: Runs of robots, where there is a page of them.
        token: What an action has to bring along; empty where the page may not act.
        shows_data: Whether parameters of tasks are shown.
    """

    store: Store
    query: Mapping[str, str]
    runs: Runs | None = None
    token: str = attrs.field(default="", repr=False)
    shows_data: bool = False

    def number(self, name: str) -> int:
        """Return a number of the address, 0 where it is missing. Raises `GarbledRequestError`."""
        text = self.query.get(name, "") or "0"
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise GarbledRequestError(f"{name} must be a number")
        return int(text)


def _state(look: Look) -> tuple[str, bytes]:
    """Return what every tab needs: every robot, and the youngest jobs first."""
    store, now = look.store, look.store.clock()
    state = {
        "now": iso(now),
        "robots": [robot.to_json(now) for robot in store.robots()],
        "all_jobs": store.job_count(),
        "faults": [fault.text for fault, _ in store.faults()],
        "held": store.held.held(),
        "runs": look.runs is not None,
        "token": look.token,
        "windows": sys.platform == "win32",
    }
    jobs = ", ".join(map(_job_text, store.newest_jobs(SHOWN_JOBS)))
    return _JSON, _utf8(f'{{"jobs": [{jobs}], {json.dumps(state, ensure_ascii=False)[1:]}')


# It is asked for every second, and most jobs are what they were the second before.
@lru_cache(maxsize=4 * SHOWN_JOBS)
def _job_text(job: JobRow) -> str:
    return json.dumps(job.to_json(), ensure_ascii=False)


def _job(look: Look) -> object:
    job: JobRow = look.store.job(look.query.get("guid", ""))
    tasks = look.store.tasks.fitting(TaskFilter(job_id=job.row_id, limit=50))
    lines = look.store.logs.newest(50, job=job.guid)
    return {
        **job.to_json(),
        "ended": job.ended,
        "stop_after": iso(job.stop_after),
        "abort_after": iso(job.abort_after),
        "tasks": [task.to_json() for task in tasks],
        "lines": [line.to_json() for line in lines],
    }


def _queues(look: Look) -> object:
    look.store.tasks.evaluate()
    counts = look.store.queues.counts()
    return [queue.to_json(counts.get(queue.row_id, {})) for queue in look.store.queues.all()]


def _tasks(look: Look) -> object:
    queue = look.store.queues.find(look.query.get("queue", ""))
    status = look.number("status") if look.query.get("status") else None
    wanted = TaskFilter(queue.row_id, status=status, limit=SHOWN_TASKS)
    return [task.to_json() for task in look.store.tasks.fitting(wanted, youngest_first=True)]


def _task(look: Look) -> object:
    task = look.store.tasks.find(look.query.get("guid", ""))
    moves = [{**move.to_json(), "reason": language.said(move.reason)} for move in look.store.tasks.moves(task)]
    data = {"parameters": task.parameters} if look.shows_data else {}
    return {**task.to_json(), "description": task.description, "moves": moves, **data}


def _lines(look: Look) -> object:
    words, level = list(LOG_LEVELS), look.query.get("level", "")
    levels = tuple(words[words.index(level) :]) if level in words else ()
    after, job = look.number("after"), look.query.get("job", "")
    return [line.to_json() for line in look.store.logs.newest(SHOWN_LINES, after=after, job=job, levels=levels)]


def _assets(look: Look) -> object:
    labels = {robot.row_id: robot.label for robot in look.store.robots()}
    told = [asset.to_json(labels.get(asset.robot_id or 0, "")) for asset in look.store.assets.all()]
    return [{**asset, "scope": _scope(str(asset["scope"]))} for asset in told]


def _scope(scope: str) -> str:
    word, blank, name = scope.partition(" ")
    return f"{language.said(word)}{blank}{name}" if word in ("robot", "group") else language.said(scope)


def _stored_files(look: Look) -> object:
    return [file.to_json() for file in look.store.storage.files()]


def _runs(look: Look) -> tuple[str, bytes]:
    return _HTML, _known_runs(look).page(RUN).encode()


def _run(look: Look) -> tuple[str, bytes]:
    # The name as it came: it is compared, and never put together to a path.
    return _JSON, _known_runs(look).run(look.number("folder"), look.query.get("name", "")).encode()


def _known_runs(look: Look) -> Runs:
    if look.runs is None:
        raise NoSuchError("there are no runs here; `serve --runs FOLDER` shows those of robots on this machine")
    return look.runs


def _file(name: str, content_type: str, _look: Look) -> tuple[str, bytes]:
    data = (_FOLDER / name).read_bytes()
    return content_type, language.page(data) if content_type == _HTML else data


def _document(make: Callable[[Look], object], look: Look) -> tuple[str, bytes]:
    return _JSON, _utf8(json.dumps(make(look), ensure_ascii=False))


def _utf8(text: str) -> bytes:
    # Half a surrogate pair has no UTF-8 form; the escape that Python writes for it is one of JSON, too.
    return text.encode("utf-8", "backslashreplace")


FILES: Mapping[str, Callable[[Look], tuple[str, bytes]]] = {
    "/": partial(_file, "page.html", _HTML),
    RUNS: _runs,
    RUN: _run,
    "/page.css": partial(_file, "page.css", "text/css; charset=utf-8"),
    **{
        f"/{name}": partial(_file, name, "text/javascript; charset=utf-8")
        for name in ("page.js", "tables.js", "actions.js", "dialogs.js")
    },
    "/state.json": _state,
    "/job.json": partial(_document, _job),
    "/queues.json": partial(_document, _queues),
    "/tasks.json": partial(_document, _tasks),
    "/task.json": partial(_document, _task),
    "/logs.json": partial(_document, _lines),
    "/assets.json": partial(_document, _assets),
    "/files.json": partial(_document, _stored_files),
}
"""Path -> what gives its content type and its bytes. Raises `NoSuchError`, `GarbledRequestError`."""
