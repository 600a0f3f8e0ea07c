from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fsm_robot.errors import SettingsError
from fsm_robot.robot.settings import load

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
GOOD = f"""\
[orchestrator]
url = "http://127.0.0.1:4500"
robot_guid = "{GUID}"

[heartbeat]
interval_s = 10
"""


def toml(folder: Path, text: str) -> Path:
    path = folder / "robot.toml"
    path.write_bytes(text.encode())
    return path


def problems(folder: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(toml(folder, text), environment or {})
    return [problem.replace(str(folder / "robot.toml"), "robot.toml") for problem in caught.value.problems]


def test_settings_when_the_file_is_good_are_its_values_and_the_defaults(tmp_path: Path) -> None:
    """What the file says, then the documented defaults; relative paths start at the file."""
    settings = load(toml(tmp_path, GOOD), {})

    assert settings.orchestrator.url == "http://127.0.0.1:4500"
    assert settings.orchestrator.robot_guid == GUID
    assert settings.scripts_directory == tmp_path / "scripts"
    assert settings.storage_directory == tmp_path / "state"
    assert settings.scripts.stop_grace_s == 60
    assert settings.orchestrator.verify is True


def test_guid_never_shows_in_the_repr(tmp_path: Path) -> None:
    """The settings can be printed without giving the password away."""
    assert GUID not in repr(load(toml(tmp_path, GOOD), {}))


WRONG = {
    "no whole number": (
        "[heartbeat]",
        "[storage]\nkeep_runs = 10.5\n[heartbeat]",
        "robot.toml:6: storage.keep_runs: must be a whole number",
    ),
    "too few runs": (
        "[heartbeat]",
        "[storage]\nkeep_runs = 3\n[heartbeat]",
        "robot.toml:6: storage.keep_runs: must be from 10 to 100000, not 3",
    ),
    "unknown key": (
        "interval_s = 10",
        "intervall_s = 10",
        "robot.toml:6: heartbeat.intervall_s: unknown key; did you mean 'interval_s'?",
    ),
    "unknown section": (
        "[heartbeat]",
        "[hartbeat]",
        "robot.toml:5: hartbeat: unknown section; did you mean 'heartbeat'?",
    ),
    "text for a number": (
        "interval_s = 10",
        'interval_s = "10"',
        "robot.toml:6: heartbeat.interval_s: must be a number",
    ),
    "flag for a number": (
        "interval_s = 10",
        "interval_s = true",
        "robot.toml:6: heartbeat.interval_s: must be a number",
    ),
    "nan": ("interval_s = 10", "interval_s = nan", "robot.toml:6: heartbeat.interval_s: must be a number"),
    "out of range": (
        "interval_s = 10",
        "interval_s = -1",
        "robot.toml:6: heartbeat.interval_s: must be from 0.05 to 3600, not -1",
    ),
    "no GUID": (GUID, "not-a-guid", "robot.toml:3: orchestrator.robot_guid: is not a GUID"),
    "not http": ("http://", "ftp://", "robot.toml:2: orchestrator.url: must be http://host"),
    "no host": ("http://127.0.0.1:4500", "http://", "robot.toml:2: orchestrator.url: must be http://host"),
    "bad port": (":4500", ":99999", "robot.toml:2: orchestrator.url: is not a URL"),
    "password in the URL": ("http://", "http://u:p@", "robot.toml:2: orchestrator.url: must not carry a user name"),
    "scheme": (
        "[heartbeat]",
        'auth_scheme = "digest"\n[heartbeat]',
        "robot.toml:5: orchestrator.auth_scheme: must be one of basic, bearer",
    ),
    "section that is a value": ("[heartbeat]\ninterval_s = 10", "", ""),
    "not TOML": ("interval_s = 10", "interval_s = ", "robot.toml:6: is not valid TOML"),
    "missing GUID": (f'robot_guid = "{GUID}"\n', "", "orchestrator.robot_guid: is missing"),
    "missing URL": ('url = "http://127.0.0.1:4500"\n', "", "orchestrator.url: is missing"),
    "list of numbers": (
        "[heartbeat]",
        "[session]\nlog_off_command = [1]\n[heartbeat]",
        "session.log_off_command: must be a list of texts",
    ),
}
del WRONG["section that is a value"]


@pytest.mark.parametrize(("old", "new", "expected"), WRONG.values(), ids=WRONG.keys())
def test_mistake_is_refused_with_file_line_and_key(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Each mistake is one sentence that says what, where and what to do."""
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))

    assert any(problem.startswith(expected) or expected in problem for problem in found), found
    assert not any(GUID in problem for problem in found)


def test_wrong_guid_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    """A mistyped password is a password too."""
    found = problems(tmp_path, GOOD.replace(GUID, GUID[:-1]))

    assert not any(GUID[:20] in problem for problem in found)


def test_all_mistakes_are_reported_in_one_go(tmp_path: Path) -> None:
    """Nobody has to start five times to learn of five mistakes."""
    text = GOOD.replace("http://", "ftp://").replace("interval_s = 10", "interval_s = 0\nfoo = 1") + "[bar]\n"

    assert len(problems(tmp_path, text)) == 4


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    """`FSM_ROBOT_<SECTION>_<KEY>` overrides every key, by its type."""
    settings = load(
        toml(tmp_path, GOOD),
        {
            "FSM_ROBOT_HEARTBEAT_INTERVAL_S": "2.5",
            "FSM_ROBOT_ORCHESTRATOR_VERIFY": "false",
            "FSM_ROBOT_SCRIPTS_DIRECTORY": "сценарии",
            "FSM_ROBOT_SESSION_LOG_OFF_COMMAND": '["a", "b"]',
            "FSM_ROBOT_JOB": "/from/an/outer/robot",
            "OTHER": "x",
        },
    )

    assert settings.heartbeat.interval_s == 2.5
    assert settings.orchestrator.verify is False
    assert settings.scripts_directory == tmp_path / "сценарии"
    assert settings.session.log_off_command == ("a", "b")


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("FSM_ROBOT_HEARTBEAT_INTERVAL_S", "soon", "heartbeat.interval_s: must be a number"),
        ("FSM_ROBOT_HEARTBEAT_INTERVALL", "1", "unknown; did you mean 'FSM_ROBOT_HEARTBEAT_INTERVAL_S'?"),
        ("FSM_ROBOT_SCRIPTS_KEEP_JOB_FILES", "maybe", "scripts.keep_job_files: must be true or false"),
        ("FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID", "secret", "is not a GUID"),
    ],
)
def test_mistake_in_the_environment_is_named_by_its_variable(
    tmp_path: Path, variable: str, value: str, expected: str
) -> None:
    """A wrong variable is refused like a wrong key."""
    found = problems(tmp_path, GOOD, {variable: value})

    assert found[0].startswith(f"environment: {variable}")
    assert expected in found[0]
    assert "secret" not in found[0]


def test_guid_is_read_from_a_file_of_its_own(tmp_path: Path) -> None:
    """The password can live in a file with other rights; braces and a BOM do not matter."""
    (tmp_path / "guid.txt").write_bytes(b"\xef\xbb\xbf{" + GUID.encode() + b"}\r\n")
    text = GOOD.replace(f'robot_guid = "{GUID}"', 'robot_guid_file = "guid.txt"')

    assert load(toml(tmp_path, text), {}).orchestrator.robot_guid == GUID


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "cannot be read"), (b"", "is empty"), (b"hello", "is not a GUID"), (b"\xff\xfe", "cannot be read")],
)
def test_guid_file_when_unusable_is_refused(tmp_path: Path, content: bytes | None, expected: str) -> None:
    """A missing, empty or wrong GUID file stops the start with its line in robot.toml."""
    if content is not None:
        (tmp_path / "guid.txt").write_bytes(content)
    found = problems(tmp_path, GOOD.replace(f'robot_guid = "{GUID}"', 'robot_guid_file = "guid.txt"'))

    assert found[0].startswith("robot.toml:3: orchestrator.robot_guid_file")
    assert expected in found[0]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xfe[\x00", "is not UTF-8"),
        (b"x" * 70_000, "larger than"),
        ("[a]\nb='\u0430".encode("cp1251"), "robot.toml:2: is not UTF-8"),
    ],
)
def test_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, expected: str) -> None:
    """An editor that saved in another encoding is told so."""
    path = tmp_path / "robot.toml"
    path.write_bytes(data)

    with pytest.raises(SettingsError, match=expected):
        load(path, {})


def test_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    """A newcomer learns of `fsm-robot init`."""
    with pytest.raises(SettingsError, match="fsm-robot init"):
        load(tmp_path / "robot.toml", {})


def test_whole_number_in_the_environment_is_read_as_one(tmp_path: Path) -> None:
    """`FSM_ROBOT_STORAGE_KEEP_RUNS=50` is the number, and a word is refused."""
    assert load(toml(tmp_path, GOOD), {"FSM_ROBOT_STORAGE_KEEP_RUNS": "50"}).storage.keep_runs == 50
    assert problems(tmp_path, GOOD, {"FSM_ROBOT_STORAGE_KEEP_RUNS": "many"}) == [
        "environment: FSM_ROBOT_STORAGE_KEEP_RUNS: storage.keep_runs: must be a whole number"
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", sys.executable),
        ("python3.8", "python3.8"),
        ("py.exe", "py.exe"),
        ("./python", "{base}/python"),
        ("venv/bin/python", "{base}/venv/bin/python"),
        ("../shared/python", "{parent}/shared/python"),
        ("~/py/python", "{home}/py/python"),
        ("~", "{home}"),
    ],
)
def test_interpreter_of_the_scripts_starts_at_the_file_unless_it_is_a_bare_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, expected: str
) -> None:
    """Wherever the robot is started; a bare name is left to the system, which looks it up on PATH."""
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    base = tmp_path / "robot"
    base.mkdir()
    monkeypatch.chdir(tmp_path)
    settings = load(toml(base, f'{GOOD}[scripts]\npython = "{written}"\n'), {})

    wanted = expected.format(base=base, parent=tmp_path, home=tmp_path / "home")
    assert settings.scripts_python == (str(Path(wanted)) if "/" in wanted else wanted)
