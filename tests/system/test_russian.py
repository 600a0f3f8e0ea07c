"""What a person reads in Russian has no English left, whatever has happened: commands in many situations, each line of theirs."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.cli import main
from fsm_robot.cli.reader import VARIABLE
from fsm_robot.engine.logs import Log
from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import RobotError, ScriptRefusedError
from fsm_robot.fleet.health import Rules, judged
from fsm_robot.gateway.reading import Reading
from fsm_robot.operations import checks, diagnosis
from fsm_robot.orchestrator.page_actions import ACTIONS
from fsm_robot.orchestrator.protocol import GarbledRequestError
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.settings import load
from fsm_robot.system import language
from fsm_robot.system.seen_session import ACTIVE, DISCONNECTED, LOCKED, SeenSession
from fsm_robot.worker.names import resolve_script
from tests import catalogue
from tests.fakes.journals import done
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.russian import english_in
from tests.fleet.folders import ago, robot
from tests.fleet.test_health import HEALTHY, moment
from tests.operations.test_diagnosis import JUDGED
from tests.robot.test_settings import GOOD, GUID, WRONG
from tests.worker.test_names import REFUSED

JOB = "5c1e0000-0000-4000-8000-000000000007"


@pytest.fixture(autouse=True)
def operator(russian: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An operator whose environment says so, in an empty folder."""
    monkeypatch.setenv(VARIABLE, "ru")
    monkeypatch.chdir(tmp_path)


Told = Callable[..., str]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Told:
    """Run a command and return all that it shows, without the names of this test's folders."""

    def run(*arguments: str) -> str:
        main(arguments)
        shown = capsys.readouterr()
        return (shown.out + shown.err).replace(str(tmp_path), "/…")

    return run


def left(text: str) -> list[tuple[list[str], str]]:
    """Return each line that has English in it, with what it is."""
    return [(words, line) for line in text.splitlines() if (words := english_in(line))]


@pytest.mark.alike
def test_no_translation_has_english_left() -> None:
    """But for names, and what people type."""
    strings = [
        str(text)
        for message in catalogue.read()
        if message.id
        for text in (message.string if isinstance(message.string, (tuple, list)) else (message.string,))
    ]
    assert len(strings) > 800
    assert left("\n".join(strings)) == []


def test_english_is_found_where_it_is() -> None:
    """Names, keys, paths and quotations are none of it."""
    assert english_in("скрипт не запущен: nobody answers") == ["nobody", "answers"]
    assert english_in("задайте scripts.python в robot.toml, `fsm-robot init` и 'any name' /a/b.c --config FILE") == []


WRONG_PLACES = (
    'url = "http://a b"', 'url = "http://a\\n"', 'url = "http://a:0"', 'url = "http://a:99999"', "url = http://a",
    'url = "http://a"\nverify = "absent.pem"', 'url = "http://a"\n[storage]\ndirectory = "plain"', "url = “http://a”",
    'url = "http://a"\n[storage]\ndirectory = "plain/state"', "url = 'http://a'\n[storage]\ndirectory = '%APPDATA%\\r'",
    'url = "http://a"\n[storage]\ndirectory = "state\\new"', 'url = "http://a"\n[scripts]\ndirectory = "D:\\robots"',
)  # fmt: skip
MISTAKES = {
    **{f"settings, {name}": GOOD.replace(old, new, 1).encode() for name, (old, new, _) in WRONG.items()},
    **{
        f"place, {number}": f'[orchestrator]\nrobot_guid = "{GUID}"\n{text}\n'.encode()
        for number, text in enumerate(WRONG_PLACES)
    },
    "UTF-16": b"\xff\xfe[\x00",
    "too large": b"x" * 70_000,
    "another code page": "[a]\nb='а".encode("cp1251"),
    "twice": GOOD.encode() + b"[heartbeat]\n",
    "limits": GOOD.encode()
    + b"[[limits]]\ntime_limit_s = -1\n[[limits]]\nscript = 'a'\n[[limits]]\nscript = 'a'\ncolour = 1\n",
    "limits as a section": GOOD.encode() + b"[limits]\nx = 1\n",
    "section as a value": b"session = 1\n" + GOOD.encode(),
    "open list": GOOD.encode() + b"[sdk]\nallow = ['a'\n",
    "open text": GOOD.encode() + b"[sdk]\ntake = 'a\n",
    "take call": GOOD.encode() + b"[sdk]\ntake_call = 'LOOK x'\n",
}


@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_in_settings(told: Told, text: bytes) -> None:
    """Each is refused in Russian, by the command that needs the settings."""
    Path("plain").touch()
    Path("robot.toml").write_bytes(text)

    shown = told("check")

    assert left(shown.replace("hartbeat", "")) == []


VARIABLES = {
    "FSM_ROBOT_HEARTBEAT_INTERVAL_S": "soon",
    "FSM_ROBOT_HEARTBEAT_INTERVALL": "1",
    "FSM_ROBOT_SCRIPTS_KEEP_JOB_FILES": "maybe",
    "FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID": "secret",
    "FSM_ROBOT_LOGGING_LEVEL": "LOUD",
    "FSM_ROBOT_LOGGING_LANGUAGE": "по-русски",
}


@pytest.mark.parametrize("variable", VARIABLES)
def test_mistakes_in_the_environment(told: Told, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A language that is none is said in that of robot.toml."""
    Path("robot.toml").write_text(GOOD + '[logging]\nlanguage = "ru"\n', encoding="utf-8")
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv(variable, VARIABLES[variable])

    assert left(told("run")) == []


@pytest.mark.parametrize("command", ["run", "doctor", "status", "history", "logs", "pause", "resume"])
@pytest.mark.parametrize("broken", [False, True])
def test_commands_without_settings(told: Told, command: str, broken: bool) -> None:
    """None are there, or they are a folder."""
    if broken:
        Path("robot.toml").mkdir()
    assert left(told(command)) == []
    assert left(told(command, "--config", "absent.toml")) == []


def test_language_of_a_robot_with_mistakes_is_heard(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file that is no TOML, too; and JSON stays English."""
    monkeypatch.delenv(VARIABLE)
    Path("robot.toml").write_text('[logging]\nlanguage = "ru"\n[orchestrator\n', encoding="utf-8")
    assert "ошибка TOML" in told("status")
    assert "is not valid TOML" in told("status", "--json")


STATES: dict[str, dict[str, Any]] = {
    "well": {"every_min": 60},
    "never": {"events": [], "exit_code": None},
    "died": {"exit_code": None},
    "exit 3": {"exit_code": 3},
    "interrupted": {"exit_code": 6},
    "open": {"events": ["nothing_left", *done(7, "счета", "failed", 5)][:-1], "exit_code": None},
    "late": {"every_min": 5, "ran": 500},
    "failing": {"status": {"failing": {"счета": {"times": 5}}}},
    "refused": {"status": {"refused_at": ago(3)}},
    "certificate": {"status": {"certificate_ends": ago(-60 * 24 * 3)}},
    "certificate over": {"status": {"certificate_ends": ago(60 * 24 * 3)}},
    "disk": {"status": {"disk_free_mib": 3}},
    "clock": {"status": {"clock_off_s": -900}},
    "another version": {"status": {"schema": 99}},
    "another form": {"status": {"failing": 3}},
}


@pytest.mark.parametrize("state", STATES)
def test_status_and_history(told: Told, tmp_path: Path, state: str) -> None:
    """Of one robot, of a list of them, of a fleet; what happened to them, and what was paused meanwhile."""
    robot(tmp_path / "анна", **STATES[state])
    Path("fleet.toml").write_text("[[robots]]\nfolder = 'анна'\n", encoding="utf-8")
    shown = [told("status", "анна"), told("status", "--config", "анна/robot.toml"), told("history", "анна")]
    shown += [told("status", "--fleet", "fleet.toml"), told("history", "--fleet", "fleet.toml")]
    shown += [told("history", "анна", "--failed"), told("pause", "анна"), told("status", "анна")]
    shown += [told("status", "--config", "анна/robot.toml"), told("resume", "анна"), told("resume", "анна")]
    shown += [
        told("pause", "анна", "--until", "вчера"),
        told("logs", "--folder", "анна"),
        told("history", "--limit", "0"),
    ]

    assert left("\n".join(shown).replace("failing", "")) == []


def test_damaged_and_foreign_folders(told: Told, tmp_path: Path) -> None:
    """A torn journal, a folder without a robot, a fleet with a slip."""
    journal = robot(tmp_path / "анна") / "state" / "journal" / "000001-20261123T100000Z.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text(lines[0] + lines[1].replace("nothing", "something") + "".join(lines[2:]), encoding="utf-8")
    Path("пусто").mkdir()
    Path("fleet.toml").write_text("[fleet]\nwait_s = 'x'\n[[robots]]\nname = 3\n", encoding="utf-8")
    shown = [told("status", "анна"), told("status", "пусто", "нет"), told("history", "пусто")]
    shown += [told("status", "--fleet", "fleet.toml"), told("status", "--fleet", "absent.toml")]
    Path("fleet.toml").write_text("[[robots]]\nfolder = 'нет'\n[[robots]]\nfolder = 'пусто'\n", encoding="utf-8")
    shown += [told("status", "--fleet", "fleet.toml"), told("doctor", "--fleet", "fleet.toml")]

    assert left("\n".join(shown)) == []


PLACES: dict[str, str] = {
    "as it is": "",
    "no scripts": "[scripts]\ndirectory = 'нет'\n",
    "no interpreter": "[scripts]\npython = './нет/python'\n",
    "limits": "[[limits]]\nscript = 'нет'\nmemory_mib = 100\ndesktop = true\n",
    "storage is a file": "[storage]\ndirectory = 'plain'\n",
    "leaving": "[session]\nwhen_idle = 'log_off'\nafter_failure = 'reboot'\nat_keyboard = 'stay'\n",
    "telemetry": "[telemetry]\nendpoint = 'http://127.0.0.1:9'\nheaders_file = 'нет'\n",
    "locked": "[scripts]\nlocked = true\n",
    "built": "[scripts]\nenvironments = 'built'\n",
    "machine": "[machine]\nfile = 'нет.yaml'\n",
    "callbacks": "[machine]\ncallbacks = 'нет.py'\n",
    "loopback": "[sdk]\ntransport = 'loopback'\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_doctor(told: Told, place: str) -> None:
    """Each row, what was found and what to do, where a robot could not work."""
    Path("plain").touch()
    Path("scripts").mkdir()
    Path("scripts/счета.py").write_text("# /// script\n# dependencies = ['x']\n# ///\n", encoding="utf-8")
    text = GOOD.replace("http://127.0.0.1:4500", "https://127.0.0.1:9").replace("[heartbeat]\ninterval_s = 10\n", "")
    Path("robot.toml").write_text(text + PLACES[place], encoding="utf-8")

    shown = told("doctor")

    assert len(shown.splitlines()) > 3
    shown = re.sub(r"(loginctl не сообщает: ).*( \()", r"\1\2", shown)  # the words of another program
    shown = re.sub(r"(robot\.toml, .*: )everyone", r"\1", shown)  # an account, as Windows calls it
    shown = re.sub(r"(log_off; .*: )reboot", r"\1", shown)  # what session.after_failure may be
    assert left(shown) == []


@pytest.mark.parametrize(("status", "data", "location"), [each[:3] for each in JUDGED])
def test_doctor_about_servers(status: int, data: bytes, location: str) -> None:
    """Whatever a server answers."""
    answer = Reading(Redactor()).answer(status, data, "text/html", location)
    found = [*diagnosis.server_diagnoses("/api/folders/list", answer)]
    shown = re.sub(r"text/html: .*\)", ")", "\n".join(diagnosis.report(found, language.said)))  # the server's own words

    assert left(shown) == []


def test_doctor_about_clocks_certificates_and_disks() -> None:
    """Each on both sides of its threshold."""
    now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    found = [diagnosis.clock_diagnosis(date, now) for date in ("", "Mon, 23 Nov 2026 09:50:00 GMT")]
    found += [diagnosis.certificate_diagnosis("Центр", until, now) for until in (None, now, now + timedelta(days=99))]
    found += [diagnosis.space_diagnosis("/…", size) for size in (1, 100 << 20, 1 << 40)]
    found += [diagnosis.lines_judged(count, "2026-11-20 10:00", now) for count in (0, 1, 5)]

    assert left("\n".join(diagnosis.report(found, language.said))) == []


SESSIONS = [
    SeenSession(*seen)
    for seen in itertools.product(
        ("", ACTIVE, LOCKED, DISCONNECTED),
        (None, 0.0, 300.0),
        ("", "1280x800"),
        ("", "Windows does not tell whether it is locked"),
    )
]


@pytest.mark.parametrize("how", ["ignore", "stay", "no_job"])
def test_doctor_about_who_uses_the_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str) -> None:
    """Whatever the system says of the session, and of itself."""
    (tmp_path / "robot.toml").write_text(f"{GOOD}[session]\nat_keyboard = '{how}'\n", encoding="utf-8")
    settings = load(tmp_path / "robot.toml", {})
    for seen in SESSIONS:
        monkeypatch.setattr("fsm_robot.operations.checks.system.seen_session", lambda seen=seen: seen)
        assert left("\n".join(diagnosis.report([checks.keyboard_diagnosis(settings)], language.said))) == []


@pytest.mark.parametrize("name", [name for name in REFUSED if not english_in(name)], ids=ascii)
def test_refused_names_of_scripts(tmp_path: Path, name: str) -> None:
    """The reason that stands in the log and goes to the orchestrator is Russian on the console."""
    (tmp_path / "scripts").mkdir()
    with pytest.raises(ScriptRefusedError) as raised:
        resolve_script(name, tmp_path / "scripts")
    assert left(language.said(raised.value.reason).replace(str(tmp_path), "/…")) == []


@pytest.mark.parametrize("changes", [
    {"every_min": 10, "seen_at": moment(minutes=160)}, {"failing": (("счета", 1000),)}, {"refused_at": moment(minutes=1)},
    {"undelivered": "g", "undelivered_since": moment(days=3)}, {"certificate_ends": moment(days=-2)}, {"disk_free_mib": 0},
    {"certificate_ends": moment(days=1)}, {"clock_off_s": -61}, {"clock_off_s": 6000},
])  # fmt: skip
def test_troubles_of_a_fleet(changes: dict[str, Any]) -> None:
    """Each rule."""
    (problem,) = judged(attrs.evolve(HEALTHY, **changes), Rules(), moment()).problems
    assert left(language.said(problem.text)) == []


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("name", [name for name in REFUSED if not english_in(name)], ids=ascii)
def test_last_trouble_of_a_status(told: Told, tmp_path: Path, name: str, as_json: bool) -> None:
    """A line of robot.log, which is English and in UTC, is Russian as a whole and in the time of this machine."""
    folder = robot(tmp_path / "анна")
    with pytest.raises(ScriptRefusedError) as raised:
        resolve_script(name, tmp_path)
    log = Log(folder / "state" / "robot.log", "INFO", str, console=False, as_json=as_json)
    log.error("script.not_started", "script not started", job=JOB, reason=raised.value.reason)
    log.close()

    (line,) = (
        line for line in told("status", "--config", "анна/robot.toml").splitlines() if line.startswith("последний сбой")
    )

    assert re.match(r"последний сбой +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d ERROR ", line)
    assert "скрипт не запущен: job=" in line
    reason = line.partition(" reason=")[2].replace('"', " ")  # else it is taken for a quotation
    assert left(reason.replace(str(tmp_path), "/…")) == []


def test_warnings_of_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """What works, but not as one would think."""
    if sys.platform == "win32":
        pytest.skip("Windows has other surroundings")
    else:
        from fsm_robot.system import _surroundings_posix

        monkeypatch.setattr("os.getuid", lambda: 0)

        warnings = [language.said(text) for text in _surroundings_posix.warnings("/нет/скрипты", "/нет/программа")]

        assert len(warnings) == 3
        assert left("\n".join(warnings)) == []


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_what_is_wrong_with_a_field_of_a_form(tmp_path: Path, action: str) -> None:
    """The field is called as the form calls it, in the language of the page."""
    needed = {"script": "x", "guid": "x", "queue": "x"}
    wrong = [{}, {**needed, "priority": "9"}, {**needed, "task": "{"}, {**needed, "task": "[1]"}]
    wrong += [{**needed, "parameters": "{"}, {**needed, "parameters": "[1]"}, {**needed, "script": "x" * 501}]
    with closing(Store(tmp_path / "o.sqlite")) as store:
        for body in wrong:
            try:
                ACTIONS[action](store, body)
            except (GarbledRequestError, RobotError) as error:
                assert left(language.said(str(error))) == [], body


ENDINGS = {
    "удача": "print('ok')",
    "код": "raise SystemExit(3)",
    "ошибка": "raise ValueError('нет файла')",
    "сигнал": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)" if os.name != "nt" else "import os; os.abort()",
    "время": "import time\nprint('a')\ntime.sleep(600)",
}


@pytest.mark.long  # a script that reaches its limit of time, and waits for being killed
def test_run_and_the_ends_of_scripts(robot_folder: RobotFolder) -> None:
    """A real robot with scripts that end in every way, a name that leads out, and one that is not there."""
    robot_folder.settings(
        logging={"language": "ru", "level": "INFO"}, scripts={"stop_grace_s": 1}, leftovers={"report": []}
    )
    config = robot_folder.path / "robot.toml"
    config.write_text(
        config.read_text(encoding="utf-8") + "\n[[limits]]\nscript = 'время'\ntime_limit_s = 1\n", encoding="utf-8"
    )
    for name, text in ENDINGS.items():
        robot_folder.store.enqueue(robot_folder.script(name, text))
    for name in ("../снаружи", "нет", "con", "а" * 400):
        robot_folder.store.enqueue(name)

    done = robot_folder.run()

    folders = (str(robot_folder.path), str(Path(str(robot_folder.path)).resolve()))
    shown = done.out + done.err
    for folder in folders:
        shown = shown.replace(folder, "/…")
    story = [line for line in shown.splitlines() if " DEBUG " not in line]
    assert done.exit_code == 0
    assert "ограничение времени" in shown
    assert left("\n".join(story)) == []
