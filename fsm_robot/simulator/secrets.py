"""The forms in which the robot's GUID can be written: the world says them, no file may hold one. Pure."""

from __future__ import annotations

from base64 import b64encode

import attrs


@attrs.frozen
class SecretForms:
    """Every form of one secret.

    Attributes:
        spoken: What a careless server or proxy may put into its texts.
        folded: Byte strings in lower case that no file may hold, whatever the case.
        exact: Byte strings that no file may hold, in exactly this case.
    """

    spoken: tuple[str, ...]
    folded: tuple[bytes, ...]
    exact: tuple[bytes, ...]


def forms_of(guid: str) -> SecretForms:
    """Return the forms of a GUID: plain, without dashes, percent-encoded, hex, base64 at each alignment, UTF-16."""
    variants = tuple(dict.fromkeys([guid, guid.lower(), guid.upper()]))
    plain = [guid.lower(), guid.lower().replace("-", "")]
    hexed = [variant.encode().hex() for variant in variants]
    percent = ["".join(f"%{byte:02x}" for byte in variant.encode()) for variant in variants]
    folded = [text.encode() for text in (*plain, *hexed, *percent)]
    folded += [_wide(text) for text in plain]
    cores = [core for variant in variants for core in _base64_cores(variant)]
    exact = [text for core in cores for text in (core.encode(), _wide(core))]
    token = b64encode(guid.encode()).decode()
    spoken = (guid, guid.upper(), guid.replace("-", ""), hexed[0], percent[0], token, f"Basic {token}", f"{{{guid}}}")
    return SecretForms(spoken, tuple(dict.fromkeys(folded)), tuple(dict.fromkeys(exact)))


def _wide(text: str) -> bytes:
    """Return what UTF-16 of either byte order holds."""
    # Without its last zero, text of the one byte order stands in that of the other, too.
    return text.encode("utf-16-le")[:-1]


def _base64_cores(text: str) -> list[str]:
    """Return what stands in base64 text that holds `text`, for each way it can be aligned, without its unsure ends."""
    cores = []
    for shift in range(3):
        data = bytes(shift) + text.encode()
        encoded = b64encode(data).decode()
        cores.append(encoded[-(-shift * 8 // 6) : len(data) * 8 // 6])
    return cores
