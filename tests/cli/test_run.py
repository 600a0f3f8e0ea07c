from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.fakes.processes import alive, tell_to_leave
from tests.fakes.robot_folder import RobotFolder, until

ECHO = "import fsm_robot.job as job\nprint('параметры', job.parameters())\n"
WAIT = """\
import pathlib, time
pathlib.Path('started').touch()
while True: time.sleep(0.05)
"""


def started(folder: RobotFolder) -> bool:
    return (folder.path / "scripts" / "started").exists()


def test_robot_when_jobs_wait_runs_them_all_and_ends_with_0(robot_folder: RobotFolder) -> None:
    """Two jobs are drained in order, each to its own status, with its own output file."""
    robot_folder.store.enqueue(robot_folder.script("отчёты/сводка", ECHO), {"month": "2026-10"})
    robot_folder.store.enqueue(robot_folder.script("broken", "raise KeyError('iban')"))

    done = robot_folder.run()

    assert done.exit_code == 0, done.err
    assert robot_folder.statuses() == {"отчёты/сводка": 4, "broken": 5}
    assert "параметры {'month': '2026-10'}" in robot_folder.output()
    assert "KeyError: 'iban'" in robot_folder.log()
    assert "Finished: 2 jobs done, exit code 0" in done.out


def test_calls_of_one_job_come_in_the_order_of_the_protocol(robot_folder: RobotFolder) -> None:
    """heartbeat 2, consume, update 8, update 4, heartbeat 2: nothing more for a short job."""
    robot_folder.settings(heartbeat={"interval_s": 10})
    robot_folder.store.enqueue(robot_folder.script("quick", "print(1)"))

    robot_folder.run()

    assert [(path.rsplit("/", 1)[1], status) for path, status in robot_folder.calls()] == [
        ("heartbeat", "2"),
        ("consumeNextJob", "2"),
        ("update", "8"),
        ("update", "4"),
        ("heartbeat", "2"),
    ]


def test_soft_stop_reaches_the_script_and_is_reported_stopped(robot_folder: RobotFolder) -> None:
    """A script that asks `stop_requested()` leaves by itself: Stopped, whatever it returns."""
    text = dedent("""\
        import sys, time, pathlib, fsm_robot.job as job
        pathlib.Path('started').touch()
        try:
            while not job.stop_requested(): time.sleep(0.05)
        except KeyboardInterrupt: pass
        print('убрано')
        sys.exit(3)
    """)
    job = robot_folder.store.enqueue(robot_folder.script("long", text))
    process = robot_folder.start()
    until(lambda: started(robot_folder))

    robot_folder.store.order_stop(job)
    done = robot_folder.finish(process)

    assert done.exit_code == 0
    assert robot_folder.statuses() == {"long": 7}
    assert "убрано" in robot_folder.output()


def test_script_that_ignores_the_stop_is_killed_after_the_grace_time(robot_folder: RobotFolder) -> None:
    """The grace time ends in a kill: Aborted, and the log says that the grace time ran out."""
    robot_folder.settings(scripts={"stop_grace_s": 0.3})
    text = dedent("""\
        import pathlib, signal, time
        signal.signal(getattr(signal, 'SIGBREAK', signal.SIGTERM), lambda *_: None)
        pathlib.Path('started').touch()
        while True: time.sleep(1)
    """)
    job = robot_folder.store.enqueue(robot_folder.script("deaf", text))
    process = robot_folder.start()
    until(lambda: started(robot_folder))

    robot_folder.store.order_stop(job)
    robot_folder.finish(process)

    assert robot_folder.statuses() == {"deaf": 3}
    assert "grace ended" in robot_folder.log()


def test_abort_ends_the_whole_tree_before_it_is_reported(robot_folder: RobotFolder) -> None:
    """Children and a daemon that left the session are gone when the orchestrator hears Aborted."""
    text = (
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "daemon = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True, env={})\n"
        "pathlib.Path('pids').write_text(f'{os.getpid()} {child.pid} {daemon.pid}')\n"
        "pathlib.Path('started').touch()\nwhile True: time.sleep(1)\n"
    )
    job = robot_folder.store.enqueue(robot_folder.script("tree", text))
    process = robot_folder.start()
    until(lambda: started(robot_folder))

    robot_folder.store.order_abort(job)
    until(lambda: robot_folder.statuses() == {"tree": 3})
    pids = (robot_folder.path / "scripts" / "pids").read_text().split()

    assert [pid for pid in pids if alive(int(pid))] == []
    assert robot_folder.finish(process).exit_code == 0


def test_refused_name_executes_nothing_and_fails(robot_folder: RobotFolder) -> None:
    """A name that leaves the scripts folder is Failed, with the reason in the log."""
    (robot_folder.path / "outside.py").write_text("open('executed', 'w')")
    robot_folder.store.enqueue("..\\outside")

    assert robot_folder.run().exit_code == 0
    assert robot_folder.statuses() == {"..\\outside": 5}
    assert not list(robot_folder.path.rglob("executed"))
    assert "refused" in robot_folder.log()


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(
            signal.SIGINT,
            marks=pytest.mark.skipif(os.name != "posix", reason="a key in a console there: test_leaving.py"),
        ),
        signal.SIGTERM,
    ],
)
def test_signal_during_a_job_stops_it_politely_reports_and_exits_6(robot_folder: RobotFolder, number: int) -> None:
    """Ctrl-C, SIGTERM, the end of a Windows session: the script's `finally` runs, the job is Stopped, no other job is taken."""
    text = dedent("""\
        import pathlib, time
        pathlib.Path('started').touch()
        try:
            while True: time.sleep(0.1)
        finally: print('finally ran')
    """)
    robot_folder.store.enqueue(robot_folder.script("long", text))
    robot_folder.store.enqueue(robot_folder.script("next", "print(1)"))
    process = robot_folder.start()
    until(lambda: started(robot_folder))

    tell_to_leave(process, number)
    done = robot_folder.finish(process)

    assert done.exit_code == 6
    assert robot_folder.statuses() == {"long": 7, "next": 1}
    assert "finally ran" in robot_folder.output()
    assert "Traceback" not in done.err


def test_second_start_is_told_off_at_once_and_sends_nothing(robot_folder: RobotFolder) -> None:
    """Two triggers for one sign-in: the second process ends with 5 and names the first one."""
    robot_folder.store.enqueue(robot_folder.script("long", WAIT))
    first = robot_folder.start()
    until(lambda: started(robot_folder))
    sent = len([path for path, status in robot_folder.calls() if status == "2"])

    second = robot_folder.run()

    assert second.exit_code == 5
    assert f"pid {first.pid}" in second.err
    assert len([path for path, status in robot_folder.calls() if status == "2"]) == sent
    first.send_signal(signal.SIGTERM)
    robot_folder.finish(first)


def test_same_robot_on_another_storage_folder_is_told_off_too(robot_folder: RobotFolder) -> None:
    """One GUID is one robot, wherever its files are."""
    robot_folder.store.enqueue(robot_folder.script("long", WAIT))
    first = robot_folder.start()
    until(lambda: started(robot_folder))

    assert robot_folder.run(FSM_ROBOT_STORAGE_DIRECTORY=str(robot_folder.path / "other")).exit_code == 5
    first.send_signal(signal.SIGTERM)
    robot_folder.finish(first)


def test_robot_killed_during_a_job_is_made_good_by_the_next_start(robot_folder: RobotFolder) -> None:
    """After kill -9 the next start ends what is left of the script, reports Failed, and runs it never again."""
    text = "import os, pathlib, time\nwith open('starts', 'a') as f: f.write(f'{os.getpid()}\\n')\n" + WAIT
    robot_folder.store.enqueue(robot_folder.script("long", text))
    first = robot_folder.start()
    until(lambda: started(robot_folder))
    first.kill()
    first.communicate()
    (pid,) = (robot_folder.path / "scripts" / "starts").read_text().split()

    done = robot_folder.run()

    assert done.exit_code == 0, done.err
    assert robot_folder.statuses() == {"long": 5}
    assert not alive(int(pid))
    assert (robot_folder.path / "scripts" / "starts").read_text().split() == [pid]


def test_result_that_could_not_be_delivered_is_sent_by_the_next_start_before_anything_else(
    robot_folder: RobotFolder,
) -> None:
    """The orchestrator dies during the job; the next start delivers the outcome first, then asks for work."""
    url, path = robot_folder.server.url, robot_folder.path
    text = dedent("""\
        import pathlib, time
        pathlib.Path('started').touch()
        while not pathlib.Path('go').exists(): time.sleep(0.05)
    """)
    robot_folder.store.enqueue(robot_folder.script("long", text))
    process = robot_folder.start()
    until(lambda: started(robot_folder))
    robot_folder.server.stop()
    (path / "scripts" / "go").touch()
    until(lambda: "a call failed, retrying" in robot_folder.log())
    tell_to_leave(process)
    assert robot_folder.finish(process).exit_code == 6
    assert "result not delivered" in robot_folder.log()

    from fsm_robot.orchestrator.server import Orchestrator
    from fsm_robot.orchestrator.store import Store

    store = Store(path / "orchestrator.sqlite")
    before = len(store.calls())
    with Orchestrator(store, port=int(url.rsplit(":", 1)[1])):
        assert robot_folder.run().exit_code == 0
        assert {job.script: job.status for job in store.jobs()} == {"long": 4}
        assert [call.path.rsplit("/", 1)[1] for call in store.calls()[before:]] == ["update", "heartbeat"]


def test_guid_is_in_no_file_that_the_robot_wrote(robot_folder: RobotFolder) -> None:
    """Not in journal, log, job folder or cache, not as base64, not when the script itself prints it."""
    import base64

    guid = robot_folder.guid
    encoded = base64.b64encode(guid.encode())
    robot_folder.settings(logging={"level": "DEBUG"})
    robot_folder.store.enqueue(
        robot_folder.script("leaky", f"print('{guid}', '{encoded.decode()}'); raise ValueError('{guid}')")
    )
    done = robot_folder.run()

    written = [file for file in (robot_folder.path / "state").rglob("*") if file.is_file()]
    assert {"robot.log", "output.log"} <= {file.name for file in written}
    for needle in (guid.encode(), guid.replace("-", "").encode(), encoded, encoded.rstrip(b"=")):
        assert [file for file in written if needle in file.read_bytes()] == []
        assert needle.decode() not in done.out + done.err


def test_unreachable_orchestrator_ends_with_4_and_a_sentence(robot_folder: RobotFolder, tmp_path: Path) -> None:
    """Nobody listens: the run ends with 4 after its retries, without a traceback."""
    quick = tmp_path / "quick.yaml"
    from fsm_robot.robot.machine import built_in

    quick.write_text(built_in().read_text(encoding="utf-8").replace("for_s: 60", "for_s: 0.5"), encoding="utf-8")
    robot_folder.settings(machine={"file": "quick.yaml"})
    robot_folder.server.stop()

    done = robot_folder.run()

    assert done.exit_code == 4
    assert "the orchestrator cannot be used" in done.err
    assert "Traceback" not in done.err


def test_unknown_robot_ends_with_3(robot_folder: RobotFolder) -> None:
    """Code 101 is no reason to ask again."""
    robot_folder.server.service.known_only = True

    assert robot_folder.run().exit_code == 3


def test_wrong_settings_end_with_2_before_anything_is_sent(robot_folder: RobotFolder) -> None:
    """A typing mistake is one sentence and no request."""
    robot_folder.settings(heartbeat={"interval": 10})

    done = robot_folder.run()

    assert done.exit_code == 2
    assert re.search(r"robot\.toml:\d+: heartbeat\.interval: unknown key; did you mean 'interval_s'\?", done.err)
    assert robot_folder.calls() == []


def test_storage_that_cannot_be_written_takes_no_job(robot_folder: RobotFolder) -> None:
    """A file in the way of the storage folder: a sentence, no request, the job stays where it is."""
    (robot_folder.path / "state").write_text("in the way")
    robot_folder.store.enqueue(robot_folder.script("x", "print(1)"))

    done = robot_folder.run()

    assert done.exit_code == 1
    assert "cannot be" in done.err
    assert "Traceback" not in done.err
    assert robot_folder.calls() == []


def test_log_off_command_runs_only_when_drained_and_wanted(robot_folder: RobotFolder) -> None:
    """`when_idle = "log_off"` runs the command once nothing is left; `--no-log-off` keeps the person logged on."""
    mark = robot_folder.path / "logged_off"
    command = [sys.executable, "-c", f"open({str(mark)!r}, 'w')"]
    robot_folder.settings(session={"when_idle": "log_off", "log_off_command": command})

    robot_folder.run("--no-log-off")
    assert not mark.exists()
    robot_folder.run()
    assert mark.exists()


def test_interrupted_robot_does_not_log_off(robot_folder: RobotFolder) -> None:
    """Who stops the robot by hand wants to stay."""
    mark = robot_folder.path / "logged_off"
    command = [sys.executable, "-c", f"open({str(mark)!r}, 'w')"]
    robot_folder.settings(session={"when_idle": "log_off", "log_off_command": command})
    robot_folder.store.enqueue(robot_folder.script("long", WAIT))
    process = robot_folder.start()
    until(lambda: started(robot_folder))

    tell_to_leave(process)

    assert robot_folder.finish(process).exit_code == 6
    assert not mark.exists()


def test_server_killed_in_the_middle_of_a_job_changes_nothing_for_the_script(tmp_path: Path) -> None:
    """kill -9 of the orchestrator, restart on the same file: the script went on, and its outcome arrives."""
    from fsm_robot.orchestrator.server import Orchestrator
    from fsm_robot.orchestrator.store import Store

    port = _free_port()
    serve = [
        sys.executable,
        "-m",
        "fsm_robot",
        "orchestrator",
        "serve",
        "--port",
        str(port),
        "--db",
        str(tmp_path / "o.sqlite"),
    ]
    server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert str(port) in server.stdout.readline()
    store = Store(tmp_path / "o.sqlite")
    folder = RobotFolder(tmp_path, store, Orchestrator(store))
    folder.settings(f"http://127.0.0.1:{port}")
    text = dedent("""\
        import pathlib, time
        pathlib.Path('started').touch()
        while not pathlib.Path('go').exists(): time.sleep(0.05)
        print('done')
    """)
    (tmp_path / "scripts").mkdir()
    store.enqueue(folder.script("long", text))
    robot = folder.start()
    until(lambda: started(folder))

    server.kill()
    server.communicate()
    until(lambda: "heartbeat failed" in folder.log())
    again = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    assert again.stdout is not None
    again.stdout.readline()
    (tmp_path / "scripts" / "go").touch()

    assert folder.finish(robot).exit_code == 0
    assert folder.statuses() == {"long": 4}
    again.terminate()
    assert again.wait(20) == (0 if os.name == "posix" else 1)  # Windows knows only the hard way from outside


def test_working_heartbeats_keep_their_distance_and_none_follows_the_final_status(robot_folder: RobotFolder) -> None:
    """What the server saw: Working beats at least an interval apart, and none after the report."""
    robot_folder.store.enqueue(robot_folder.script("long", "import time; time.sleep(1.5)"))

    robot_folder.run()

    calls = robot_folder.store.calls()
    beats = [
        call.monotonic_s for call in calls if call.path.endswith("heartbeat") and dict(call.fields).get("status") == "3"
    ]
    report = next(
        call.monotonic_s for call in calls if call.path.endswith("update") and "4" in dict(call.fields).values()
    )
    assert len(beats) >= 3
    assert all(later - earlier >= 0.2 - 0.02 for earlier, later in itertools.pairwise(beats))
    assert max(beats) < report


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
