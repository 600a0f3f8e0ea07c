"""The page of a fleet: who works on what, who is late, what went wrong. It is for this machine, and only shows.

Whoever may open it sees what the account that started it may see, so it answers under names of the loopback address
alone: another site's page could let its own name point there. It asks only about robots that the fleet lists.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

import attrs

from fsm_robot.errors import RobotError, SettingsError
from fsm_robot.fleet.asking import ask, look_at_all, place_of
from fsm_robot.fleet.documents import document_of
from fsm_robot.fleet.file import Fleet, read
from fsm_robot.fleet.looking import utc_now
from fsm_robot.fleet.sight import Sight, unseen
from fsm_robot.orchestrator.connections import Arrival, Limits, Outcome, Reply, Server
from fsm_robot.orchestrator.heads import Head
from fsm_robot.system import language, threads

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LOOK_EVERY_S = 2.0
WATCHED_S = 30.0
"""How long it goes on looking behind the last question of a page."""
FIRST_LOOK_S = 30.0
SHOWN_JOBS = 50
TOLD_BESIDE = ("paused", "progress", "error")
"""What a robot says of itself and the page shows in its language."""
_FOLDER = Path(__file__).with_name("page")
_JSON = "application/json; charset=utf-8"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
RUN_HEADERS: Mapping[str, str] = {**HEADERS, "Content-Security-Policy": "frame-ancestors 'none'"}
"""The run player brings a policy of its own, with the hash of its script, and no other could let that in."""
FILES: Mapping[str, tuple[str, str]] = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{f"/{name}": (name, "text/javascript; charset=utf-8") for name in ("page.js", "robot.js", "cells.js")},
}


class AddressTakenError(RobotError):
    """The page cannot listen where it should."""

    exit_code = 2


@attrs.define(eq=False)
class Board:
    """What the page shows: looked at again and again, as long as somebody looks at the page.

    Attributes:
        path: The fleet.toml, read anew with each look.
        player: Makes the page of a run from its journal: name and content. May raise `RobotError`.
    """

    path: Path
    player: Callable[[str, bytes], str]
    _fleet: Fleet | None = None
    _sights: Sequence[Sight] = ()
    _at: str = ""
    _asked_s: float = 0.0
    _over: threading.Event = attrs.field(factory=threading.Event)
    _asked: threading.Event = attrs.field(factory=threading.Event)
    _looked: threading.Event = attrs.field(factory=threading.Event)

    def start(self) -> None:
        """Begin to look."""
        threads.start("dashboard", self._look, lambda _error: not self._over.is_set())

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._asked.set()

    def fleet_json(self) -> dict[str, object]:
        """Return every robot as it was seen last; the first time it is waited for."""
        self._asked_s = time.monotonic()
        self._asked.set()
        self._looked.wait(FIRST_LOOK_S)
        return {**document_of(self._sights, self._at), "fleet": str(self.path), "now": utc_now()}

    def ask(self, key: str, question: Mapping[str, object]) -> Mapping[str, object]:
        """Return what the machine of a robot answers.

        Raises:
            RobotError: The fleet lists no such robot, or its machine does not answer.
        """
        sight = next((each for each in self._sights if key_of(each) == key), None)
        if sight is None or self._fleet is None:
            raise SettingsError("the fleet lists no such robot any more")
        return ask(self._fleet, place_of(self._fleet, sight), {**question, "folder": sight.folder})

    def _look(self) -> None:
        while not self._over.is_set():
            try:
                self._fleet = read(self.path)
                self._sights = look_at_all(self._fleet)
            except RobotError as error:
                self._sights = [unseen(self.path.name, str(self.path), "", "unreadable", str(error).splitlines()[0])]
            self._at = utc_now()
            self._looked.set()
            self._over.wait(LOOK_EVERY_S)
            if time.monotonic() - self._asked_s > WATCHED_S:
                self._asked.clear()
                self._asked.wait()


def key_of(sight: Sight) -> str:
    """Return what a robot is known by in an address."""
    return f"{sight.host}|{sight.folder}"


@attrs.define(eq=False)
class Dashboard:
    """The page, served; `with Dashboard(board) as page:` listens until the block ends.

    Attributes:
        board: What it shows.
        port: 0 takes a free one.
    """

    board: Board
    port: int = 0
    host: str = "127.0.0.1"
    _server: Server | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}:{self.port}/"

    def __enter__(self) -> Dashboard:
        try:
            self._server = Server.listening(self.host, self.port, _Office(self.board), Limits(connections=64))
        except (OSError, OverflowError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AddressTakenError(
                f"cannot listen at {self.host}:{self.port}: {reason}; another --port may be free, 0 takes one that is"
            ) from error
        self.port = self._server.port
        self.board.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.board.stop()
        if self._server is not None:
            self._server.close()


@attrs.frozen(eq=False)
class _Office:
    """Answers what browsers ask; see `connections.Office`."""

    board: Board

    def refusal(self, head: Head) -> Reply | None:
        """Turn away a name that leads here only because its owner says so, and every verb that could act."""
        try:
            name = urlsplit(f"//{head.get('host')}").hostname
        except ValueError:
            name = "no name"
        if name is not None and name not in LOOPBACK:
            return _error(421, "this page answers only to the address of this machine, and not to another name")
        return None if head.verb in ("GET", "HEAD") else _error(405, "this page only shows")

    def largest_body(self, head: Head) -> tuple[int, bool]:
        """Take none."""
        del head
        return 0, False

    def is_quick(self, head: Head) -> bool:
        """Return whether it is a file: all else asks robots, maybe on other machines."""
        return head.path in FILES

    def answer(self, request: Arrival) -> Outcome:
        """Show the page, or a part of it."""
        path, query = request.head.path, parse_qs(request.head.query)
        if path in FILES:
            name, kind = FILES[path]
            data = (_FOLDER / name).read_bytes()
            return Outcome(Reply(200, kind, language.page(data) if path == "/" else data, HEADERS))
        show = SHOWN.get(path)
        if show is None:
            return Outcome(_error(404, "there is no such page"))
        try:
            return Outcome(show(self.board, {key: values[-1] for key, values in query.items()}))
        except RobotError as error:
            return Outcome(_error(404, language.said(str(error))))

    def answer_together(self, requests: Sequence[Arrival]) -> list[Outcome]:
        """Show files."""
        return [self.answer(request) for request in requests]

    def refused(self, status: int, text: str) -> Reply:
        """Answer what is no request."""
        return _error(status, text)


def _fleet(board: Board, _query: Mapping[str, str]) -> Reply:
    fleet = board.fleet_json()
    for robot in fleet["robots"] if isinstance(fleet["robots"], list) else ():
        for problem in robot["problems"]:
            problem["told"] = language.said(problem["text"])  # beside the English one, by which others find it
        robot["told"] = {name: language.said(str(robot.get(name) or "")) for name in TOLD_BESIDE}
    return _json(fleet)


def _jobs(board: Board, query: Mapping[str, str]) -> Reply:
    return _json(board.ask(query.get("robot", ""), {"ask": "history", "limit": SHOWN_JOBS}))


def _output(board: Board, query: Mapping[str, str]) -> Reply:
    place = query.get("from", "0")
    question = {
        "ask": "output",
        "job": query.get("job", ""),
        "from": int(place) if place.isascii() and place.isdigit() and len(place) < 16 else 0,
        "follow": query.get("follow") == "1",
    }
    return _json(board.ask(query.get("robot", ""), question))


def _log(board: Board, query: Mapping[str, str]) -> Reply:
    return _json(board.ask(query.get("robot", ""), {"ask": "log"}))


def _run(board: Board, query: Mapping[str, str]) -> Reply:
    told = board.ask(query.get("robot", ""), {"ask": "journal", "run": query.get("run", "")})
    page = board.player(str(told.get("name")), str(told.get("data")).encode("utf-8", "replace"))
    return Reply(200, "text/html; charset=utf-8", page.encode("utf-8", "replace"), RUN_HEADERS)


def _picture(board: Board, query: Mapping[str, str]) -> Reply:
    question = {"ask": "picture", "job": query.get("job", ""), "name": query.get("name", "")}
    told = board.ask(query.get("robot", ""), question)
    try:
        return Reply(200, "image/png", base64.b64decode(str(told.get("data")), validate=True), HEADERS)
    except binascii.Error as error:
        raise SettingsError("the picture did not arrive whole") from error


SHOWN: Mapping[str, Callable[[Board, Mapping[str, str]], Reply]] = {
    "/fleet.json": _fleet,
    "/jobs.json": _jobs,
    "/output.json": _output,
    "/log.json": _log,
    "/run": _run,
    "/picture": _picture,
}


def _json(document: Mapping[str, object]) -> Reply:
    # Half a surrogate pair has no UTF-8 form; the escape that Python writes for it is one of JSON, too.
    return Reply(200, _JSON, json.dumps(document).encode("ascii"), HEADERS)


def _error(status: int, text: str) -> Reply:
    return Reply(status, _JSON, json.dumps({"error": text}).encode("ascii"), HEADERS)
