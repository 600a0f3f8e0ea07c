"""Programs that somebody else starts on a script's behalf: nobody's children, and still there when the job is over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from fsm_robot.worker import opened
from fsm_robot.worker.opened import Programs
from fsm_robot.worker.process import Moment, Process
from tests.fakes.robot_folder import RobotFolder, until

if sys.platform == "win32":
    from fsm_robot.worker import _windows as system
else:
    from fsm_robot.worker import _posix as system

SERVICE = """
import pathlib, subprocess, sys, time
folder, *command = sys.argv[1:]
folder = pathlib.Path(folder)
while True:
    for wanted in folder.glob("*.wanted"):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        told = wanted.with_suffix(".new")
        told.write_text(str(process.pid))
        wanted.unlink()
        told.rename(wanted.with_suffix(".opened"))
    time.sleep(0.02)
"""
SCRIPT = """
import pathlib, time
wanted = pathlib.Path({!r})
wanted.touch()
while not wanted.with_suffix(".opened").exists(): time.sleep(0.02)
"""


@attrs.define
class Service:
    """What opens programs for others, as COM does: it is no process of the robot."""

    folder: Path
    name: str
    pids: list[int] = attrs.field(factory=list)

    def script(self, number: int) -> str:
        return SCRIPT.format(str(self.folder / f"{number}.wanted"))

    def opened(self, number: int) -> Process:
        pid = int((self.folder / f"{number}.opened").read_text())
        self.pids.append(pid)
        return Process(pid, system.created_at(pid), self.name)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    folder = tmp_path / "service"
    folder.mkdir()
    command = [sys.executable, "-c", "import time; time.sleep(300)"]
    name = "python*.exe"
    if sys.platform != "win32":
        name = "soffice.bin"
        shutil.copy(shutil.which("sleep") or "sleep", folder / name)
        command = [str(folder / name), "300"]
    process = subprocess.Popen([sys.executable, "-c", SERVICE, str(folder), *command])
    made = Service(folder, name)
    try:
        yield made
    finally:
        process.kill()
        process.wait()
        system.kill([Process(pid, system.created_at(pid), "") for pid in made.pids])


def test_what_a_job_has_opened_beside_its_processes_is_told_asked_or_ended(
    robot_folder: RobotFolder, service: Service
) -> None:
    """By its name; what was there before the job is left alone, and so is what no list has."""

    def job(number: int, **lists: list[str]) -> Process:
        none: dict[str, list[str]] = {"report": [], "ask": [], "end": []}
        robot_folder.settings(leftovers={**none, **lists})
        robot_folder.store.enqueue(robot_folder.script(f"job{number}", service.script(number)))
        assert robot_folder.run().exit_code == 0
        return service.opened(number)

    unknown = job(0, end=["excel.exe"])
    assert "are still running" not in robot_folder.log()

    told = job(1, report=[service.name.upper()])
    assert f"pid {told.pid} (" in robot_folder.log()
    assert f"pid {unknown.pid} (" not in robot_folder.log()
    assert system.is_alive(told)

    ended = job(2, report=["*"], end=[service.name])
    until(lambda: not system.is_alive(ended))
    assert (system.is_alive(unknown), system.is_alive(told)) == (True, True)
    if sys.platform != "win32":
        asked = job(3, ask=["soffice*"])
        until(lambda: not system.is_alive(asked))
        line = next(line for line in robot_folder.log().splitlines() if "asked=" in line)
        assert (f"pid {asked.pid} (soffice.bin)" in line, "ended=" in line) == (True, False)


@pytest.mark.parametrize(
    ("programs", "left", "asked", "ended"),
    [
        (Programs(report=["*"]), [1, 3], [], []),
        (Programs(report=["*"], ask=["CHROME"]), [3], [1], []),
        (Programs(report=["*"], ask=["chrome"], end=["chr*"]), [3], [], [1]),
        (Programs(), [], [], []),
    ],
)
def test_strictest_list_counts_and_a_tree_of_processes_is_one_program(
    monkeypatch: pytest.MonkeyPatch, programs: Programs, left: list[int], asked: list[int], ended: list[int]
) -> None:
    """All of them are ended, only the first is told."""
    there = [Process(1, "a", "chrome"), Process(2, "b", "Chrome", parent=1), Process(3, "c", "EXCEL.EXE")]
    done: dict[str, list[int]] = {}
    monkeypatch.setattr(system, "opened_since", lambda began: there)
    monkeypatch.setattr(system, "kill", lambda all_: done.update(kill=[each.pid for each in all_]))
    monkeypatch.setattr(system, "ask_to_close", lambda all_: done.update(ask=[each.pid for each in all_]))

    found = opened.deal_with(Moment(0), programs)

    assert [[each.pid for each in part] for part in (found.left, found.asked, found.ended)] == [left, asked, ended]
    assert [len(done["kill"]), len(done["ask"])] == [2 * len(ended), 2 * len(asked)]


@pytest.mark.skipif(os.name == "nt" or not Path("/proc/self/stat").exists(), reason="by the numbers in /proc")
def test_own_children_are_none_of_them(tmp_path: Path) -> None:
    """Those are the script's tree, which is ended with it."""
    began = opened.moment()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert child.pid not in [each.pid for each in system.opened_since(began)]
        assert system.opened_since(Moment(opened.moment().created + 10_000)) == []
    finally:
        child.communicate(b"\n", timeout=60)


@pytest.mark.skipif(os.name == "nt" or not Path("/proc/self/stat").exists(), reason="by the numbers in /proc")
def test_numbers_that_threads_have_are_no_programs() -> None:
    """Each number that was given since is tried, and a thread has one that no list of processes shows."""
    began, over = opened.moment(), threading.Event()
    thread = threading.Thread(target=over.wait, args=(60,), daemon=True)
    thread.start()
    try:
        assert thread.native_id not in [each.pid for each in system.opened_since(began)]
    finally:
        over.set()


@pytest.mark.skipif(os.name == "nt" or not Path("/proc/self/stat").exists(), reason="by the numbers in /proc")
def test_job_that_has_opened_nothing_costs_no_list_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine may have a thousand of them, and a job of moments took as long again to look through them."""
    listed: list[str] = []

    def listdir(folder: str) -> list[str]:
        listed.append(folder)
        return []

    monkeypatch.setattr(os, "listdir", listdir)

    system.opened_since(opened.moment())  # what others start in between is told, too
    assert listed == []
    system.opened_since(Moment(0))
    assert listed == ["/proc"]
