from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from fsm_robot.cli import main
from fsm_robot.cli.reader import local
from fsm_robot.engine.instance import holder, only_instance
from fsm_robot.robot.settings import LINES_NAME
from fsm_robot.shipping.line import Line
from fsm_robot.shipping.spool import Spool
from tests.fakes.journals import JournalMaker, Told, done, job
from tests.fakes.raw_server import RawServer, answer
from tests.fakes.robot_folder import RobotFolder, until
from tests.fleet.folders import ago
from tests.fleet.folders import robot as fleet_robot
from tests.gateway.conftest import Certificates, certificates

GUID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"  # of these tests alone: this machine runs one robot of a GUID at a time

__all__ = ["certificates"]  # a fixture

NIGHT: list[Told] = ["nothing_left", *done(1), *done(2, "счета", "failed", 5), "no_job"]
TAKEN: list[Told] = ["nothing_left", "job_found", ("job_consumed", job()), "job_claimed"]
UNREACHABLE: list[Told] = ["nothing_left", ("orchestrator_unreachable", {"error": "no route"})]


def storage_with(folder: Path, events: list[Told], exit_code: int | None = 0) -> Path:
    JournalMaker().write(folder / "journal" / "000001-20261123T100000Z.jsonl", events, exit_code)
    return folder


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, exit_code: int = 0) -> str:
    assert main(arguments) == exit_code
    return capsys.readouterr().out


def values(capsys: pytest.CaptureFixture[str], *arguments: str, exit_code: int = 0) -> Any:
    return json.loads(printed(capsys, *arguments, "--json", exit_code=exit_code))


# ---- status


def test_status_of_forty_folders_is_a_line_each_and_tells_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that wants a look makes it 1, and its line says why; one that cannot be read hides no other."""
    fine = storage_with(tmp_path / "fine", NIGHT)
    broken = storage_with(tmp_path / "broken", UNREACHABLE, 4)

    assert printed(capsys, "status", str(fine)).count("\n") == 2
    lines = printed(capsys, "status", str(fine), str(tmp_path / "gone"), str(broken), exit_code=1).splitlines()

    assert [line.split()[1] for line in lines] == ["doing", "idle", "unreadable", "idle"]
    assert "there is no such folder" in lines[2]
    assert "exit code 4" in lines[3]


def test_status_of_a_robot_folder_follows_its_settings_and_ignores_this_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of robot.toml leads to its storage, without URL and GUID."""
    storage_with(tmp_path / "elsewhere", NIGHT)
    (tmp_path / "robot.toml").write_text('[storage]\ndirectory = "elsewhere"\n')
    monkeypatch.setenv("FSM_ROBOT_STORAGE_DIRECTORY", "mine")

    (found,) = values(capsys, "status", str(tmp_path))

    assert found["doing"] == "idle"


def test_status_of_a_killed_robot_tells_the_job_that_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the next run will do is said before it does it."""
    storage = storage_with(tmp_path, TAKEN, None)

    (found,) = values(capsys, "status", str(storage), exit_code=1)

    assert (found["doing"], found["job"], found["undelivered"]) == ("died", job()["job"], "unknown")


def test_status_and_doctor_tell_the_lines_that_a_robot_has_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that were sent are not counted; what cannot be read is one sentence; the folder stays as it is."""
    settings(tmp_path, "http://127.0.0.1:9")
    storage = storage_with(tmp_path / "state", NIGHT)
    spool = Spool(storage / LINES_NAME)
    spool.append([Line("Info", f"строка {n}", 1764237600.0 + n, "job", "", n) for n in range(1, 8)])
    spool.mark(4)
    spool.close(is_empty=False)
    before = {path: path.read_bytes() for path in (storage / LINES_NAME).iterdir()}

    (found,) = values(capsys, "status", str(tmp_path))
    told = printed(capsys, "status", "--config", str(tmp_path / "robot.toml"))
    judged = doctor(tmp_path, capsys, exit_code=1)["log lines"]

    assert (found["lines_waiting"], found["lines_since"]) == (3, "2025-11-27 10:00:05")
    since = local("2025-11-27T10:00:05Z")
    assert f"log lines    3 lines waiting for the orchestrator's log, since {since}; the next run sends them" in told
    assert (judged["verdict"], "3 lines waiting" in judged["said"]) == ("warning", True)
    assert {path: path.read_bytes() for path in (storage / LINES_NAME).iterdir()} == before
    next((storage / LINES_NAME).glob("*.jsonl")).write_bytes(b"\x00\xff\n[1e400,NaN]\n" * 20)
    (found,) = values(capsys, "status", str(tmp_path))
    assert found["lines_waiting"] == 0


def test_status_judges_by_the_rules_and_in_the_words_of_the_fleet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For every trouble that a fleet knows: the same sentences, and exit code 1."""
    sick: dict[str, dict[str, Any]] = {
        "late": {"every_min": 10, "ran": 60},
        "failing": {"status": {"failing": {"счета": {"times": 3}}}},
        "undelivered": {"status": {"undelivered": {"job": "j", "since": ago(90)}}},
        "refused": {"status": {"refused_at": ago(5)}},
        "certificate": {"status": {"certificate_ends": ago(-60)}},
        "clock": {"status": {"clock_off_s": 90}},
        "damaged": {"status": {"failing": ["счета"]}},
        "": {},
    }
    for kind, trouble in sick.items():
        folder = fleet_robot(tmp_path / (kind or "fine"), **trouble)
        fleet = tmp_path / f"{kind}.toml"
        fleet.write_text(f"[[robots]]\nfolder = '{folder}'\n", encoding="utf-8")

        (found,) = values(capsys, "status", str(folder), exit_code=int(bool(kind)))
        shown = printed(capsys, "status", str(folder / "state"), exit_code=int(bool(kind)))
        (seen,) = values(capsys, "status", "--fleet", str(fleet), exit_code=int(bool(kind)))["robots"]

        assert found["kinds"] == [problem["kind"] for problem in seen["problems"]] == ([kind] if kind else [])
        assert found["look"] == [problem["text"] for problem in seen["problems"]]
        assert all(text in shown for text in found["look"])


def test_status_changes_nothing_in_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who looks leaves no lock file and no log."""
    storage = storage_with(tmp_path, NIGHT)
    before = sorted(storage.rglob("*"))

    printed(capsys, "status", str(storage))

    assert sorted(storage.rglob("*")) == before


def test_holder_of_the_lock_is_told_only_while_it_lives(tmp_path: Path) -> None:
    """A note of a dead process, or of one that has the id by chance, is no robot; a lock that is held is left held."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS_THE_LOCK, str(tmp_path), str(uuid.uuid4())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"

    assert holder(tmp_path) == child.pid
    assert holder(tmp_path) == child.pid
    child.communicate("")

    assert holder(tmp_path) is None
    (tmp_path / "robot.lock").write_text(f"pid {child.pid}, started long ago")
    assert holder(tmp_path) is None
    with only_instance(str(uuid.uuid4()), tmp_path / "other", "now"):
        (tmp_path / "robot.lock").write_text("pid 1, started long ago")
        assert holder(tmp_path) is None
    assert holder(tmp_path / "absent") is None


def test_lock_of_a_dead_process_is_not_even_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is tried is held for a moment, and a robot that starts in it would be turned away."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    (tmp_path / "robot.lock").write_text(f"pid {child.pid}, started long ago")
    tried: list[int] = []

    def trying(descriptor: int) -> bool:
        tried.append(descriptor)
        return True

    monkeypatch.setattr("fsm_robot.engine.instance.system.try_lock", trying)

    assert holder(tmp_path) is None

    assert tried == []


HOLDS_THE_LOCK = """
import sys
from pathlib import Path
from fsm_robot.engine.instance import only_instance
with only_instance(sys.argv[2], Path(sys.argv[1]), "2026-11-23T10:00:00Z"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_status_history_and_logs_of_a_real_robot(
    robot_folder: RobotFolder, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """While a script runs: the state, the job, its output as it grows; afterwards: the job in the table."""
    go = robot_folder.path / "go"
    text = dedent(f"""\
        import pathlib, time
        print('начало', flush=True)
        while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)
        print('конец')
    """)
    guid = robot_folder.store.enqueue(robot_folder.script("долгая", text))
    process = robot_folder.start()
    folder = str(robot_folder.path)
    until(lambda: "начало" in robot_folder.output())

    assert main(["status", folder, "--json"]) == 0
    (found,) = json.loads(capfdbinary.readouterr().out)
    follower = subprocess.Popen(
        [sys.executable, "-m", "fsm_robot", "logs", "-f", "--folder", folder], stdout=subprocess.PIPE, encoding="utf-8"
    )
    robot_folder.processes.append(follower)
    assert follower.stdout is not None
    assert follower.stdout.readline().strip() == "начало"
    go.touch()
    robot_folder.finish(process)

    assert (found["doing"], found["pid"], found["job"], found["script"]) == ("Working", process.pid, guid, "долгая")
    assert found["answers"]
    assert follower.communicate(timeout=40)[0].strip() == "конец"
    assert main(["history", folder, "--json"]) == 0
    (row,) = json.loads(capfdbinary.readouterr().out)
    assert (row["job"], row["outcome"], row["status_name"], row["delivery"]) == (
        guid,
        "succeeded",
        "Success",
        "delivered",
    )
    assert Path(row["output"]).read_text(encoding="utf-8").split() == ["начало", "конец"]
    assert main(["logs", guid[:8], "--folder", folder]) == 0
    assert capfdbinary.readouterr().out.decode().split() == ["начало", "конец"]
    assert main(["status", folder]) == 0
    assert main(["conformance", folder]) == 0


def test_status_of_a_robot_that_hangs_says_so_and_does_not_hang(
    robot_folder: RobotFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs, holds its lock, and says nothing: an operator is told, from the journal, in bounded time."""
    if sys.platform == "win32":
        pytest.skip("a Windows process cannot be halted from outside")
    robot_folder.store.enqueue(
        robot_folder.script("долгая", "import time\nprint('начало', flush=True)\ntime.sleep(60)")
    )
    process = robot_folder.start()
    until(lambda: "начало" in robot_folder.output())
    process.send_signal(signal.SIGSTOP)

    try:
        (found,) = values(capsys, "status", str(robot_folder.path), exit_code=1)
    finally:
        process.send_signal(signal.SIGCONT)

    assert (found["doing"], found["pid"], found["answers"]) == ("Working", process.pid, False)
    assert "does not say what it does, its process may hang" in found["look"][0]


# ---- history


def test_history_is_a_table_with_the_newest_job_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When, what, how it ended; a name that holds a line break stays in its row."""
    hostile = ["nothing_left", *done(3, "a\nb\x1b[2J"), "no_job"]
    storage = storage_with(tmp_path, NIGHT)
    JournalMaker().write(storage / "journal" / "000002-20261124T100000Z.jsonl", hostile)

    lines = printed(capsys, "history", str(storage)).splitlines()

    assert len(lines) == 4
    assert lines[0].split() == ["taken", "script", "outcome", "status", "seconds", "job", "output"]
    assert "2026-11-23 10:00:08" in lines[2]
    assert "счета" in lines[2]
    assert "Failed" in lines[2]
    assert "a\\nb\\x1b[2J" in lines[3]


def test_history_shows_failed_jobs_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Forty accounts, one question: what failed?"""
    storage = storage_with(tmp_path, NIGHT)

    assert [row["script"] for row in values(capsys, "history", str(storage), "--failed")] == ["счета"]
    assert len(values(capsys, "history", str(storage), "--limit", "1")) == 1
    assert printed(capsys, "history", str(storage_with(tmp_path / "x", UNREACHABLE, 4))) == "no job yet\n"


# ---- logs


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The output of the second of two jobs."""
    storage_with(tmp_path, NIGHT)
    path = tmp_path / "jobs" / str(job(2)["job"]) / "output.log"
    path.parent.mkdir(parents=True)
    path.write_bytes("первая\n".encode() + "вторая\n".encode("cp866") + b"no line break")
    return path


def test_logs_prints_the_last_job_and_decodes_each_line(
    output: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """UTF-8 goes out, whatever came in; the cut last line too."""
    assert main(["logs", "--folder", str(output.parents[2])]) == 0

    assert capfdbinary.readouterr().out.decode() == "первая\nвторая\nno line break"


def test_logs_shows_the_newest_of_a_script_that_prints_very_much(
    output: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The tail that the robot writes beside the head is shown behind it."""
    output.with_name("output.tail.log").write_bytes(b"the newest line\n")

    assert main(["logs", "--folder", str(output.parents[2])]) == 0

    assert capfdbinary.readouterr().out.decode().endswith("output.tail.log:]\nthe newest line\n")


BAD_LOGS = {
    "no such job": (["zzz"], "no job begins with zzz"),
    "several": (["5c1e"], "may mean 2 jobs"),
    "output deleted": ([job(1)["job"]], "is not there"),
    "outside": (["../../../etc"], "no job begins with"),
}


@pytest.mark.parametrize(("words", "sentence"), BAD_LOGS.values(), ids=BAD_LOGS.keys())
def test_logs_of_what_is_not_there_is_one_sentence(
    output: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    """Exit code 2 and what to do."""
    assert main(["logs", *words, "--folder", str(output.parents[2])]) == 2
    assert sentence in capsys.readouterr().err


# ---- doctor


def doctor(folder: Path, capsys: pytest.CaptureFixture[str], exit_code: int = 0) -> dict[str, dict[str, str]]:
    found = values(capsys, "doctor", "--config", str(folder / "robot.toml"), exit_code=exit_code)
    assert GUID not in json.dumps(found)
    return {entry["name"]: entry for entry in found}


def settings(folder: Path, url: str, more: str = "") -> None:
    (folder / "scripts").mkdir(exist_ok=True)
    (folder / "scripts" / "сводка.py").write_text("pass")
    text = (
        f'[orchestrator]\nurl = "{url}"\nrobot_guid = "{GUID}"\ntimeout_s = 5\n{more}\n[session]\nwhen_idle = "exit"\n'
    )
    (folder / "robot.toml").write_text(text, encoding="utf-8")


def test_doctor_finds_nothing_wrong_and_announces_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One harmless question; no heartbeat, no job, no GUID in an address."""
    with RawServer(answer("[]", Date="Mon, 23 Nov 2020 10:00:00 GMT")) as server:
        settings(tmp_path, server.url)
        found = doctor(tmp_path, capsys)

    assert [request.line for request in server.requests] == ["GET /api/folders/list HTTP/1.1"]
    assert {name for name, entry in found.items() if entry["verdict"] == "ok"} == {
        "settings", "machine", "scripts", "limits", "interpreter", "environment", "scripts.lock", "storage", "lock", "log lines", "session", "proxy", "name",
        "connection", "server", "credential",
    }  # fmt: skip
    assert found["clock"]["verdict"] == "warning"
    assert "1 script in" in found["scripts"]["said"]
    assert not (tmp_path / "state").exists()


def test_doctor_names_a_refused_credential(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """401 to the harmless question is 401 to every other."""
    with RawServer(answer("no", "401 Unauthorized")) as server:
        settings(tmp_path, server.url)
        found = doctor(tmp_path, capsys, exit_code=1)

    assert found["credential"]["verdict"] == "wrong"
    assert "robot_guid" in found["credential"]["do"]


def test_doctor_of_the_embedded_orchestrator(robot_folder: RobotFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole robot's folder; the orchestrator sees no robot come."""
    robot_folder.script("x", "pass")
    found = doctor(robot_folder.path, capsys)

    assert found["server"]["verdict"] == "ok"
    assert found["credential"]["verdict"] in ("ok", "skipped")
    assert not any("heartbeat" in path for path, _ in robot_folder.calls())


def test_doctor_stops_asking_where_nothing_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing that is wrong is named, and what hangs on it is not."""
    with RawServer(answer()) as server:
        port = server.port
    settings(tmp_path, f"http://127.0.0.1:{port}")
    found = doctor(tmp_path, capsys, exit_code=1)

    assert found["connection"]["verdict"] == "wrong"
    assert found["server"]["verdict"] == "skipped"
    assert "credential" not in found


def test_doctor_names_a_host_that_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The name server's answer, and where the name stands."""
    settings(tmp_path, "http://no-such-host.invalid")
    found = doctor(tmp_path, capsys, exit_code=1)

    assert found["name"]["verdict"] == "wrong"
    assert "orchestrator.url" in found["name"]["do"]


def test_doctor_verifies_the_chain_of_the_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], certificates: Certificates
) -> None:
    """Trusted by the file of the settings, by no other."""
    with RawServer(answer("[]"), tls=certificates.serving(certificates.server)) as server:
        settings(tmp_path, server.url, f"verify = {json.dumps(str(certificates.authority))}")
        trusted = doctor(tmp_path, capsys)
        settings(tmp_path, server.url, f"verify = {json.dumps(str(certificates.stranger))}")
        stranger = doctor(tmp_path, capsys, exit_code=1)
        settings(tmp_path, server.url, "verify = false")
        unchecked = doctor(tmp_path, capsys)

    assert trusted["certificate"]["verdict"] in ("ok", "warning")
    assert "verified" in trusted["certificate"]["said"]
    assert stranger["certificate"]["verdict"] == "wrong"
    assert unchecked["certificate"]["verdict"] == "warning"


def test_doctor_looks_at_the_proxy_that_is_in_effect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named without its password, and connected to instead of the server."""
    with RawServer(answer("[]")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:geheim@127.0.0.1:{proxy.port}")
        settings(tmp_path, "http://orchestrator.invalid:4500")
        found = doctor(tmp_path, capsys)

    assert f"through 127.0.0.1:{proxy.port}" in found["proxy"]["said"]
    assert "geheim" not in json.dumps(found)
    assert proxy.requests[0].line.startswith("GET http://orchestrator.invalid:4500/")


@pytest.mark.parametrize(
    ("name", "wants_client", "word"),
    [
        ("expired", False, "expired"),
        ("elsewhere", False, "another name"),
        ("alone", False, "itself"),
        ("server", True, "client certificate"),
    ],
)
def test_doctor_tells_what_is_wrong_with_tls_in_the_words_of_a_run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    certificates: Certificates,
    name: str,
    wants_client: bool,
    word: str,
) -> None:
    """The reason, and what to do about it, in the line of the certificate or of the server."""
    context = certificates.serving(getattr(certificates, name), wants_client=wants_client)
    with RawServer(answer("[]"), tls=context) as server:
        settings(tmp_path, server.url, f"verify = {json.dumps(str(certificates.authority))}")
        found = doctor(tmp_path, capsys, exit_code=1)
    wrong = [entry for entry in found.values() if entry["verdict"] == "wrong"]

    assert len(wrong) == 1
    assert word in wrong[0]["said"]
    assert wrong[0]["do"]
    assert "credential" not in found


NOT_OK = {
    "moved": answer("", "301 Moved Permanently", Location="https://127.0.0.1/"),
    "login page": answer("<html><form>password</form></html>", Content_Type="text/html"),
    "proxy login": answer("", "407 Proxy Authentication Required"),
    "not modified": answer("", "304 Not Modified"),
}


@pytest.mark.parametrize("reply", NOT_OK.values(), ids=NOT_OK.keys())
def test_doctor_and_run_say_the_same(
    robot_folder: RobotFolder, capsys: pytest.CaptureFixture[str], reply: bytes
) -> None:
    """Where `run` ends without a job, `doctor` finds a fault, and what it says stands in the robot's log."""
    robot_folder.script("x", "pass")
    with RawServer(reply) as server:
        robot_folder.settings(server.url)
        found = doctor(robot_folder.path, capsys, exit_code=1)["server"]
        robot_folder.start()
        until(lambda: "HTTP" in robot_folder.log())

    told = next(line for line in robot_folder.log().splitlines() if "HTTP" in line)
    assert found["verdict"] == "wrong"
    assert ("HTML page" in found["said"] and "HTML page" in told) or found["said"] in told


def test_doctor_and_run_refuse_a_proxy_that_is_none_and_quote_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, exit code 2 of `run`, and no piece of the password."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:geheim/wort@127.0.0.1:99999")
    settings(tmp_path, "http://orchestrator.invalid:4500")
    found = doctor(tmp_path, capsys, exit_code=1)

    assert found["proxy"]["verdict"] == "wrong"
    assert main(["run", "--config", str(tmp_path / "robot.toml")]) == 2
    told = json.dumps(found) + "".join(capsys.readouterr())
    assert "HTTP_PROXY" in told
    assert "Traceback" not in told
    assert not any(piece in told for piece in ("geheim", "wort@", "99999"))
    assert not any("geheim" in path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())


WRONG = {
    "settings": ('[orchestrator]\nurl = "ftp://x"\n', "settings"),
    "interpreter": ('[scripts]\npython = "no-such-python"\n', "interpreter"),
    "scripts": ('[scripts]\ndirectory = "nowhere"\n', "scripts"),
    "storage": ('[storage]\ndirectory = "robot.toml/state"\n', "storage"),
    "machine": ('[machine]\nfile = "absent.yaml"\n', "machine"),
}


@pytest.mark.parametrize(("more", "name"), WRONG.values(), ids=WRONG.keys())
def test_doctor_names_what_is_wrong_here_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, name: str
) -> None:
    """Every check can fail, and the others are still made."""
    with RawServer(answer("[]")) as server:
        settings(tmp_path, server.url)
        text = (tmp_path / "robot.toml").read_text(encoding="utf-8")
        (tmp_path / "robot.toml").write_text(more if name == "settings" else text + more, encoding="utf-8")
        found = doctor(tmp_path, capsys, exit_code=1)

    assert found[name]["verdict"] == "wrong"
    assert found[name]["do"]
