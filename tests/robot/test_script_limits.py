from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.errors import SettingsError
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot.script_limits import first, fits, never_counts
from fsm_robot.robot.settings import SECTIONS, LimitsSettings, Settings

LETTERS = "ab/"


@pytest.mark.parametrize(
    ("pattern", "name", "fitting"),
    [
        ("отчёты/*", "отчёты\\сводка", True),
        ("отчёты/*", "Отчёты/месяц/сводка.py", True),
        ("отче\u0308ты/*", "отчёты/сводка", True),  # ё as two characters
        ("отчёты/*", "отчёты", False),
        ("сводка.py", "сводка", True),
        ("сводка", "отчёты/сводка", False),
        ("*/сводка", "отчёты/сводка", True),
        ("*", "x", True),
        ("a*a", "a", False),
        ("a*b*a", "aba", True),
        ("a.b", "axb", False),
        ("**", "x", True),
    ],
)
def test_pattern_fits_whatever_finds_the_same_script(pattern: str, name: str, fitting: bool) -> None:
    """Case, slashes, suffix and spelling are no difference; every character but `*` is itself."""
    assert fits(pattern, name) == fitting


def matches(pattern: str, text: str) -> bool:
    """The same, character by character."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(matches(pattern[1:], text[number:]) for number in range(len(text) + 1))
    return bool(text) and text[0] == pattern[0] and matches(pattern[1:], text[1:])


@given(st.text(LETTERS + "*", max_size=6), st.text(LETTERS, max_size=6))
def test_pattern_fits_as_the_slow_way_says(pattern: str, name: str) -> None:
    """Stars in any number and place."""
    assert fits(pattern, name) == matches(pattern, name)


@given(st.lists(st.text("ab*", min_size=1, max_size=4), min_size=2, max_size=4))
def test_entry_that_never_counts_is_really_never_the_first(patterns: list[str]) -> None:
    """Whatever a script is called."""
    entries = [LimitsSettings(script=pattern) for pattern in patterns]
    hidden = [number for number, _ in never_counts(entries)]

    names = ("".join(letters) for size in range(5) for letters in product("ab", repeat=size))

    assert all(first(entries, name) is not entries[number] for name in names for number in hidden)


def read(folder: Path, text: str, **environment: str) -> Settings:
    path = folder / "robot.toml"
    path.write_text(text, encoding="utf-8")
    return settings_module.load(path, environment, need_credential=False)


def test_first_entry_that_fits_counts_and_no_other(tmp_path: Path) -> None:
    """What it does not say is the default, not that of a later one."""
    found = read(
        tmp_path,
        "[[limits]]\nscript = 'отчёты/*'\ntime_limit_s = 1800\n\n[[limits]]\nscript = '*'\nmemory_mib = 500\ndesktop = true\n",
    ).limits

    entry = first(found, "отчёты/сводка")
    other = first(found, "счета")

    assert entry is not None
    assert (entry.time_limit_s, entry.memory_mib, entry.desktop) == (1800.0, 0.0, False)
    assert other is not None
    assert (other.time_limit_s, other.memory_mib, other.cpu_priority, other.desktop) == (0.0, 500.0, "normal", True)
    assert first((), "счета") is None


ENTRY = "[[limits]]\nscript = 'a'\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[limits]\nscript = 'a'\n", 1, "limits: must be written as [[limits]]"),
        ("limits = 3\n", 1, "limits: must be written as [[limits]]"),
        ("[[limit]]\nscript = 'a'\n", 1, "did you mean 'limits'"),
        (f"{ENTRY}time_limit = 3\n", 3, "limits.time_limit: unknown key"),
        (f"{ENTRY}time_limit_s = '3'\n", 3, "limits.time_limit_s: must be a number"),
        (f"{ENTRY}\n{ENTRY.replace('a', 'b')}memory_mib = -1\n", 6, "limits.memory_mib: must be from 0"),
        (f"{ENTRY}cpu_priority = 'high'\n", 3, "must be one of normal, below_normal, idle"),
        (f"{ENTRY}desktop = 1\n", 3, "limits.desktop: must be true or false"),
        ("[[limits]]\ntime_limit_s = 3\n", 1, "limits.script: is missing"),
        ("[[limits]]\nscript = ''\n", 2, "limits.script: is empty"),
        ("[[limits]]\nscript = '/etc/*'\n", 2, "below the scripts folder"),
        ("[[limits]]\nscript = 'a?'\n", 2, "in which only * has a meaning"),
        (f"{ENTRY}{ENTRY}", 4, "limits.script: never counts, the entry in line 1 fits all of it"),
        ("[[limits]]\nscript = '*'\n" + ENTRY, 4, "limits.script: never counts, the entry in line 1 fits all of it"),
    ],
)
def test_mistake_in_limits_is_told_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    """Before anything is sent."""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)

    assert f"robot.toml:{line}: " in str(caught.value)
    assert says in str(caught.value)


def test_limits_have_no_twin_in_the_environment(tmp_path: Path) -> None:
    """A list of tables is none for a variable."""
    with pytest.raises(SettingsError, match="FSM_ROBOT_LIMITS_SCRIPT: unknown"):
        read(tmp_path, "", FSM_ROBOT_LIMITS_SCRIPT="a")


def test_file_of_init_explains_limits_and_means_none(tmp_path: Path) -> None:
    """All of it is a comment until somebody wants it; without the marks it is read."""
    from fsm_robot.robot.configuration import robot_toml

    text = robot_toml({})
    start = text.index("# [[limits]]")
    wanted = "\n".join(line.removeprefix("# ") for line in text[start:].splitlines() if " = " in line or "[[" in line)

    assert read(tmp_path, text).limits == ()
    assert [entry.script for entry in read(tmp_path, wanted).limits] == ["*"]


def test_what_init_writes_as_a_default_is_the_default(tmp_path: Path) -> None:
    """Whoever takes a mark away and changes nothing has changed nothing: each key of each section but the URL."""
    from fsm_robot.robot.configuration import robot_toml

    text = robot_toml({}).partition("# [[limits]]")[0]
    read_back = read(tmp_path, re.sub(r"(?m)^# (?!url)(\w+ = )", r"\1", text))

    assert text.count(" = ") >= sum(len(attrs.fields(kind)) for kind in SECTIONS.values())
    for section in SECTIONS:
        assert attrs.asdict(getattr(read_back, section)) == attrs.asdict(getattr(Settings(), section)), section
