"""A server that demands a certificate of the robot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fsm_robot.errors import GatewayUnreachableError, SettingsError
from fsm_robot.gateway.tls import ClientCertificate
from fsm_robot.robot.settings import load
from fsm_robot.robot.wiring import client_certificate_for, gateway_for, redactor_for
from tests.fakes.raw_server import RawServer, answer
from tests.gateway.conftest import GUID, Certificates, OpenGateway

NO_JOB = answer('{"HeartbeatErrorCode":0,"HasNewJob":0}')
PASSWORD = "пароль ключа"


def encrypted(folder: Path, key: Path) -> Path:
    """The same key, encrypted."""
    new = folder / "encrypted.key"
    command = ["openssl", "ec", "-in", str(key), "-out", str(new), "-aes256", "-passout", f"pass:{PASSWORD}"]
    subprocess.run(command, check=True, capture_output=True)
    return new


@pytest.mark.parametrize("form", ["two files", "one file", "encrypted"])
def test_robot_shows_its_certificate_to_a_server_that_demands_one(
    tmp_path: Path, certificates: Certificates, form: str
) -> None:
    """As the settings say it; nothing is sent to the server without."""
    certificate, key = certificates.elsewhere, certificates.elsewhere.with_suffix(".key")
    lines = [f"client_certificate = '{certificate}'", f"client_key = '{key}'"]
    if form == "one file":
        (tmp_path / "pair.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
        lines = ["client_certificate = 'pair.pem'"]
    if form == "encrypted":
        (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
        lines = [lines[0], f"client_key = '{encrypted(tmp_path, key)}'", "client_key_password_file = 'password'"]

    with RawServer(NO_JOB, tls=certificates.serving(certificates.server, wants_client=True)) as server:
        given = [f"url = '{server.url}'", f"robot_guid = '{GUID}'", f"verify = '{certificates.authority}'"]
        (tmp_path / "robot.toml").write_text("\n".join(["[orchestrator]", *given, *lines]), encoding="utf-8")
        settings = load(tmp_path / "robot.toml", {})
        gateway = gateway_for(settings, redactor_for(settings), lambda _: None)
        heard = gateway.announce(None)
        gateway.close()

    assert heard.has_new_job == 0
    assert PASSWORD not in repr(client_certificate_for(settings)) + repr(gateway)


def test_certificate_of_another_authority_is_refused_with_what_to_do(
    open_gateway: OpenGateway, certificates: Certificates
) -> None:
    """Nothing is sent twice, and nobody looks for a broken network."""
    client = ClientCertificate(str(certificates.alone), str(certificates.alone.with_suffix(".key")))
    with RawServer(NO_JOB, tls=certificates.serving(certificates.server, wants_client=True)) as server:
        gateway = open_gateway(server.url, verify=str(certificates.authority), client=client)
        with pytest.raises(GatewayUnreachableError) as raised:
            gateway.announce(None)

    assert raised.value.kind == "no_connection"
    assert "client_certificate" in str(raised.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("absent", "cannot be read"),
        ("no pem", "hold no certificate with its key in PEM form"),
        ("other key", "is not that of the certificate"),
        ("no password", "is encrypted, and client_key_password_file does not open it"),
        ("wrong password", "is encrypted, and client_key_password_file does not open it"),
        ("no password file", "orchestrator.client_key_password_file: cannot be used"),
        ("pkcs12", "openssl pkcs12"),
    ],
)
def test_certificate_that_cannot_be_used_stops_the_start_with_a_sentence(
    tmp_path: Path, open_gateway: OpenGateway, certificates: Certificates, wrong: str, says: str
) -> None:
    """And OpenSSL never asks for a password on the terminal."""
    certificate, key = certificates.server, certificates.server.with_suffix(".key")
    (tmp_path / "text.pem").write_text("nothing")
    shutil.copy(certificate, tmp_path / "client.p12")
    absent = tmp_path / "absent"
    client = {
        "absent": lambda: ClientCertificate(str(absent)),
        "no pem": lambda: ClientCertificate(str(tmp_path / "text.pem")),
        "other key": lambda: ClientCertificate(str(certificate), str(certificates.stranger.with_suffix(".key"))),
        "no password": lambda: ClientCertificate(str(certificate), str(encrypted(tmp_path, key))),
        "wrong password": lambda: ClientCertificate(str(certificate), str(encrypted(tmp_path, key)), lambda: "x" * 9),
        "no password file": lambda: ClientCertificate(
            str(certificate), str(encrypted(tmp_path, key)), absent.read_text
        ),
        "pkcs12": lambda: ClientCertificate(str(tmp_path / "client.p12")),
    }[wrong]()

    with pytest.raises(SettingsError) as raised:
        open_gateway("https://127.0.0.1:9", verify=str(certificates.authority), client=client)

    assert says in str(raised.value)
    assert str(raised.value).startswith("orchestrator.client_")
