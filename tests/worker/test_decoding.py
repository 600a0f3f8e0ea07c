from __future__ import annotations

import pytest

from fsm_robot.worker.decoding import decoded, last_line

CODE_PAGES = ("cp866", "cp1251")
TEXTS = [
    "Файл не найден",
    "ОШИБКА: доступ запрещён",
    "Не удалось открыть C:\\Отчёты\\июнь.xlsx",
    "готово",
    "Ответ сервера: 404, страница не существует",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", *CODE_PAGES])
def test_line_is_read_whatever_encoding_the_program_printed_in(text: str, encoding: str) -> None:
    """A console program prints in cp866, an old GUI script in cp1251, Python under the robot in UTF-8."""
    assert decoded(text.encode(encoding), CODE_PAGES) == text


def test_what_nothing_explains_is_shown_as_replaced() -> None:
    """Where the system has no old code pages a broken byte is a replacement character, never an error."""
    assert decoded(b"caf\xe9", ()) == "caf\ufffd"


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r\n\r\n", "\r\n  \r\n", "\r"])
@pytest.mark.parametrize("text", [*TEXTS, "Error 5", "Њ и Ѝ", "№ 7 – «готово»"])
@pytest.mark.parametrize("before", ["", "Выполняется…\r\n", "one\ntwo\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16"])
def test_last_line_is_read_in_utf_16_as_in_utf_8(encoding: str, before: str, text: str, end: str) -> None:
    """A program that writes UTF-16 into the pipe (cmd /u, wmic, PowerShell 5): with a mark or without, whatever ends it."""
    assert last_line((before + text + end).encode(encoding), CODE_PAGES) == text


@pytest.mark.parametrize("cut", range(1, 12))
def test_last_line_when_the_beginning_was_cut_is_whole(cut: int) -> None:
    """The ring holds the last bytes, and begins in the middle of a letter."""
    data = "Шаг 1 из 2\r\nДоступ запрещён: счёт.xlsx\r\n".encode("utf-16-le")
    assert last_line(data[cut:], CODE_PAGES) == "Доступ запрещён: счёт.xlsx"


def test_last_line_behind_lines_of_another_encoding_is_its_own() -> None:
    """Python prints UTF-8 into the same pipe."""
    utf16 = "Служба не запущена\r\n".encode("utf-16-le")
    assert last_line("начало\n".encode() + utf16, CODE_PAGES) == "Служба не запущена"
    assert last_line(utf16 + "Traceback\nKeyError: 'имя'\n".encode(), CODE_PAGES) == "KeyError: 'имя'"


@pytest.mark.parametrize("encoding", CODE_PAGES)
@pytest.mark.parametrize("text", TEXTS)
def test_last_line_of_an_old_code_page_is_read_as_before(encoding: str, text: str) -> None:
    """Nothing of it looks like UTF-16."""
    assert last_line(f"{text}\r\n\r\n".encode(encoding), CODE_PAGES) == text


@pytest.mark.parametrize(
    "head", ["Traceback (most recent call last):\n", "  + Exception Group Traceback (most recent call last):\n"]
)
@pytest.mark.parametrize("before", ["", "шаг 3 из 7\n"])
def test_head_of_a_traceback_that_was_cut_is_no_reason(head: str, before: str) -> None:
    """A script that is killed while it prints one leaves no more than that."""
    assert last_line((before + head).encode(), CODE_PAGES) == before.strip()
