"""Who the robot says it is: machine name, address and network card. Missing knowledge is empty, never an error."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple
from urllib.parse import urlsplit

from fsm_robot.system import threads

if sys.platform == "win32":
    from fsm_robot.system._identity_windows import hardware_address
else:
    from fsm_robot.system._identity_posix import hardware_address


LONGEST_LOOK_S = 1.0
"""How long a heartbeat may wait for the robot's own address: a name server that is silent takes many seconds."""
_Found = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]]


class Identity(NamedTuple):
    """What a heartbeat tells of the machine; for people who look at the Orchestrator, nothing depends on it.

    Attributes:
        machine: Computer name.
        ip: Address of the interface that reaches the orchestrator.
        mac: Its hardware address, AA-BB-CC-DD-EE-FF.
    """

    machine: str = ""
    ip: str = ""
    mac: str = ""


def identity_towards(url: str) -> Identity:
    """Return what is known of this machine, seen from the server at `url`."""
    ip = address_towards(url)
    return Identity(machine_name(), ip, mac_of(ip))


def machine_name() -> str:
    """Return the computer name."""
    try:
        return os.environ.get("COMPUTERNAME") or socket.gethostname()
    except OSError:
        return ""


def address_towards(url: str) -> str:
    """Return the address that packets to the server at `url` leave from; sends none."""
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            return ""
        found = _addresses_of(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    except (OSError, ValueError):  # a host name that IDNA cannot encode; no thread to be had
        return ""
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                # On a datagram socket this only chooses the route.
                probe.connect(address)
                return str(probe.getsockname()[0]).partition("%")[0]
        except OSError:
            continue
    return ""


def _addresses_of(host: str, port: int) -> _Found:
    """Return the addresses of `host`, or none where the name server does not say them soon. Raises `OSError`."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name
    answer: SimpleQueue[_Found] = SimpleQueue()

    def look() -> None:
        answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM))

    def unknown(_error: BaseException) -> bool:
        answer.put([])  # a name that is unknown, or that IDNA cannot encode
        return False

    # The system's resolver knows no timeout; a thread that it holds up is left behind, and says nothing to anybody.
    threads.start("own address", look, unknown)
    try:
        return answer.get(timeout=LONGEST_LOOK_S)
    except Empty:
        return []


def mac_of(ip: str) -> str:
    """Return the hardware address of the interface that has `ip`, or of the machine's first one."""
    try:
        return hardware_address(ip) or _any_hardware_address()
    except (OSError, ValueError):
        return ""


def _any_hardware_address() -> str:
    from uuid import getnode  # rarely needed

    node = getnode()
    # The multicast bit marks a number that uuid made up because it found no card.
    return "" if node >> 40 & 1 else node.to_bytes(6, "big").hex("-").upper()
