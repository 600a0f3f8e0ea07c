"""Which proxy leads to the orchestrator: the environment, and under Windows the system's settings, in one place.

The address of a proxy may hold a password. It is taken apart here, once; what else handles the proxy gets an address
without a login, so that no library can quote it. The rules of NO_PROXY stand in docs/operations.md, a row each.
"""

from __future__ import annotations

import re
import socket
from base64 import b64encode
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

import attrs

from fsm_robot.errors import SettingsError

_DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
_LARGEST_PORT = 65535
_SHORTEST_SECRET = 4
_HOST_NAME = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?"
_IPV4_BITS, _IPV6_BITS = 32, 128
_EXAMPLE = (
    "it should look like http://user:password@proxy.example:3128, with / # ? @ : % in user or password written as"
    " %2F %23 %3F %40 %3A %25, and other letters as the percent-encoded bytes of UTF-8"
)


class _MalformedError(ValueError):
    """Says what is wrong without a piece of the address: which piece is the password is not known then."""


@attrs.frozen
class Proxy:
    """A proxy, its login apart from its address.

    Attributes:
        scheme: `http`, `https`, or one of SOCKS.
        host: Name or address, an IPv6 one without brackets.
        port: Number.
        login: `user:password`, decoded; empty where there is none.
    """

    scheme: str
    host: str
    port: int
    login: str = attrs.field(default="", repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, which takes the login with the address."""
        return self.scheme.startswith("socks")

    @property
    def url(self) -> str:
        """Where it is, without the login."""
        return f"{self.scheme}://{self}"

    @property
    def url_for_socks(self) -> str:
        """Where it is and who asks."""
        user, _, password = self.login.partition(":")
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if self.login else ""
        return f"{self.scheme}://{login}{self}"

    @property
    def authorization(self) -> str:
        """Return the header `Proxy-Authorization`, or empty. Source: RFC 7617, in UTF-8."""
        return f"Basic {b64encode(self.login.encode(errors='replace')).decode()}" if self.login else ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may appear in no log: the login as the header carries it, and a password that is told from any word."""
        _, _, password = self.login.partition(":")
        found = (self.authorization.partition(" ")[2], password if len(password) >= _SHORTEST_SECRET else "")
        return tuple(filter(None, found))


class _Target(NamedTuple):
    host: str
    port: int


def proxy_towards(url: str) -> Proxy | None:
    """Return the proxy that leads to `url`, or None.

    Raises:
        SettingsError: The address of that proxy is none; the sentence holds nothing of it.
    """
    found = getproxies()
    scheme = urlsplit(url).scheme.lower()
    kind = scheme if found.get(scheme, "").strip() else "all"
    address = found.get(kind, "").strip()
    if not address or _is_direct(url, found):
        return None
    try:
        return parse(address)
    except _MalformedError as error:
        raise SettingsError(
            f"{kind.upper()}_PROXY, or the proxy in the system's settings: the address of the proxy cannot be used:"
            f" {error}; {_EXAMPLE} (it is not shown here, for it may hold a password)"
        ) from None


def parse(address: str) -> Proxy:
    """Return the proxy at `address`. Raises `ValueError` that quotes nothing of it."""
    if not address.isascii() or not address.isprintable() or " " in address:
        raise _MalformedError("it holds a blank, a control character or a letter beyond ASCII")
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "http", address
    scheme = scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise _MalformedError(f"it begins with none of {', '.join(f'{each}://' for each in _DEFAULT_PORTS)}")
    login, _, place = rest.rpartition("@")
    if any(char in login for char in "/?#"):
        raise _MalformedError("there is a / # or ? before its @")
    place = re.split("[/?#]", place, maxsplit=1)[0]  # a path means nothing to a proxy
    host, port = _place(place, _DEFAULT_PORTS[scheme])
    if scheme.startswith("socks"):
        _need_socks()
    user, colon, password = login.partition(":")
    return Proxy(scheme, host, port, f"{unquote(user)}{colon or ':'}{unquote(password)}" if login else "")


def is_bypassed(url: str, no_proxy: str) -> bool:
    """Return whether `no_proxy` keeps the server at `url` off the proxy. Source: docs/operations.md, "Proxies"."""
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme.lower(), 0)
    target = _Target(_plain_host(parts.hostname or ""), port)
    return any(_fits(rule, target) for rule in re.split(r"[,;\s]+", no_proxy.strip()) if rule)


def _is_direct(url: str, found: Mapping[str, str]) -> bool:
    if is_bypassed(url, found.get("no", "")):
        return True
    if getproxies_environment():
        return False  # then the system's own settings, which Windows and macOS have, do not count
    try:
        return bool(proxy_bypass(urlsplit(url).hostname or ""))
    except (OSError, ValueError, TypeError):
        return False


def _place(place: str, default_port: int) -> tuple[str, int]:
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or _packed(host) is None or ":" not in host:
            raise _MalformedError("there is no IPv6 address between its [ ]")
        port = rest[1:]
    else:
        host, _, port = place.partition(":")
        if not host:
            raise _MalformedError("it has no host")
        if not re.fullmatch(_HOST_NAME, host):
            raise _MalformedError("its host is neither a name nor an address")
    if port and not (port.isdigit() and len(port) < 6 and 0 < int(port) <= _LARGEST_PORT):
        raise _MalformedError(f"its port is not a number from 1 to {_LARGEST_PORT}")
    return host, int(port) if port else default_port


def _need_socks() -> None:
    from importlib.util import find_spec

    if find_spec("socks") is None:
        raise _MalformedError("a SOCKS proxy needs the package PySocks in the robot's Python (pip install PySocks)")


def _fits(rule: str, target: _Target) -> bool:
    if rule == "*":
        return True
    if "/" in rule:
        return _in_network(rule, target.host)
    host, port = _host_and_port(rule)
    if port and port != str(target.port):
        return False
    wanted, address = _packed(host), _packed(target.host)
    if wanted is not None or address is not None:
        return wanted == address
    name = _plain_host(host.removeprefix("*").removeprefix("."))
    return bool(name) and (target.host == name or target.host.endswith(f".{name}"))


def _host_and_port(rule: str) -> tuple[str, str]:
    if rule.startswith("["):
        host, _, rest = rule[1:].partition("]")
        return host, rest.removeprefix(":")
    if rule.count(":") == 1:
        host, _, port = rule.partition(":")
        return host, port
    return rule, ""  # a name, or an IPv6 address without brackets


def _in_network(rule: str, host: str) -> bool:
    network, _, length = rule.partition("/")
    base, address = _packed(network.strip("[]")), _packed(host)
    if base is None or address is None or len(base) != len(address) or not length.isdecimal() or len(length) > 3:
        return False
    bits = _IPV4_BITS if len(base) == 4 else _IPV6_BITS
    shift = bits - int(length)
    return shift >= 0 and int.from_bytes(base, "big") >> shift == int.from_bytes(address, "big") >> shift


def _packed(host: str) -> bytes | None:
    """Return the bytes of an IPv4 or IPv6 address, however it is written; None for a name."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host.partition("%")[0])
    except (OSError, ValueError):
        return None


def _plain_host(name: str) -> str:
    """Return a host name as it is compared: small letters, without the dot at its end, as the name servers know it."""
    name = name.lower().rstrip(".")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except ValueError:
        return name
