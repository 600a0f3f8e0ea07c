"""One password and the robot's GUID through every path, then a search through everything that was written."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.sdk.places import Place, RobotPlace

PASSWORD = "пароль-Zq7/s3cret&+"
ALIGNMENTS = 3
HEAD = "import sys\nfrom fsm_robot.sdk import *\nfrom fsm_robot.sdk import log\n"
EVERY_PATH = """
import base64, json, os, subprocess, urllib.parse
secret = SECRET
forms = [secret, repr(secret), json.dumps(secret), base64.b64encode(secret.encode()).decode(), urllib.parse.quote(secret),
         urllib.parse.quote_plus(secret), base64.urlsafe_b64encode(b"ab" + secret.encode()).decode()]
for form in forms:
    print(form, flush=True)
    log.warning("in a line: %s", form, field=form)
sys.stdout.buffer.write(secret.encode("utf-16-le") + b"\\n")
sys.stdout.buffer.write(b"in two pieces " + secret.encode()[:9]); sys.stdout.flush()
sys.stdout.buffer.write(secret.encode()[9:] + b"\\n"); sys.stdout.flush()
subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1])", secret])
progress(1, 2, secret)
screenshot(secret)
open(os.path.join(os.path.dirname(os.environ["FSM_ROBOT_JOB"]), "kept.txt"), "w").close()
queue("Q").take().done(secret)
queue("Q").take().fail(secret, code=secret)
with queue("Q").take():
    raise BusinessError(secret)
with queue("Q").take():
    raise OSError("login with " + secret)
try:
    raise KeyError(secret)
except KeyError as error:
    raise ValueError(secret + " is wrong") from error
"""


def forms(secret: str) -> Iterator[bytes]:
    """Yield what a secret looks like in files, by code of the test's own."""
    texts = [secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], urllib.parse.quote(secret)]
    texts += [urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)]
    for text in texts:
        yield text.encode()
        yield text.encode("utf-16-le")
        yield text.encode("utf-16-be")
    yield secret.encode().hex().encode()
    for shift in range(ALIGNMENTS):
        # Without the first and the last characters, which depend on what stands beside it.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            core = encode(b"x" * shift + secret.encode())[4:-4]
            yield core
            yield core.decode().encode("utf-16-le")


def leaks(text: bytes, secrets: list[str], where: object) -> list[str]:
    """Return where which form of a secret stands."""
    found = [(secret, form) for secret in secrets for form in forms(secret)]
    folded = text.lower()
    return [f"{where}: {form!r}" for _, form in found if form in text or form.lower() in folded]


def files(folder: Path, but_not: tuple[str, ...] = ()) -> list[tuple[Path, bytes]]:
    every = [path for path in folder.rglob("*") if path.is_file() and path.name not in but_not]
    return [(path, path.read_bytes()) for path in every] + [(path, str(path).encode()) for path in folder.rglob("*")]


def test_the_search_finds_each_form() -> None:
    """Else it would prove nothing."""
    for form in forms(PASSWORD):
        assert leaks(b"a" + form + b"b", [PASSWORD], "here")
    assert leaks(f"<{PASSWORD.upper()}>".encode(), [PASSWORD.upper()], "here")
    assert leaks(b"a quiet file", [PASSWORD], "here") == []


@pytest.mark.parametrize("send", ["records", "output"])
def test_one_password_and_the_guid_through_every_path(robot_place: RobotPlace, send: str) -> None:
    """Output, log, comments, exceptions, pictures, spool, page, calls, journal; the server takes no line at first."""
    place = robot_place
    guid = place.robot.guid
    place.queue("Q", [{"name": str(number)} for number in range(4)])
    place.assets(ERP={"login": "robot", "password": PASSWORD})
    place.log_shipping = {"send": send, "level": "DEBUG", "exit_flush_s": 0}
    place.screenshots = {"on_failure": True}
    place.environment_of_robot = {"DISPLAY": ":98765"}
    place.robot.server.fault("log:status:429/60*99")
    script = HEAD + EVERY_PATH.replace("SECRET", 'credential("ERP").password', 1)
    # The GUID is no secret that a script is given; one that has it from elsewhere prints it all the same.
    script = script.replace(
        "forms = [secret,", f"guid = {guid!r}\nforms = [guid, guid.upper(), guid.encode().hex(), secret,"
    )
    place.run(script, code=1)

    secrets = [PASSWORD, guid]
    spool = list((place.robot.path / "state" / "lines").glob("*.jsonl"))
    assert spool
    assert b"in a line: ***" in spool[0].read_bytes()
    found = [leak for path, data in files(place.robot.path / "state") for leak in leaks(data, secrets, path)]
    assert found == []

    place.store.clear_faults()
    place.robot.settings(log_shipping={"exit_flush_s": 60})
    place.robot.run()
    url = place.robot.server.url
    pages = [
        "/",
        "/state.json",
        "/logs.json",
        "/queues.json",
        "/tasks.json?queue=Q",
        "/assets.json",
        f"/job.json?guid={place.job.guid}",
    ]
    for page in pages:
        with urlopen(url + page) as answer:
            assert leaks(answer.read(), secrets, page) == []
    assert place.log()
    beside = [place.said, str(place.log()), str(place.tasks())]
    beside += [f"{call.path} {dict(call.fields)}" for call in place.store.calls()]
    assert [leak for text in beside for leak in leaks(text.encode("utf-8", "replace"), secrets, text[:80])] == []
    assert re.search(r"ValueError: \*\*\* is wrong", place.log()[-1]["message"])
    assert [row["comment"] for row in place.tasks().values()] == ["***", "***: ***", "***", "OSError: login with ***"]
    found = [leak for path, data in files(place.robot.path / "state") for leak in leaks(data, secrets, path)]
    assert found == []


def test_a_try_keeps_the_password_out_of_its_results(tmp_path: Path) -> None:
    """`fsm-robot try --data`: what it prints, and what it leaves in `.run`, but for the assets that the script has set."""
    place = Place("try", tmp_path / "data")
    place.queue("Q", [{"name": str(number)} for number in range(4)])
    place.assets(ERP={"login": "robot", "password": PASSWORD})
    place.run(HEAD + EVERY_PATH.replace("SECRET", 'credential("ERP").password', 1), code=1)

    results = files(place.path / ".run", but_not=("assets.json",))
    assert [leak for path, data in results for leak in leaks(data, [PASSWORD], path)] == []
    assert leaks(place.said.encode(), [PASSWORD], "said") == []
    assert "***" in place.said
