from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsm_robot.engine.redact import Redactor
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.fakes.waiting import GUID

OpenRobot = Callable[..., HttpGateway]
TOKEN = "MGY4ZmFkNWItZDljYi00NjlmLWExNjUtNzA4Njc3Mjg5NTBl"  # base64 of GUID


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Orchestrator]:
    """A real orchestrator on a free port."""
    with Orchestrator(Store(tmp_path / "orchestrator.sqlite")) as running:
        yield running


@pytest.fixture
def robot(server: Orchestrator) -> Iterator[OpenRobot]:
    """Open the real gateway of a robot towards the real server."""
    opened: list[HttpGateway] = []

    def open_one(guid: str = GUID, **settings: object) -> HttpGateway:
        settings = {"timeout_s": 10.0, "warn": lambda sentence: None, **settings}
        opened.append(HttpGateway(server.url, guid, redactor=Redactor.for_guid(guid), **settings))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for gateway in opened:
        gateway.close()
