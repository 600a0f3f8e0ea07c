"""Who is at the keyboard is neither logged off nor given a job to watch; what cannot be known is said."""

from __future__ import annotations

import json
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.cli import main
from fsm_robot.robot.at_keyboard import person_at
from fsm_robot.system.seen_session import SeenSession, from_loginctl
from tests.fakes.robot_folder import RobotFolder

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

BLOCK = "State={}\nClass=user\nLockedHint={}\nIdleHint={}\nIdleSinceHint={}\n"
NOW_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("seen", "own_ended_s_ago", "there"),
    [
        (SeenSession("active", 12.0), None, True),
        (SeenSession("active", 299.0), None, True),
        (SeenSession("active", 300.0), None, False),
        (SeenSession("active", 12.0), 12.0, False),  # the script may have typed that
        (SeenSession("active", 12.0), 40.0, True),
        (SeenSession("active", None), None, False),
        (SeenSession("locked", 1.0), None, False),
        (SeenSession("disconnected", 1.0), None, False),
        (SeenSession(), None, False),
    ],
)
def test_person_is_who_has_typed_lately_in_a_session_that_shows(
    seen: SeenSession, own_ended_s_ago: float | None, there: bool
) -> None:
    assert bool(person_at(seen, 300.0, own_ended_s_ago)) == there


@pytest.mark.parametrize(
    ("blocks", "state", "idle_s"),
    [
        ([("active", "no", "no", "0")], "active", 0.0),
        ([("active", "yes", "no", "0")], "locked", 0.0),
        ([("online", "no", "no", "0")], "disconnected", 0.0),
        ([("active", "no", "yes", str(int((NOW_S - 90) * 1e6)))], "active", 90.0),
        ([("active", "no", "yes", "")], "active", None),
        ([("closing", "no", "no", "0"), ("active", "no", "no", "0")], "active", 0.0),
        ([("active", "yes", "no", "0"), ("active", "no", "yes", str(int((NOW_S - 9) * 1e6)))], "active", 9.0),
    ],
)
def test_sessions_of_an_account_are_read_as_logind_tells_them(
    blocks: list[tuple[str, ...]], state: str, idle_s: float | None
) -> None:
    seen = from_loginctl("\n".join(BLOCK.format(*block) for block in blocks), NOW_S)

    assert (seen.state, seen.idle_s) == (state, idle_s)
    assert "resolution" in seen.unknown


@given(
    st.lists(st.sampled_from(["State=active", "Class=user", "IdleHint=yes", "IdleSinceHint=x", "", "=", "LockedHint"]))
)
def test_whatever_logind_says_is_a_session_or_a_sentence(lines: list[str]) -> None:
    seen = from_loginctl("\n".join(lines), NOW_S)

    assert seen.state or seen.unknown


@pytest.mark.skipif(sys.platform == "win32", reason="there the system itself is asked: see the checklist")
def test_robot_asks_for_no_job_and_stays_while_somebody_works(
    robot_folder: RobotFolder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By a loginctl that says what logind would; `stay` takes jobs, and doctor tells what is not known."""
    tools, mark = robot_folder.path / "tools", robot_folder.path / "left"
    tools.mkdir()
    says = tools / "loginctl"
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"

    def told(locked: str) -> None:
        text = BLOCK.format("active", locked, "no", "0")
        says.write_text(
            f"#!/bin/sh\ncase $1 in show-user) echo 7;; *) printf '{text!s}';; esac\n".replace("\n'", "\\n'")
        )
        says.chmod(0o755)

    def settings(at_keyboard: str) -> None:
        command = [sys.executable, "-I", "-c", f"open({str(mark)!r}, 'w').close()"]
        robot_folder.settings(session={"at_keyboard": at_keyboard, "when_idle": "log_off", "log_off_command": command})

    settings("no_job")
    told("no")
    robot_folder.store.enqueue(robot_folder.script("first", "print(1)"))
    waiting = robot_folder.run(PATH=path)
    assert (waiting.exit_code, robot_folder.calls(), mark.exists()) == (0, [], False)
    assert "waiting, somebody is at the keyboard" in waiting.out

    settings("stay")
    assert robot_folder.run(PATH=path).exit_code == 0
    assert (robot_folder.statuses(), mark.exists()) == ({"first": 4}, False)
    assert "stays logged on" in robot_folder.log()

    told("yes")
    assert robot_folder.run(PATH=path).exit_code == 0
    assert mark.exists()
    with monkeypatch.context() as patch:
        for name, value in {"PATH": path, "DISPLAY": ":7", "XDG_SESSION_ID": "7"}.items():
            patch.setenv(name, value)
        assert system.desktop_hindrance() == "the session is locked"
        told("no")
        assert system.desktop_hindrance() == ""

    says.write_text("#!/bin/sh\necho 'no bus' >&2; exit 1\n")
    monkeypatch.setenv("PATH", path)
    main(["doctor", str(robot_folder.path), "--json"])
    (found,) = [each for each in json.loads(capfd.readouterr().out) if each["name"] == "keyboard"]
    assert (found["verdict"], "loginctl does not tell: no bus" in found["said"]) == ("warning", True)


def test_system_itself_is_asked_without_an_error() -> None:
    """Whatever it knows here."""
    seen = system.seen_session()

    assert seen.state in ("active", "locked", "disconnected", "")
    assert seen.state or seen.unknown
