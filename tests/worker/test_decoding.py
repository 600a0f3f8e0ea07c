from __future__ import annotations

import pytest

from fsm_robot.worker.decoding import decoded

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
