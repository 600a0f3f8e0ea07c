from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm_robot.engine.wording import for_terminal
from fsm_robot.operations.output_text import shown_text

WORDS = [
    "Ошибка доступа к файлу",
    "отчёт готов",
    "Системе не удается найти указанный путь.",
    "ПРИВЕТ",
    "съел",
    "Файл не найден: C:\\данные\\счёт.xlsx",
]


@pytest.mark.parametrize("encoding", ["utf-8", "cp866", "cp1251"])
@pytest.mark.parametrize("text", WORDS)
def test_russian_text_is_read_in_the_encoding_it_was_printed_in(text: str, encoding: str) -> None:
    """A script prints UTF-8, an old program the code page of the console."""
    assert shown_text(f"{text}\n".encode(encoding)) == f"{text}\n"


def test_each_line_is_looked_at_alone() -> None:
    """One program of another code page does not spoil the lines of the script."""
    data = "начало\n".encode() + "копирование\r\n".encode("cp866") + "конец".encode("cp1251")

    assert shown_text(data) == "начало\nкопирование\r\nконец"


@settings(deadline=None)
@given(st.text())
def test_any_utf_8_text_is_shown_as_it_is(text: str) -> None:
    """Nothing is guessed where nothing has to be."""
    data = text.encode("utf-8", "replace")

    assert shown_text(data) == data.decode()


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_can_be_shown(data: bytes) -> None:
    """A script that prints an image does not stop the reader; a terminal gets nothing to obey."""
    shown = for_terminal(shown_text(data))

    assert all(character.isprintable() or character in "\t\n" or ord(character) > 0x9F for character in shown)


def test_terminal_gets_no_commands() -> None:
    """An escape sequence would rename the window or hide a line."""
    assert for_terminal(shown_text(b"\x1b]0;mine\x07ok\n")) == "\\x1b]0;mine\\x07ok\n"
