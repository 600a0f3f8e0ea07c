"""Who the robot says it is: right where it can be known, empty where not, never an error."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.errors import GatewayError
from fsm_robot.gateway import identity
from tests.fakes.raw_server import RawServer, answer
from tests.gateway.conftest import OpenGateway


def test_the_machine_is_named_as_windows_does_when_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """COMPUTERNAME wins, the host name is the fallback."""
    monkeypatch.setenv("COMPUTERNAME", "BUH-7")
    assert identity.machine_name() == "BUH-7"

    monkeypatch.delenv("COMPUTERNAME")
    assert identity.machine_name() == socket.gethostname()


def test_the_address_is_that_of_the_interface_when_the_server_is_reached_through_it() -> None:
    """The loopback server is reached from the loopback address; IPv6 too, where the machine has it."""
    assert identity.address_towards("http://127.0.0.1:4500/path") == "127.0.0.1"
    assert identity.address_towards("https://[::1]") in ("::1", "")


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid", "http://" + "a" * 64 + ".invalid", "http://host:99999", "nonsense", ""]
)
def test_the_address_is_empty_when_the_way_is_not_known(url: str) -> None:
    """An unknown host costs the heartbeat nothing but its IP field."""
    assert identity.address_towards(url) == ""


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "", "203.0.113.9", "not an address", "fe80::zz"])
def test_the_hardware_address_has_one_form_when_there_is_one(ip: str) -> None:
    """AA-BB-CC-DD-EE-FF or nothing, whatever is asked for."""
    assert re.fullmatch(r"(?:[0-9A-F]{2}-){5}[0-9A-F]{2}|", identity.mac_of(ip))


def test_the_hardware_address_is_that_of_the_interface_when_it_has_one() -> None:
    """The card that carries the address is named, not just any card."""
    if sys.platform != "linux":
        pytest.skip("the files that tell it are Linux's")
    from fsm_robot.system import _identity_posix

    cards = {
        folder.name: (folder / "address").read_text().strip()
        for folder in Path("/sys/class/net").iterdir()
        if (folder / "address").exists()
    }
    addresses = {name: _identity_posix._ipv4(name) for name in cards}
    own = [
        (ip, cards[name])
        for name, ip in addresses.items()
        if ip and cards[name] != "00:00:00:00:00:00" and len(cards[name]) == 17
    ]
    if not own:
        pytest.skip("this machine has no network card with an address")

    assert {identity.mac_of(ip) for ip, _ in own} == {mac.replace(":", "-").upper() for _, mac in own}


def test_nothing_is_made_up_when_the_machine_has_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that uuid invents, recognisable by its multicast bit, is not sent."""
    monkeypatch.setattr(identity, "hardware_address", lambda ip: "")
    monkeypatch.setattr("uuid.getnode", lambda: 0x010000000001)
    assert identity.mac_of("10.0.0.1") == ""

    monkeypatch.setattr("uuid.getnode", lambda: 0x0A1B2C3D4E5F)
    assert identity.mac_of("10.0.0.1") == "0A-1B-2C-3D-4E-5F"


def test_the_heartbeat_goes_out_when_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every lookup may fail; the identity is then empty."""

    def fail(*args: object, **kwargs: object) -> object:
        raise OSError("no network")

    monkeypatch.delenv("COMPUTERNAME", raising=False)
    for name in ("gethostname", "getaddrinfo", "if_nameindex"):
        monkeypatch.setattr(socket, name, fail)
    monkeypatch.setattr("uuid.getnode", fail)
    monkeypatch.setattr(identity, "hardware_address", fail)

    assert identity.identity_towards("http://orchestrator") == identity.Identity()


def test_a_heartbeat_does_not_wait_for_a_silent_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver knows no timeout; the look for the own address has one, and what comes too late is nobody's."""
    hangs, asked = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def silent(host: str, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("flags"):
            return real(host, *args, **kwargs)
        asked.set()
        hangs.wait(60)
        raise OSError("no name server")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr(identity, "LONGEST_LOOK_S", 0.05)
    started_s = time.monotonic()

    assert identity.address_towards("http://rpa.example.com") == ""

    assert time.monotonic() - started_s < 30
    assert asked.is_set()
    hangs.set()


def test_the_address_is_looked_for_twice_at_most(open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once before the first heartbeat and once more when one got through; then it is known, or known to be unknown."""
    asked: list[str] = []

    def looked_for(url: str) -> identity.Identity:
        asked.append(url)
        return identity.Identity("m")

    monkeypatch.setattr("fsm_robot.gateway.http.identity_towards", looked_for)
    reply = answer('{"HeartbeatErrorCode":0,"HasNewJob":0}')
    with RawServer(lambda c, r: None, lambda c, r: None, reply) as server:
        gateway = open_gateway(server.url)
        for _ in range(2):
            with pytest.raises(GatewayError):
                gateway.announce(None)
        assert asked == [server.url]
        for _ in range(5):
            gateway.announce(None)

    assert asked == [server.url] * 2


def test_the_address_is_that_of_the_way_to_the_proxy(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a proxy only the proxy can look the orchestrator's name up; asking for it costs seconds and tells nothing."""
    with RawServer(answer('{"HeartbeatErrorCode":0,"HasNewJob":0}')) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        open_gateway("http://orchestrator.invalid").announce(None)

    assert proxy.requests[0].form["IP"] == "127.0.0.1"
