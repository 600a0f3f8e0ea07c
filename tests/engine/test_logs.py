from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot.engine.logs import Log
from fsm_robot.engine.redact import Redactor

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def written(path: Path, *, level: str = "INFO") -> Log:
    return Log(path, level, Redactor.for_guid(GUID).text, console=False)


def test_line_is_a_sentence_with_its_values(tmp_path: Path) -> None:
    """The file reads like a story, in any script."""
    log = written(tmp_path / "state" / "robot.log")
    log.info("script started", job="j-1", script="отчёты/сводка")
    log.warning("script ended", outcome="failed", reason="exit code 1: нет файла")
    log.close()

    lines = (tmp_path / "state" / "robot.log").read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith("script started: job=j-1 script=отчёты/сводка")
    assert 'reason="exit code 1: нет файла"' in lines[1]
    assert " WARNING " in lines[1]


def test_value_with_line_breaks_or_markup_stays_one_plain_line(tmp_path: Path) -> None:
    """What a server or a script says cannot fake a log line, colour it, or break the formatter."""
    path = tmp_path / "robot.log"
    log = written(path)
    log.info("said", text="a\n2026-01-01 ERROR forged\x1b[31m {0} {extra} <red>x</red>")
    log.close()

    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert "a\\n2026-01-01" in line
    assert "\\x1b[31m {0} {extra} <red>x</red>" in line


def test_guid_is_taken_out_of_every_line(tmp_path: Path) -> None:
    """The password never reaches the log."""
    path = tmp_path / "robot.log"
    log = written(path)
    log.error("failed", error=f"401 for {GUID}")
    log.close()

    assert GUID not in path.read_text(encoding="utf-8")


def test_nothing_below_the_level_is_written_and_loguru_is_not_even_imported(tmp_path: Path) -> None:
    """A robot that has nothing to tell does not pay for a log."""
    code = (
        "import sys; from pathlib import Path; from fsm_robot.engine.logs import Log;"
        f"log = Log(Path({str(tmp_path / 'robot.log')!r}), 'INFO', str); log.debug('x'); log.close();"
        "sys.exit('loguru' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert not (tmp_path / "robot.log").exists()


def test_log_that_cannot_be_written_is_said_on_the_console(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder in the way of robot.log costs the file, not the run."""
    (tmp_path / "robot.log").mkdir()
    log = Log(tmp_path / "robot.log", "INFO", str)
    log.info("still told")
    log.close()

    shown = capfd.readouterr().err
    assert "robot.log cannot be written" in shown
    assert "still told" in shown
