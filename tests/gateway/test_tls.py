"""TLS: who is trusted, and what a person reads when the server is not."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot.errors import GatewayError, GatewayUnreachableError, SettingsError
from tests.fakes.raw_server import RawServer, answer, drop
from tests.gateway.conftest import GUID, Certificates, OpenGateway

NO_JOB = answer('{"HeartbeatErrorCode":0,"HasNewJob":0}')


@pytest.fixture
def tls(certificates: Certificates) -> ssl.SSLContext:
    return certificates.serving(certificates.server)


def test_a_server_is_trusted_when_its_authority_is_in_the_file(
    open_gateway: OpenGateway, tls: ssl.SSLContext, certificates: Certificates
) -> None:
    """`verify = "company-ca.pem"` is all that a company's own authority needs; connections are kept as without TLS."""
    with RawServer(NO_JOB, tls=tls) as server:
        gateway = open_gateway(server.url, verify=str(certificates.authority))
        assert gateway.announce(None).code == 0
        assert gateway.announce(None).code == 0

    assert [request.connection for request in server.requests] == [0, 0]


def test_a_server_is_trusted_when_its_own_certificate_is_in_the_file(
    open_gateway: OpenGateway, tls: ssl.SSLContext, certificates: Certificates
) -> None:
    """Without the authority at hand the server's certificate itself will do."""
    with RawServer(NO_JOB, tls=tls) as server:
        assert open_gateway(server.url, verify=str(certificates.server)).announce(None).code == 0


@pytest.mark.parametrize("verify", ["stranger", True])
def test_nothing_is_sent_when_the_server_is_not_trusted(
    open_gateway: OpenGateway, tls: ssl.SSLContext, certificates: Certificates, verify: object
) -> None:
    """Neither another authority nor the system's store vouches for it; the message says what to do."""
    with RawServer(NO_JOB, tls=tls) as server, pytest.raises(GatewayUnreachableError) as raised:
        open_gateway(server.url, verify=str(certificates.stranger) if verify == "stranger" else True).announce(None)

    assert raised.value.kind == "no_connection"
    assert 'verify = "company-ca.pem"' in str(raised.value)
    assert "false" in str(raised.value)
    assert server.heads == 0


def test_nothing_is_sent_when_the_name_does_not_fit(open_gateway: OpenGateway, certificates: Certificates) -> None:
    """A certificate for another host is not accepted, though a trusted authority signed it."""
    context = certificates.serving(certificates.elsewhere)
    with RawServer(NO_JOB, tls=context) as server, pytest.raises(GatewayUnreachableError, match="for another name"):
        open_gateway(server.url, verify=str(certificates.authority)).announce(None)

    assert server.heads == 0


REASONS = {
    "expired": (["has expired", "renew", "clock"], "expired", {}),
    "not valid yet": (["is not valid yet", "clock"], "early", {}),
    "another name": (["for another name", "127.0.0.1", "orchestrator.url"], "elsewhere", {}),
    "signed by itself": (["signed by nobody but itself", "orchestrator.verify"], "alone", {}),
    "unknown authority": (["not trusted", 'verify = "company-ca.pem"'], "server", {"verify": "stranger"}),
    "client certificate": (
        ["wants a client certificate", "set orchestrator.client_certificate"],
        "server",
        {"wants_client": True},
    ),
    "old versions only": (["no version of TLS in common", "TLS 1.2"], "server", {"oldest": True}),
    "no cipher in common": (["refuses the TLS handshake", "cipher"], "server", {"ciphers": True}),
}


def serving(certificates: Certificates, name: str, how: dict[str, object]) -> ssl.SSLContext:
    context = certificates.serving(getattr(certificates, name), wants_client=bool(how.get("wants_client")))
    if how.get("oldest"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    if how.get("ciphers"):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # the key is none of RSA
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("words", "name", "how"), REASONS.values(), ids=REASONS.keys())
def test_the_reason_and_what_to_do_are_told_when_tls_fails(
    open_gateway: OpenGateway, certificates: Certificates, words: list[str], name: str, how: dict[str, object]
) -> None:
    """Each way to fail has a sentence of its own, without OpenSSL's file names; the server certainly did not act."""
    verify = str(certificates.stranger if how.get("verify") else certificates.authority)
    with RawServer(NO_JOB, tls=serving(certificates, name, how)) as server:
        with pytest.raises(GatewayUnreachableError) as raised:
            open_gateway(server.url, verify=verify).announce(None)

    told = str(raised.value)
    assert all(word in told for word in words), told
    assert "_ssl.c" not in told
    assert raised.value.kind == "no_connection"
    assert server.requests == []


@pytest.mark.parametrize(
    ("alert", "word"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x0a", "https:// into"),
        (answer("The plain HTTP request was sent to HTTPS port", "400 Bad"), "HTTPS"),
    ],
    ids=["alert", "page"],
)
def test_plain_http_to_a_port_of_https_is_told(open_gateway: OpenGateway, alert: bytes, word: str) -> None:
    """Some servers say it with the bytes of TLS, some with a page; the sentence says what to write."""
    with RawServer(NO_JOB, at_once=alert) as server, pytest.raises(GatewayError) as raised:
        open_gateway(server.url, timeout_s=3.0).announce(None)

    assert word in str(raised.value)


def test_https_to_a_port_of_plain_http_is_told(open_gateway: OpenGateway) -> None:
    """A server that answers the handshake with a page of its own does not speak TLS there."""
    refusal = answer("what is this?", "400 Bad Request")
    with RawServer(NO_JOB, at_once=refusal) as server, pytest.raises(GatewayUnreachableError) as raised:
        open_gateway(server.url.replace("http:", "https:"), timeout_s=3.0).announce(None)

    assert "does not speak https" in str(raised.value)
    assert "http:// into orchestrator.url" in str(raised.value)


@pytest.mark.skipif(sys.platform != "linux", reason="only there the system's store can be replaced for a test")
def test_a_server_is_trusted_when_the_system_trusts_it(
    open_gateway: OpenGateway, tls: ssl.SSLContext, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`verify = true` asks the operating system's store."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    with RawServer(NO_JOB, tls=tls) as server:
        assert open_gateway(server.url, verify=True).announce(None).code == 0


def test_the_setting_counts_when_the_environment_names_another_file(
    open_gateway: OpenGateway, tls: ssl.SSLContext, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE of some other program neither breaks nor opens the robot's own check."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(certificates.authority))
    with RawServer(NO_JOB, tls=tls) as server:
        for verify in (str(certificates.stranger), True):
            with pytest.raises(GatewayUnreachableError, match="not trusted"):
                open_gateway(server.url, verify=verify).announce(None)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.stranger))
        assert open_gateway(server.url, verify=str(certificates.authority)).announce(None).code == 0
        assert open_gateway(server.url, verify=False).announce(None).code == 0


def test_only_the_file_counts_when_it_is_set(
    open_gateway: OpenGateway, tls: ssl.SSLContext, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of public authorities that comes with the HTTP library is not trusted beside the company's own."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificates.authority))
    with RawServer(NO_JOB, tls=tls) as server, pytest.raises(GatewayUnreachableError, match="not trusted"):
        open_gateway(server.url, verify=str(certificates.stranger)).announce(None)


def test_one_warning_is_given_when_the_check_is_off(tls: ssl.SSLContext) -> None:
    """`verify = false` works, says so once per run, and no library adds warnings of its own."""
    with RawServer(NO_JOB, tls=tls) as server:
        code = (
            "from fsm_robot.gateway.http import HttpGateway\n"
            f"gateway = HttpGateway({server.url!r}, {GUID!r}, verify=False, warn=lambda event, text: print('WARNED', text))\n"
            "print(gateway.announce(None).code, gateway.announce(None).code)\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, timeout=60, check=False
        )

    assert done.stderr == ""
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["WARNED", "0"]


def test_no_warning_is_given_when_there_is_no_tls(open_gateway: OpenGateway) -> None:
    """Over http there is no certificate to check."""
    warned: list[str] = []
    open_gateway("http://127.0.0.1:9", verify=False, warn=lambda *said: warned.extend(said))

    assert warned == []


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_the_start_stops_when_the_file_is_no_certificate(
    open_gateway: OpenGateway, tmp_path: Path, content: str | None
) -> None:
    """A missing or wrong PEM file is a mistake in the settings, found before anything is sent."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    problem = "cannot be read" if content is None else "holds no certificate"
    with pytest.raises(SettingsError, match=rf"orchestrator\.verify: .*ca\.pem: {problem}"):
        open_gateway("https://127.0.0.1:9", verify=str(path))


def test_the_request_may_have_arrived_when_tls_breaks_after_it(
    open_gateway: OpenGateway, tls: ssl.SSLContext, certificates: Certificates
) -> None:
    """A TLS error after the body went out is a lost answer, not a failed connection."""
    with RawServer(drop, tls=tls) as server, pytest.raises(GatewayUnreachableError) as raised:
        open_gateway(server.url, verify=str(certificates.authority)).consume_job()

    assert raised.value.kind == "no_answer"
    assert len(server.requests) == 1
