"""The robot's GUID is found in every form that it may be written in."""

from __future__ import annotations

import base64
import json
import sys
import threading
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.engine.redact import MOST_TOKENS, Redactor, Secrets

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


@pytest.mark.parametrize("around", ["", "привет ", "\u212a\ud800 ", "\x85ß"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_text_hides_the_guid_whatever_stands_around_a_form(form: str, around: str) -> None:
    """Nothing, so that no text could be shorter; other letters, half a character: each is looked at in its own way."""
    assert REDACTOR.text(f"{around}{form}{around}") == f"{around}***{around}"


@pytest.mark.parametrize("secret", ["пароль-Входа", "login-Ünïcode", "\u212aelvin-degrees"])
def test_text_hides_a_secret_of_other_letters_in_any_case(secret: str) -> None:
    """The login at a proxy is what people make it."""
    assert Redactor(secret).text(f"а {secret.upper()} б") == "а *** б"


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


# ---- secrets by their value


SECRETS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029*"),
    min_size=6,
    max_size=40,
)


def forms_of(secret: str) -> list[bytes]:
    """Return how a password looks in files, made by other means than ours."""
    data = secret.encode()
    return [
        data,
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        repr(secret)[1:-1].encode(),
        quote(secret).encode(),
        quote(secret, safe="").encode(),
        secret.encode("utf-16-le"),
    ]


@given(secret=SECRETS, before=st.binary(max_size=50), behind=st.binary(max_size=50), cut=st.integers(0, 400))
def test_a_secret_is_found_in_every_form_wherever_the_stream_is_cut(
    secret: str, before: bytes, behind: bytes, cut: int
) -> None:
    """Held back where it may have begun, and replaced when the rest has come."""
    secrets = Secrets("")
    secrets.hide(secret)
    for form in forms_of(secret):
        data = before + form + behind
        first = data[:cut]
        held = secrets.held_back(first)
        cleaned = secrets.data(first[: len(first) - held]) + secrets.data(first[len(first) - held :] + data[cut:])

        assert form not in cleaned
        assert form not in secrets.data(data)


@given(secret=SECRETS, before=st.binary(max_size=7), behind=st.binary(max_size=7))
def test_a_secret_is_found_in_base64_at_any_alignment(secret: str, before: bytes, behind: bytes) -> None:
    """Three ways, standard and for URLs: what is left of it is no more than its ends."""
    secrets = Secrets("")
    secrets.hide(secret)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        cleaned = secrets.data(encode(before + secret.encode() + behind))
        assert b"***" in cleaned


def test_short_texts_are_told_and_not_hidden() -> None:
    """A word of five letters is a part of too many others."""
    secrets = Secrets("")

    assert not secrets.hide("abcde")
    assert secrets.hide("abcdef")
    assert secrets.text("abcde abcdef ABCDEF") == "abcde *** ABCDEF"


def test_each_line_of_a_secret_of_several_is_hidden() -> None:
    """A key is printed line by line."""
    secrets = Secrets("")
    secrets.hide("-----BEGIN-----\nabcdefgh\nxy\n-----END-----")

    assert secrets.text("| abcdefgh |") == "| *** |"


def test_the_robots_own_credential_stays_hidden_beside_them() -> None:
    """In any case, with and without dashes, as before."""
    secrets = Secrets(GUID)
    secrets.hide("s3cret-word")

    assert secrets.text(f"{GUID.upper()} {GUID.replace('-', '')} s3cret-word") == "*** *** ***"
    assert secrets.longest >= Redactor(GUID).longest


def test_tokens_of_jobs_long_over_cost_nothing_any_more() -> None:
    """The last ones are hidden, beside every secret; else a robot would look for one more with each of its jobs."""
    secrets = Secrets("")
    secrets.hide("s3cret-word")
    tokens = [f"token-{number:026}" for number in range(MOST_TOKENS + 3)]
    for token in tokens:
        secrets.hide_token(token)

        assert secrets.text(f"{token} s3cret-word") == "*** ***"
    assert secrets.text(" ".join(tokens)) == " ".join([*tokens[:3], *["***"] * MOST_TOKENS])


def test_a_token_is_hidden_from_its_first_moment_while_other_threads_write() -> None:
    """What a thread has made of the tokens of before is never what a later token is looked for by."""
    secrets, over, last = Secrets(GUID), threading.Event(), ["0" * 32]

    def write() -> None:
        while not over.is_set():
            secrets.text(f"as another thread writes {last[0]}")

    writers = [threading.Thread(target=write) for _ in range(3)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for writer in writers:
            writer.start()
        for number in range(1000):
            last[0] = f"{number:032x}"
            secrets.hide_token(last[0])
            assert last[0] not in secrets.text(f"the token is {last[0]}")
    finally:
        sys.setswitchinterval(before)
        over.set()
        for writer in writers:
            writer.join()
