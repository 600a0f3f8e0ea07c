from __future__ import annotations

import codecs
import json
import locale
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.fakes.waiting import GUID


def schedule(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = as_bytes(folder, *arguments, **environment)
    marked = done.stdout.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    out = done.stdout.decode("utf-16" if marked else locale.getencoding())
    return subprocess.CompletedProcess(done.args, done.returncode, out, done.stderr.decode(locale.getencoding()))


def as_bytes(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "fsm_robot", "schedule", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=90,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "robot.toml").write_text(f'[orchestrator]\nurl = "http://127.0.0.1:1"\nrobot_guid = "{GUID}"\n')
    return tmp_path


def test_show_prints_what_install_would_write(folder: Path) -> None:
    """The real interpreter with `-I -m fsm_robot run`, the settings by their absolute path, and not the password."""
    done = schedule(folder, "show", "--every", "15")

    assert done.returncode == 0, done.stderr
    assert "-I -m fsm_robot run --scheduled --quiet --config" in done.stdout
    assert "robot.toml" in done.stdout
    assert ("<Interval>PT15M</Interval>" if os.name == "nt" else "OnUnitInactiveSec=15min") in done.stdout
    assert GUID not in done.stdout


@pytest.mark.skipif(os.name != "nt", reason="the Task Scheduler is Windows's")
def test_show_into_a_file_is_what_it_declares(tmp_path: Path) -> None:
    """`show > task.xml`: UTF-16 with its mark, as the declaration says and as the scheduler's own files are."""
    folder = tmp_path / "Роботы & счета"
    folder.mkdir()
    (folder / "robot.toml").write_text(f'[orchestrator]\nurl = "http://127.0.0.1:1"\nrobot_guid = "{GUID}"\n')

    done = as_bytes(folder, "show")

    assert done.returncode == 0, done.stderr
    task = ElementTree.fromstring(done.stdout)
    place = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    assert task.findtext(f"{place}Actions/{place}Exec/{place}WorkingDirectory") == str(folder)


def test_check_says_that_nothing_is_installed(folder: Path) -> None:
    """Exit code 2 and what to do."""
    done = schedule(folder, "check", "--name", "fsm_robot-nobody", XDG_CONFIG_HOME=str(folder))

    assert done.returncode == 2
    assert "is not there; `fsm-robot schedule install`" in done.stdout


def test_remove_of_nothing_says_so(folder: Path) -> None:
    """It is not an error: what is wanted is so already, even where the settings are broken."""
    (folder / "robot.toml").write_text("broken")

    done = schedule(folder, "remove", "--name", "fsm_robot-nobody", XDG_CONFIG_HOME=str(folder))

    assert (done.returncode, done.stdout.strip()) == (0, "fsm_robot-nobody is not installed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["show", "--name", "a\\b"], "--name: must be"), (["show", "--every", "0"], "--every: must be from 1")],
)
def test_bad_arguments_are_refused_in_one_sentence(folder: Path, arguments: list[str], said: str) -> None:
    """Exit code 2, nothing written."""
    done = schedule(folder, *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "nt", reason="the Task Scheduler is Windows's")
def test_install_believes_only_what_it_can_read_back(folder: Path) -> None:
    """Wine's scheduler answers that all went well and gives nothing back: that is a failure, told in one sentence."""
    done = schedule(folder, "install")

    if done.returncode == 0:  # a real Windows
        assert schedule(folder, "check").returncode == 0
        assert schedule(folder, "remove").returncode == 0
    else:
        assert "not what was asked for" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="systemd is Linux's")
def test_install_writes_nothing_when_there_is_nobody_to_ask(folder: Path) -> None:
    """No systemd of this user: one sentence that names the crontab line, and no file."""
    fake = folder / "bin" / "systemctl"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho no bus >&2\nexit 1\n")
    fake.chmod(0o755)

    done = schedule(folder, "install", XDG_CONFIG_HOME=str(folder / "config"), PATH=str(fake.parent))

    assert done.returncode == 1
    assert "no bus" in done.stderr
    assert "crontab" in done.stderr
    assert not (folder / "config").exists()


@pytest.mark.skipif(os.name != "posix", reason="systemd is Linux's")
def test_install_check_and_remove_go_together(folder: Path) -> None:
    """What install writes check finds right, an edited unit it finds wrong, and remove leaves nothing behind."""
    fake = folder / "bin" / "systemctl"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\n')
    fake.chmod(0o755)
    places = {"XDG_CONFIG_HOME": str(folder / "config"), "PATH": f"{fake.parent}:/usr/bin:/bin"}

    assert schedule(folder, "install", **places).returncode == 0
    assert schedule(folder, "check", **places).returncode == 0
    unit = next((folder / "config").rglob("*.service"))
    unit.write_text(unit.read_text().replace("KillMode=mixed", "KillMode=process"))
    changed = schedule(folder, "check", **places)
    assert changed.returncode == 2
    assert "is not what these settings ask for" in changed.stdout
    # For whoever looks at the fleet: what it is started from, too.
    launched = (
        "from fsm_robot.system import program; program.started_from('/p/fsm-robot.py', '/p');"
        "from fsm_robot.cli import main; main(['schedule', 'install'])"
    )
    told = []
    for code in ("", launched):
        if code:
            subprocess.run([sys.executable, "-c", code], cwd=folder, env={**os.environ, **places}, check=True)
        told.append(json.loads((folder / "state" / "schedule.json").read_bytes()))
    assert [each["place"] for each in told] == ["", "/p"]
    assert told[0]["every_min"] == told[1]["every_min"] > 0
    assert schedule(folder, "remove", **places).returncode == 0
    assert not (folder / "state" / "schedule.json").exists()
    assert [path for path in (folder / "config").rglob("*") if path.is_file()] == []
    assert "--user enable --now fsm_robot.timer" in (folder / "asked").read_text()


@pytest.mark.skipif(os.name != "nt", reason="numbers of accounts are Windows's")
def test_account_is_recognised_by_its_number() -> None:
    """The scheduler gives back a number where it was given a name; another account is another one."""
    if sys.platform == "win32":
        from fsm_robot.schedule import _accounts, _windows
        from fsm_robot.system import _private_file

        number = _private_file.account_sid()  # of the process's token; the other side looks the name up

        assert _accounts.is_same_account(_windows.account(), number)
        assert not _accounts.is_same_account(_windows.account(), number + "0")
        assert not _accounts.is_same_account("nobody-here", number)
