"""Lines on their way to a real server that is dead, slow or refuses, with a disk that is full; nothing waits for them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.engine.redact import Secrets
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.gateway.objects import ObjectGateway
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.shipping.line import LONGEST_CHARACTERS, Line, cut, merged
from fsm_robot.shipping.shipper import BURST, Shipper
from fsm_robot.shipping.spool import SEGMENT_BYTES, Spool
from tests.fakes.waiting import GUID, until

JOB = "5c1e0000-0000-4000-8000-00000000000a"


@attrs.define(eq=False)
class Place:
    """A server with its log, and shippers that send to it, one life of a robot after the other."""

    path: Path
    server: Orchestrator
    said: list[tuple[str, str]] = attrs.field(factory=list)
    made: list[Shipper] = attrs.field(factory=list)

    def life(self, *, url: str = "", announced: bool = True, timeout_s: float = 30.0, **how: Any) -> Shipper:
        gateway = HttpGateway(url or self.server.url, GUID, timeout_s=timeout_s)
        objects = ObjectGateway(gateway)

        def send(level: str, message: str, job: str, version: str) -> None:
            objects.log(level, message, robot_guid=GUID, job_guid=job)

        def log(level: str, _event: str, sentence: str, **values: object) -> None:
            self.said.append((level, f"{sentence} {values}"))

        options: dict[str, Any] = {"per_s": 1000.0, **how}
        shipper = Shipper(Spool(self.path / "lines"), send, log, Secrets("").text, **options)
        self.made.append(shipper)
        if announced:
            shipper.begin()
        return shipper

    def kept(self) -> list[str]:
        return [line.message for line in self.server.store.logs.newest(10_000)]

    def faults(self, *texts: str) -> None:
        for text in texts:
            self.server.fault(text)

    def told(self, part: str) -> list[str]:
        return [text for _, text in self.said if part in text]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Orchestrator(Store(tmp_path / "orchestrator.sqlite")) as server:
        made = Place(tmp_path, server)
        yield made
        server.store.clear_faults()
        for shipper in made.made:
            shipper.close(0)


def add(shipper: Shipper, *texts: str, level: str = "Info") -> None:
    for text in texts:
        shipper.add(level, text, JOB)


def texts(count: int, word: str = "строка") -> list[str]:
    return [f"{word} {number}" for number in range(count)]


def lines_of(messages: list[str]) -> list[str]:
    """Return the lines that messages are made of, without the time of what was late."""
    return [re.sub(r"^\[[-0-9: ]+\] ", "", line) for message in messages for line in message.split("\n")]


# ---- as it should be


def test_a_run_that_leaves_at_once_still_sends_what_an_earlier_one_has_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the spool takes longer here than everything else that the run does."""
    before = place.life(announced=False)
    add(before, *texts(5))
    before.close(0)
    usual = Spool.load

    def late(spool: Spool) -> tuple[list[Line], int]:
        threading.Event().wait(0.3)
        return usual(spool)

    monkeypatch.setattr(Spool, "load", late)

    place.life().close(20)

    assert lines_of(place.kept()) == texts(5)


def test_lines_arrive_in_order_each_by_itself_while_there_is_no_backlog(place: Place) -> None:
    """With their level and job; and nothing stays on disk."""
    shipper = place.life()
    for number in range(10):
        shipper.add(("Debug", "Info", "Warning", "Error", "Critical")[number % 5], str(number), JOB)
        assert shipper.flush(20)

    rows = place.server.store.logs.newest()
    assert [row.message for row in rows] == [str(number) for number in range(10)]
    assert [row.level for row in rows] == ["Debug", "Info", "Warning", "Error", "Critical"] * 2
    assert {row.job_guid for row in rows} == {JOB}
    shipper.close(0)
    assert list((place.path / "lines").glob("*")) == []


def test_a_backlog_shares_messages_and_loses_nothing(place: Place) -> None:
    """In order; what is important has a message of its own; equal neighbours are counted."""
    shipper = place.life(announced=False)
    add(shipper, *texts(500), *["same"] * 57)
    add(shipper, "bad", level="Error")
    add(shipper, *texts(30, "after"))
    shipper.begin()
    assert shipper.flush(30)

    kept = place.kept()
    assert lines_of(kept) == [*texts(500), "same (x57)", "bad", *texts(30, "after")]
    assert len(kept) < 100
    assert max(map(len, kept)) <= LONGEST_CHARACTERS
    assert "bad" in kept


def test_the_server_is_not_asked_more_often_than_said(place: Place) -> None:
    """After a burst so many messages a second."""
    shipper = place.life(per_s=20.0)
    began_s = time.monotonic()
    add(shipper, *texts(BURST + 10), level="Warning")
    assert shipper.flush(30)

    assert time.monotonic() - began_s > 0.45
    assert place.kept() == texts(BURST + 10)


def test_a_line_that_is_late_tells_its_own_time() -> None:
    """The server stamps the arrival."""
    line = Line("Info", "x", 1_795_780_325.0)

    assert merged([line], line.at_s + 1) == "x"
    assert merged([line], line.at_s + 60) == "[11:52:05] x"
    assert merged([line], line.at_s + 86_400) == "[2026-11-27 11:52:05] x"
    assert merged([line, line], line.at_s) == "x (x2)"


def test_a_long_line_keeps_its_beginning_and_its_end() -> None:
    """With how much is missing."""
    text = cut("a" * 5000 + "z" * 5000)

    assert text.startswith("aaa")
    assert text.endswith("zzz")
    assert len(text) <= LONGEST_CHARACTERS
    assert re.search(r"… \d+ characters …", text)


# ---- a server that is dead, slow, or refuses


@pytest.mark.parametrize("fault", ["log:status:429/1*3", "log:status:503/1*2", "log:drop-before*1", "log:status:500*2"])
def test_a_failure_that_passes_loses_nothing(place: Place, fault: str) -> None:
    """And sends nothing twice that was surely not kept; the robot's log tells once that it waits, and that it is over."""
    shipper = place.life()
    place.faults(fault)
    add(shipper, *texts(5), level="Warning")
    assert shipper.flush(30) or until(lambda: not shipper.waiting)

    assert lines_of(place.kept()) == texts(5)
    assert len(place.told("do not reach")) == len(place.told("reach the orchestrator's log again")) == 1


def test_retry_after_is_obeyed(place: Place) -> None:
    """Nothing is asked before; and nobody waits for what cannot come in time."""
    shipper = place.life()
    place.faults("log:status:429/2*1")
    add(shipper, "x")
    until(lambda: place.told("do not reach"))
    began_s = time.monotonic()
    assert not shipper.flush(0.5)
    assert time.monotonic() - began_s < 0.4
    calls = len(place.server.store.calls())
    until(lambda: place.kept() == ["x"])

    assert time.monotonic() - began_s > 1.5
    assert len(place.server.store.calls()) == calls + 1


def test_a_dead_server_is_not_waited_for(place: Place) -> None:
    """Once it was not found; the lines stay for the next life, which sends them in their order."""
    shipper = place.life(url="http://127.0.0.1:9")
    add(shipper, *texts(3))
    until(lambda: place.told("do not reach"))
    began_s = time.monotonic()
    assert not shipper.flush(20)
    assert time.monotonic() - began_s < 1
    shipper.close(0)
    again = place.life()
    add(again, "new")
    assert again.flush(20)

    assert lines_of(place.kept()) == [*texts(3), "new"]


def test_a_slow_server_is_waited_for_so_long_and_no_longer(place: Place) -> None:
    """A call that hangs does not hang who waits."""
    shipper = place.life()
    place.faults("log:delay:30")
    add(shipper, "x")
    began_s = time.monotonic()

    assert not shipper.flush(0.5)
    assert 0.4 < time.monotonic() - began_s < 5


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_line_that_is_refused_holds_up_no_other(place: Place, status: int) -> None:
    """It is counted, in the robot's log and by a line in its place."""
    shipper = place.life()
    place.faults(f"log:status:{status}*1")
    add(shipper, *texts(3))
    assert until(lambda: not shipper.waiting)
    until(lambda: len(place.kept()) == 3)

    first, notice, second = place.kept()
    assert [first, second] == texts(3)[1:]
    assert "1 line is missing here" in notice
    assert "refused by the orchestrator" in notice
    assert place.told("refused by the orchestrator")


@pytest.mark.parametrize("times", [1, 2])
def test_a_line_of_a_job_that_has_ended_goes_once_more_without_its_guid(place: Place, times: int) -> None:
    """Where that is taken the next ones go so at once; else it is counted, and the next ones are the job's as ever."""
    shipper = place.life()
    place.faults(f"log:status:409*{times}")
    shipper.job_ended(JOB)
    add(shipper, *texts(3))
    assert until(lambda: not shipper.waiting)

    until(lambda: len(place.kept()) == 3)
    kept = [line for line in place.server.store.logs.newest() if "missing here" not in line.message]
    unnamed = [f"[job {JOB}] {text}" for text in texts(3)]
    assert [line.message for line in kept] == (unnamed if times == 1 else texts(3)[1:])
    assert {line.job_guid for line in kept} == ({""} if times == 1 else {JOB})
    assert len(place.told("refused by the orchestrator")) == times - 1


def test_a_credential_that_is_refused_loses_nothing(place: Place) -> None:
    """It may be mended; the lines wait."""
    shipper = place.life()
    place.faults("log:status:401*2")
    add(shipper, "x")
    assert until(lambda: place.kept() == ["x"])


@pytest.mark.parametrize(("level", "arrives"), [("Error", 2), ("Info", 1)])
def test_a_lost_answer_doubles_only_what_is_important(place: Place, level: str, arrives: int) -> None:
    """Nobody knows whether it was kept: what matters is sent once more, the rest is counted."""
    shipper = place.life()
    place.faults("log:drop-after*1")
    add(shipper, "x", level=level)
    until(lambda: not shipper.waiting)
    add(shipper, "y", level=level)
    assert until(lambda: "y" in lines_of(place.kept()))
    until(lambda: not shipper.waiting)

    assert lines_of(place.kept()).count("x") == arrives
    assert bool(place.told("may be missing")) == (level == "Info")


def test_a_line_that_the_server_always_fails_at_is_given_up(place: Place) -> None:
    """After a few tries, for the others' sake."""
    shipper = place.life()
    place.faults("log:status:500*3")
    add(shipper, "poison", "next")
    until(lambda: "next" in lines_of(place.kept()))

    assert place.told("has not said that it kept them")


# ---- bounds


def test_when_it_is_full_the_important_ones_stay(place: Place) -> None:
    """Debug goes first, then Info, then the oldest; each is counted, and the next line that arrives is followed by it."""
    shipper = place.life(announced=False, room_bytes=40_000)
    for number in range(300):
        add(shipper, f"debug {number}", level="Debug")
        add(shipper, f"info {number}")
        add(shipper, f"error {number}", level="Error")
    waiting = shipper.waiting
    shipper.begin()
    until(lambda: not shipper.waiting)

    told = [int(found[1]) for each in place.kept() if (found := re.search(r"(\d+) lines are missing here", each))]
    got = [line for line in lines_of(place.kept()) if "missing here" not in line]
    assert waiting < 150
    assert sum(told) + len(got) == 900
    errors = [int(line.split()[1]) for line in got if line.startswith("error")]
    assert errors == list(range(errors[0], 300))
    assert len(errors) > len([line for line in got if line.startswith("info")])


def test_the_disk_holds_no_more_than_memory(place: Place) -> None:
    """Files are removed as soon as nothing in them waits; they are for this account only."""
    shipper = place.life(announced=False, room_bytes=3 << 20)
    for number in range(4000):
        add(shipper, f"{number} " + "x" * 3000, level="Error")
    until(lambda: not shipper._new)
    sizes = [file.stat().st_size for file in (place.path / "lines").glob("*.jsonl")]
    modes = {file.stat().st_mode & 0o77 for file in (place.path / "lines").glob("*")}

    assert sum(sizes) < (3 << 20) + 2 * SEGMENT_BYTES
    assert len(sizes) > 1
    if sys.platform != "win32":
        assert modes == {0}


# ---- lives


def test_lines_wait_for_the_word_of_the_orchestrator(place: Place) -> None:
    """Nothing is sent before it knows this run; then what is old goes first."""
    first = place.life(announced=False)
    add(first, *texts(3))
    assert not first.flush(10)
    first.close(0)
    second = place.life(announced=False)
    add(second, "new")
    assert place.kept() == []
    second.begin()

    assert second.flush(20)
    assert lines_of(place.kept()) == [*texts(3), "new"]


KILLED = """
import os, sys
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.gateway.objects import ObjectGateway
from fsm_robot.shipping.shipper import Shipper
from fsm_robot.shipping.spool import Spool
url, guid, folder, count, dies_at = sys.argv[1:]
objects = ObjectGateway(HttpGateway(url, guid))
sent = 0
def send(level, message, job, version):
    global sent
    objects.log(level, message, job_guid=job)
    sent += 1
    if sent == int(dies_at):
        os.kill(os.getpid(), 9)
from pathlib import Path
shipper = Shipper(Spool(Path(folder)), send, print, str, 1000.0)
for number in range(int(count)):
    shipper.add("Error", str(number))
    if number == 5:
        while shipper._new:
            pass
shipper.begin()
shipper.flush(30)
shipper.close(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("dies_at", [1, 2, 7, 20])
def test_a_robot_that_is_killed_while_it_sends_repeats_one_message_at_most(place: Place, dies_at: int) -> None:
    """The one whose answer it did not live to note down; the order stays."""
    command = [sys.executable, "-c", KILLED, place.server.url, GUID, str(place.path / "lines"), "20", str(dies_at)]
    done = subprocess.run(command, timeout=60, check=False)
    assert done.returncode == -9
    shipper = place.life()
    add(shipper, "end", level="Error")
    assert shipper.flush(30)

    got = lines_of(place.kept())
    *numbers, end = got
    assert end == "end"
    assert len(got) - len(set(got)) <= 1
    once = list(dict.fromkeys(map(int, numbers)))
    assert once == list(range(len(once)))
    assert len(once) >= max(6, dies_at)


def test_a_run_that_ends_tells_what_it_has_lost_in_the_next_one(place: Place) -> None:
    """A count in memory would die with it."""
    shipper = place.life(announced=False)
    add(shipper, "x")
    shipper.lost_before(7, JOB)
    until(lambda: not shipper._new)
    shipper.close(0)
    again = place.life()
    until(lambda: len(place.kept()) == 2)

    assert "7 lines are missing here" in place.kept()[1]
    assert again.flush(10)


# ---- the disk


def test_whatever_stands_in_the_folder_stops_nothing(place: Place) -> None:
    """Torn lines are counted, what is no line of ours is left out."""
    folder = place.path / "lines"
    folder.mkdir()
    good = Line("Error", "good", time.time(), number=1)
    (folder / "000000000001.jsonl").write_bytes(good.as_json() + b"[2, 17957803")
    (folder / "000000000009.jsonl").write_bytes(b"\xff\0garbage\n[]\n{}\n" + b"[" * 10_000)
    (folder / "sent").write_bytes(b"x")
    shipper = place.life()
    add(shipper, "new")
    until(lambda: len(place.kept()) == 3)

    assert [line for line in lines_of(place.kept()) if "missing here" not in line] == ["good", "new"]
    assert place.told("could not be read")


def test_a_folder_that_cannot_be_made_leaves_the_lines_in_memory(place: Place) -> None:
    """They arrive all the same; it is told once."""
    (place.path / "lines").write_text("a file")
    shipper = place.life()
    add(shipper, *texts(50))

    assert shipper.flush(20)
    assert lines_of(place.kept()) == texts(50)
    assert len(place.told("in memory only")) == 1


FULL = """
import json, resource, sys, threading, time
from pathlib import Path
from fsm_robot.shipping.shipper import Shipper
from fsm_robot.shipping.spool import Spool
limit, count = int(sys.argv[2]), int(sys.argv[3])
sent, said = [], []
shipper = Shipper(Spool(Path(sys.argv[1])), lambda *line: sent.append(line[1]), lambda *a, **k: said.append(a[2]), str, 1e4)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for number in range(count):
    shipper.add("Error", f"{number} " + "x" * 300)
end = time.monotonic() + 20
while not any("in memory only" in each for each in said) and time.monotonic() < end:
    time.sleep(0.01)
shipper.begin()
began = time.monotonic()
assert shipper.flush(20)
took = time.monotonic() - began
shipper.close(0)
print(json.dumps([[int(each.split()[0]) for each in sent], said, took]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_full_disk_leaves_the_rest_in_memory(tmp_path: Path) -> None:
    """The limit bites in the midst of a line; every line is sent once and in order, and it is told once."""
    command = [sys.executable, "-c", FULL, str(tmp_path / "lines"), "5000", "100"]
    done = subprocess.run(command, timeout=60, check=True, capture_output=True, text=True)
    sent, said, _ = json.loads(done.stdout)

    assert sent == list(range(100))
    assert len([each for each in said if "in memory only" in each]) == 1


def test_what_a_full_disk_has_cut_is_read_once(tmp_path: Path) -> None:
    """Written again behind it, when there is room: each line stands there once, and none is counted as lost."""
    if sys.platform == "win32":
        pytest.skip("there is no such limit")
    import resource

    spool = Spool(tmp_path / "lines")
    lines = [Line("Error", f"{number} " + "x" * 300, time.time(), number=number) for number in range(1, 30)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            spool.append(lines)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    spool.append(lines)
    spool.mark(3)

    found, torn = Spool(tmp_path / "lines").load()
    assert [line.number for line in found] == list(range(4, 30))
    assert torn == 0


@pytest.mark.parametrize("at", ["1e308", "-1", "NaN", "Infinity", "true", '"5"', "null"])
def test_a_time_that_is_none_makes_no_line(at: str) -> None:
    """Else the sender would fail at it in each run."""
    assert Line.parsed(f'[1, {at}, "Info", "", "", "text"]'.encode()) is None or at == "true"
