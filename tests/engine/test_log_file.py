"""robot.log is turned when it is large, and loses no line where it cannot be."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from fsm_robot.engine.log_file import TRIED_AGAIN_BYTES, LogFile


def lines_of(folder: Path) -> list[str]:
    files = [*sorted(folder.glob("robot.*.log")), folder / "robot.log"]
    return "".join(path.read_text() for path in files).splitlines()


def test_full_log_is_turned_and_only_the_newest_files_stay(tmp_path: Path) -> None:
    """Each turned file is as large as allowed, not larger; the oldest go."""
    log = LogFile(tmp_path / "robot.log", largest_bytes=100, kept=3)
    for number in range(60):
        log.write(f"line {number:04d}\n")
    log.close()

    turned = sorted(tmp_path.glob("robot.*.log"))
    assert len(turned) == 3
    assert {path.stat().st_size for path in turned} == {100}
    assert lines_of(tmp_path) == [f"line {number:04d}" for number in range(20, 60)]


def test_full_log_that_another_program_holds_goes_on_and_is_turned_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows a file that an editor has open cannot be renamed: no line is lost, and nothing is printed."""
    held = True
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if held:
            raise PermissionError(errno.EACCES, "in use by another process", str(path))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    log = LogFile(tmp_path / "robot.log", largest_bytes=1000, kept=100)
    line = "x" * 99 + "\n"
    for _ in range(50):
        log.write(line)
    assert not list(tmp_path.glob("robot.*.log"))
    held = False
    for _ in range(TRIED_AGAIN_BYTES // 100 + 20):
        log.write(line)
    log.close()

    assert len(lines_of(tmp_path)) == 50 + TRIED_AGAIN_BYTES // 100 + 20
    assert list(tmp_path.glob("robot.*.log"))


def test_lines_that_have_no_room_are_counted_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A full disk costs lines and no more: one sentence on the console, and one in the log when there is room again."""
    log = LogFile(tmp_path / "robot.log")
    log.write("before\n")
    with monkeypatch.context() as patched:
        patched.setattr("os.write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
        log.write("lost\n")
        log.write("lost too\n")
    log.write("after\n")
    log.close()

    assert (tmp_path / "robot.log").read_text() == ("before\n2 lines missing here, could not be written\nafter\n")
    assert capfd.readouterr().err.count("No space left on device") == 1
