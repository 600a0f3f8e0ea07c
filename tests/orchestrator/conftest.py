from __future__ import annotations

import base64
import http.client
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import attrs
import pytest

from fsm_robot.engine.redact import Redactor
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.ports import Job
from tests.fakes import needed, postgres
from tests.fakes.waiting import GUID, PATIENCE_S

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1100,700",
)  # fmt: skip

OpenRobot = Callable[..., HttpGateway]
TOKEN = "MGY4ZmFkNWItZDljYi00NjlmLWExNjUtNzA4Njc3Mjg5NTBl"  # base64 of GUID


def parameters_of(job: Job) -> Any:
    """Return the parameters of a job's task, as the robot has read them."""
    task = job.documents["task"]
    assert isinstance(task, dict)
    return json.loads(task["Parameters"])


Place = str | Path
PLACES = ("SQLite", "PostgreSQL")


@pytest.hookimpl(tryfirst=True)  # before those that are marked are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test with many cases each is played in one of the two places, the case's name decides; the others are long."""
    try:
        postgres.programs()
    except (pytest.skip.Exception, pytest.fail.Exception):
        return  # then every case is played in the only one
    for item in items:
        spec = getattr(item, "callspec", None)
        if spec is None or Path(__file__).parent not in item.path.parents or len(spec.params) == 1:
            continue
        place = spec.params.get("place")
        if place in PLACES and PLACES[zlib.crc32(item.name.replace(place, "").encode()) % len(PLACES)] != place:
            item.add_marker(pytest.mark.long)


@pytest.fixture
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Place]:
    """Return what makes places for tables: a file, or a schema."""

    def make(kind: str) -> Place:
        if kind == "SQLite":
            return tmp_path / f"{len(list(tmp_path.glob('*.sqlite'))) or 'orchestrator'}.sqlite"
        return str(request.getfixturevalue("cluster").schema())

    return make


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, new_place: Callable[[str], Place]) -> Place:
    """Where the orchestrator keeps its tables: what it promises does not depend on that."""
    return new_place(request.param)


def kept_in(place: Place) -> bytes:
    """Return everything that is kept there; nobody may use it meanwhile."""
    if isinstance(place, Path):
        return b"".join(path.read_bytes() for path in place.parent.iterdir() if path.is_file())
    import psycopg

    with psycopg.connect(place) as db:
        tables = db.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
        names = [str(name) for (name,) in tables.fetchall()]
        rows = [str(row) for name in names for row in db.execute(f"SELECT {name}::text FROM {name}").fetchall()]
    return "\n".join(rows).encode()


@pytest.fixture
def server(place: Place) -> Iterator[Orchestrator]:
    """A real orchestrator on a free port."""
    with Orchestrator(Store(place)) as running:
        yield running


@pytest.fixture
def robot(server: Orchestrator) -> Iterator[OpenRobot]:
    """Open the real gateway of a robot towards the real server."""
    opened: list[HttpGateway] = []

    def open_one(guid: str = GUID, **settings: Any) -> HttpGateway:
        settings = {"timeout_s": 10.0, "warn": lambda _event, _sentence: None, **settings}
        opened.append(HttpGateway(server.url, guid, redactor=Redactor.for_guid(guid), **settings))
        return opened[-1]

    yield open_one
    for gateway in opened:
        gateway.close()


@attrs.frozen
class Api:
    """Whoever calls the object API: a robot or the holder of a key."""

    server: Orchestrator
    guid: str = GUID

    def __call__(self, verb: str, call: str, body: bytes | None = None, headers: Mapping[str, str] | None = None,
                 **fields: object) -> Any:  # fmt: skip
        """Return what a call answers. Raises `AssertionError` where that is no 200."""
        status, answer = self.tried(verb, call, body, headers, **fields)
        assert status == 200, (status, answer)
        return answer

    def tried(
        self, verb: str, call: str, body: bytes | None = None, headers: Mapping[str, str] | None = None,
        **fields: object,
    ) -> tuple[int, Any]:  # fmt: skip
        """Return the status and what is answered: JSON where it is that, else bytes."""
        status, _, answer = self.whole(verb, call, body, headers, query="", **fields)
        return status, answer

    def whole(
        self, verb: str, call: str, body: bytes | None = None, headers: Mapping[str, str] | None = None,
        query: str = "", **fields: object,
    ) -> tuple[int, Mapping[str, str], Any]:  # fmt: skip
        """Return the status, the headers and what is answered."""
        token = base64.b64encode(self.guid.encode()).decode()
        path = "/".join(quote(part, safe="") for part in call.split("/")) + query
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        sent = {"Authorization": f"Basic {token}", "Content-Type": "application/x-www-form-urlencoded"}
        data = urlencode(fields, errors="surrogateescape").encode() if body is None else body
        connection.request(verb, f"/api/{path}", data, {**sent, **(headers or {})})
        answer = connection.getresponse()
        found = answer.read()
        connection.close()
        is_json = answer.headers["Content-Type"].startswith("application/json")
        return answer.status, dict(answer.headers), json.loads(found) if is_json else found


@pytest.fixture
def api(server: Orchestrator) -> Api:
    """A robot that uses the object API."""
    return Api(server)


def form_with_file(content: bytes, **fields: str) -> tuple[bytes, dict[str, str]]:
    """Return a multipart body with a file in it, and its header."""
    parts = [
        f'--b7\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = b'--b7\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\n'
    return b"".join([*parts, head, content, b"\r\n--b7--\r\n"]), {"Content-Type": "multipart/form-data; boundary=b7"}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """Headless Chromium with a profile of its own."""
    # First: without them selenium may be missing, too.
    chromium, chromedriver = needed.program("chromium"), needed.program("chromedriver")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield driver
    driver.quit()
