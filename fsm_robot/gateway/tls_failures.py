"""Why no TLS connection came about -> the reason and what to do, in words. Pure."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping

# Numbers of OpenSSL, and those of Windows, whose store truststore asks.
_EXPIRED, _NOT_YET = (10, 0x800B0101), (9,)
_OTHER_NAME = (62, 64, 0x800B010F)
_SELF_SIGNED = (18,)
_REVOKED = (23, 0x80092010, 0x800B010C)
_TRUST = (
    "set orchestrator.verify to the file of the authority that issued it"
    ' (verify = "company-ca.pem"), or to false to do without the check'
)
_OF_OUR_CERTIFICATE = (
    *("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_BAD_CERTIFICATE", "TLSV1_ALERT_UNKNOWN_CA"),
    *("SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN"),
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
)
"""What a server says of the certificate that it was shown, or was not: before it reads anything of the request."""
_REASONS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG"),
            *("RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "RECORD_TOO_SMALL", "BAD_RECORD_TYPE"),
        ),
        "answers, but not with TLS: this port does not speak https; write http:// into orchestrator.url, or the port"
        " that speaks https",
    ),
    **dict.fromkeys(
        (
            *("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW"),
            "WRONG_SSL_VERSION",
        ),
        "has no version of TLS in common with this robot; tell who runs the server: it must offer TLS 1.2 or newer",
    ),
    **dict.fromkeys(
        _OF_OUR_CERTIFICATE,
        "wants a client certificate, and got none that it takes from this robot; set orchestrator.client_certificate"
        " to one that who runs the server has issued",
    ),
    **dict.fromkeys(
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_HANDSHAKE_FAILURE", "NO_SHARED_CIPHER", "NO_CIPHERS_AVAILABLE"),
        "refuses the TLS handshake: it wants a client certificate, which this robot has not, or knows no cipher that"
        " this robot knows; ask who runs the server",
    ),
    **dict.fromkeys(
        ("TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_UNRECOGNIZED_NAME", "SSLV3_ALERT_UNRECOGNIZED_NAME"),
        "does not know the host name in orchestrator.url; put the name there that its certificate is for",
    ),
    **dict.fromkeys(
        ("DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "BAD_ECPOINT"),
        "uses a key or a signature that is too weak to be accepted here; tell who runs the server",
    ),
}


def tls_problem(causes: Iterable[BaseException], server: str) -> str:
    """Return what kept a TLS connection to `server` from coming about, or empty where it was not TLS."""
    errors = [cause for cause in causes if isinstance(cause, ssl.SSLError)]
    for error in errors:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _certificate_problem(error, server)
    if not errors:
        return ""
    error = errors[-1]
    known = _REASONS.get(error.reason or "")
    if known:
        return f"{server} {known}"
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return (
            f"{server} closes the connection during the TLS handshake; does it speak https on this port, does it want"
            " a client certificate?"
        )
    return f"no TLS connection to {server} ({_words(error)}); does it speak https on this port?"


def is_refused_handshake(causes: Iterable[BaseException]) -> bool:
    """Return whether the server ended the handshake, which TLS 1.3 tells only after the request was sent.

    What it sent belongs to a connection that never stood for it, so it has read nothing of it.
    """
    return any(isinstance(cause, ssl.SSLError) and cause.reason in _OF_OUR_CERTIFICATE for cause in causes)


def _certificate_problem(error: ssl.SSLCertVerificationError, server: str) -> str:
    code, said = getattr(error, "verify_code", 0) & 0xFFFFFFFF, str(getattr(error, "verify_message", "") or "")
    what = f"the TLS certificate of {server}"
    if code in _EXPIRED:
        return (
            f"{what} has expired; tell who runs the server to renew it, and see that the clock of this machine is right"
        )
    if code in _NOT_YET:
        return f"{what} is not valid yet; see that the clock of this machine is right, and ask who runs the server"
    if code in _OTHER_NAME:
        return (
            f"{what} is for another name ({said.rstrip('.')}); put the name that it is for into orchestrator.url,"
            " or let the server have one for this name"
        )
    if code in _SELF_SIGNED:
        return (
            f"{what} is not trusted: it is signed by nobody but itself; set orchestrator.verify to a file with that"
            ' certificate (verify = "server.pem"), or to false to do without the check'
        )
    if code in _REVOKED:
        return f"{what} was revoked by its authority; tell who runs the server: it needs another one"
    return f"{what} is not trusted ({said or _words(error)}); {_TRUST}"


def _words(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason without its file names and line numbers."""
    return error.reason.replace("_", " ").lower() if error.reason else type(error).__name__
