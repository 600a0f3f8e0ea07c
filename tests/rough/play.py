"""Plays cases side by side, each in a process of its own that is forked from this one."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from fsm_robot.simulator.secrets import forms_of
from tests.rough import proc
from tests.rough.case import Case
from tests.rough.promises import Broken, Seen, broken
from tests.rough.stage import Stage, become_subreaper

LARGEST_READ = 16 << 20
LONGEST_CASE_S = 600.0
_PR_SET_PDEATHSIG = 1


@attrs.frozen
class Played:
    """What came of one case.

    Attributes:
        jobs: How many of its jobs have a final status.
        effective: Whether everything that is rough took effect: else it does not count.
        skipped: Why it could not be played here, or empty.
    """

    case: Case
    broken: tuple[Broken, ...]
    jobs: int
    effective: bool
    skipped: str
    story: tuple[str, ...]
    seconds: float


def played(cases: Iterable[Case], side_by_side: int, keep: Path | None = None) -> Iterator[Played]:
    """Play cases, several at a time, and yield what came of each as it ends."""
    become_subreaper()  # what is left of a case that had to be ended must not get away
    waiting = iter(cases)
    running: dict[int, tuple[Case, Path, float]] = {}
    more = True
    try:
        while running or more:
            while more and len(running) < side_by_side:
                case = next(waiting, None)
                if case is None:
                    more = False
                    break
                folder = Path(tempfile.mkdtemp(prefix="rough-"))
                folder.chmod(0o755)
                running[_forked(case, folder)] = (case, folder, time.monotonic())
            if not running:
                return
            pid = _ended(running)
            case, folder, began_s = running.pop(pid)
            result = _result(case, folder, time.monotonic() - began_s)
            if keep is not None and result.broken:
                shutil.copytree(folder, keep / case.name.replace(":", "-"), dirs_exist_ok=True, ignore=_fifos)
            shutil.rmtree(folder, ignore_errors=True)
            yield result
    finally:
        for pid, (_, folder, _) in running.items():
            _end(pid, folder)
            shutil.rmtree(folder, ignore_errors=True)


def _fifos(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not Path(folder, name).is_file() and not Path(folder, name).is_dir()]


def _ended(running: dict[int, tuple[Case, Path, float]]) -> int:
    while True:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if pid in running:
            return pid
        if pid == 0:
            time.sleep(0.02)
        for each, (_, folder, began_s) in running.items():
            if time.monotonic() - began_s > LONGEST_CASE_S:
                _end(each, folder)


def _end(pid: int, folder: Path) -> None:
    """Kill a case with everything below it; what is mounted in its folder is taken away."""
    (folder / "robot" / "goes-on").unlink(missing_ok=True)
    for each in (*(process.pid for process in proc.below(pid)), pid):
        with contextlib.suppress(OSError):
            os.kill(each, signal.SIGKILL)
    subprocess.run(["umount", "-l", str(folder / "robot" / "state")], capture_output=True, check=False)


def _forked(case: Case, folder: Path) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # no case goes on without who judges it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        _play(case, folder)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it belongs into the result and not into the other cases
        (folder / "instrument").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def _play(case: Case, folder: Path) -> None:
    stage = Stage(case, folder / "robot")
    stage.play()
    consumed = frozenset(job.guid for job in stage.server.jobs if job.consumed)
    forms = forms_of(stage.guid)
    seen = Seen(
        case,
        tuple(stage.facts.seen),
        tuple(job.guid for job in stage.server.jobs),
        consumed,
        _files(stage.folder),
        _open_to_others(stage.state),
        (forms.folded, forms.exact),
        stage.evidence,
    )
    result = {
        "broken": [] if stage.skipped else broken(seen),
        "jobs": sum(job.final is not None for job in stage.server.jobs),
        "evidence": stage.evidence,
        "skipped": stage.skipped,
        "story": [fact.told() for fact in stage.facts.seen],
    }
    (folder / "result.json").write_text(json.dumps(result))


def _open_to_others(state: Path) -> tuple[str, ...]:
    """Return the robot's own files that other accounts may read."""
    found = (path for path in sorted(state.rglob("*")) if path.is_file() and not path.is_symlink())
    ours = (path for path in found if path.name in ("robot.log", "output.log", "job.json") or path.suffix == ".jsonl")
    return tuple(path.name for path in ours if path.stat().st_mode & 0o077)


def _files(folder: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "robot.toml" and "ballast" not in path.name:
            with path.open("rb") as stream:
                found[path.relative_to(folder).as_posix()] = stream.read(LARGEST_READ)
    return found


def _result(case: Case, folder: Path, seconds: float) -> Played:
    try:
        values = json.loads((folder / "result.json").read_text())
    except OSError:
        said = folder / "instrument"
        why = said.read_text() if said.exists() else "it was killed: it took too long"
        return Played(case, (Broken("the_instrument", why),), 0, False, "", (), seconds)
    found = tuple(Broken(*each) for each in values["broken"])
    effective = all(values["evidence"].values()) and bool(values["evidence"])
    return Played(case, found, values["jobs"], effective, values["skipped"], tuple(values["story"]), seconds)
