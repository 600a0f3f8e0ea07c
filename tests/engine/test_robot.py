"""`fsm_robot.engine.Robot`: callbacks of every make, machines of every shape, the ways a run ends."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.engine import Context, Event, Robot
from fsm_robot.errors import CallbackError, DefinitionError
from tests.fakes.own_robot import OwnRobot
from tests.fakes.processes import tell_to_leave
from tests.fakes.waiting import until

ONE_STEP = """
states:
  - {name: Doing, on_enter: do_it}
  - {name: Over, final: true}
transitions: [{trigger: done, source: Doing, dest: Over, exit_code: 7}]
callbacks: {do_it: {answers: [done]}}
"""
NEVER_WAITS = """
states:
  - {name: Going, on_enter: go}
  - {name: Over, final: true}
transitions:
  - {trigger: on, source: Going, dest: Going, kind: external, progress: true}
  - {trigger: over, source: Going, dest: Over}
callbacks: {go: {answers: [on, over]}}
"""


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


def blind(function: Callable[..., Any]) -> Callable[..., Any]:
    def inner(*args: Any) -> Any:
        return function(*args)

    return inner


class Plain:
    def do_it(self, step):
        return Event("done")


class OtherName:
    def do_it(self, what_happened):
        return Event("done")


class Wrapped:
    @wrapped
    def do_it(self, step):
        return Event("done")


class Blind:
    @blind
    def do_it(self, step):
        return Event("done")


class Static:
    @staticmethod
    def do_it(step):
        return Event("done")


class OfTheClass:
    @classmethod
    def do_it(cls, step):
        return Event("done")


class WithDefault:
    def do_it(self, step, times=1):
        return Event("done")


class WithContext:
    def __init__(self, context):
        assert isinstance(context, Context)

    do_it = Plain.do_it


class WithDefaults:
    def __init__(self, limit=3):
        assert limit == 3  # it is no place for the context

    do_it = Plain.do_it


@attrs.define
class OfAttrs:
    context: Context

    def do_it(self, step):
        return Event("done")


class Slotted(Plain):
    __slots__ = ()


class Called:
    """An attribute that can be called is as good as a method."""

    def __init__(self):
        self.do_it = lambda step: Event("done")


MAKES = (Plain, OtherName, Wrapped, Blind, Static, OfTheClass, WithDefault, WithContext, WithDefaults, OfAttrs, Slotted)


def robot_of(folder: Path, machine: str, callbacks: Any, **more: Any) -> Robot:
    file = folder / "machine.yaml"
    file.write_text(machine, encoding="utf-8")
    return Robot.from_file(file, callbacks, storage=folder / "state", console=False, **more)


def ends(folder: Path) -> list[dict[str, Any]]:
    (journal,) = (folder / "state" / "journal").glob("*.jsonl")
    records = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    return [record for record in records if record["record"] == "end"]


@pytest.mark.parametrize("kind", MAKES, ids=lambda kind: kind.__name__)
def test_class_of_every_make_can_act(tmp_path: Path, kind: type) -> None:
    assert robot_of(tmp_path, ONE_STEP, kind).run() == 7
    assert [end["exit_code"] for end in ends(tmp_path)] == [7]


@pytest.mark.parametrize("made", [Plain, Wrapped, Static, OfTheClass, Called], ids=lambda kind: kind.__name__)
def test_object_of_every_make_can_act(tmp_path: Path, made: type) -> None:
    assert robot_of(tmp_path, ONE_STEP, made()).run() == 7


def test_function_that_makes_callbacks_is_refused_since_its_names_are_not_known(tmp_path: Path) -> None:
    def make(context):
        return WithContext(context)

    # A function says nothing of the names before it has run, so its object is made first.
    file = tmp_path / "machine.yaml"
    file.write_text(ONE_STEP, encoding="utf-8")
    with pytest.raises(DefinitionError, match="do_it"):
        Robot.from_file(file, make, storage=tmp_path / "state", console=False)


@pytest.mark.parametrize(
    "body",
    [
        "do_it = 5",
        "def do_it(self): ...",
        "def do_it(self, step, more): ...",
        "def do_it(self, *, step): ...",
        "@property\n    def do_it(self): raise RuntimeError",
        "def _do_it(self, step): ...",
        "class do_it: ...",
    ],
)
def test_what_cannot_be_called_with_a_step_is_no_callback(tmp_path: Path, body: str) -> None:
    space: dict[str, Any] = {}
    exec(f"class Callbacks:\n    {body}\n", space)

    for callbacks in (space["Callbacks"], space["Callbacks"]()):
        with pytest.raises(DefinitionError, match="do_it"):
            robot_of(tmp_path, ONE_STEP, callbacks)

    assert not (tmp_path / "state").exists()


def test_initial_state_that_is_final_is_a_run(tmp_path: Path) -> None:
    machine = (
        "states: [{name: Over, final: true, on_enter: do_it}]\ntransitions: []\ncallbacks: {do_it: {answers: []}}\n"
    )
    called = []

    class Callbacks:
        def do_it(self, step):
            called.append(step.dest)

    assert robot_of(tmp_path, machine, Callbacks).run() == 0
    assert called == ["Over"]
    assert [end["exit_code"] for end in ends(tmp_path)] == [0]


def test_machine_that_never_waits_hears_that_it_is_to_leave(tmp_path: Path) -> None:
    class Callbacks:
        def __init__(self, context):
            self.context, self.count = context, 0

        def go(self, step):
            self.count += 1
            if self.count == 20:
                robot.tell_to_leave()
            return Event("on" if self.count < 1000 else "over")

    robot = robot_of(tmp_path, NEVER_WAITS, Callbacks)

    assert robot.run() == 6
    assert robot.callbacks.count == 20
    assert [end["exit_code"] for end in ends(tmp_path)] == [6]


@pytest.mark.parametrize("answer", [None, "done", Event("other"), 5])
def test_answer_that_is_none_of_the_file_ends_the_run_in_words(tmp_path: Path, answer: Any) -> None:
    class Callbacks:
        def do_it(self, step):
            return answer

    with pytest.raises(CallbackError, match="do_it"):
        robot_of(tmp_path, ONE_STEP, Callbacks).run()

    (end,) = ends(tmp_path)
    assert end["exit_code"] == 1


def test_context_pauses_posts_and_counts_time(tmp_path: Path) -> None:
    machine = """
states: [{name: Waiting, on_enter: wait}, {name: Over, final: true}]
transitions:
  - {trigger: ticked, source: Waiting, dest: Waiting, kind: internal}
  - {trigger: over, source: Waiting, dest: Over}
inbox: {ticked: a tick, over: the end}
callbacks: {wait: {answers: [], waits: true}}
"""

    class Callbacks:
        def __init__(self, context):
            self.context = context

        def wait(self, step):
            assert self.context.step is step
            assert self.context.pause(0.01) is False
            assert not self.context.leaving()
            never = self.context.after(0.01, "over", {"cancelled": True})
            never()
            self.context.post("ticked")
            self.context.after(0.05, "over", {"n": 1})

    robot = robot_of(tmp_path, machine, Callbacks)
    assert robot.run() == 0
    assert robot.context.step is not None
    assert robot.context.step.event == Event("over", {"n": 1})


def test_second_robot_in_the_same_folder_is_told_off(tmp_path: Path) -> None:
    from fsm_robot.errors import InstanceRunningError

    other = robot_of(tmp_path, ONE_STEP, Plain)

    class Callbacks:
        def do_it(self, step):
            with pytest.raises(InstanceRunningError):
                other.run()
            return Event("done")

    assert robot_of(tmp_path, ONE_STEP, Callbacks).run() == 7


@pytest.mark.skipif(sys.platform == "win32", reason="a console event would reach the tests themselves")
def test_ctrl_c_without_a_word_for_it_ends_with_6_and_a_whole_journal(tmp_path: Path) -> None:
    (tmp_path / "machine.yaml").write_text(
        "states: [{name: Waiting}, {name: Over, final: true}]\n"
        "transitions: [{trigger: over, source: Waiting, dest: Over}]\ninbox: {over: it is}\ncallbacks: {}\n",
        encoding="utf-8",
    )
    (tmp_path / "mine.py").write_text("class Callbacks: pass\n", encoding="utf-8")
    (tmp_path / "robot.toml").write_text('[machine]\nfile = "machine.yaml"\ncallbacks = "mine.py"\n', encoding="utf-8")
    robot = OwnRobot(tmp_path)
    process = robot.start()
    until(lambda: robot.states() == ["Waiting"] and (tmp_path / "state" / "channel.json").exists())

    tell_to_leave(process)

    assert process.wait(60) == 6
    assert robot.records()[-1]["exit_code"] == 6
    assert not (tmp_path / "state" / "channel.json").exists()


def test_ten_lines_of_the_readme_run_as_they_stand(tmp_path: Path) -> None:
    import re

    page = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = page.partition("## The engine as a library")[2]
    yaml, python = (re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL) for kind in ("yaml", "python"))
    assert yaml is not None
    assert python is not None
    (tmp_path / "greeter.yaml").write_text(yaml[1], encoding="utf-8")
    (tmp_path / "greeter.py").write_text(python[1], encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-X", "utf8", "greeter.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Hello, Анна!" in done.stdout
    assert [end["exit_code"] for end in ends(tmp_path)] == [0]
