"""The robot's GUID is found in every form that it may be written in."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.engine.redact import Redactor

GUID = "cf93e78e-095d-40cc-905e-e62650189b56"
# A GUID that begins as it ends is the hard case for text that arrives in pieces.
PERIODIC = "11111111-1111-1111-1111-111111111111"
REDACTOR = Redactor.for_guid(GUID)


def percent(text: str) -> str:
    return "".join(f"%{ord(character):02X}" for character in text)


def escaped(text: str, how: str = "\\u{:04x}") -> str:
    return "".join(how.format(ord(character)) for character in text)


FORMS = {
    "as it is": GUID,
    "upper case": GUID.upper(),
    "mixed case": GUID[:18].upper() + GUID[18:],
    "no dashes": GUID.replace("-", ""),
    "no dashes, upper case": GUID.replace("-", "").upper(),
    "hex of its bytes": GUID.encode().hex(),
    "hex of its bytes, upper case": GUID.upper().encode().hex().upper(),
    "percent-encoded": percent(GUID),
    "JSON escapes": escaped(GUID),
    "JSON escapes, upper case": escaped(GUID.upper(), "\\u{:04X}"),
    "JSON within JSON": escaped(GUID, "\\\\u{:04x}"),
    "byte escapes": escaped(GUID, "\\x{:02x}"),
    "UTF-16 as a repr": "\\x00".join(GUID),
    "UTF-16 as JSON": "\\u0000".join(GUID),
    "UTF-16 as C": "\\0".join(GUID),
    "UTF-16, percent-encoded": "%00".join(map(percent, GUID)),
    "percent-encoded dashes": GUID.replace("-", "%2d"),
    "base64": base64.b64encode(GUID.encode()).decode(),
    "base64 of upper case": base64.b64encode(GUID.upper().encode()).decode(),
    "base64 with a colon": base64.b64encode(f"{GUID}:".encode()).decode(),
    "base64 with a colon, no padding": base64.b64encode(f"{GUID}:".encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_text_hides_the_guid_whole_when_it_comes_in_a_form(form: str) -> None:
    """Nothing of any form is left in a text."""
    assert REDACTOR.text(f"<{form}>") == "<***>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_data_hides_the_guid_when_it_comes_in_an_encoding(form: str, encoding: str) -> None:
    """Nothing of any form is left in bytes, and what stands around it keeps its encoding."""
    assert REDACTOR.data(f"привет <{form}> мир".encode(encoding)).decode(encoding) == "привет <***> мир"


@pytest.mark.parametrize("before", ["", "u", "us", "use"])
@pytest.mark.parametrize("after", ["", ":", ":x", "tail", ":tail!"])
def test_text_hides_the_guid_when_base64_holds_more_around_it(before: str, after: str) -> None:
    """Wherever base64 text is aligned, so little is left that no four bytes of the GUID can be decoded."""
    encoded = base64.b64encode((before + GUID + after).encode()).decode()

    left = REDACTOR.text(encoded)

    assert "***" in left
    for part in left.split("***"):
        for shift in range(4):
            padded = part[shift:] + "=" * (-len(part[shift:]) % 4)
            if len(padded.rstrip("=")) % 4 != 1:
                decoded = base64.b64decode(padded).decode("latin-1")
                assert not any(GUID[start : start + 4] in decoded for start in range(len(GUID) - 3))


def test_braces_make_no_difference_when_given() -> None:
    """A GUID in braces is the same secret."""
    assert Redactor.for_guid(f"{{{GUID}}}").text(f"{{{GUID}}} {GUID}") == "{***} ***"


def test_nothing_is_redacted_when_the_guid_is_empty() -> None:
    """Without a credential every text stays as it is."""
    nothing = Redactor.for_guid("")

    assert (nothing.text("a-b %41"), nothing.data(b"\0%"), nothing.held_back(b"abc")) == ("a-b %41", b"\0%", 0)


def test_the_secret_is_not_shown_when_the_redactor_is_printed() -> None:
    """A redactor in a traceback or a debug log gives nothing away, also after it was used."""
    redactor = Redactor.for_guid(GUID)
    redactor.text(f"{GUID} %")

    assert redactor.text(repr(redactor)) == repr(redactor)


@given(st.text(), st.text())
def test_other_text_stays_when_redacted(before: str, after: str) -> None:
    """Only the secret is taken out."""
    assert REDACTOR.text(before) == before
    assert REDACTOR.text(f"{before}\n{GUID}\n{after}") == f"{before}\n***\n{after}"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_every_beginning_is_held_back_when_the_data_may_go_on(form: str, encoding: str) -> None:
    """A writer that stops anywhere inside a secret keeps all of that secret for later."""
    encoded = form.encode(encoding)
    for length in range(1, len(encoded.rstrip(b"\0")) + 1):
        assert REDACTOR.held_back(b"\n" + encoded[:length]) >= length - (encoded[:1] == b"\0")


@pytest.mark.parametrize("data", [b"", b"a line\n", b"what a zebra!", b"xyz", b"ready."])
def test_nothing_is_held_back_when_no_secret_can_begin(data: bytes) -> None:
    """Ordinary output is not delayed."""
    assert REDACTOR.held_back(data) == 0


def streamed(redactor: Redactor, pieces: list[bytes]) -> bytes:
    written, waiting = b"", b""
    for piece in pieces:
        waiting += piece
        cut = len(waiting) - redactor.held_back(waiting)
        written += redactor.data(waiting[:cut])
        waiting = waiting[cut:]
    return written + redactor.data(waiting)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


# UTF-16-BE alone cannot be cut anywhere: its first NUL is no part of the secret.
CHUNKS = st.sampled_from(
    [
        *(form.encode() for form in FORMS.values()),
        *(form.encode("utf-16-le") for form in FORMS.values()),
        *(FORMS["base64"][:count].encode() for count in (5, 47)),
        GUID[:20].encode(),
        b"%",
        b"\0",
        b"Y2",
        b"\n",
        b"Og==",
        b"1",
        b"-",
    ]
)


@given(st.lists(st.one_of(CHUNKS, st.binary(max_size=4)), max_size=6), st.lists(st.integers(0, 2000), max_size=8))
def test_a_stream_is_redacted_as_the_whole_when_cut_anywhere(parts: list[bytes], cuts: list[int]) -> None:
    """However output is cut into pieces, what is written is what redacting all of it at once would give."""
    whole = b"".join(parts)

    assert streamed(REDACTOR, pieces_of(whole, cuts)) == REDACTOR.data(whole)


@given(
    st.lists(st.sampled_from([b"1", b"1111", b"-", b"\n", b"x", PERIODIC.encode()]), max_size=12),
    st.lists(st.integers(0, 500), max_size=8),
)
def test_a_stream_is_redacted_as_the_whole_when_the_guid_repeats_itself(parts: list[bytes], cuts: list[int]) -> None:
    """A secret whose end may be its beginning is not cut in two."""
    redactor = Redactor.for_guid(PERIODIC)
    whole = b"".join(parts)

    assert streamed(redactor, pieces_of(whole, cuts)) == redactor.data(whole)
