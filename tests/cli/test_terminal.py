from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot.orchestrator.store import Store
from tests.fakes.journals import JournalMaker, done

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal of POSIX", allow_module_level=True)

HOSTILE = "a\x1b]0;mine\x07\x9b2J\u202eb\nfaked"
RAW = ("\x1b", "\x07", "\x9b", "\u202e")
COMMANDS = [
    ["orchestrator", "jobs"],
    ["orchestrator", "jobs", "--json"],
    ["history", "state"],
    ["status", "state"],
    ["logs", "--folder", "state"],
    ["replay", "state", "--steps"],
    ["export", "state", "--format", "csv"],
    ["export", "state", "--format", "ocel"],
    ["check", HOSTILE],
    ["check", "--config", HOSTILE],
    ["orchestrator", "stop", HOSTILE],
    [HOSTILE],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words)[:20].encode("unicode_escape").decode())
def test_no_command_hands_control_characters_to_a_terminal(command: list[str], tmp_path: Path) -> None:
    """Names that a server, a file or a script made up must not rename windows, hide lines or turn the writing."""
    import pty

    store = Store(tmp_path / "orchestrator.sqlite")
    store.enqueue(HOSTILE)
    store.close()
    JournalMaker().write(
        tmp_path / "state/journal/000001-20261123T100000Z.jsonl", ["nothing_left", *done(script=HOSTILE)], None
    )
    output = tmp_path / "state/jobs/5c1e0000-0000-4000-8000-00000000000a/output.log"
    output.parent.mkdir(parents=True)
    output.write_text(HOSTILE, encoding="utf-8")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", "-m", "fsm_robot", *command],
        cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:
        pass  # the last of them has closed the terminal
    process.wait(30)
    os.close(ours)

    text = shown.decode("utf-8")
    assert text
    assert not [raw for raw in RAW if raw in text], repr(text)
