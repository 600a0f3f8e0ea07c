"""Proxies from the environment are used, and nothing else from it gets between the robot and its server."""

from __future__ import annotations

import contextlib
import socket
import threading
from base64 import b64decode, b64encode
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.errors import GatewayUnreachableError, SettingsError
from fsm_robot.gateway import proxies
from fsm_robot.gateway.http import HttpGateway
from tests.fakes.raw_server import RawServer, Reply, Request, answer
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


V4, V6 = "http://10.1.2.3:4500", "http://[fd00::1]:4500"
NAME, BARE, IDN = "http://rpa.example.com", "http://rpa", "http://робот.рф"
NO_PROXY = [
    # NO_PROXY, orchestrator.url, whether the proxy is left out; the rows of docs/operations.md
    ("*", NAME, True), ("*,x", NAME, True), ("x , *", V6, True),
    ("rpa.example.com", NAME, True), ("RPA.Example.COM.", NAME, True), ("other.example.com", NAME, False),
    ("example.com", NAME, True), (".example.com", NAME, True), ("*.example.com", NAME, True),
    ("ample.com", NAME, False), (".com", "http://example.com", True), ("rpa.example.com", "http://example.com", False),
    ("rpa.example.com:80", NAME, True), ("rpa.example.com:4500", NAME, False), ("example.com:80", NAME, True),
    ("rpa.example.com:443", "https://rpa.example.com", True),
    ("10.1.2.3", V4, True), ("10.1.2.30", V4, False), ("2.3", V4, False), ("10.1.2", V4, False),
    ("10.1.2.3:4500", V4, True), ("10.1.2.3:80", V4, False),
    ("10.0.0.0/8", V4, True), ("10.1.2.3/32", V4, True), ("192.168.0.0/16", V4, False), ("0.0.0.0/0", V4, True),
    ("10.0.0.0/33", V4, False), ("10.0.0.0/x", V4, False), ("10.0.0.0/8", NAME, False), ("/8", V4, False),
    ("fd00::1", V6, True), ("[fd00::1]", V6, True), ("fd00:0:0::0001", V6, True), ("[fd00::1]:4500", V6, True),
    ("[fd00::1]:80", V6, False), ("fd00::/8", V6, True), ("[fd00::]/8", V6, True), ("fe80::/10", V6, False),
    ("[::1]", "http://[::1]:4500", True), ("::1", "http://[::1]:4500", True), ("[::1]", "http://[::2]:4500", False),
    ("a,rpa", BARE, True), ("a;rpa", BARE, True), ("a rpa", BARE, True), ("a ; , rpa", BARE, True), ("a\trpa", BARE, True),
    ("localhost", BARE, False), ("", NAME, False), (",;", NAME, False), (".", NAME, False), ("[", NAME, False), (":", NAME, False),
    ("робот.рф", IDN, True), ("робот.рф".encode("idna").decode(), IDN, True), ("рф", IDN, True),
]  # fmt: skip


@pytest.mark.parametrize(("no_proxy", "url", "direct"), NO_PROXY)
def test_no_proxy_is_read_as_curl_and_requests_users_expect(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str, direct: bool
) -> None:
    """Each row of the table: with the proxy left out, its connection would not even be tried."""
    monkeypatch.setenv("all_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", no_proxy)

    assert (open_gateway(url, verify=False).proxy is None) is direct


@pytest.mark.parametrize(
    "no_proxy", ["127.0.0.1", "*", "*,x", "127.0.0.0/8", "localhost,127.0.0.1", "x;127.0.0.1:PORT"]
)
def test_the_server_is_asked_when_no_proxy_names_it(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    """NO_PROXY keeps the company's own network, and the credential, off the proxy."""
    with RawServer(NO_JOB) as server, RawServer(NO_JOB) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", no_proxy.replace("PORT", str(server.port)))
        open_gateway(server.url).announce(None)

    assert (len(server.requests), proxy.heads) == (1, 0)


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


PASSWORD = "gehe1mW0rt"
BAD_PROXIES = {
    "slash": f"http://anna:{PASSWORD}/x@proxy.invalid:3128",
    "hash": f"http://anna:{PASSWORD}#x@proxy.invalid:3128",
    "question": f"http://anna:{PASSWORD}?x@proxy.invalid:3128",
    "slash first": f"http://anna:/{PASSWORD}@proxy.invalid:3128",
    "port": f"http://anna:{PASSWORD}@proxy.invalid:99999",
    "port 0": f"http://anna:{PASSWORD}@proxy.invalid:0",
    "port of letters": f"http://anna:{PASSWORD}@proxy.invalid:x",
    "password as port": f"http://anna:{PASSWORD}",
    "Cyrillic": f"http://анна:{PASSWORD}@proxy.invalid:3128",
    "Cyrillic host": f"http://anna:{PASSWORD}@прокси.invalid:3128",
    "bracket": f"http://anna:{PASSWORD}@[proxy:3128",
    "brackets": f"http://anna:{PASSWORD}@[proxy]:3128",
    "broken": "http://[broken",
    "no host": f"http://anna:{PASSWORD}@:3128",
    "nothing": "http://",
    "blank": f"http://anna:{PASSWORD} x@proxy.invalid:3128",
    "control": f"http://anna:{PASSWORD}\x1b@proxy.invalid:3128",
    "scheme": f"nonsense://anna:{PASSWORD}@proxy.invalid:3128",
    "backslash": f"http://anna:{PASSWORD}@proxy.invalid\\x:3128",
    "two ports": f"http://anna:{PASSWORD}@proxy.invalid:1:2",
    "percent": f"http://anna:{PASSWORD}@%70roxy.invalid:3128",
}


@pytest.mark.parametrize("proxy", BAD_PROXIES.values(), ids=BAD_PROXIES.keys())
@pytest.mark.parametrize(
    ("variable", "url"),
    [("HTTP_PROXY", "http://rpa.invalid"), ("https_proxy", "https://rpa.invalid"), ("ALL_PROXY", "http://rpa.invalid")],
)
def test_the_start_stops_when_the_address_of_the_proxy_is_none(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str, proxy: str
) -> None:
    """One sentence that names the variable and what is wrong, exit code 2, and no piece of the address."""
    monkeypatch.setenv(variable, proxy)

    with pytest.raises(SettingsError) as raised:
        HttpGateway(url, "x", verify=False, warn=print)

    told = str(raised.value)
    assert raised.value.exit_code == 2
    assert variable.upper() in told
    assert told.isprintable()
    assert raised.value.__cause__ is None
    assert not any(PASSWORD[start : start + 4] in told for start in range(len(PASSWORD) - 3))
    assert "invalid" not in told


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z:@/\[\]#?%.0-9я]{0,30}", fullmatch=True))
def test_an_address_is_a_proxy_or_is_refused_without_being_quoted(address: str) -> None:
    """No text that a person may put there raises anything else."""
    try:
        found = proxies.parse(address)
    except ValueError as error:
        assert len(address) < 12 or address not in str(error)
    else:
        assert 0 < found.port < 65536
        assert found.host


@given(st.text(max_size=60) | st.from_regex(r"[a-z0-9.:\[\]/*,; ]{0,30}", fullmatch=True))
def test_no_proxy_is_read_whatever_it_holds(no_proxy: str) -> None:
    """A rule that is none fits nothing, and costs no others."""
    for url in (V4, V6, NAME, IDN):
        proxies.is_bypassed(url, no_proxy)
    assert proxies.is_bypassed(V4, f"{no_proxy},10.1.2.3")


@pytest.mark.parametrize(
    ("login", "sent"),
    [
        ("anna:word", "anna:word"),
        ("anna:p%2Fa%23b%3Fc%40d%3Ae%25f", "anna:p/a#b?c@d:e%f"),
        ("anna:p@a[b]:c9", "anna:p@a[b]:c9"),
        ("anna:c", "anna:c"),
        ("%D0%B0%D0%BD%D0%BD%D0%B0:%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C", "анна:пароль"),
        ("anna", "anna:"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_login_reaches_the_proxy_and_nobody_else(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, login: str, sent: str, scheme: str
) -> None:
    """Percent-encoded as every part of a URL, in UTF-8; neither the server nor a message sees it."""
    with RawServer(answer("go away", "502 Bad Gateway")) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://{login}@127.0.0.1:{proxy.port}")
        gateway = open_gateway(f"{scheme}://orchestrator.invalid", verify=False)
        with pytest.raises(GatewayUnreachableError) as raised:
            gateway.announce(None)

    header = proxy.requests[0].headers["proxy-authorization"]
    assert b64decode(header.removeprefix("Basic ")).decode() == sent
    assert sent not in str(raised.value)
    assert sent not in f"{gateway!r} {gateway.proxy!r}"
    assert "HTTP 502" in str(raised.value) or scheme == "https"


def test_the_login_is_hidden_when_the_proxy_echoes_it(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that quotes the request in its error page gives nothing away, in no form."""

    def echo(connection: socket.socket, request: Request) -> bytes:
        header = request.headers["proxy-authorization"]
        return answer(f"{header} {PASSWORD} {quote(PASSWORD)} {PASSWORD.encode().hex()}", "502 Bad Gateway")

    with RawServer(echo) as proxy:
        monkeypatch.setenv("http_proxy", f"http://anna:{PASSWORD}@127.0.0.1:{proxy.port}")
        with pytest.raises(GatewayUnreachableError) as raised:
            open_gateway("http://orchestrator.invalid").announce(None)

    told = str(raised.value)
    for secret in (PASSWORD, b64encode(f"anna:{PASSWORD}".encode()).decode(), PASSWORD.encode().hex()):
        assert secret not in told
    assert "***" in told


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
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    """A proxy that refuses, or takes for ever over its consent, costs the timeout."""
    with RawServer(reply) as proxy:
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
