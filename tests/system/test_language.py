"""Messages for operators in Russian: the catalogue is complete, a sentence is retold with its values, files stay English."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.cli import main
from fsm_robot.cli.reader import VARIABLE, local
from fsm_robot.system import language
from fsm_robot.system.retelling import NUMBERS, PLACEHOLDER, Catalogue, Retelling
from tests import catalogue
from tests.fakes.robot_folder import RobotFolder

CYRILLIC = re.compile("[А-Яа-яЁё]")
SAME = {"pid", "pid {pid}", "robot.log", "fsm-robot env sync", "{python}, Python {version}"}
SAME |= {"guid", "{detail} (HTTP {status}, {shown})", "[Errno {number}] {text}"}
SAME |= {"Critical", "Error", "Info", "Notice", "Warning", "Debug", "sends one."}
"""Names and levels, which are the same in every language."""


@pytest.fixture
def retelling() -> Retelling:
    return Retelling.of(language.LOCALE, language.DOMAIN, "ru")


def test_catalogue_has_every_sentence_of_the_sources_and_no_other() -> None:
    """`python -m tests.catalogue` takes new ones in."""
    said, kept = catalogue.template_catalogue(), catalogue.read()
    assert {str(each.id) for each in kept if each.id} == {str(each.id) for each in said if each.id}
    assert len(said) > 300
    # Its head names the version of Babel.
    both = [Catalogue(BytesIO(data)) for data in (catalogue.MO.read_bytes(), catalogue.compiled(kept))]
    mo, fresh = ([*sorted(each.exact()), *sorted(each.sentences())] for each in both)
    assert mo == fresh
    assert [both[0].gettext(text) for text in both[0].sentences()] == [
        both[1].gettext(text) for text in both[0].sentences()
    ]


def test_every_sentence_is_translated_with_the_same_placeholders() -> None:
    """None is left out, and no value is lost on the way."""
    for message in catalogue.read():
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        told = message.string if isinstance(message.string, (tuple, list)) else (message.string or "",)
        assert len(told) == (3 if len(ids) == 2 else 1), ids
        for text in told:
            assert sorted(PLACEHOLDER.findall(str(text))) == sorted(PLACEHOLDER.findall(str(ids[0]))), ids
            assert CYRILLIC.search(str(text)) or ids[0] in SAME, ids


def test_no_sentence_fits_everything(retelling: Retelling) -> None:
    """A sentence that is little but its values would be found in what has nothing to do with it."""
    assert [each.sentence for each in retelling.templates if each.length < 4] == []
    for text in ("the tape is full", "no space left on device", "HTTP 502 from the gateway, try later", "a: b", ""):
        assert retelling.text(text) == text


@given(st.data())
def test_sentence_is_retold_with_its_values(data: st.DataObject) -> None:
    """Whatever the values are, they stand in the Russian sentence as they stood in the English one."""
    retelling = Retelling.of(language.LOCALE, language.DOMAIN, "ru")
    template = data.draw(st.sampled_from(retelling.templates))
    names = PLACEHOLDER.findall(template.sentence)
    numbers, words = "[0-9]{1,6}", "[0-9]{1,6}|Ж[а-я]{3,9}"
    values = {name: data.draw(st.from_regex(numbers if name in NUMBERS else words, fullmatch=True)) for name in names}
    values |= {second: "" for _, second in re.findall(r"\{(\w+)\}(?=\{(\w+)\})", template.sentence)}

    told = retelling.text(PLACEHOLDER.sub(lambda place: values[place[1]], template.sentence))

    assert all(value in told for value in values.values())
    assert told == template.with_values(values)


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        ("it never ran; the newest journal is damaged: x", "ни разу не запускался; последний журнал повреждён: x"),
        ("script a failed 1 time in a row", "скрипт a завершился с ошибкой 1 раз подряд"),
        ("script a failed 3 times in a row", "скрипт a завершился с ошибкой 3 раза подряд"),
        (
            "the server's certificate ends in 21 days, on 2026-12-24",
            "сертификат сервера истекает через 21 день, 2026-12-24",
        ),
        ("its clock is 90 s ahead of the server's", "часы на 90 с впереди часов сервера"),
        ("Finished: 5 jobs done, exit code 0", "Работа закончена: выполнено 5 заданий, код завершения 0"),
        (
            "/api/a: no connection to x:9 (no route); check orchestrator.url and the network",
            "/api/a: нет соединения с x:9 (no route); проверьте orchestrator.url и сеть",
        ),
        ("the TLS certificate of x has expired", "сертификат TLS сервера x истёк"),
    ],
)
def test_values_are_retold_too(retelling: Retelling, english: str, russian: str) -> None:
    """Reasons within a sentence, and numbers with their nouns."""
    assert retelling.text(english) == russian


@pytest.mark.parametrize("name", catalogue.PAGES)
def test_page_has_every_text_in_russian(russian: None, name: str) -> None:
    """Of the English page no text is left, and what its scripts say comes with it as data."""
    html = (catalogue.PACKAGE / name).read_bytes()
    before = catalogue.texts_of(html.decode())

    told = language.page(html).decode()

    after = catalogue.texts_of(told.partition('<script type="application/json"')[0])
    assert '<html lang="ru">' in told
    assert [text for text in before if text in after and text not in SAME] == []
    assert after == [] or not any(CYRILLIC.search(text) for text in before)
    (data,) = re.findall(r'<script type="application/json" id="texts">(.*?)</script>', told)
    assert json.loads(unescape(data))["working"] == "в работе"
    scripts = [catalogue.PACKAGE / script for script in catalogue.SCRIPTS if Path(script).parent == Path(name).parent]
    said = {text for script in scripts for text in catalogue._of_script(script.read_text(encoding="utf-8"))}
    assert said <= set(json.loads(data))


def test_english_page_is_served_as_it_is() -> None:
    """Nobody pays for a language that is not wanted."""
    html = (catalogue.PACKAGE / catalogue.PAGES[0]).read_bytes()
    assert language.page(html) is html


def test_robot_speaks_russian_to_people_and_english_to_programs(
    robot_folder: RobotFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Console, status and doctor are Russian; robot.log and JSON are not; the environment wins."""
    robot_folder.settings(logging={"language": "ru"})
    robot_folder.store.enqueue(robot_folder.script("quick", "print('done')"))
    said = robot_folder.run()
    folder = str(robot_folder.path)

    assert said.exit_code == 0
    assert "задание получено: job=" in said.err
    assert "выполнено 1 задание, код завершения 0" in said.out + said.err
    log = robot_folder.log()
    assert " job.taken job taken: job=" in log
    assert not CYRILLIC.search(log)

    assert main(["status", "--config", str(robot_folder.path / "robot.toml")]) == 0
    assert "простаивает, уже " in (told := capsys.readouterr().out), told
    assert main(["status", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["doing"] == "idle"
    main(["doctor", folder])
    assert "в папке " in (told := capsys.readouterr().out), told
    main(["doctor", folder, "--json"])
    assert not CYRILLIC.search(capsys.readouterr().out)
    monkeypatch.setenv(VARIABLE, "en")
    main(["doctor", folder])
    assert not CYRILLIC.search(capsys.readouterr().out)


def test_english_start_imports_no_language() -> None:
    """What an idle wake-up imports is what it was."""
    code = "import sys, fsm_robot.cli.run, fsm_robot.robot.wiring; sys.exit(any('language' in n for n in sys.modules if n.startswith('fsm_robot')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_moment_is_local_with_its_offset() -> None:
    """The same moment, as a clock on the wall shows it; what is none stays."""
    told = local("2026-11-27T10:00:05.123456Z")
    assert re.fullmatch(r"2026-11-2[678] \d\d:\d\d:05[+-]\d\d:\d\d", told)
    assert local("2026-11-27 10:00:05") == told
    assert local("never") == "never"


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    yield
    language.speak("en")
