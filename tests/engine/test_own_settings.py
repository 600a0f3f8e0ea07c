"""The section `[my]`: each type right and wrong, in each of the three kinds of class."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.engine.own_settings import read

BASE = Path("/base").absolute()
RIGHT: dict[str, tuple[Any, Any, Any]] = {
    "str": (str, "текст", "текст"),
    "int": (int, 5, 5),
    "float": (float, 0.5, 0.5),
    "float of a whole number": (float, 5, 5.0),
    "bool": (bool, True, True),
    "Path": (Path, "in", BASE / "in"),
    "absolute Path": (Path, str(BASE / "x"), BASE / "x"),
    "list of str": (list[str], ["a"], ["a"]),
    "list of int": (list[int], [1, 2], [1, 2]),
    "list of Path": (list[Path], ["in"], [BASE / "in"]),
    "str or None": (str | None, "a", "a"),
}
WRONG: dict[str, tuple[Any, Any]] = {
    "str": (str, 5),
    "int": (int, "5"),
    "int of a float": (int, 5.0),
    "int of a bool": (int, True),
    "float": (float, "0.5"),
    "float of a bool": (float, True),
    "bool": (bool, 1),
    "Path": (Path, 5),
    "list": (list[str], "a"),
    "list of str": (list[str], [5]),
    "str or None": (str | None, 5),
}


def plain(kind: Any) -> type:
    return type("Settings", (), {"__annotations__": {"key": kind}})


def of_attrs(kind: Any) -> type:
    return attrs.make_class("Settings", {"key": attrs.field(type=kind)})


def dataclass(kind: Any) -> type:
    return dataclasses.make_dataclass("Settings", [("key", kind)])


MAKERS = (plain, of_attrs, dataclass)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("name", RIGHT)
def test_value_of_the_type_is_taken(make: Any, name: str) -> None:
    kind, value, wanted = RIGHT[name]

    own, problems = read(make(kind), {"key": value}, BASE)

    assert problems == []
    assert own.key == wanted
    assert type(own.key) is type(wanted)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("name", WRONG)
def test_value_of_another_type_is_named(make: Any, name: str) -> None:
    kind, value = WRONG[name]

    own, problems = read(make(kind), {"key": value}, BASE)

    assert own is None
    ((key, said),) = problems
    assert key == "key"
    assert "must be" in said


@pytest.mark.parametrize("make", MAKERS)
def test_missing_and_unknown_keys_are_named_together(make: Any) -> None:
    own, problems = read(make(int), {"kez": 5}, BASE)

    assert own is None
    assert {key for key, _ in problems} == {"key", "kez"}


def test_default_that_is_a_path_starts_where_robot_toml_is() -> None:
    class Settings:
        inbox: Path = Path("in")

    @attrs.frozen
    class OfAttrs:
        inbox: Path = Path("in")

    for kind in (Settings, OfAttrs):
        own, problems = read(kind, {}, BASE)
        assert (own.inbox, problems) == (BASE / "in", [])


def test_class_may_refuse_what_it_gets() -> None:
    @attrs.frozen
    class Settings:
        port: int = attrs.field(validator=attrs.validators.le(65535))

    own, ((key, said),) = read(Settings, {"port": 70000}, BASE)

    assert (own, key) == (None, "")
    assert "is refused by" in said
    assert "65535" in said


def test_section_that_nobody_reads_is_refused() -> None:
    assert read(None, {}, BASE) == (None, [])
    assert read(None, {"a": 1}, BASE)[1]


TOML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(name=st.sampled_from(sorted(RIGHT)), make=st.sampled_from(MAKERS), value=TOML)
def test_whatever_stands_there_is_taken_or_named(name: str, make: Any, value: Any) -> None:
    own, problems = read(make(RIGHT[name][0]), {"key": value}, BASE)

    assert (own is None) == bool(problems)
