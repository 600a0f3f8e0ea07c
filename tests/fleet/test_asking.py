"""All robots of a fleet side by side: here, on another machine, slow, absent, and with names in any language."""

from __future__ import annotations

import json
import string
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.cli import main
from fsm_robot.errors import SettingsError
from fsm_robot.fleet import answers
from fsm_robot.fleet import schema as schema_module
from fsm_robot.fleet.asking import look_at_all
from fsm_robot.fleet.documents import document_of, schema, sights_in
from fsm_robot.fleet.file import from_text, read
from fsm_robot.fleet.sight import Sight
from tests.fakes.journals import done
from tests.fleet.folders import ago, robot

JUNK = "import sys; print('Welcome to srv1'); {body}"


def fleet_file(folder: Path, *robots: str, head: str = "") -> Path:
    path = folder / "fleet.toml"
    head = head or "[fleet]\nwait_s = 120"  # a busy machine is no robot that is absent
    path.write_text("\n".join([head, *(f"[[robots]]\n{each}" for each in robots)]), encoding="utf-8")
    return path


def there(host: str, folder: str, *command: str) -> str:
    """Return a place that a command reaches; without one it is a real fsm-robot."""
    words = list(command) or [sys.executable, "-m", "fsm_robot"]
    return f"host = {json.dumps(host)}\nfolder = {json.dumps(folder)}\ncommand = {json.dumps(words)}"


def test_fleet_of_here_and_there_is_one_table_and_names_who_is_sick(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Patterns, single folders, another host with blanks and Cyrillic in its path; what is no robot is left out."""
    for name in ("anna", "борис"):
        robot(tmp_path / "robots" / name)
    (tmp_path / "robots" / "scripts").mkdir()
    robot(tmp_path / "late one", every_min=5, ran=200)
    robot(tmp_path / "там & $HOME 'x'" / "vera", status={"failing": {"счета": {"times": 4}}})
    far = str(tmp_path / "там & $HOME 'x'" / "*")
    file = fleet_file(tmp_path, "folder = 'robots/*'", "folder = 'late one'\nname = 'Лена'", there("srv1", far))

    assert main(["status", "--fleet", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["robot", "anna", "борис", "Лена", "srv1:vera"]
    assert "did not" in lines[3]
    assert "счета failed 4 times" in lines[4]
    assert all("idle" in line for line in lines[1:])

    assert main(["status", "--fleet", str(file), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    _check(document, schema(), schema())
    assert [robot["name"] for robot in document["robots"] if robot["problems"]] == ["Лена", "vera"]


def test_who_does_not_answer_is_named_in_time_and_hides_nobody(tmp_path: Path) -> None:
    """A command that is not there, says something else, is of another version, or hangs; a folder that is gone."""
    robot(tmp_path / "anna")
    other = JUNK.format(body='print(\'{"schema": 99, "robots": []}\')')
    file = fleet_file(
        tmp_path,
        there("missing", "x", str(tmp_path / "no-such-program")),
        there("chatty", "x", sys.executable, "-c", JUNK.format(body="sys.exit('permission denied')")),
        there("older", "x", sys.executable, "-c", other),
        there("empty", str(tmp_path / "nobody*")),
        "folder = 'gone'",
        "folder = 'gone*'",
        "folder = 'anna'",
    )

    sights = look_at_all(read(file))

    assert [(sight.host or sight.name, sight.doing) for sight in sights] == [
        *((host, "absent") for host in ("missing", "chatty", "older", "empty")),
        *(("gone", "unreadable"), ("gone*", "absent"), ("anna", "idle")),
    ]
    why = {sight.host or sight.name: sight.problems[0].text for sight in sights[:-1]}
    assert "cannot be started" in why["missing"]
    assert "permission denied" in why["chatty"]
    assert "schema 99" in why["older"]
    assert "no folder of a robot" in why["empty"]

    hangs = there("hangs", "x", sys.executable, "-c", "import time; time.sleep(600)")
    began = time.monotonic()
    (silent,) = look_at_all(read(fleet_file(tmp_path, hangs, head="[fleet]\nwait_s = 0.5")))
    assert silent.doing == "absent"
    assert "no answer within 0.5 s" in silent.problems[0].text
    assert time.monotonic() - began < 60


def test_history_and_logs_of_a_fleet_find_the_job_wherever_it_was(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The jobs of all robots by time; the output of one by its GUID alone."""
    robot(tmp_path / "anna")
    vera = robot(tmp_path / "vera", ["nothing_left", *done(7, "счета", "failed", 5), "no_job"], ran=90)
    guid = "5c1e0000-0000-4000-8000-000000000007"
    (vera / "state" / "jobs" / guid).mkdir(parents=True)
    (vera / "state" / "jobs" / guid / "output.log").write_bytes("строка 1\nстрока 2".encode())
    file = str(fleet_file(tmp_path, "folder = 'anna'", there("srv1", str(vera)), "folder = 'gone'"))

    assert main(["history", "--fleet", file]) == 1
    out, err = capfdbinary.readouterr()
    rows = out.decode().splitlines()
    assert [row.split()[2] for row in rows[1:]] == ["vera", "anna"]
    assert b"gone" in err
    assert main(["logs", "--fleet", file, "--", guid]) == 0
    assert capfdbinary.readouterr().out.decode() == "строка 1\nстрока 2"
    file = str(fleet_file(tmp_path, "folder = 'anna'", "folder = 'vera'"))  # each question to a program costs a second
    assert main(["logs", "--fleet", file, "--robot", "vera", "-f"]) == 0
    assert capfdbinary.readouterr().out.decode() == "строка 1\nстрока 2"
    assert main(["logs", "--fleet", file]) == 2
    assert main(["logs", "--fleet", file, "--", "ffff"]) == 2
    assert main(["history", "--fleet", file, "--failed", "--json"]) == 0
    assert [job["script"] for job in json.loads(capfdbinary.readouterr().out)["jobs"]] == ["счета"]


def test_doctor_of_a_fleet_says_what_keeps_each_robot_from_working(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A robot.toml without a GUID is one such thing."""
    robot(tmp_path / "anna")
    file = fleet_file(tmp_path, "folder = 'anna'", there("srv1", str(tmp_path / "anna")))

    assert main(["doctor", "--fleet", str(file)]) == 1
    assert capsys.readouterr().out.count("robot_guid: is missing") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("robots = 1", "robots: must be tables"),
        ("[[robots]]", "robots[1].folder: is missing"),
        ("[[robots]]\nfolder = 'x'\nhost = 'srv'", "robots[1].command: is missing"),
        ("[[robots]]\nfolder = 'x'\ncommand = ['ssh']", "robots[1].host: is missing"),
        ("[[robots]]\nfolder = 'x*'\nname = 'y'", "robots[1].name: cannot be"),
        ("[[robots]]\nfoldr = 'x'", "did you mean 'folder'"),
        ("[helth]\nfailures = 1", "did you mean 'health'"),
        ("[health]\nfailures = 'three'", "health.failures: must be a number"),
        ("[fleet]\nwait_s = true", "fleet.wait_s: must be a number"),
        ("[fleet]\nnotify_command = 'mail'", "fleet.notify_command: must be a list"),
        ("[shared.orchestrator]\nrobot_guid = 'x'", "password"),
        ('[[robots]]\nfolder = "D:\\robots"', "'…' quotes"),
        ("fleet = 3", "fleet: must be a section"),
    ],
)
def test_slip_in_the_file_is_named_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    """Nothing is looked at before."""
    with pytest.raises(SettingsError) as error:
        from_text(tmp_path / "fleet.toml", text)

    assert said in str(error.value)


@given(st.dictionaries(st.text(max_size=9), st.one_of(st.text(), st.integers(), st.booleans()), max_size=5))
def test_question_is_one_word_that_no_shell_changes(question: dict[str, object]) -> None:
    """POSIX shells, cmd and PowerShell leave letters, digits, dash and underscore alone."""
    word = answers.packed(question)

    assert set(word) <= {*string.ascii_letters, *string.digits, "-", "_"}
    assert answers.unpacked(word) == question


@pytest.mark.parametrize("word", ["", "%%%", "AAAA", "x" * 9000, "bnVsbA", "W10"])
def test_question_that_is_none_is_refused_in_a_sentence(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And the answer is JSON all the same: the other machine shows it."""
    assert main(["fleet", "tell", word]) == 1

    assert "question" in json.loads(capsys.readouterr().out)["error"]


def test_schema_beside_the_package_is_what_the_code_says() -> None:
    """`make schema` writes it."""
    file = Path(schema_module.__file__).parents[1] / "fleet.schema.json"

    assert file.read_text(encoding="utf-8") == schema_module.text()


def test_what_another_machine_says_is_checked(tmp_path: Path) -> None:
    """Fields of a later version are left out; what is no robot is refused."""
    sight = Sight("anna", str(tmp_path), failing=(("a", 2),))
    document: dict[str, Any] = json.loads(json.dumps(document_of([sight], ago(0))))
    document["robots"][0]["of a later version"] = 1

    assert sights_in(document, "srv1") == [attrs.evolve(sight, host="srv1")]
    kinds: list[object] = [
        None,
        7,
        True,
        1e400,
        "x",
        [],
        [[]],
        [["a", 1e400]],
        {},
        [{"kind": 1, "text": "x"}],
        [{"kind": "x", "text": []}],
    ]
    fields = {field.name: str(field.type) for field in attrs.fields(Sight)}
    # What fits, or becomes what fits, is no robot of another shape.
    fits: dict[str, list[object]] = {
        "str": ["x"],
        "int": [7],
        "int | None": [None, 7],
        "tuple[Problem, ...]": [],
        "tuple[tuple[str, int], ...]": [],
    }
    mistaken = [
        [{"name": "x", name: value}]
        for name, kind in fields.items()
        for value in kinds
        if value not in ([], {}) and not any(value is each for each in fits[kind]) and (name, value) != ("failing", "x")
    ]
    strange: tuple[object, ...] = ([{}], [1], None, [{"name": "x", "problems": [{"no": 1}]}], *mistaken)
    for robots in strange:
        with pytest.raises(SettingsError, match="srv1"):
            sights_in({"schema": 1, "robots": robots}, "srv1")


def _check(value: Any, rule: dict[str, Any], root: dict[str, Any]) -> None:
    """Hold a value against the part of JSON Schema that ours uses."""
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].rpartition("/")[2]]
    if "const" in rule:
        assert value == rule["const"]
        return
    kinds = {"string": str, "integer": int, "null": type(None), "array": list, "object": dict}
    wanted = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    assert isinstance(value, tuple(kinds[each] for each in wanted)), (value, rule)
    if isinstance(value, dict):
        assert set(value) == set(rule["properties"]) == set(rule["required"])
        for key, each in value.items():
            _check(each, rule["properties"][key], root)
    elif isinstance(value, list) and isinstance(rule.get("items"), dict):
        for each in value:
            _check(each, rule["items"], root)
