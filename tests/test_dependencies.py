"""What is shipped besides our own code: why each package is needed, how old it may be, and under which licence it is."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata

import pytest

from tests.matrix import LOWEST, ROOT, lowest_versions

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKED = re.findall(r"(?m)^([a-z0-9-]+)==(\S+)(.*)", (ROOT / "requirements.lock").read_text(encoding="utf-8"))
ALLOWED = re.compile(r"MIT|Apache|BSD|MPL[- ]2\.0|Mozilla Public License 2\.0|PSF|Python Software Foundation|ISC")
"""Licences under which a package may be shipped with this program: none asks for more than its text and its own sources."""


@pytest.mark.parametrize(
    "name", [name for name, _, marker in LOCKED if "win32" not in marker or sys.platform == "win32"]
)
def test_each_package_that_is_shipped_may_be(name: str) -> None:
    """Its metadata name a licence that is allowed, and no other."""
    told = metadata.metadata(name)
    named = [
        *(told.get_all("License-Expression") or []),
        *(each.rpartition(":: ")[2] for each in told.get_all("Classifier") or [] if each.startswith("License ::")),
    ] or (told.get_all("License") or [])

    assert named, f"{name} names no licence"
    for one in (part for each in named for part in re.split(r" AND | OR ", each)):
        assert ALLOWED.search(one), f"{name} is under {one!r}, which is not among those that may be shipped"


def test_each_dependency_says_why_it_is_needed_and_how_old_it_may_be() -> None:
    """A line of pyproject.toml has its reason beside it, and a lowest version that `make lowest` tries."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    for each in PROJECT["dependencies"]:
        assert re.search(rf'(?m)^    "{re.escape(each)}",\s+# \S', text), f"{each} has no reason beside it"
        assert LOWEST.match(each), f"{each} names no lowest version"
    assert len(lowest_versions()) == len(PROJECT["dependencies"])


def test_the_project_tells_that_it_is_typed_and_which_pythons_it_is_for() -> None:
    """What a package index shows: versions as in `requires-python`, and the marker of types is there."""
    told = PROJECT["classifiers"]

    assert "Typing :: Typed" in told
    assert (ROOT / "fsm_robot" / "py.typed").is_file()
    versions = [each.rpartition(":: ")[2] for each in told if re.search(r":: 3\.\d+$", each)]
    assert PROJECT["requires-python"] == f">={versions[0]}"
