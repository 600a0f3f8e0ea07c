from __future__ import annotations

from collections.abc import Iterator

import pytest

from fsm_robot.system import language


@pytest.fixture
def russian() -> Iterator[None]:
    """Sentences are said in Russian."""
    language.speak("ru")
    yield
    language.speak("en")
