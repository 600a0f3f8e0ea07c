from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.engine.redact import Redactor
from fsm_robot.gateway.http import HttpGateway
from tests.fakes import needed

GUID = "cf93e78e-095d-40cc-905e-e62650189b56"
TOKEN = "Y2Y5M2U3OGUtMDk1ZC00MGNjLTkwNWUtZTYyNjUwMTg5YjU2"  # the vendor's own sample
HERE = "IP:127.0.0.1,DNS:localhost"
# `openssl x509` cannot set the moment from which on a certificate is valid, `openssl ca` can.
AUTHORITY = """
[ca]
default_ca = one
[one]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
[any]
commonName = supplied
"""
OpenGateway = Callable[..., HttpGateway]


@pytest.fixture
def open_gateway() -> Iterator[OpenGateway]:
    """Build gateways that are closed after the test."""
    opened: list[HttpGateway] = []

    def open_one(url: str, **settings: Any) -> HttpGateway:
        settings = {"timeout_s": 10.0, "warn": lambda _event, _sentence: None, **settings}
        gateway = HttpGateway(url, GUID, redactor=Redactor.for_guid(GUID), **settings)
        opened.append(gateway)
        return gateway

    yield open_one
    for gateway in opened:
        gateway.close()


@attrs.frozen
class Certificates:
    """PEM files: an authority, its certificates for 127.0.0.1 and for another host, and an authority that signed nothing.

    `expired` and `early` are for 127.0.0.1 at another time, `alone` is signed by nobody but itself.
    """

    authority: Path
    server: Path
    elsewhere: Path
    stranger: Path
    expired: Path
    early: Path
    alone: Path

    def serving(self, certificate: Path, *, wants_client: bool = False) -> ssl.SSLContext:
        """Return what a server with that certificate needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        if wants_client:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Issue certificates for this run."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ca", "stranger"):
        _openssl(folder, "req", "-x509", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN=Test {name}")
    _issue(folder, "server", HERE)
    _issue(folder, "elsewhere", "IP:192.0.2.1,DNS:elsewhere.invalid")
    _issue_for(folder, "expired", "20200101000000Z", "20200201000000Z")
    _issue_for(folder, "early", "20900101000000Z", "20900201000000Z")
    _openssl(
        folder, "req", "-x509", "-keyout", "alone.key", "-out", "alone.pem", "-subj", "/CN=alone", "-addext", f"subjectAltName={HERE}"
    )  # fmt: skip
    names = ("ca", "server", "elsewhere", "stranger", "expired", "early", "alone")
    return Certificates(*(folder / f"{name}.pem" for name in names))


def _issue(folder: Path, name: str, names: str) -> None:
    _openssl(folder, "req", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
    _run(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "3", "-extfile", f"{name}.ext", "-out", f"{name}.pem",
    )  # fmt: skip


def _issue_for(folder: Path, name: str, start: str, end: str) -> None:
    _openssl(folder, "req", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (folder / "authority.cnf").write_text(AUTHORITY)
    (folder / "index.txt").touch()
    (folder / "serial").write_text("1000\n" if not (folder / "serial").exists() else (folder / "serial").read_text())
    _run(
        folder, "ca", "-batch", "-notext", "-config", "authority.cnf", "-startdate", start, "-enddate", end,
        "-extfile", "server.ext", "-in", f"{name}.csr", "-out", f"{name}.pem",
    )  # fmt: skip


def _openssl(folder: Path, *arguments: str) -> None:
    _run(
        folder, *arguments, "-new", "-nodes", "-days", "3", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"
    )


def _run(folder: Path, *arguments: str) -> None:
    subprocess.run([needed.program("openssl"), *arguments], cwd=folder, check=True, capture_output=True, timeout=60)
