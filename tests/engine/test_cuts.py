"""Wherever a text from outside is cut or escaped, no part of the robot's GUID is left, in whatever form it comes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fsm_robot.engine.journal.file import JournalFile
from fsm_robot.engine.journal.record import LONGEST_TEXT
from fsm_robot.engine.logs import LONGEST_VALUE, story_of
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.redact import Redactor, cut
from fsm_robot.gateway.payloads import LONGEST_ERROR_TEXT, heartbeat_answer
from fsm_robot.gateway.reading import Reading
from fsm_robot.robot.session import LONGEST_PROBLEM, Session
from fsm_robot.robot.settings import OrchestratorSettings, ScriptsSettings, Settings
from fsm_robot.worker.names import part_problem
from fsm_robot.worker.output import LONGEST_LINE_BYTES, Output
from tests.engine.test_redact import FORMS, GUID
from tests.fakes.world import FakeClock, Lines

REDACTOR = Redactor.for_guid(GUID)
WIDE = GUID.encode("utf-16-le").decode("latin-1")
SPELLED = {**FORMS, "UTF-16": WIDE, "UTF-16, the other byte order": GUID.encode("utf-16-be").decode("latin-1")}
LEFT = 8
"""More characters than this of a form in a row are a part of the secret: by chance they do not stand there."""


def logged(text: str, _: Path) -> str:
    return story_of("it failed", {"error": text, "names": (text, text)}, REDACTOR.text)


def journalled(text: str, folder: Path) -> str:
    written = JournalFile(folder, {"format": 1}, FakeClock(), REDACTOR)
    written.append(
        Step(0, Event("happened", {"text": text, text: 1, "list": [text, {"deep": text}]}), "taken", "A", "B")
    )
    written.close()
    assert written.path is not None
    return written.path.read_text(encoding="utf-8")


def told_by_the_server(text: str, _: Path) -> str:
    body = json.dumps({"HeartbeatErrorCode": 0, "ErrorText": text}, ensure_ascii=False)
    reading = Reading(REDACTOR)
    return heartbeat_answer(body.encode(), REDACTOR.text).error_text + reading.answer(500, text.encode()).shown


def printed_last(text: str, folder: Path) -> str:
    output = Output(folder / "output.log", 1 << 20, REDACTOR, ())
    writer = output.open(os.pipe)
    os.write(writer, text.encode("latin-1"))
    output.finish(10)
    return output.last_line() + (folder / "output.log").read_bytes().decode("latin-1")


def not_left(text: str, folder: Path) -> str:
    said = folder / "said"
    said.write_bytes(text.encode("latin-1"))
    lines = Lines()
    log = lines.log()
    log.redact = REDACTOR.text
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.stderr.buffer.write(open({str(said)!r}, 'rb').read()); sys.exit(1)",
    ]
    Session(log, "log_off", command, lambda: True).leave()
    return "".join(lines.lines)


def cut_off(text: str, _: Path) -> str:
    return cut(text, 100, REDACTOR.text) + cut(text, 100, REDACTOR.text, end=True)


def named(text: str, _: Path) -> str:
    return story_of("refused", {"reason": part_problem(text)}, REDACTOR.text)


PLACES: dict[str, tuple[Callable[[str, Path], str], tuple[int, ...]]] = {
    "a cut": (cut_off, (100,)),
    "log": (logged, (LONGEST_VALUE,)),
    "journal": (journalled, (LONGEST_TEXT,)),
    "answer": (told_by_the_server, (LONGEST_ERROR_TEXT, 200)),
    "script name": (named, (60, 200)),
}
SLOW_PLACES: dict[str, tuple[Callable[[str, Path], str], int]] = {
    "last line of the output": (printed_last, LONGEST_LINE_BYTES),
    "log-off command": (not_left, LONGEST_PROBLEM),
}


def leaks(said: str, form: str) -> str:
    """Return a piece of the form that stands in what was said."""
    heard = said.lower()
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in form)
    for written in (form.lower(), shown.lower(), json.dumps(form).lower()[1:-1]):
        step = 1 if len(written) < 100 else 3
        length = LEFT * max(1, len(written) // len(GUID))
        for start in range(0, len(written) - length + 1, step):
            if written[start : start + length] in heard:
                return written[start : start + length]
    return ""


@pytest.mark.parametrize("form", SPELLED.values(), ids=SPELLED)
@pytest.mark.parametrize("place", PLACES)
def test_no_cut_leaves_a_piece_of_the_guid(place: str, form: str, tmp_path: Path) -> None:
    """The form stands across every cut, at any offset: as text begins, and as it ends."""
    write, cuts = PLACES[place]
    for longest in cuts:
        offsets = range(0, len(form) + 1, 1 if len(form) < 50 and place != "journal" else 7)
        for offset in offsets:
            text = f"{'.' * (longest - offset)}{form}{'.' * (longest - len(form) + offset)}"
            assert leaks(write(text, tmp_path / f"{longest}-{offset}"), form) == "", (longest, offset)


@pytest.mark.parametrize("form", ["as it is", "base64", "percent-encoded", "UTF-16", "UTF-16 as a repr"])
@pytest.mark.parametrize("place", SLOW_PLACES)
def test_no_cut_of_an_end_leaves_a_piece_of_the_guid(place: str, form: str, tmp_path: Path) -> None:
    """Where the end is kept, the form stands across its beginning."""
    write, longest = SLOW_PLACES[place]
    spelled = SPELLED[form]
    for offset in (1, len(spelled) // 2, len(spelled) - 1):
        text = f"{'.' * 50}{spelled}{'.' * (longest - offset)}"
        assert leaks(write(text, tmp_path), spelled) == "", offset


def test_interpreter_that_prints_the_guid_is_diagnosed_without_it(tmp_path: Path) -> None:
    """What the scripts' interpreter says last is cut from its front, where the GUID may stand."""
    from fsm_robot.operations.checks import interpreter_diagnosis
    from fsm_robot.worker.interpreter import LONGEST_SAID

    if os.name == "nt":
        pytest.skip("the stand-in for an interpreter is a shell script")
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\nprintf %s '{GUID}{'.' * (LONGEST_SAID - 20)}' >&2\nexit 1\n")
    fake.chmod(0o700)
    settings = Settings(orchestrator=OrchestratorSettings(robot_guid=GUID), scripts=ScriptsSettings(python=str(fake)))

    assert leaks(interpreter_diagnosis(settings).said, GUID) == ""
