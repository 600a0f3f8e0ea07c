"""`sdk.transport = "loopback"`: the same questions on a port of this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from fsm_robot.engine.channel import NAME, Channel, ask
from fsm_robot.errors import NoRobotError
from fsm_robot.jobapi.server import JobServer
from fsm_robot.robot.ports import Job
from fsm_robot.sdk import MaybeDoneError, RefusedError, UnavailableError
from fsm_robot.sdk._folder import Folder
from fsm_robot.sdk._jobapi import JobApi
from tests.fakes.own_robot import OwnRobot
from tests.fakes.robot_folder import until
from tests.sdk.places import RobotPlace

MACHINE = """
states: [{name: Waiting}, {name: Over, final: true}]
transitions:
  - {trigger: over, source: Waiting, dest: Over, exit_code: 7}
posted: [over]
callbacks: {}
"""
SCRIPT = """
    import multiprocessing
    from fsm_robot.sdk import log, progress, queue


    def in_a_child(number):
        return queue("Q").find(f"{number}").name


    if __name__ == "__main__":
        for task in queue("Q").tasks():
            with task:
                log.info(f"at {task.name}")
                task.done("booked")
        progress(2, 2)
        with multiprocessing.Pool(2) as pool:
            print(pool.map(in_a_child, [1, 2]))
        import time
        from fsm_robot.sdk import should_stop
        while not should_stop():
            time.sleep(0.05)
"""


@pytest.fixture
def own_robot(tmp_path: Path) -> Iterator[OwnRobot]:
    (tmp_path / "machine.yaml").write_text(MACHINE, encoding="utf-8")
    (tmp_path / "mine.py").write_text("class Callbacks: pass\n", encoding="utf-8")
    settings = '[machine]\nfile = "machine.yaml"\ncallbacks = "mine.py"\n[sdk]\ntransport = "loopback"\n'
    (tmp_path / "robot.toml").write_text(settings, encoding="utf-8")
    robot = OwnRobot(tmp_path)
    yield robot
    robot.close()


def test_a_script_and_its_children_ask_a_robot_on_a_port_and_so_does_status(robot_place: RobotPlace) -> None:
    """Nothing is at the place where a socket would be, and a stop is heard as ever."""
    place, state = robot_place, robot_place.robot.path / "state"
    place.queue("Q", [{"name": "1"}, {"name": "2"}])
    place.robot.settings(sdk={"transport": "loopback"}, session={"when_idle": "exit"})
    place.robot.script("script", dedent(SCRIPT))
    job = place.store.enqueue("script")
    process = place.robot.start()
    until(lambda: "['1', '2']" in place.robot.output())

    where = json.loads((state / NAME).read_text(encoding="utf-8"))["address"]
    now = subprocess.run(
        [sys.executable, "-m", "fsm_robot", "status", "--config", str(place.robot.path / "robot.toml")],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    place.store.order_stop(job)
    done = place.robot.finish(process)

    assert where.startswith("127.0.0.1:")
    assert not (state / "channel.sock").exists()
    assert "2 of 2" in now.stdout, now.stdout + now.stderr
    assert done.exit_code == 0, done.err
    assert place.statuses() == ["Success", "Success"]


def test_post_reaches_a_robot_on_a_port_and_knows_a_dead_one(own_robot: OwnRobot) -> None:
    """The port of a dead robot may be that of any program by now, which is told nothing."""
    process = own_robot.start_and_wait_for("Waiting")
    done = own_robot.command("post", "over")
    assert (done.returncode, done.stdout) == (0, "over: Waiting -> Over\n"), done.stderr
    assert process.wait(60) == 7

    process = own_robot.start_and_wait_for("Waiting")
    process.kill()
    process.wait()
    written = own_robot.path / "state" / NAME
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        written.write_text(json.dumps({**json.loads(written.read_text()), "address": f"127.0.0.1:{port}"}))
        with pytest.raises(NoRobotError):
            ask(own_robot.path / "state", {"ask": "status"}, within_s=10)
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.accept()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Channel, JobServer, JobApi]]:
    (tmp_path / "data" / "queues").mkdir(parents=True)
    (tmp_path / "data" / "queues" / "Q.json").write_text(json.dumps([{"name": str(n)} for n in range(200)]))
    channel = Channel(tmp_path, lambda _: {"state": "Ready"}, lambda *_, **__: None, loopback=True)

    def listen() -> str:
        channel.open()
        return channel.address

    folder = Folder(str(tmp_path / "data"))
    channel.job = server = JobServer(listen, lambda _: folder)
    offered = server.begin(Job("j", "script"))
    assert offered is not None
    yield channel, server, JobApi(str(offered["address"]), str(offered["token"]))
    channel.close()


def test_who_has_no_token_is_refused_on_a_port(served: tuple[Channel, JobServer, JobApi]) -> None:
    """Every account of the machine can connect to it, so the token alone decides."""
    channel, server, api = served

    for token in ("", "0" * 32, "й", "\ud800"):
        with pytest.raises(RefusedError):
            JobApi(channel.address, token).call("task.list", {"queue": "Q"})
    for nonsense in (b"\n", b"\x00\xff\n", b"[]\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * (2 << 20)):
        with socket.create_connection(("127.0.0.1", int(channel.address.partition(":")[2])), 20) as client:
            answer = b""
            try:
                client.sendall(nonsense)
                client.shutdown(socket.SHUT_WR)
                while piece := client.recv(65536):
                    answer += piece
            except OSError:
                pass  # it has seen enough
        assert b"result" not in answer
    assert len(api.call("task.list", {"queue": "Q"})["tasks"]) == 100
    server.end()
    with pytest.raises(RefusedError, match="has ended"):
        api.call("task.list", {"queue": "Q"})


def test_many_ask_at_once_on_a_port_and_each_gets_its_own_answer(served: tuple[Channel, JobServer, JobApi]) -> None:
    """As on a socket: no task goes to two, and a call behind lines of the log does not wait for a packet."""
    api, names = served[2], list[str]()

    def take() -> None:
        for _ in range(5):
            api.tell("log", {"level": "INFO", "message": "at it"})
            names.append(api.call("task.take", {"queue": "Q"})["task"]["name"])

    threads = [threading.Thread(target=take) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(names, key=int) == [str(number) for number in range(200)]


def test_nobody_listens_any_more_after_the_end(served: tuple[Channel, JobServer, JobApi]) -> None:
    """The thread that waits for the next one comes back, and the port is free."""
    channel, _, api = served
    address, began_s = channel.address, time.monotonic()

    channel.close()

    assert time.monotonic() - began_s < 20
    with pytest.raises((UnavailableError, MaybeDoneError)):  # refused, or taken by the system and reset
        JobApi(address, "t").call("task.list", {"queue": "Q"})
    del api
