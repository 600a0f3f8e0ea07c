"""What a script tells arrives, or it is said on stderr how much did not, and why: whatever stands in the way."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from fsm_robot.cli import main
from fsm_robot.engine.channel import MOST_CONNECTIONS, Channel
from fsm_robot.jobapi.lines import Lines
from fsm_robot.jobapi.pictures import Pictures
from fsm_robot.jobapi.server import JobServer
from fsm_robot.robot.ports import Job
from fsm_robot.sdk import _jobapi, _undelivered
from fsm_robot.sdk._files_of_run import Files
from fsm_robot.sdk._jobapi import JobApi
from tests.sdk.places import Place

LINES = 72
FITTING = 30
"""So many fit into a pipe that nobody reads, on every system."""
PATIENCE_S = 30.0


def until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


# ---- a script that tells much and ends at once, while who reads it is busy

TELLS = f"""
import atexit, os, sys
from pathlib import Path
from fsm_robot.sdk import _undelivered, log, step
_undelivered.FINISHED_WITHIN_S = 0.2
for n in range({FITTING}):
    log.info("said", n=n)
with step("last"):
    pass
def fails():
    raise OSError("at the end")
"""


@pytest.mark.parametrize(
    "end",
    ["", "sys.exit(3)", "os._exit(3)", "raise ValueError('x')", "atexit.register(fails)", "Path('x').unlink()"],
)
def test_try_keeps_what_was_told_last_however_late_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    """Each line takes a busy disk its time, and the script does not wait for it."""
    # How long the channel waits besides; on a busy machine that is none, for it may see no answer under way.
    monkeypatch.setattr("fsm_robot.engine.channel.ENDS_WITHIN_S", 0.0)
    keep = Files.add_log

    def slowly(files: Files, record: dict[str, object]) -> None:
        time.sleep(0.02)
        keep(files, record)

    monkeypatch.setattr(Files, "add_log", slowly)
    place = Place("try", tmp_path / "data")
    script = place.path / "script.py"
    script.write_text(f"{TELLS}\n{end}\n", encoding="utf-8")
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)

    main(["try", str(script), "--data", str(place.path)])

    said = capsys.readouterr().err
    assert [line["fields"]["n"] for line in place.log()] == list(range(FITTING)), said
    assert len(re.findall("^INFO    said n=", said, re.MULTILINE)) == FITTING
    steps = (place.path / ".run" / "steps.jsonl").read_text(encoding="utf-8")
    assert json.loads(steps)["name"] == "last"


# ---- a folder that does not take it

OPERATIONS = {
    "log": ("log.info('said')", "logs.jsonl", "log line"),
    "step": ("with step('s'): pass", "steps.jsonl", "step"),
    "progress": ("progress(1, 2)", "progress.json.new", "message (progress)"),
}


@pytest.mark.parametrize("op", OPERATIONS)
def test_what_a_folder_does_not_take_is_counted(tmp_path: Path, op: str) -> None:
    """The first with its reason at once, all of them at the end; the script goes on."""
    call, file, word = OPERATIONS[op]
    place = Place("folder", tmp_path / "data")

    said = place.run(f"""
        import os
        from fsm_robot.sdk import *
        from fsm_robot.sdk import log
        log.info("begin")
        os.makedirs({str(place.path / ".run" / file)!r} + ("" if {op!r} != "log" else "x"), exist_ok=True)
        if {op!r} == "log":
            os.replace({str(place.path / ".run" / file)!r}, {str(place.path / "kept")!r})
            os.makedirs({str(place.path / ".run" / file)!r})
        for _ in range(30):
            {call}
        print("went on")
        """)

    assert said == "went on\n"
    assert f"the robot may have missed: 1 {word} (" in place.said
    assert file in place.said
    assert f"in total, the robot may have missed: 30 {word}" in place.said.replace("lines", "line").replace(
        "steps", "step"
    ).replace("messages", "message")
    assert place.said.count("fsm_robot: ") == 2


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"FSM_ROBOT_DATA": ""}, "FSM_ROBOT_DATA is empty"),
        ({"FSM_ROBOT_DATA": "no/such/folder"}, "is not a folder"),
        ({"FSM_ROBOT_JOB": "no/such/job.json"}, "cannot be read"),
    ],
)
def test_what_is_set_but_wrong_is_said_by_who_only_logs(tmp_path: Path, variables: dict[str, str], why: str) -> None:
    """A script that only logs must not look as if it had nothing to say."""
    place = Place("folder", tmp_path / "data")
    script = place.path / "script.py"
    script.write_text("from fsm_robot.sdk import log\nfor n in range(5):\n    log.info('said')\n", encoding="utf-8")
    environment = {**place.environment(), "FSM_ROBOT_DATA": "", **variables}
    if "FSM_ROBOT_DATA" not in variables:
        del environment["FSM_ROBOT_DATA"]

    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0
    first, last = done.stderr.splitlines()
    assert why in first
    assert "in total, the robot may have missed: 5 log lines" in last


@pytest.mark.parametrize("how", ["sys.stderr.close()", "sys.stderr = None", "os.close(2)"])
def test_no_stderr_loses_no_line(tmp_path: Path, how: str) -> None:
    """What was printed there besides is not what counts."""
    place = Place("folder", tmp_path / "data")

    place.run(f"""
        import os, sys
        from fsm_robot.sdk import log
        {how}
        for n in range(5):
            log.info("said")
        print("went on")
        """)

    assert len(place.log()) == 5
    assert "went on" in place.said


# ---- a robot that does not take it


class Told:
    """A robot's end of one script: keeps what it is told, and does only as many as it may."""

    def __init__(self) -> None:
        self.kept: list[Mapping[str, object]] = []
        self.lost = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.fails: BaseException | None = None

    def call(self, op: str, fields: Mapping[str, object]) -> Mapping[str, object]:
        self.may_go_on.wait(PATIENCE_S)
        if op == "told":
            lost = fields["lost"]
            assert isinstance(lost, int)
            self.lost += lost
        return {}

    def tell(self, op: str, fields: Mapping[str, object]) -> None:
        self.may_go_on.wait(PATIENCE_S)
        if self.fails is not None:
            raise self.fails
        lost = fields.get("lost", 0)
        assert isinstance(lost, int)
        self.lost += lost
        self.kept.append(fields)


@attrs.define(eq=False)
class Robot:
    channel: Channel
    server: JobServer
    backends: list[Told]
    warnings: list[Mapping[str, object]]

    def api(self, job: str = "j") -> JobApi:
        offered = self.server.begin(Job(job, "script"))
        assert offered is not None
        return JobApi(str(offered["address"]), str(offered["token"]))


@pytest.fixture
def robot(tmp_path: Path) -> Iterator[Robot]:
    backends: list[Told] = []
    warnings: list[Mapping[str, object]] = []
    channel = Channel(tmp_path, lambda _: {}, lambda *_, **__: None)

    def listen() -> str:
        channel.open()
        return channel.address

    def backend(_: Job) -> Told:
        backends.append(Told())
        return backends[-1]

    server = JobServer(
        listen, backend, log=lambda level, event, text, **more: warnings.append({"event": event, **more})
    )
    channel.job = server
    yield Robot(channel, server, backends, warnings)
    channel.close()


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What this process has counted as not arrived."""
    counts: dict[str, int] = {}
    monkeypatch.setattr(_undelivered, "_counts", counts)
    monkeypatch.setattr(_undelivered, "watch", lambda _: None)
    monkeypatch.setattr(_undelivered, "say", lambda _: None)
    monkeypatch.setattr(_jobapi, "TOLD_WITHIN_S", PATIENCE_S)
    return counts


def test_at_the_end_a_script_knows_what_was_read(robot: Robot, missing: dict[str, int]) -> None:
    """All of it: nothing is said, and nothing is waited for."""
    api = robot.api()
    for n in range(LINES):
        api.tell("log", {"n": n})

    api.finish(PATIENCE_S)

    assert [each["n"] for each in robot.backends[0].kept] == list(range(LINES))
    assert missing == {}


def test_a_robot_that_reads_nothing_costs_no_line_without_a_word(
    robot: Robot, missing: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full pipe: what has not arrived is counted here, and told to the robot with the next thing that arrives."""
    monkeypatch.setattr(_jobapi, "TOLD_WITHIN_S", 0.1)
    api = robot.api()
    api.tell("log", {"text": ""})
    until(lambda: bool(robot.backends and robot.backends[0].kept))
    backend = robot.backends[0]
    backend.may_go_on.clear()
    told = 1
    while not api._giving_up:
        api.tell("log", {"text": "x" * 30_000})
        api.tell("step", {"name": "s"})
        told += 1
    api.tell("log", {"text": ""})
    told += 1
    api.finish(0.1)
    before = missing["log"]
    assert before
    backend.may_go_on.set()
    api.finish(PATIENCE_S)

    assert missing["log"] == before, "what has come late is not missing twice"
    until(lambda: backend.lost > 0)
    api.call("anything", {})
    api.tell("log", {"text": "it reads again"})
    until(lambda: backend.kept[-1].get("text") == "it reads again")
    told += 1
    until(lambda: told <= len([each for each in backend.kept if "text" in each]) + missing["log"])
    assert backend.lost <= missing["log"]


@pytest.mark.parametrize("read", [0, 1, 40])
def test_a_robot_that_dies_in_the_middle_is_counted(robot: Robot, missing: dict[str, int], read: int) -> None:
    """What lies in the system's memory then has gone with it."""
    api = robot.api()
    for n in range(read):
        api.tell("log", {"n": n})
    if read:
        api.call("anything", {})
    robot.channel.close()
    for way in api._idle:
        way.connection.close()
    for n in range(read, LINES):
        api.tell("log", {"n": n})

    api.finish(1.0)

    assert missing == {"log": LINES - read}


def test_a_connection_too_many_is_counted(robot: Robot, missing: dict[str, int]) -> None:
    """Such a one takes what is sent, and reads nothing of it."""
    first = robot.api()
    offered = robot.channel.address, first._token
    others = [JobApi(*offered) for _ in range(MOST_CONNECTIONS)]
    for each in others:
        each.call("anything", {})
    first.tell("log", {"n": 1})

    first.finish(PATIENCE_S)

    assert missing == {"log": 1}


@pytest.mark.parametrize("odd", [{"message": "x" * (1 << 20)}, {"done": float("nan")}, {"text": object()}])
def test_one_that_cannot_be_sent_takes_no_other_with_it(
    robot: Robot, missing: dict[str, int], odd: dict[str, object]
) -> None:
    """Too long, or no JSON: that one is counted, the next ones arrive, and the robot hears of it."""
    api = robot.api()
    api.tell("log", {"n": 1})
    api.tell("log", odd)
    api.tell("progress", {"n": 2})
    api.tell("log", {"n": 3})

    api.finish(PATIENCE_S)

    assert [each["n"] for each in robot.backends[0].kept] == [1, 2, 3]
    assert "lost" not in robot.backends[0].kept[1], "only a line has a place for that"
    assert (robot.backends[0].lost, missing) == (1, {"log": 1})


# ---- the robot's own end


@pytest.mark.parametrize("error", [TypeError("x"), OSError("disk"), ValueError("x"), KeyError("x")])
def test_what_a_robot_cannot_do_is_in_its_log(robot: Robot, missing: dict[str, int], error: Exception) -> None:
    """At 1, 10, 100: a script may send many."""
    api = robot.api()
    api.tell("log", {})
    until(lambda: bool(robot.backends and robot.backends[0].kept))
    robot.backends[0].fails = error
    for _ in range(25):
        api.tell("log", {})
    api.finish(PATIENCE_S)

    assert [(each["event"], each["in_this_run"]) for each in robot.warnings] == [
        ("sdk.not_done", 1),
        ("sdk.not_done", 10),
    ]


def test_late_lines_of_one_job_are_its_own_when_the_next_one_runs(robot: Robot, missing: dict[str, int]) -> None:
    """They were said before its end, and read after the begin of the next."""
    old = robot.api("first")
    old.tell("log", {"n": 0})
    until(lambda: bool(robot.backends and robot.backends[0].kept))
    robot.server.end()
    new = robot.api("second")
    new.call("anything", {})
    old.tell("log", {"n": 1})
    until(lambda: len(robot.backends[0].kept) == 2)

    assert robot.backends[1].kept == []
    assert robot.warnings == []


def test_a_line_of_nobody_is_in_the_robots_log(robot: Robot, missing: dict[str, int]) -> None:
    """Of a job before the last one, say: who sent it never hears the answer."""
    strange = JobApi(str(robot.api()._address), "no token of ours")
    strange.tell("log", {"n": 0})
    strange.finish(PATIENCE_S)

    assert [each["event"] for each in robot.warnings] == ["sdk.not_done"]
    assert missing == {"log": 1}


def test_pictures_that_are_not_stored_at_the_end_are_counted(tmp_path: Path) -> None:
    """One is on its way to a server that hangs, two wait behind it."""
    begun, may_go_on, said = threading.Event(), threading.Event(), list[Mapping[str, object]]()

    def upload(folder: str, name: str, path: str) -> None:
        begun.set()
        may_go_on.wait(PATIENCE_S)

    def log(level: str, event: str, sentence: str, **more: object) -> None:
        said.append({"event": event, **more})

    pictures = Pictures("Pictures", upload, str, log)
    pictures.add(Lines(Job("j", "script"), None), [str(tmp_path / f"{n}.png") for n in range(3)])
    assert begun.wait(PATIENCE_S)
    pictures.close()

    assert said == [{"event": "screenshot.left_at_end", "folder": "Pictures", "screenshots": 3}]
    may_go_on.set()
