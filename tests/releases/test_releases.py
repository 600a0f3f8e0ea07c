from __future__ import annotations

import os
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import GUID
from tests.releases.record import RELEASES

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

ALONE_S = 300.0
"""How long a test waits for those that run beside it: a dozen robots, one after the other, on a busy machine."""
KEPT = sorted(RELEASES.glob("*/*.zip"))


def unpacked(kept: Path, folder: Path) -> Path:
    with zipfile.ZipFile(kept) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every folder has the same GUID, and this machine runs one robot of a GUID at a time, whichever test has it."""
    descriptor = system.open_lock_file(str(tmp_path_factory.getbasetemp().parent / "robot-of-a-release.lock"))
    deadline = time.monotonic() + ALONE_S
    while not system.try_lock(descriptor):
        assert time.monotonic() < deadline, "the robots of the other tests do not come to their end"
        time.sleep(0.1)
    yield
    os.close(descriptor)


def named(kept: Path) -> str:
    return f"{kept.parent.name}/{kept.stem}"


def test_each_release_is_kept_with_both_folders() -> None:
    """Nothing is left out because a file is missing."""
    assert {each.name for each in RELEASES.iterdir()} >= {"0.1.0", "0.1.0-31a6f4a", "0.1.0-ae7475e", "1.0.0"}
    assert all({path.stem for path in each.glob("*.zip")} == {"killed", "undelivered"} for each in RELEASES.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="recorded under Linux; a folder that moves between systems is not promised")
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("kept", KEPT, ids=named)
def test_a_robot_finishes_what_one_of_a_release_has_left_open(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job in hand is reported once and never run again, a task in hand gets its end, nothing that was there is lost."""
    store = Store(unpacked(kept, tmp_path) / "orchestrator.sqlite")
    before = {job.guid: (job.script, job.status) for job in store.jobs()}
    ledger = (tmp_path / "state" / "jobs" / "ledger.jsonl").read_bytes()
    (tmp_path / "scripts" / "started").unlink(missing_ok=True)

    with Orchestrator(store) as server:
        folder = RobotFolder(tmp_path, store, server, guid=GUID)
        folder.settings()
        store.clear_faults()
        done = folder.run()
        again = folder.run()

    assert (done.exit_code, again.exit_code) == (0, 0), done.err + again.err
    after = {job.guid: (job.script, job.status) for job in store.jobs()}
    open_one = next(guid for guid, (_, status) in before.items() if status == 8)
    assert after == {**before, open_one: (before[open_one][0], 5 if kept.stem == "killed" else 4)}
    finals = [call for call in folder.calls() if call == ("/api/job/update", str(after[open_one][1]))]
    assert len(finals) >= 1
    assert not (tmp_path / "scripts" / "started").exists(), "it was run again"
    assert (tmp_path / "state" / "jobs" / "ledger.jsonl").read_bytes().startswith(ledger)
    for word in ("ERROR", "Traceback", "damaged"):
        assert word not in done.err
    if (tmp_path / "state" / "jobs" / "tasks.jsonl").exists():
        capsys.readouterr()
        assert (
            main(["orchestrator", "task", "list", "Счета", "--json", "--db", str(tmp_path / "orchestrator.sqlite")])
            == 0
        )
        assert "in-progress" not in capsys.readouterr().out.lower().replace("inprogress", "in-progress")


@pytest.mark.parametrize("kept", KEPT, ids=named)
def test_what_a_release_wrote_is_read_by_every_command_that_looks(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """History, replay, conformance, event logs and status, before the robot of this version has touched anything."""
    monkeypatch.chdir(unpacked(kept, tmp_path))
    jobs = 3 if kept.stem == "killed" else 1

    assert main(["history", "--json"]) in (0, 1)
    assert len([line for line in capsys.readouterr().out.splitlines() if '"script"' in line]) >= 1
    assert main(["replay", "state/journal"]) == 0, capsys.readouterr()
    assert main(["conformance", "state/journal"]) in (0, 1)
    assert main(["export", "--format", "xes", "state/journal", "-o", "log.xes"]) == 0
    assert (tmp_path / "log.xes").read_text(encoding="utf-8").count("job_claimed") >= jobs
    assert main(["status", "--json"]) in (0, 1)
    assert main(["doctor", "--json"]) in (0, 1)
    told = capsys.readouterr()
    assert "Traceback" not in told.out + told.err
    assert main(["support-bundle", "--list"]) in (0, 1)
