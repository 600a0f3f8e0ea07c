"""When a certificate ends, from its bytes: the ssl module tells it only of one that the library has checked. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# RFC 5280, 4.1.2.5: Validity is a sequence of two times, each a UTCTime (23) or a GeneralizedTime (24) in UTC.
_VALIDITY = re.compile(
    rb"\x30[\x1e-\x22](?:\x17\x0d[0-9]{12}Z|\x18\x0f[0-9]{14}Z)(?:\x17\x0d([0-9]{12})Z|\x18\x0f([0-9]{14})Z)", re.DOTALL
)
_CENTURY_TURNS = 50


def ends_at(certificate: bytes) -> str:
    """Return until when a certificate in DER is valid, as ISO 8601 in UTC; empty where it cannot be told."""
    found = _VALIDITY.search(certificate)
    if found is None:
        return ""
    short, whole = (group.decode("ascii") if group else "" for group in found.groups())
    # RFC 5280, 4.1.2.5.1: the two digits of a year mean 1950 to 2049.
    text = whole or f"{'19' if int(short[:2]) >= _CENTURY_TURNS else '20'}{short}"
    try:
        moment = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return ""
    return moment.isoformat().replace("+00:00", "Z")
