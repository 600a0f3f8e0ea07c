"""What another program really holds without sharing, and whom the folders of a robot let in; on a Windows Python."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fsm_robot.engine import channel, instance
from fsm_robot.engine.instance import only_instance
from fsm_robot.errors import InstanceRunningError, RobotError
from fsm_robot.fleet import looking, rollout
from fsm_robot.operations.versions import CHOICE_NAME, Place
from fsm_robot.system import held
from tests.fakes.robot_folder import RobotFolder

if sys.platform == "win32":
    import _winapi

    from fsm_robot.system import _held_file, _private_file, _windows

if sys.platform != "win32":
    pytest.skip("needs a Windows Python: `make test-windows`", allow_module_level=True)
assert sys.platform == "win32"  # so mypy passes over the rest elsewhere, where its names do not exist

READ, SHARE_NOTHING, OPEN_EXISTING = 0x80000000, 0, 3
MOMENT = "2026-11-23T10:00:00Z"


@contextmanager
def scanner(file: Path, seconds: float = 3600.0) -> Iterator[None]:
    """Hold a file as a scanner does, for so many seconds."""
    handle, lock = _winapi.CreateFile(str(file), READ, SHARE_NOTHING, 0, OPEN_EXISTING, 0, 0), threading.Lock()
    handles = [handle]

    def let_go() -> None:
        with lock:
            while handles:
                _winapi.CloseHandle(handles.pop())

    timer = threading.Timer(seconds, let_go)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        let_go()


def _file_of(robot_folder: RobotFolder, name: str) -> Path:
    """Let a robot run once, and return one of its files."""
    robot_folder.store.enqueue(robot_folder.script("before", "print('before')"))
    assert robot_folder.run().exit_code == 0
    state = robot_folder.path / "state"
    if name == "journal":
        return max((state / "journal").iterdir())
    return state / "jobs" / name if name == "ledger.jsonl" else state / name


@pytest.mark.parametrize("name", ["robot.lock", "ledger.jsonl", "journal", "robot.log"])
def test_file_that_a_scanner_holds_for_two_seconds_costs_nothing(robot_folder: RobotFolder, name: str) -> None:
    file = _file_of(robot_folder, name)
    robot_folder.store.enqueue(robot_folder.script("beside", "print('beside a scanner')"))

    with scanner(file, 2.0):
        done = robot_folder.run()

    assert (done.exit_code, robot_folder.statuses()["beside"]) == (0, 4), done.err


@pytest.mark.parametrize("name", ["robot.lock", "ledger.jsonl", "journal"])
def test_file_that_a_scanner_does_not_let_go_ends_the_run_before_a_job_is_asked_for(
    robot_folder: RobotFolder, name: str
) -> None:
    file = _file_of(robot_folder, name)
    robot_folder.store.enqueue(robot_folder.script("waits", "print('not now')"))

    with scanner(file):
        done = robot_folder.run()

    assert done.exit_code == 1
    assert "Traceback" not in done.err
    assert any(f"{file} is held open by " in line for line in done.err.splitlines()), done.err
    assert robot_folder.statuses()["waits"] == 1  # nobody has taken it


def test_another_robot_is_told_from_a_scanner_at_once(tmp_path: Path) -> None:
    """It has the name of the robot, which no scanner can have; also where its lock cannot be looked into."""
    guid, state = str(uuid.uuid4()), tmp_path / "state"
    with only_instance(guid, state, MOMENT):
        began_s = time.monotonic()
        with pytest.raises(InstanceRunningError, match="already runs: pid"), only_instance(guid, state, MOMENT):
            pytest.fail("two robots")
    name = instance._name_of(guid, _windows.account_folder(), held.PATIENCE)
    taken = _windows.take_name(f"fsm_robot-{name}")
    assert taken != 0
    try:
        with (
            scanner(state / "robot.lock"),
            pytest.raises(InstanceRunningError, match="already runs in this session"),
            only_instance(guid, state, MOMENT),
        ):
            pytest.fail("two robots")
    finally:
        _windows.free_name(taken)
    assert time.monotonic() - began_s < held.LONGEST_S / 2


def test_holder_is_asked_of_the_system(tmp_path: Path) -> None:
    """The system's Restart Manager says who it is, or nothing, as Wine's does: then it is another program."""
    file = tmp_path / "held"
    file.touch()
    assert ctypes.sizeof(_held_file._ProcessInfo) == 12 + 512 + 128 + 16  # RM_PROCESS_INFO

    with scanner(file):
        found = _held_file.holders(str(file))

    assert all("(pid " in each for each in found)


def test_refusal_that_is_no_held_file_is_not_waited_for(tmp_path: Path) -> None:
    """The C library has one number for "held" and for "a folder"."""
    began_s = time.monotonic()

    with pytest.raises(PermissionError) as refused:
        held.PATIENCE.until_free(tmp_path, lambda: tmp_path.open("r+b"))

    assert not isinstance(refused.value, held.HeldFileError)
    assert time.monotonic() - began_s < held.LONGEST_S / 2


READERS: dict[str, Callable[[Path], object]] = {
    "channel.json": lambda folder: channel.ask(folder, {}),
    CHOICE_NAME: lambda folder: Place(folder).choice(),
    "schedule.json": looking.read_schedule,
    "rollout.json": lambda folder: rollout._history(folder / "rollout.json"),
}


@pytest.mark.parametrize("name", READERS)
def test_reader_of_a_file_that_is_being_replaced_waits_for_it(tmp_path: Path, name: str) -> None:
    """Windows refuses it for the moment in which the new one gets its name; what is read is what stands there."""
    file = tmp_path / name
    file.write_text("[]" if name == "rollout.json" else "{}")

    with scanner(file, 1.0):
        began_s = time.monotonic()
        with contextlib.suppress(RobotError):  # of a file that says nothing
            READERS[name](tmp_path)

    assert time.monotonic() - began_s > 0.5


def test_private_file_that_goes_while_it_is_opened_comes_back_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never with the rights of its folder, which others of the machine may look into."""
    file, create = tmp_path / "robot.log", _private_file.create
    file.touch()

    def created(path: str, *, administrators: bool = False) -> int:
        try:
            return create(path, administrators=administrators)
        except FileExistsError:
            file.unlink()
            raise

    monkeypatch.setattr(_private_file, "create", created)
    os.close(_windows.open_private(str(file), os.O_APPEND))

    assert set(_entries(file)) <= {_private_file.account_sid(), "SY", "BA"}  # Wine forgets the administrators


# ---- folders


def _entries(path: Path) -> dict[str, str]:
    """Return who is in the access list of a folder, as SIDs or the system's two letters, and what inherits it."""
    advapi32, descriptor, text = ctypes.WinDLL("advapi32"), ctypes.c_void_p(), ctypes.c_wchar_p()
    name = ctypes.c_wchar_p(str(path))
    advapi32.GetNamedSecurityInfoW(name, 1, 4, None, None, None, None, ctypes.byref(descriptor))
    advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW(descriptor, 1, 4, ctypes.byref(text), None)
    assert text.value is not None
    entries = [entry.split(";") for entry in text.value.replace(")", "(").split("(") if ";" in entry]
    return {entry[5]: entry[1] for entry in entries}


def test_new_storage_folder_is_for_this_account_and_so_is_what_lies_in_it(robot_folder: RobotFolder) -> None:
    """The system and administrators besides, and nobody whom the folder above lets in. Wine does not pass it on."""
    robot_folder.store.enqueue(robot_folder.script("quick", "print(1)"))
    assert robot_folder.run().exit_code == 0
    own = _private_file.account_sid()
    only = dict.fromkeys([own, "SY", "BA"], "OICI")
    state = robot_folder.path / "state"
    (of_the_job,) = [path for path in (state / "jobs").iterdir() if path.is_dir()]

    assert _entries(robot_folder.path).keys() != only.keys(), "the folder above is as private, so this shows nothing"
    for folder in (state, of_the_job):
        assert {own: "OICI"}.items() <= _entries(folder).items() <= only.items()  # Wine forgets the administrators


def test_folder_of_a_person_stays_as_it_is(tmp_path: Path) -> None:
    """One that is there already has the access list that somebody has given it."""
    state = tmp_path / "state"
    state.mkdir()
    before = _entries(state)

    with only_instance(str(uuid.uuid4()), state, MOMENT):
        assert _entries(state) == before


def test_private_folder_cannot_be_made_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    _windows.make_private_folder(str(tmp_path / "new"))
    _windows.make_private_folder(str(tmp_path / "new"))
    with pytest.raises(FileExistsError):
        _windows.make_private_folder(str(tmp_path / "file"))
    with pytest.raises(FileNotFoundError):
        _windows.make_private_folder(str(tmp_path / "absent" / "new"))
