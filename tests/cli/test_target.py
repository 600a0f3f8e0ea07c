from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fsm_robot.cli import main
from tests.fakes.journals import JournalMaker, done

if sys.platform == "win32":
    pytest.skip("FIFOs, devices and links of POSIX", allow_module_level=True)

COMMANDS = {
    "export": ["export", "state", "--format", "csv", "-o"],
    "diagram": ["diagram", "--format", "svg", "-o"],
    "replay": ["replay", "state", "--junit"],
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    JournalMaker().write(Path("state/journal/000001-20261123T100000Z.jsonl"), ["nothing_left", *done(), "no_job"])
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_output_goes_through_what_is_no_regular_file(command: list[str], place: Path) -> None:
    """A FIFO is written to, a device stays one, a link keeps leading where it led, and files keep their permissions."""
    assert main([*command, "plain"]) == 0
    expected = Path("plain").read_bytes()
    assert expected

    os.mkfifo("fifo")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path("fifo").read_bytes()))
    reader.start()
    assert main([*command, "fifo"]) == 0
    reader.join(30)
    assert read == [expected]
    assert Path("fifo").is_fifo()

    assert main([*command, "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()

    Path("behind").write_text("old")
    Path("behind").chmod(0o640)
    Path("link").symlink_to("behind")
    Path("dangling").symlink_to("new")
    for link, target in (("link", "behind"), ("dangling", "new")):
        assert main([*command, link]) == 0
        assert Path(link).is_symlink()
        assert Path(target).read_bytes() == expected
    assert Path("behind").stat().st_mode & 0o777 == 0o640
    assert not [name for name in os.listdir() if name.endswith(".part")]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_full_device_is_a_sentence(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What could not be written is not claimed to be."""
    assert main([*command, "/dev/full"]) == 2
    assert "/dev/full: cannot be written: No space left on device" in capsys.readouterr().err


def test_demo_deletes_only_what_it_has_marked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A robot whose orchestrator lies beside it is nobody's demo."""
    Path("robot").mkdir()
    Path("robot/orchestrator.sqlite").touch()
    Path("robot/robot.toml").write_text("mine")

    assert main(["demo", "--folder", "robot"]) == 2
    assert "they are kept" in capsys.readouterr().err
    assert Path("robot/robot.toml").read_text() == "mine"


def test_serve_says_that_it_listens_only_when_it_can_serve(place: Path) -> None:
    """A file that is no orchestrator's is told before."""
    Path("text").write_text("no database " * 100)

    served = subprocess.run(
        [sys.executable, "-I", "-m", "fsm_robot", "orchestrator", "serve", "--port", "0", "--db", "text"],
        capture_output=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip

    assert (served.returncode, served.stdout) == (2, "")


def test_systemctl_that_hangs_is_bounded(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bus that does not answer ends in a sentence."""
    Path("bin").mkdir()
    Path("bin/systemctl").write_text("#!/bin/sh\nexec sleep 600\n")
    Path("bin/systemctl").chmod(0o755)
    Path("robot.toml").write_text(
        '[orchestrator]\nurl = "http://127.0.0.1:9"\nrobot_guid = "01234567-89ab-cdef-0123-456789abcdef"\n'
    )
    monkeypatch.setenv("PATH", f"{place / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "config"))
    monkeypatch.setattr("fsm_robot.schedule._posix._PATIENCE_S", 0.2)

    assert main(["schedule", "install"]) == 1
    assert "systemctl --user daemon-reload does not answer within 0.2 s" in capsys.readouterr().err


WRONG = {
    "blank in URL": ('url = "http://a b"', "must not hold a blank"),
    "line break in URL": ('url = "http://a\\n"', "must not hold the character '\\\\n'"),
    "port 0": ('url = "http://a:0"', "must have a port from 1 to 65535"),
    "port 99999": ('url = "http://a:99999"', "is not a URL"),
    "no file to verify": ('url = "http://a"\nverify = "absent.pem"', "absent.pem: cannot be read"),
    "storage is a file": ('url = "http://a"\n[storage]\ndirectory = "plain"', "plain is a file"),
    "storage below a file": ('url = "http://a"\n[storage]\ndirectory = "plain/state"', "plain is a file"),
    "unexpanded": ("url = 'http://a'\n[storage]\ndirectory = '%APPDATA%\\robot'", "%APPDATA% is not replaced here"),
    "escapes": ('url = "http://a"\n[storage]\ndirectory = "state\\new\\table"', "a backslash begins an escape"),
    "smart quotes": ("url = “http://a”", "typographer's quote"),
    "backslash": ('url = "http://a"\n[scripts]\ndirectory = "D:\\robots"', "'…' quotes"),
    "bare text": ("url = http://a", "texts need quotes"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_check_refuses_settings_that_cannot_work(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with the hint that fits, exit code 2."""
    Path("plain").touch()
    Path("scripts").mkdir()
    head = '[orchestrator]\nrobot_guid = "01234567-89ab-cdef-0123-456789abcdef"\n'
    Path("robot.toml").write_text(head + text + "\n", encoding="utf-8")

    assert main(["check"]) == 2
    err = capsys.readouterr().err
    assert said in err or said.replace("\\\\", "\\") in err, err
    assert len(err.splitlines()) <= 2


def test_config_that_is_not_there_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """In every command that reads one."""
    for command in ("run", "check", "doctor", "status", "history", "logs"):
        assert main([command, "--config", "absent.toml"]) == 2, command
        assert "absent.toml: there is no such file" in capsys.readouterr().err
