from __future__ import annotations

import json

import pytest

from fsm_robot.operations.secret_scan import without_secrets

SECRET = "Кот7-в.сапогах"
LONG = "q7Rk2Lm9Zx4Tv8Bn3Wp6Yc1Df5Gh0Js"


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"Password: {SECRET}",
        f"пароль: {SECRET}",
        f'db_password = "{SECRET}"',
        f"PWD='{SECRET}'",
        f"api_key: {SECRET}, next",
        f"url?token={SECRET}&page=2",
        f'{{"access_token": "{SECRET}", "a": 1}}',
        json.dumps({"said": json.dumps({"password": "Kot7 w.sapogah"})}).replace("Kot7 w.sapogah", SECRET),
        f"http://anna:{SECRET}@proxy.example:3128/",
        f"Authorization: Basic {SECRET}",
        f"{{'Cookie': 'session={SECRET}'}}",
    ],
)
def test_word_that_stands_where_a_secret_does_is_taken_out(text: str) -> None:
    """Whatever it looks like, and however it is quoted."""
    said, places = without_secrets(f"before {text} after")

    assert SECRET not in said
    assert places >= 1
    assert said.startswith("before ")


@pytest.mark.parametrize(
    "secret",
    [
        LONG,
        f"Bearer {LONG.lower()}",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "sk-abcdefghijklmnopqrstuvwx",
        f"-----BEGIN RSA PRIVATE KEY-----\n{LONG}\n{LONG}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\\n{LONG}\\n{LONG}",
    ],
)
def test_word_that_looks_like_a_secret_is_taken_out_wherever_it_stands(secret: str) -> None:
    """In the midst of a sentence, with nothing before it that says so."""
    said, places = without_secrets(f"the answer was {secret} and then nothing")

    assert LONG not in said
    assert secret[-20:] not in said
    assert places >= 1
    assert said.startswith("the answer was ")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27T10:00:00.000000Z job taken: job=5c1e0000-0000-4000-8000-00000000000a script=отчёты/сводка",
        '{"run_token":"0123456789abcdef0123456789abcdef","prev":"' + "a1" * 32 + '"}',
        '{"client_key_password_file": "key.txt", "password": "", "token": null_is_no_value}'.replace(
            "null_is_no_value", '""'
        ),
        '{"name": "credential", "verdict": "skipped"}',
        "/srv/robots/anna/scripts/VeryLongFolderName/AnotherOne2026/SourceFile77.py",
        "an error in watching the script, watching goes on",
        "test_robot_that_is_paused_meanwhile_ends_its_job_and_takes_no_other",
    ],
)
def test_what_helps_to_find_a_fault_stays(text: str) -> None:
    """Digests, numbers of jobs, paths, names of tests."""
    assert without_secrets(text) == (text, 0)


def test_json_stays_json() -> None:
    """A program may read what something was taken out of."""
    text = json.dumps({"password": SECRET, "deep": json.dumps({"token": "abc"}), "next": 1}, indent=2)

    said, places = without_secrets(text)

    assert json.loads(said)["next"] == 1
    assert json.loads(json.loads(said)["deep"]) == {"token": "***"}
    assert places == 2
