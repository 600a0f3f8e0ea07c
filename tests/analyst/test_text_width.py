from __future__ import annotations

import json
from typing import Any

import pytest

from fsm_robot.analyst.drawing.text_width import monospace_width, shortened, text_width, wrapped

SAMPLES = [
    "orchestrator_unreachable",
    "at most 3× · exit 4",
    "WWWMMM@%",
    "iiill.,;'|",
    "Принудительная остановка",
    "Щёлочь жмёт шью",
    "результат не отправлен",
    "日本語の状態",
    'a<b>&c "quoted" #1 [x] {y}',
    "0123456789 +-=/()→≤",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "abcdefghijklmnopqrstuvwxyz",
    "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
]


def test_no_text_is_wider_than_its_estimate(browser: Any) -> None:
    """A real browser measures the samples in the widest of the usual fonts."""
    script = """
        const pen = document.createElement('canvas').getContext('2d');
        return JSON.stringify(arguments[0].map(([font, text]) => { pen.font = font; return pen.measureText(text).width; }));
    """
    fonts = ["100px 'DejaVu Sans'", "bold 100px 'DejaVu Sans'", "100px 'DejaVu Sans Mono'", "100px sans-serif"]
    asked = [(font, text) for font in fonts for text in SAMPLES]

    measured = json.loads(browser.execute_script(script, asked))

    for (font, text), width in zip(asked, measured, strict=True):
        bold = font.startswith("bold")
        estimate = monospace_width(text, 100) if "Mono" in font else text_width(text, 100, bold=bold)
        assert width <= estimate + 1, (font, text)


@pytest.mark.parametrize("text", ["one two three four five six seven", "оркестратор не отвечает", "x" * 300, ""])
def test_wrapped_lines_fit_and_lose_nothing_but_what_is_cut(text: str) -> None:
    """Lines are no wider than asked; words stay in order."""
    lines = wrapped(text, 11, 120, 3)

    assert len(lines) <= 3
    assert all(text_width(line, 11) <= 120 for line in lines)
    assert text.startswith(lines[0].removesuffix("…").rstrip())


def test_a_text_that_fits_stays_whole() -> None:
    """Nothing is cut without need."""
    assert shortened("Ready", 15, 100) == "Ready"
    assert shortened("Ready" * 30, 15, 100).endswith("…")


def test_combining_marks_take_no_room_and_squares_a_whole_one() -> None:
    """Cyrillic with stress marks, and Chinese."""
    assert text_width("и\u0306", 100) == text_width("и", 100)
    assert text_width("状態", 100) >= 200
