"""Wire -> values: what robots and test programs may send."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.orchestrator.protocol import (
    GarbledRequestError,
    credential,
    fields,
    fold,
    plain_guid,
    status_number,
    without_secrets,
)
from tests.fakes.waiting import GUID

FORM, JSON = "application/x-www-form-urlencoded", "application/json; charset=utf-8"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "guid"),
    [
        (f"Basic {encoded(GUID)}", GUID),
        (f"Bearer {encoded(GUID)}", GUID),
        (f"bAsIc   {encoded(GUID)} ", GUID),
        (f"Basic {encoded(GUID + ':')}", GUID),  # what stock HTTP helpers make of a user without a password
        (f"Basic {encoded('{' + GUID.upper() + '}')}", GUID),
        (f"Basic {GUID}", ""),
        (f"Digest {encoded(GUID)}", ""),
        (f"Basic {encoded(GUID + ':secret')}", ""),
        ("Basic ===", ""),
        ("Basic", ""),
        ("Basic я", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_credential_is_read_in_every_published_form(header: str | None, guid: str) -> None:
    """Basic or Bearer with base64 of the bare GUID; anything else is none."""
    assert credential(header) == guid


def test_scheme_that_the_server_does_not_take_is_no_credential() -> None:
    """A strict server knows one of them."""
    assert credential(f"Bearer {encoded(GUID)}", {"basic"}) == ""


@given(st.text(max_size=80))
def test_any_header_is_a_guid_or_nothing(header: str) -> None:
    """No header stops the server."""
    assert credential(header) == plain_guid(credential(header))


@pytest.mark.parametrize("name", ["RobotGUID", "robot_guid", " RobotGuid ", "ROBOT_GUID"])
def test_names_differ_in_nothing_that_counts(name: str) -> None:
    """The vendor's pages spell them in four ways."""
    assert fold(name) == "robotguid"


@pytest.mark.parametrize(
    ("content_type", "body", "found"),
    [
        (FORM, b"Status=2&JobName=%D0%BE%5C%D1%82&Empty=", {"status": "2", "jobname": "о\\т", "empty": ""}),
        ("", b"status=2", {"status": "2"}),
        (JSON, b'\xef\xbb\xbf{"Status": 2, "JobName": null, "Nested": {"a": [1]}}',
         {"status": "2", "jobname": "", "nested": '{"a": [1]}'}),
        ("", b' {"Status": "3"}', {"status": "3"}),
        ("multipart/form-data; boundary=b",
         '--b\r\nContent-Disposition: form-data; name="job_name"\r\n\r\nотчёт\r\n--b--\r\n'.encode(),
         {"jobname": "отчёт"}),
    ],
)  # fmt: skip
def test_bodies_of_every_kind_are_the_same_parameters(content_type: str, body: bytes, found: dict[str, str]) -> None:
    """Form, JSON, multipart, and none said."""
    assert fields(content_type, body) == found


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b"{"),
        (JSON, b"[1]"),
        (JSON, b"[" * 100_000),
        (JSON, b"\xff\xfe"),
        (FORM, b"a=%ff"),
        (FORM, b"&".join(b"a=1" for _ in range(201))),
        ("multipart/form-data", b"no parts"),
    ],
)
def test_unreadable_body_is_told(content_type: str, body: bytes) -> None:
    """A sentence for the 400, whatever is wrong."""
    with pytest.raises(GarbledRequestError, match="not readable"):
        fields(content_type, body)


@given(st.sampled_from([FORM, JSON, "", "multipart/form-data; boundary=b", "text/xml"]), st.binary(max_size=200))
def test_any_body_is_parameters_or_told(content_type: str, body: bytes) -> None:
    """No body stops the server."""
    try:
        assert all(isinstance(value, str) for value in fields(content_type, body).values())
    except GarbledRequestError as error:
        assert str(error)


@pytest.mark.parametrize("text", ["9", "-1", "", "8.0", "x", "٨"])
def test_status_is_a_number_from_0_to_8(text: str) -> None:
    """Another one is told, not guessed."""
    assert [status_number(str(number)) for number in range(9)] == list(range(9))
    with pytest.raises(GarbledRequestError):
        status_number(text)


@pytest.mark.parametrize(
    "secret", [GUID, GUID.upper(), GUID.replace("-", ""), encoded(GUID), GUID.replace("-", "%2D"), f"?key={GUID}"]
)
def test_path_that_is_shown_holds_no_credential(secret: str) -> None:
    """A robot may put it into the address by mistake."""
    assert without_secrets(f"/api/robot/read/{secret}") in ("/api/robot/read/***", "/api/robot/read/")
