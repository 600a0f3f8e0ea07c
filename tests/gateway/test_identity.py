"""Who the robot says it is: right where it can be known, empty where not, never an error."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

from fsm_robot.gateway import identity


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


@pytest.mark.skipif(sys.platform != "linux", reason="the files that tell it are Linux's")
def test_the_hardware_address_is_that_of_the_interface_when_it_has_one() -> None:
    """The card that carries the address is named, not just any card."""
    from fsm_robot.gateway import _identity_posix

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
