"""Proxies from the environment are used, and nothing else from it gets between the robot and its server."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

import pytest

from fsm_robot.errors import GatewayUnreachableError
from tests.fakes.raw_server import RawServer, Request, answer
from tests.gateway.conftest import TOKEN, Certificates, OpenGateway

NO_JOB = answer('{"HeartbeatErrorCode":0,"HasNewJob":0}')


def test_the_proxy_is_asked_when_the_environment_names_one(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY gets the whole address, and its own login."""
    with RawServer(NO_JOB) as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:word@127.0.0.1:{proxy.port}")
        open_gateway("http://orchestrator.invalid:4500").announce(None)

    request = proxy.requests[0]
    assert request.line == "POST http://orchestrator.invalid:4500/api/robot/heartbeat HTTP/1.1"
    assert request.headers["proxy-authorization"].startswith("Basic ")
    assert request.headers["authorization"] == f"Basic {TOKEN}"


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "127.0.0.0/8", "localhost,127.0.0.1"])
def test_the_server_is_asked_when_no_proxy_names_it(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    """NO_PROXY keeps the company's own network off the proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", no_proxy)
    with RawServer(NO_JOB) as server:
        open_gateway(server.url).announce(None)

    assert len(server.requests) == 1


@pytest.mark.parametrize("proxy", ["http://user:word@127.0.0.1:1", "http://user:word@proxy.invalid:3128"])
def test_nothing_arrived_when_the_proxy_is_not_there(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """The message names the proxy without its password, and where it comes from."""
    monkeypatch.setenv("http_proxy", proxy)

    with pytest.raises(GatewayUnreachableError) as raised:
        open_gateway("http://orchestrator.invalid:4500", timeout_s=3.0).announce(None)

    assert raised.value.kind == "no_connection"
    assert proxy.partition("@")[2] in str(raised.value)
    assert "NO_PROXY" in str(raised.value)
    assert "word" not in str(raised.value)


@pytest.mark.parametrize("proxy", ["http://", "http://[broken", "socks5://127.0.0.1:1", "nonsense://127.0.0.1:1"])
def test_nothing_arrived_when_the_proxy_is_nonsense(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """A proxy that cannot be used is a missing connection, not a crash."""
    monkeypatch.setenv("http_proxy", proxy)

    with pytest.raises(GatewayUnreachableError) as raised:
        open_gateway("http://orchestrator.invalid:4500", timeout_s=3.0).announce(None)

    assert raised.value.kind == "no_connection"


def test_nothing_arrived_when_the_proxy_wants_a_login(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """407 is the proxy's answer, not the server's: a result is not given up for it."""
    with RawServer(answer("", "407 Proxy Authentication Required")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(GatewayUnreachableError, match="407") as raised:
            open_gateway("http://orchestrator.invalid").update_job("j", 4)

    assert raised.value.kind == "no_connection"


def tunnel_to(port: int):
    """Return a reply to CONNECT that passes everything on to `port`."""

    def tunnel(connection: socket.socket, request: Request) -> None:
        with socket.create_connection(("127.0.0.1", port)) as target:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=[target, connection], daemon=True)
            back.start()
            pump(connection, target)
            back.join(5)

    return tunnel


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_tls_goes_through_a_tunnel_when_the_environment_names_a_proxy(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> None:
    """The proxy sees the host and nothing of the request; the server's certificate is checked as without a proxy."""
    context = certificates.serving(certificates.server)
    with RawServer(NO_JOB, tls=context) as server, RawServer(tunnel_to(server.port)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        gateway = open_gateway(server.url, verify=str(certificates.authority))
        assert gateway.announce(None).code == 0
        assert gateway.announce(None).code == 0
        gateway.close()

    assert [request.line for request in proxy.requests] == [
        f"CONNECT 127.0.0.1:{server.port} HTTP/1.{proxy.requests[0].line[-1]}"
    ]
    assert "authorization" not in proxy.requests[0].headers
    assert len(server.requests) == 2


def drip(connection: socket.socket, request: Request) -> None:
    connection.settimeout(0.05)
    for value in b"HTTP/1.1 200 Connection established\r\nX: " + b"y" * 4000:
        connection.sendall(bytes([value]))
        try:
            if connection.recv(1) == b"":
                return
        except TimeoutError:
            pass


def dismiss(connection: socket.socket, request: Request) -> None:
    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")


@pytest.mark.parametrize("reply", [drip, dismiss], ids=["dripping", "407"])
def test_nothing_arrived_when_the_proxy_opens_no_tunnel(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, reply: object
) -> None:
    """A proxy that refuses, or takes for ever over its consent, costs the timeout."""
    with RawServer(reply) as proxy:  # type: ignore[arg-type]
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(GatewayUnreachableError) as raised:
            open_gateway("https://orchestrator.invalid", verify=False, timeout_s=0.5).announce(None)

    assert raised.value.kind == "no_connection"
    assert f"127.0.0.1:{proxy.port}" in str(raised.value)


def test_the_credential_stays_when_a_netrc_names_the_server(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A .netrc for the same host does not replace the robot's Authorization."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    netrc.with_name(".netrc").write_bytes(netrc.read_bytes())
    with RawServer(NO_JOB) as server:
        open_gateway(server.url).announce(None)

    assert server.requests[0].headers["authorization"] == f"Basic {TOKEN}"
