"""Hardware addresses under Linux and other POSIX systems; only Linux tells them through files."""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on POSIX only"  # and type-checked for POSIX only

import fcntl
import socket
import struct
from pathlib import Path

_INTERFACES = Path("/sys/class/net")
_SIOCGIFADDR = 0x8915
_NONE = "00:00:00:00:00:00"
_ETHERNET_LENGTH = len(_NONE)


def hardware_address(ip: str) -> str:
    """Return the hardware address of the interface that has `ip`, or empty where that is not known."""
    if not sys.platform.startswith("linux"):
        return ""
    names = [name for _, name in socket.if_nameindex()]
    # The loopback interface has none: then any card of this machine says who it is.
    preferred = [name for name in names if _has_address(name, ip)]
    return next(filter(None, map(_address_of, [*preferred, *names])), "")


def _address_of(interface: str) -> str:
    try:
        address = (_INTERFACES / interface / "address").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    return "" if address == _NONE or len(address) != _ETHERNET_LENGTH else address.replace(":", "-").upper()


def _has_address(interface: str, ip: str) -> bool:
    return _has_ipv6(interface, ip) if ":" in ip else _ipv4(interface) == ip


def _ipv4(interface: str) -> str:
    """Return the interface's first IPv4 address, or empty."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
        except OSError:
            return ""
    return socket.inet_ntoa(answer[20:24])


def _has_ipv6(interface: str, ip: str) -> bool:
    wanted = socket.inet_pton(socket.AF_INET6, ip).hex()
    try:
        lines = Path("/proc/net/if_inet6").read_text("ascii").splitlines()
    except OSError:
        return False
    return any(fields[0] == wanted and fields[-1] == interface for fields in map(str.split, lines))
