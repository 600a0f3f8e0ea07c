"""The local channel, and `fsm-robot post`, of robots as real processes."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.engine.channel import NAME, Channel, ask
from fsm_robot.errors import ChannelError, NoRobotError
from tests.fakes.needed import missing
from tests.fakes.own_robot import OwnRobot
from tests.fakes.waiting import until

if sys.platform == "win32":
    from fsm_robot.system import _channel_windows as local

    sends = local
else:
    from fsm_robot.system import _channel_posix as local
    from fsm_robot.system import sockets as sends

MACHINE = """
states:
  - {name: Waiting}
  - {name: Over, final: true}
transitions:
  - {trigger: over, source: Waiting, dest: Over, exit_code: 7}
  - {trigger: noted, source: Waiting, dest: Waiting, kind: internal}
  - {trigger: told_from_inside, source: Waiting, dest: Over}
inbox: {told_from_inside: nobody outside may say that}
posted: [over, noted]
callbacks: {}
"""
NOBODY = 65534


@pytest.fixture
def robot(tmp_path: Path) -> Iterator[OwnRobot]:
    (tmp_path / "machine.yaml").write_text(MACHINE, encoding="utf-8")
    (tmp_path / "mine.py").write_text("class Callbacks: pass\n", encoding="utf-8")
    (tmp_path / "robot.toml").write_text('[machine]\nfile = "machine.yaml"\ncallbacks = "mine.py"\n', encoding="utf-8")
    robot = OwnRobot(tmp_path)
    yield robot
    robot.close()


def test_message_that_nobody_reads_holds_its_sender_up_for_a_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that asks and does not listen costs the robot no thread."""
    monkeypatch.setattr(sends, "_SENT_WITHIN_S", 0.2)
    listener, failures = local.listen(tmp_path), list[OSError]()

    def serve() -> None:
        accepted = listener.accept()
        try:
            for _ in range(100):
                accepted.send(b"x" * 65536)
        except OSError as error:
            failures.append(error)
        accepted.close()

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    asking = local.connect(listener.address)
    serving.join(20)
    alive = serving.is_alive()
    asking.close()
    listener.close()

    assert not alive
    assert [type(error) for error in failures] == [TimeoutError]


def test_event_is_in_the_journal_when_post_returns_and_says_where_it_came_from(robot: OwnRobot) -> None:
    robot.start_and_wait_for("Waiting")

    done = robot.command("post", "noted", "--data", '{"by": "Анна"}')

    assert (done.returncode, done.stdout) == (0, "noted: taken in Waiting, which stays\n"), done.stderr
    last = robot.steps()[-1]
    assert (last["from"], last["event"]) == ("post", {"name": "noted", "data": {"by": "Анна"}})


def test_journal_that_cannot_be_written_is_told_at_once_to_who_posts(robot: OwnRobot) -> None:
    """Not as a robot that is busy, after the patience of the one who posts."""
    if sys.platform != "linux":
        pytest.skip("no system but Linux limits a process that runs")
    import resource

    process = robot.start_and_wait_for("Waiting")
    (journal,) = (robot.path / "state" / "journal").glob("*.jsonl")
    # Root has no permissions to lose and the disk is not full, but a size that no file may pass holds for everybody.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (journal.stat().st_size, resource.RLIM_INFINITY))

    done = robot.command("post", "noted")

    assert (done.returncode, done.stdout) == (1, "")
    assert "busy" not in done.stderr
    assert f"{journal.name}: the journal cannot be written: {os.strerror(errno.EFBIG)}" in done.stderr
    assert done.stderr.rstrip().endswith("; the run ends, nothing was kept")
    assert process.wait(60) == 1
    assert "noted" not in journal.read_text(encoding="utf-8")


@pytest.mark.parametrize("turn", range(3))
def test_event_that_ends_the_run_is_answered_too(robot: OwnRobot, turn: int) -> None:
    process = robot.start_and_wait_for("Waiting")

    done = robot.command("post", "over", str(robot.path))

    assert (done.returncode, done.stdout) == (0, "over: Waiting -> Over\n"), done.stderr
    assert process.wait(60) == 7
    assert not (robot.path / "state" / NAME).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["told_from_inside"], "opens over, noted to `post`, not 'told_from_inside'"),
        (["no_such_event"], "not 'no_such_event'"),
        (["noted", "--data", "{"], "--data: is not JSON"),
        (["noted", "--data", "[1]"], "must be a JSON object"),
        (["noted", "--data", "[" * 100_000], "--data: is not JSON"),
    ],
)
def test_what_is_not_opened_or_no_json_is_refused_with_2(robot: OwnRobot, arguments: list[str], said: str) -> None:
    robot.start_and_wait_for("Waiting")

    done = robot.command("post", *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert robot.states() == ["Waiting"]


def test_post_without_a_robot_says_so_with_1(robot: OwnRobot) -> None:
    done = robot.command("post", "over")

    assert done.returncode == 1
    assert f"no robot runs in {robot.path / 'state'}, nothing was kept" in done.stderr


def test_killed_robot_is_recognised_and_not_waited_for(robot: OwnRobot) -> None:
    process = robot.start_and_wait_for("Waiting")
    process.kill()
    process.wait()
    assert (robot.path / "state" / NAME).exists()

    with pytest.raises(NoRobotError):
        ask(robot.path / "state", {"ask": "status"}, within_s=0.001)

    assert robot.command("post", "over").returncode == 1
    again = robot.start()  # and the next start is not in its way
    until(lambda: len(list((robot.path / "state" / "journal").glob("*.jsonl"))) == 2 and robot.states() == ["Waiting"])
    until(lambda: json.loads((robot.path / "state" / NAME).read_text(encoding="utf-8"))["pid"] == again.pid)
    assert robot.command("post", "over").returncode == 0
    assert again.wait(60) == 7


def test_wrong_token_is_refused(robot: OwnRobot) -> None:
    robot.start_and_wait_for("Waiting")
    file = robot.path / "state" / NAME
    content = json.loads(file.read_text(encoding="utf-8"))
    for token in ("", "0" * 32, None, 5, "й" * 32, "\ud800"):
        file.write_text(json.dumps(content | {"token": token}), encoding="utf-8")

        with pytest.raises(ChannelError, match="token"):
            ask(robot.path / "state", {"ask": "post", "event": "over"})

    assert robot.states() == ["Waiting"]


def test_another_account_neither_reads_the_token_nor_connects(robot: OwnRobot) -> None:
    if sys.platform == "win32":
        pytest.skip("accounts of POSIX")
    if os.geteuid() != 0 or shutil.which("setpriv") is None or not Path("/usr/bin/python3").exists():
        missing("it needs root, setpriv and a Python that every account may start")
    robot.start_and_wait_for("Waiting")
    file = robot.path / "state" / NAME
    address = json.loads(file.read_text(encoding="utf-8"))["address"]
    for folder in (
        robot.path,
        *robot.path.parents,
    ):  # else the other account fails before it comes to the robot's files
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    (robot.path / "state").chmod(0o755)
    program = (
        "import socket, sys\n"
        "for what in (lambda: open(sys.argv[1]), lambda: socket.socket(socket.AF_UNIX).connect(sys.argv[2])):\n"
        "    try: what(); print('let in')\n"
        "    except PermissionError: print('refused')\n"
    )
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    command = ["/usr/bin/python3", "-c", program, str(file), address]
    own = subprocess.run(command, capture_output=True, text=True, check=False)

    other = subprocess.run([*become, *command], capture_output=True, text=True, check=False, cwd="/")

    assert own.stdout == "let in\nlet in\n", own.stderr  # the limit is that of the account, and of nothing else
    assert other.stdout == "refused\nrefused\n", other.stderr


def test_closing_waits_for_an_answer_that_is_being_given(tmp_path: Path) -> None:
    asked, may_answer = threading.Event(), threading.Event()
    got: list[Any] = []

    def answer(request: Any) -> dict[str, Any]:
        asked.set()
        may_answer.wait(60)
        return {"answered": True}

    channel = Channel(tmp_path, answer, lambda *args, **kwargs: None)
    channel.open()
    asker = threading.Thread(target=lambda: got.append(ask(tmp_path, {"ask": "status"})))
    asker.start()
    asked.wait(60)
    closer = threading.Thread(target=channel.close)
    closer.start()

    closer.join(0.3)
    assert closer.is_alive()
    may_answer.set()
    closer.join(60)
    asker.join(60)

    assert got == [{"answered": True}]


def test_closing_does_not_wait_for_a_post_that_no_state_takes(tmp_path: Path) -> None:
    from fsm_robot.engine.inbox import QueueInbox
    from fsm_robot.engine.machine.compiler import compile_text
    from fsm_robot.engine.posting import Asked

    asked = Asked(compile_text(MACHINE, "machine.yaml"), QueueInbox(), lambda: {"state": "Waiting"})
    told: list[str] = []

    def post() -> None:
        try:
            asked({"ask": "post", "event": "over"})
        except ChannelError as error:
            told.append(str(error))

    thread = threading.Thread(target=post)
    thread.start()
    until(lambda: bool(asked._waiting))
    asked.end()
    thread.join(60)

    assert told == ["the robot has ended before a state took over; nothing was kept"]
