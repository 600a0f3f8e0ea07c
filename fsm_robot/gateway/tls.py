"""Whose certificates are trusted, and which one the robot shows: settings -> SSLContext."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import attrs

from fsm_robot.errors import SettingsError

_PKCS12 = (".p12", ".pfx")
LONGEST_PASSWORD = 1024


@attrs.frozen
class ClientCertificate:
    """What the robot shows to a server that wants a certificate of it.

    Attributes:
        certificate: PEM file, with the certificates of subordinate authorities behind its own where there are any.
        key: PEM file of its key, empty where that is in the same file.
        password: Returns what the key is encrypted with, empty for nothing; may raise `OSError`.
    """

    certificate: str
    key: str = ""
    password: Callable[[], str] = attrs.field(default=str, repr=False)


def context_for(verify: bool | str, client: ClientCertificate | None = None) -> ssl.SSLContext:
    """Return what checks the server's certificate: the system's store, one PEM file, or nothing.

    Args:
        verify: True, a PEM file, or False.
        client: What is shown where the server wants a certificate; None: nothing.

    Raises:
        SettingsError: A PEM file cannot be used.
    """
    context = _checking(verify)
    if client is not None:
        _show(context, client)
    return context


def _show(context: ssl.SSLContext, client: ClientCertificate) -> None:
    key = client.key or client.certificate
    for path in (client.certificate, key):
        if path.lower().endswith(_PKCS12):
            do = f'openssl pkcs12 -in "{Path(path).name}" -out client.pem writes one that can, with the key encrypted'
            raise SettingsError(
                f"orchestrator.client_certificate: {path}: PKCS#12 cannot be read by Python's TLS; {do}"
            )
        _must_be_pem(path)
    asked = []

    def password() -> str:
        # Without this OpenSSL would ask on the terminal, and wait there for ever.
        asked.append(True)
        return client.password()

    try:
        context.load_cert_chain(client.certificate, client.key or None, password)
    except ssl.SSLError as error:
        raise SettingsError(f"orchestrator.client_certificate: {_refused(error, client, asked=bool(asked))}") from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise SettingsError(f"orchestrator.client_key_password_file: cannot be used: {said}") from error


def _must_be_pem(path: str) -> None:
    try:
        with open(path, "rb") as stream:
            stream.read(1)
    except OSError as error:
        said = error.strerror or error
        raise SettingsError(f"orchestrator.client_certificate: {path}: cannot be read: {said}") from error


def _refused(error: ssl.SSLError, client: ClientCertificate, *, asked: bool) -> str:
    key = client.key or client.certificate
    if "MISMATCH" in (error.reason or ""):
        return f"the key in {key} is not that of the certificate in {client.certificate}"
    if asked:
        return f"the key in {key} is encrypted, and client_key_password_file does not open it"
    return f"{client.certificate} and {key} hold no certificate with its key in PEM form"


def _checking(verify: bool | str) -> ssl.SSLContext:
    if verify is True:
        # Not injected into `ssl`: that would change TLS for everything else in this process.
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        _trust(context, verify)
    return context


def _trust(context: ssl.SSLContext, path: str) -> None:
    # The file may hold the server's own certificate, or that of a subordinate authority, without the root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise SettingsError(f"orchestrator.verify: {path}: holds no certificate in PEM form") from error
    except OSError as error:
        raise SettingsError(f"orchestrator.verify: {path}: cannot be read: {error.strerror or error}") from error
