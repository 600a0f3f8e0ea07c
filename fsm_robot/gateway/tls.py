"""Whose certificates are trusted: setting `orchestrator.verify` -> SSLContext."""

from __future__ import annotations

import ssl

from fsm_robot.errors import SettingsError


def context_for(verify: bool | str) -> ssl.SSLContext:
    """Return what checks the server's certificate: the system's store, one PEM file, or nothing.

    Raises:
        SettingsError: The PEM file cannot be used.
    """
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
