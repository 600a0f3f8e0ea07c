from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.places import Place

WAYS = ("folder", "try")


@pytest.fixture(params=WAYS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each place in which a script can be, one after the other."""
    return Place(request.param, tmp_path / "data")
