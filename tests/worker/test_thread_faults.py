"""Whatever is raised wherever in a thread of the robot, a job comes to its true end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import ScriptNotStartedError
from fsm_robot.robot.ports import Ending, Job
from fsm_robot.system import threads
from fsm_robot.worker.supervisor import ScriptWorker
from tests.fakes.faults import fault, faults_can_come
from tests.fakes.processes import alive
from tests.fakes.waiting import PATIENCE_S, until

if sys.platform == "win32":
    from fsm_robot.worker import _windows as system
else:
    from fsm_robot.worker import _posix as system

pytestmark = pytest.mark.long

END_SEEN_BY = "reaper" if os.name == "posix" else "script's end"
CASES = [
    *(("script", order) for order in ("", "stop", "aborted")),
    *((END_SEEN_BY, order) for order in ("", "aborted")),
    *(("output", ""), ("output file", "")),
]
ENDS = """\
import os
print('done', os.getpid())
open('pid', 'w').write(str(os.getpid()))
"""
STAYS = """\
import os, time
print('here')
open('pid.new', 'w').write(str(os.getpid()))
os.replace('pid.new', 'pid')
time.sleep(90)
"""
# Every call at first; then it is a look at one process after the other, again and again.
NUMBERS = [*range(50), *range(50, 400, 17)]
ORDERS = {"": "succeeded", "stop": "stopped", "aborted": "aborted"}


@pytest.fixture(scope="module", autouse=True)
def _reaper_that_can_be_met() -> Iterator[None]:
    """The reaper lives as long as the process; afterwards the others get one that no fault has met."""
    with faults_can_come():
        yield
    system.children.cache_clear()


class Jobs:
    def __init__(self, folder: Path) -> None:
        self.scripts = folder / "scripts"
        self.scripts.mkdir()
        self.lines: list[str] = []
        self.worker = ScriptWorker(
            scripts_directory=self.scripts,
            jobs_directory=folder / "jobs",
            python=sys.executable,
            redactor=Redactor(),
            output_limit_bytes=1 << 20,
            keep_job_files=False,
            log=lambda level, _event, sentence, **values: self.lines.append(f"{sentence} {values}"),
        )

    def run(self, text: str, order: str) -> Ending | str:
        """Return how the job ended, or why it was not started."""
        (self.scripts / "pid").unlink(missing_ok=True)
        (self.scripts / "script.py").write_text(text)
        endings: list[Ending] = []
        over = threads.Flag()  # an event of the library may stay locked for ever where the fault meets it

        def ended(ending: Ending) -> None:
            endings.append(ending)
            over.set()

        try:
            self.worker.start(Job("g", "script"), uuid4().hex, ended)
        except ScriptNotStartedError as error:
            return str(error)
        if order:
            until((self.scripts / "pid").exists, "the start")
            self.worker.ask_to_stop() if order == "stop" else self.worker.kill(order)
        assert over.wait(PATIENCE_S), "the job has no end"
        return endings[0]


@pytest.mark.skipif(
    os.name != "posix", reason="shown under POSIX; a Windows process needs seconds for each of the faults"
)
# A fault may come before the first line of ours in a thread, and then Python itself reports it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("thread", "order"), CASES)
def test_job_comes_to_its_true_end_whatever_a_thread_raises(tmp_path: Path, thread: str, order: str) -> None:
    """One fault per job, at the first call of the thread, at the second one, and so on to the last."""
    jobs, met = Jobs(tmp_path), 0
    for number in NUMBERS:
        if thread == "reaper":
            # Python takes the fault away with its first exception in a thread, and this one outlives the job.
            system.children.cache_clear()
            system.children()
        with fault(thread, number) as planned:
            ending = jobs.run(STAYS if order else ENDS, order)
        if not planned.place:
            if thread == END_SEEN_BY and number < 25:
                continue  # the end may be seen by another thread first, and then this one has less to do
            break
        pid = int((jobs.scripts / "pid").read_text()) if (jobs.scripts / "pid").exists() else 0
        if isinstance(ending, str):
            # A thread that could not begin, or a file that could not be opened: the script was never there.
            assert "cannot be started" in ending
            assert not pid, planned
            continue
        met += 1
        told = f"{planned.number} {planned.place}\n{ending}\n{jobs.lines[-8:]}"
        assert (ending.outcome, ending.survivors) == (ORDERS[order], ()), told
        assert not (pid and alive(pid)), planned
        assert jobs.worker.is_idle(), planned
    assert met >= (2 if thread == END_SEEN_BY else 5), "no fault was met, so this shows nothing"
