"""A script without a robot: what works, what says how to have one, and what a folder with mistakes is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot.sdk import NoRobotError, RefusedError
from fsm_robot.sdk._files_of_run import file_name, name_of
from fsm_robot.sdk._folder import Folder
from tests.fakes.pythons import OTHERS, python
from tests.sdk.places import PACKAGE_FOLDER, Place

HEAVY = (
    "json",
    "socket",
    "logging",
    "typing",
    "datetime",
    "re",
    "dataclasses",
    "inspect",
    "multiprocessing",
    "tempfile",
)


def by_hand(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FSM_ROBOT_")}
    # Not by PYTHONPATH, which a Python with a `._pth` file leaves unread.
    found = f"import sys; sys.path.insert(0, {str(PACKAGE_FOLDER)!r})\n{code}"
    command = [sys.executable, "-S", "-c", found]
    return subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, timeout=60, check=False)


def test_without_a_robot_the_silent_ones_work() -> None:
    """A script can log and tell its progress wherever it runs."""
    done = by_hand(
        "from fsm_robot.sdk import *; from fsm_robot.sdk import log\n"
        "log.info('x'); progress(1, 2); hide('abcdefgh'); print(screenshot(), should_stop())"
    )

    assert (done.stdout, done.stderr) == ("None False\n", "")


@pytest.mark.parametrize(
    "call", ['queue("Q").take()', 'credential("x")', 'storage("x").delete("y")', 'jobs.create("x")', "job_task()"]
)
def test_without_a_robot_the_others_say_how_to_have_one(call: str) -> None:
    """The three ways, by name."""
    done = by_hand(f"from fsm_robot.sdk import *\n{call}")

    last = done.stderr.splitlines()[-1]
    assert last.startswith("fsm_robot.sdk._errors.NoRobotError: this script has no robot")
    assert "fsm-robot try" in last
    assert "FSM_ROBOT_DATA" in last


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"FSM_ROBOT_DATA": ""}, "FSM_ROBOT_DATA is empty"),
        ({"FSM_ROBOT_DATA": "/nowhere/at/all"}, "is not a folder"),
        ({"FSM_ROBOT_JOB": "/nowhere/job.json"}, "cannot be read"),
    ],
)
def test_what_is_set_but_wrong_is_an_error(variables: dict[str, str], sentence: str) -> None:
    """Never a default: a slip in a variable must not look like an empty queue."""
    done = by_hand("from fsm_robot.sdk import *\nqueue('Q').take()", **variables)

    assert sentence in done.stderr.splitlines()[-1]


def test_importing_it_loads_nothing_heavy() -> None:
    """`from fsm_robot.sdk import queue` costs a script a few milliseconds, so it loads no module that costs more."""
    done = by_hand(f"import sys; from fsm_robot.sdk import queue\nprint([m for m in {HEAVY} if m in sys.modules])")

    assert done.stdout == "[]\n", done.stderr


def test_every_public_name_is_there() -> None:
    """Names that load their own module are spelt rightly, and `dir` knows them."""
    import fsm_robot.sdk as sdk

    assert [name for name in sdk.__all__ if not hasattr(sdk, name)] == []
    assert set(sdk.__all__) <= set(dir(sdk))


@pytest.mark.parametrize("version", OTHERS)
@pytest.mark.parametrize("way", ["folder", "try"])
def test_other_pythons_do_the_same(tmp_path: Path, version: str, way: str) -> None:
    """The one that scripts may have at the oldest, and newer ones; none of them has the package installed."""
    place = Place(way, tmp_path / "data", python(version))
    place.queue("Q", [{"name": "1"}, {"name": "2"}])
    place.assets(ERP={"login": "a", "password": "b"})

    said = place.run(
        """
        import sys
        from fsm_robot.sdk import BusinessError, Postpone, credential, jobs, log, queue, storage
        login, _ = credential("ERP")
        for task in queue("Q").tasks():
            with task, log.fields(a=1):
                log.info("hello")
                storage("F").write_text("x", "y")
                if task.name == "2":
                    raise BusinessError("no")
        log.install()
        print(sys.version_info[:2])
        """
    )

    assert said.splitlines()[0] == str(tuple(map(int, version.split("."))))
    assert place.statuses() == ["Success", "Failed (Business)"]


# ---- the folder


def test_each_try_begins_anew_and_keep_goes_on(tmp_path: Path) -> None:
    """What a person has written is never changed."""
    place = Place("try", tmp_path / "data")
    place.queue("Q", [{"name": "1"}, {"name": "2"}])
    before = (place.path / "queues" / "Q.json").read_bytes()
    one = "from fsm_robot.sdk import queue\nprint(queue('Q').take().name)"

    said = [place.run(one, *options).split()[0] for options in ((), (), ("--keep",))]

    assert said == ["1", "1", "2"]
    assert (place.path / "queues" / "Q.json").read_bytes() == before


def test_a_folder_that_no_try_has_made_is_left_alone(tmp_path: Path) -> None:
    """`.run` of somebody else is not emptied."""
    (tmp_path / ".run").mkdir()
    (tmp_path / ".run" / "mine.txt").write_text("x")

    with pytest.raises(RefusedError, match="move them to another folder"):
        Folder(str(tmp_path))

    assert (tmp_path / ".run" / "mine.txt").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON"),
        ('"text"', "must be a list of tasks"),
        ("[5]", "task 1: must be an object"),
        ('[{"name": "a"}, {"status": "Nearly"}]', "task 2: status must be one of"),
        ('[{"priority": "urgent"}]', "priority must be low"),
        ('[{"tags": 5}]', "task 1: "),
        ('[{"deadline": "tomorrow"}]', "deadline must be a moment"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_mistake_in_a_queue_is_told_with_its_place(tmp_path: Path, content: str, sentence: str) -> None:
    """The file, the task, and what it must be."""
    (tmp_path / "queues").mkdir()
    (tmp_path / "queues" / "Q.json").write_text(content)

    with pytest.raises(RefusedError, match=r"Q\.json") as caught:
        Folder(str(tmp_path)).call("task.take", {"queue": "Q"})

    assert sentence in str(caught.value)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """The editor of Windows writes one."""
    (tmp_path / "queues").mkdir()
    (tmp_path / "queues" / "Q.json").write_text(json.dumps([{"name": "1"}]), encoding="utf-8-sig")

    assert Folder(str(tmp_path)).call("task.take", {"queue": "Q"})["task"]["name"] == "1"


def test_no_folder_no_robot(tmp_path: Path) -> None:
    """The path is in the sentence."""
    with pytest.raises(NoRobotError, match="nothing here"):
        Folder(str(tmp_path / "nothing here"))


@pytest.mark.parametrize(
    "name", ["Invoices", "Счета 2026/03", "a:b", "..", ".hidden", "dot.", "100%", "con\nrol", "../../etc/x", "%41"]
)
def test_any_name_has_a_file_of_its_own(name: str) -> None:
    """And no name leads out of the folder."""
    file = file_name(name)

    assert name_of(file) == name
    assert os.path.basename(file) == file
    assert not file.startswith(".")
