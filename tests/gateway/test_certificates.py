"""Until when a certificate is valid, from its bytes: as the ssl module says it of the same one."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest

from fsm_robot.gateway.certificates import ends_at
from tests.gateway.conftest import Certificates, certificates

__all__ = ["certificates"]  # a fixture


def test_end_is_what_the_library_says(certificates: Certificates) -> None:
    """Of every certificate that the tests make."""
    for path in certificates.server, certificates.authority:
        pem = path.read_text(encoding="ascii")
        first = pem[pem.index("-----BEGIN CERT") : pem.index("-----END CERT")] + "-----END CERTIFICATE-----\n"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=first)
        (known,) = context.get_ca_certs() or [{}]
        if known:
            expected = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(known["notAfter"])), UTC)
            assert ends_at(ssl.PEM_cert_to_DER_cert(first)) == expected.isoformat().replace("+00:00", "Z")
        else:
            assert ends_at(ssl.PEM_cert_to_DER_cert(first)).endswith("Z")


@pytest.mark.parametrize(
    ("validity", "end"),
    [
        (b"\x17\x0d261123100000Z\x17\x0d490101000000Z", "2049-01-01T00:00:00Z"),
        (b"\x17\x0d261123100000Z\x17\x0d500101000000Z", "1950-01-01T00:00:00Z"),
        (b"\x17\x0d261123100000Z\x18\x0f20510203040506Z", "2051-02-03T04:05:06Z"),
        (b"\x18\x0f20260203040506Z\x18\x0f99991231235959Z", "9999-12-31T23:59:59Z"),
        (b"\x17\x0d261123100000Z\x17\x0d261399000000Z", ""),
        (b"", ""),
    ],
)
def test_both_kinds_of_times_are_read_and_odd_ones_are_none(validity: bytes, end: str) -> None:
    """RFC 5280, 4.1.2.5: two digits up to 2049, four behind it."""
    assert ends_at(b"\x30\x82\x01\x00issuer\x30" + bytes([len(validity)]) + validity + b"subject") == end
