"""Files of labels beside a machine file: found, checked, shown, and no part of what the robot does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.analyst.words import words
from fsm_robot.cli import main
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.labels import language_in, unlabelled
from fsm_robot.errors import DefinitionError
from fsm_robot.robot.machine import built_in
from tests.fakes.robot_folder import RobotFolder

MACHINE = """format: 1
machine: m
initial: A
states:
  - {name: A, on_enter: go}
  - {name: Z, final: true}
transitions:
  - {trigger: done, source: A, dest: Z, exit_code: 0}
callbacks: {go: {answers: [done]}}
outcomes: {succeeded: 4, failed: 5, refused: 5, not_started: 5, lost: 5, stopped: 7, stop_ran_out: 3, aborted: 3}
"""
LABELLED = MACHINE.replace("on_enter: go", "on_enter: go, title: {ru: Печать}")
RUSSIAN = """states:
  A: {title: Начало, describes: здесь всё начинается}
  Z: {title: Конец}
events:
  done: {title: готово}
"""


def written(folder: Path, files: dict[str, str], machine: str = MACHINE, name: str = "m.yaml") -> Path:
    path = folder / name
    path.write_text(machine, encoding="utf-8")
    for other, text in files.items():
        (folder / other).write_text(text, encoding="utf-8")
    return path


def labelled(path: Path) -> Definition:
    return machine_file.load_labelled(path, None, ())


def mistakes(path: Path) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        labelled(path)
    return [
        problem.removeprefix(f"{path.parent}/").removeprefix(f"{path.parent}\\") for problem in caught.value.problems
    ]


@pytest.mark.parametrize("suffix", ["yaml", "yml", "json"])
@pytest.mark.parametrize("name", ["m.yaml", "my.own.machine.yml", "машина.json", "m[1].yaml"])
def test_labels_beside_any_machine_file_are_found(tmp_path: Path, name: str, suffix: str) -> None:
    """Whatever the machine file is called, its labels are called so too, with the language before the suffix."""
    stem = Path(name).stem
    path = written(
        tmp_path,
        {f"{stem}.ru.{suffix}": RUSSIAN, f"{stem}.pt-BR.{suffix}": "events: {done: {title: pronto}}"},
        name=name,
    )

    found = labelled(path)

    assert (words(found, "ru").state("A"), words(found, "ru").event("done")) == ("Начало", "готово")
    assert words(found, "ru").about_state("A") == "здесь всё начинается"
    assert words(found, "pt-BR").event("done") == "pronto"
    assert found.labels.languages() == ("pt-BR", "ru")


def test_labels_inside_and_beside_add_up(tmp_path: Path) -> None:
    """A machine file with labels inside still works, and a translation may come in a file."""
    found = labelled(written(tmp_path, {"m.en.yaml": "states: {A: {title: Print}}"}, LABELLED))

    assert (words(found, "en").state("A"), words(found, "ru").state("A")) == ("Print", "Печать")


def test_no_label_is_a_part_of_the_digest(tmp_path: Path) -> None:
    """Inside, beside, or nowhere: the machine is the same, and so are the journals of it."""
    bare = machine_file.load(written(tmp_path, {}), None, ()).digest()

    assert labelled(written(tmp_path, {"m.ru.yaml": RUSSIAN})).digest() == bare
    assert labelled(written(tmp_path, {"m.ru.yaml": "states: {Z: {title: Всё}}"}, LABELLED)).digest() == bare


def test_a_machine_of_0_1_is_still_this_machine(tmp_path: Path) -> None:
    """The digest is the one that version 0.1 wrote into journals of it, before labels had files of their own."""
    before = "ddb670b8df773fa7ae2c18ede37d8170b2ece0a0a597a3b8c5401581b717ed81"

    assert labelled(written(tmp_path, {"m.ru.yaml": "states: {Z: {title: Всё}}"}, LABELLED)).digest() == before


def test_machine_file_of_the_robot_fits_on_two_screens() -> None:
    """States, transitions, codes and retries; what people call them stands elsewhere."""
    text = built_in().read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 130
    assert "title:" not in text


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"m.ru.yaml": "states: {B: {title: x}}"}, "m.ru.yaml:1:10: states: there is no state 'B'"),
        ({"m.ru.yaml": "events:\n  dome: {title: x}"}, "m.ru.yaml:2:3: events: there is no event 'dome'; did you mean 'done'?"),
        ({"m.ru.yaml": "states: {A: {titel: x}}"}, "m.ru.yaml:1:14: unknown key 'titel' in a label in one language; did you mean 'title'?"),
        ({"m.ru.yaml": "states: {A: {title: {ru: x}}}"}, "m.ru.yaml:1:21: title must be a text, not a mapping"),
        ({"m.ru.yaml": f"states: {{A: {{title: {'x' * 61}}}}}"}, "m.ru.yaml:1:21: title must be one line of at most 60 characters"),
        ({"m.ru.yaml": "states: {A: Начало}"}, "m.ru.yaml:1:13: a label in one language must be a mapping with title, describes"),
        ({"m.ru.yaml": "states: {A: {title: x}"}, "m.ru.yaml:2:1: is not YAML"),
        ({"m.ru.yaml": ""}, "m.ru.yaml:1:1: is empty; a file of labels has `states` and `events`"),
        ({"m.ru.yaml": "a: 1"}, "m.yaml in the language 'ru', but it has neither `states` nor `events`"),
        ({"m.RU.yaml": "states: {A: {title: x}}"}, "m.RU.yaml:1:1: 'RU' in the name of the file is not a language; write 'ru'"),
        ({"m.pt_BR.yaml": "states: {A: {title: x}}"}, "'pt_BR' in the name of the file is not a language; write 'pt-BR'"),
        ({"m.ru.yaml": RUSSIAN, "m.ru.yml": "states: {A: {title: Иное}}"}, "m.ru.yml:1:14: the title of the state 'A' in 'ru' stands in"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_of_labels_is_named_with_its_place(
    tmp_path: Path, files: dict[str, str], problem: str
) -> None:
    """The same checks as inside the machine file, and what only two files can do wrong."""
    path = written(tmp_path, files)

    found = mistakes(path)

    assert any(problem in each for each in found), found
    assert main(["check", str(path), "--any-callbacks"]) == 2
    assert main(["diagram", str(path)]) == 2


def test_a_text_that_is_given_twice_is_a_mistake_unless_it_is_the_same(tmp_path: Path) -> None:
    """Neither the machine file wins nor the file beside it: nobody would know which text is the old one."""
    assert mistakes(written(tmp_path, {"m.ru.yaml": "states: {A: {title: Начало}}"}, LABELLED)) == [
        f"m.ru.yaml:1:14: the title of the state 'A' in 'ru' stands in {tmp_path / 'm.yaml'} as another text; delete one of the two"
    ]
    assert labelled(written(tmp_path, {"m.ru.yaml": "states: {A: {title: Печать}}"}, LABELLED))


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    """A translator sees all of it in one go."""
    files = {f"m.{language}.yaml": "states: {B: {title: x}, A: {name: y}}" for language in ("en", "ru")}

    assert [problem.split(":")[0] for problem in mistakes(written(tmp_path, files))] == ["m.en.yaml"] * 2 + [
        "m.ru.yaml"
    ] * 2


def test_another_machine_that_is_called_like_labels_is_left_alone(tmp_path: Path) -> None:
    """`m.old.yaml` could be labels in a language; who keeps old machines so keeps them."""
    assert (
        labelled(written(tmp_path, {"m.old.yaml": MACHINE.replace("machine: m", "machine: old")})).labels.languages()
        == ()
    )


def test_labels_that_are_checked_for_a_machine_are_refused_with_the_file_to_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who checks the file that was just translated is told which one to check."""
    written(tmp_path, {"m.ru.yaml": RUSSIAN})

    assert main(["check", str(tmp_path / "m.ru.yaml")]) == 2
    assert "holds labels of m.yaml and is not a machine file; check m.yaml" in capsys.readouterr().err


def test_check_names_what_has_no_label_in_a_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gap is no mistake, for a drawing falls back; but somebody wants to know it."""
    path = written(tmp_path, {"m.ru.yaml": RUSSIAN, "m.en.yaml": "events: {done: {title: done}}"})

    assert main(["check", str(path), "--any-callbacks"]) == 0
    said = capsys.readouterr().out
    assert said.endswith("labels\n  en: no title for: A, Z\n  ru: no description of: Z, done\n")

    assert main(["check", str(path), "--any-callbacks", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unlabelled"] == {
        "en": {"title": ["A", "Z"]}, "ru": {"describes": ["Z", "done"]}
    }  # fmt: skip


def test_check_says_nothing_of_labels_where_nothing_is_lacking(capsys: pytest.CaptureFixture[str]) -> None:
    """The robot itself is whole in both of its languages, and a machine without labels lacks none."""
    assert main(["check"]) == 0
    assert "labels" not in capsys.readouterr().out
    assert unlabelled(machine_file.load(built_in(), None, ())) == {}


@given(st.text(max_size=8), st.text(max_size=12))
def test_any_file_name_is_labels_or_is_not_but_never_a_crash(stem: str, rest: str) -> None:
    """Folders hold files with all kinds of names."""
    found = language_in(f"{stem}.{rest}", stem)

    assert not found or rest.startswith(f"{found}.")


def test_label_file_without_a_right_to_read_it_is_named(tmp_path: Path) -> None:
    """One sentence, whatever keeps the file from being read."""
    path = written(tmp_path, {})
    (tmp_path / "m.ru.yaml").mkdir()

    assert mistakes(path)[0].startswith("m.ru.yaml: cannot be read: ")


READS = """
import os, sys
seen = []
sys.addaudithook(lambda event, values: seen.append(str(values[0])) if event in ("open", "import") else None)
from fsm_robot.cli import entry
leave = os._exit
def tell(code):
    with open("seen.txt", "w", encoding="utf-8") as stream:
        stream.write("\\n".join(seen))
    leave(code)
os._exit = tell
sys.argv = ["fsm-robot", "run"]
entry()
"""


@pytest.mark.parametrize("start", ["first", "from the cache"])
def test_robot_that_runs_reads_no_labels(robot_folder: RobotFolder, start: str) -> None:
    """A wake-up opens no file of labels and imports nothing for them; one that is wrong stops no robot."""
    written(
        robot_folder.path,
        {"mine.ru.yaml": "states: [this is wrong"},
        built_in().read_text(encoding="utf-8"),
        "mine.yaml",
    )
    robot_folder.settings(machine={"file": "mine.yaml"})
    if start == "from the cache":
        assert robot_folder.run().exit_code == 0
    spy = robot_folder.path / "spy.py"
    spy.write_text(READS, encoding="utf-8")

    command = [sys.executable, str(spy)]
    done = subprocess.run(command, cwd=robot_folder.path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    seen = (robot_folder.path / "seen.txt").read_text(encoding="utf-8").splitlines()
    assert any(each.endswith("mine.yaml") for each in seen), seen
    assert [each for each in seen if "mine.ru" in each or each == "fsm_robot.engine.machine.labels"] == []
    assert ("yaml" in seen) == (start == "first")
