"""Scripts that use too much: of time, of memory; and what becomes of a stop that comes before or after."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from pathlib import Path

import attrs
import pytest

from fsm_robot.robot.ports import Limits
from fsm_robot.worker.supervisor import memory_limit, time_limit
from tests.fakes.processes import alive
from tests.fakes.waiting import until
from tests.worker.test_supervisor import Runs, runs

if sys.platform == "win32":
    from fsm_robot.worker import _windows as system
else:
    from fsm_robot.worker import _posix as system

__all__ = ["runs"]  # a fixture

MIB = 1 << 20
TIME_S = 4.0 if os.name == "nt" else 0.6
SHORT_S = 4.0 if os.name == "nt" else 0.3  # an interpreter's start takes more than a second under Wine
BEFORE_S = 10.0 if os.name == "nt" else 1.0
"""A limit that the script's start surely fits into, with room for a word before it."""
counts_memory = pytest.mark.skipif(os.name == "nt", reason="Wine counts no memory of a job; docs/windows-checklist.md")
WAITS = "started(os.getpid())\nwhile True: time.sleep(0.02)\n"
DEAF = "import signal\nsignal.signal(getattr(signal, 'SIGBREAK', signal.SIGTERM), lambda *_: None)\n" + WAITS
TIDY = "started(os.getpid())\ntry:\n    while True: time.sleep(0.02)\nfinally: print('closed')\n"
CHILD_WAITS = """\
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
started(os.getpid(), child.pid)
while True: time.sleep(0.02)
"""
CHILD_EATS = """\
code = "data = bytearray(160 << 20)\\nimport time; time.sleep(600)"
children = [subprocess.Popen([sys.executable, '-c', code]) for _ in range(2)]
started(os.getpid(), *(child.pid for child in children))
while True: time.sleep(0.02)
"""


def limited(runs: Runs, text: str, grace_s: float = 20.0, **limits: float) -> None:
    runs.worker.stop_grace_s = grace_s
    runs.worker.limits = lambda _: Limits(limits.get("time_s", 0.0), int(limits.get("memory_mib", 0) * MIB))
    runs.start(text)


def test_script_over_its_time_is_asked_first_and_has_failed(runs: Runs) -> None:
    """It may tidy up; what it leaves with does not matter."""
    limited(runs, TIDY, time_s=TIME_S)

    ending = runs.ending()

    assert (ending.outcome, ending.reason, ending.limit) == (
        "failed",
        f"time limit of {TIME_S:g} s",
        f"time limit of {TIME_S:g} s",
    )
    assert "closed" in runs.output()


@pytest.mark.parametrize("text", [DEAF, CHILD_WAITS], ids=["deaf", "with a child"])
def test_script_that_does_not_leave_then_is_killed_with_all_that_it_started(runs: Runs, text: str) -> None:
    """After the grace time nothing of it is alive."""
    limited(runs, text, grace_s=0.3, time_s=TIME_S)
    pids = runs.started()

    ending = runs.ending()

    assert (ending.outcome, ending.limit) == ("failed", f"time limit of {TIME_S:g} s")
    assert [pid for pid in pids if alive(pid)] == []


def test_script_within_its_limits_is_left_alone(runs: Runs) -> None:
    """It ends as it ends, and nobody speaks of a limit."""
    limited(runs, "data = bytearray(1 << 20)\nsys.exit(3)\n", time_s=60, memory_mib=2000)

    ending = runs.ending()

    assert (ending.outcome, ending.exit_code, ending.reason, ending.limit) == ("failed", 3, "exit code 3", "")
    assert [line for line in runs.lines if line[0] == "warning"] == []


@counts_memory
def test_tree_over_its_memory_is_killed(runs: Runs) -> None:
    """The sum of all processes counts: each of these alone is below."""
    limited(runs, CHILD_EATS, memory_mib=250)
    pids = runs.started()

    ending = runs.ending()

    assert (ending.outcome, ending.reason) == ("failed", "memory limit of 250 MiB")
    assert [pid for pid in pids if alive(pid)] == []


@pytest.mark.skipif(os.name == "nt", reason="processes of Windows share no memory by fork")
def test_memory_that_forked_workers_share_counts_once(runs: Runs) -> None:
    """Ten workers over a table of 60 MiB use 60 MiB, and not 600."""
    text = """\
        data = bytearray(os.urandom(1 << 20) * 60)
        pids = []
        for _ in range(9):
            pid = os.fork()
            if not pid:
                time.sleep(2)
                os._exit(0)
            pids.append(pid)
        for pid in pids: os.waitpid(pid, 0)
    """
    limited(runs, textwrap.dedent(text), memory_mib=300)

    assert runs.ending().outcome == "succeeded"


@pytest.mark.skipif(os.name == "nt", reason="processes of Windows share no memory by fork")
def test_memory_is_never_counted_too_high_while_workers_come_and_go(runs: Runs) -> None:
    """One that is just ending tells no share any more; the others keep theirs."""
    text = """\
data = bytearray(os.urandom(1 << 20) * 60)
started(os.getpid())
while True:
    if not os.fork():
        time.sleep(0.005)
        os._exit(0)
    time.sleep(0.002)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
"""
    limited(runs, text)
    runs.started()
    assert runs.worker._running is not None
    tree = runs.worker._running.tree

    used = [tree.memory_bytes() for _ in range(120)]
    runs.worker.kill("aborted")

    assert 60 * MIB < max(used) < 150 * MIB


@pytest.mark.parametrize(
    ("first", "limits", "outcome", "limit"),
    [
        ("stop", {"time_s": BEFORE_S}, "stop_ran_out", ""),
        pytest.param("stop", {"memory_mib": 1.0}, "stopped", "", marks=counts_memory),
        ("abort", {"time_s": BEFORE_S}, "aborted", ""),
        ("time", {"time_s": SHORT_S}, "failed", f"time limit of {SHORT_S:g} s"),
    ],
)
def test_word_that_came_first_is_kept(
    runs: Runs, first: str, limits: dict[str, float], outcome: str, limit: str
) -> None:
    """A stop or an abort before the limit keeps its 7 or 3; one that comes when the time is over changes nothing."""
    runs.worker.limits = lambda _: Limits()
    memory = limits.get("memory_mib", 0)  # for later
    limited(runs, DEAF, **{name: value for name, value in limits.items() if name != "memory_mib"})
    runs.started()
    match first:
        case "stop":
            runs.worker.ask_to_stop()
            if memory:
                running = runs.worker._running
                assert running is not None
                until(lambda: running.asked)  # else a look that is under way might find the limit first
                running.limits = Limits(memory_bytes=int(memory * MIB))
            else:
                time.sleep(BEFORE_S + 0.2)
                runs.worker.kill("stop_ran_out")
        case "abort":
            runs.worker.kill("aborted")
        case "time":
            time.sleep(SHORT_S + 0.5)
            runs.worker.ask_to_stop()
            runs.worker.kill("stop_ran_out")

    ending = runs.ending()

    assert (ending.outcome, ending.limit) == (outcome, limit)


def test_time_in_which_an_environment_is_built_is_not_the_scripts(runs: Runs) -> None:
    """The building has a time of its own; the file that tells of it is what the builder keeps while it builds."""
    limited(runs, WAITS, grace_s=0.1, time_s=0.5)
    running = runs.worker._running
    assert running is not None
    running.folder.building.touch()
    runs.started()

    time.sleep(1.5)

    assert runs.endings == []
    running.folder.building.unlink()
    assert runs.ending().limit == "time limit of 0.5 s"


@pytest.mark.parametrize(("priority", "nice"), [("normal", 0), ("below_normal", 10), ("idle", 19)])
def test_priority_is_that_of_the_script_and_of_its_children(runs: Runs, priority: str, nice: int) -> None:
    """As far above the robot's own as the system goes."""
    if sys.platform == "win32":
        pytest.skip("the job object has it there; see the checklist")
    runs.worker.limits = lambda _: Limits(cpu_priority=priority)
    child = "subprocess.run([sys.executable, '-c', 'import os; print(os.getpriority(os.PRIO_PROCESS, 0))'])"
    expected = min(19, os.getpriority(os.PRIO_PROCESS, 0) + nice)
    # The robot sets it as soon as the process is there; a script's first line may be faster on a busy machine.
    wait = f"end = time.monotonic() + 20\nwhile own() != {expected} and time.monotonic() < end: time.sleep(0.01)\n"
    own = "own = lambda: os.getpriority(os.PRIO_PROCESS, 0)\n"
    runs.start(f"{own}{wait}print(own(), flush=True)\n{child}\n")

    runs.ending()

    assert runs.output().split() == [str(expected)] * 2


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(time_s=1800), "time limit of 30 min"),
        (Limits(time_s=3600), "time limit of 60 min"),
        (Limits(time_s=7200), "time limit of 2 h"),
        (Limits(time_s=90), "time limit of 90 s"),
        (Limits(time_s=0.5), "time limit of 0.5 s"),
    ],
)
def test_time_limit_is_told_as_people_say_it(limits: Limits, said: str) -> None:
    """In the largest unit that tells it."""
    assert time_limit(limits) == said


def test_memory_limit_is_told_in_mebibytes() -> None:
    """As the setting has it."""
    assert memory_limit(Limits(memory_bytes=500 * MIB)) == "memory limit of 500 MiB"
    assert "time by the robot" in system.limit_means()


@pytest.mark.parametrize(
    ("events", "hit"), [("oom 0\noom_kill 0\n", False), ("oom 3\noom_kill 2\n", True), ("", False)]
)
def test_control_group_tells_whether_the_kernel_has_ended_something(tmp_path: Path, events: str, hit: bool) -> None:
    """The kernel's own count; here on a folder of files, for few machines hand the controller down."""
    if sys.platform == "win32":
        pytest.skip("control groups are Linux's")
    from fsm_robot.worker import _cgroup

    (tmp_path / "memory.events").write_text(events)
    group = _cgroup.ControlGroup(str(tmp_path))

    assert group.hit_memory_limit() == hit
    assert group.limit_memory(1000)
    assert [(tmp_path / name).read_text() for name in ("memory.max", "memory.swap.max", "memory.oom.group")] == [
        "1000",
        "0",
        "1",
    ]
    assert attrs.asdict(Limits()) == {"time_s": 0.0, "memory_bytes": 0, "cpu_priority": "normal"}
