"""`export --format parquet`: a dataset that grows by what is new, and holds what XES holds."""

from __future__ import annotations

import shutil
import sys
import tracemalloc
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from fsm_robot.analyst.eventlog.activities import View
from fsm_robot.cli import main
from fsm_robot.cli.journal_arguments import find_journals, read_runs

JOURNALS = Path(__file__).parent.parent / "journals"
if sys.platform == "win32":
    pytest.skip("the extra `parquet` is not installed under Windows by the tests", allow_module_level=True)
pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra `parquet`")


def exported(journals: Path, folder: Path, *options: str) -> int:
    return main(["export", str(journals), "--format", "parquet", "-o", str(folder), *options])


def recorded(folder: Path, runs: int) -> None:
    """Put some of the recorded journals into a folder."""
    folder.mkdir(parents=True)
    for path in sorted(JOURNALS.glob("*.jsonl"))[:runs]:
        shutil.copy(path, folder)


def rows(folder: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(folder).to_pylist()
    return sorted(found, key=lambda row: (str(row["robot"]), str(row["run"]), row["seq"]))


def in_xes(journals: Path, folder: Path, *options: str) -> tuple[int, int]:
    assert main(["export", str(journals), "--format", "xes", "-o", str(folder / "log.xes"), *options]) == 0
    names = [element.tag.rpartition("}")[2] for element in ET.parse(folder / "log.xes").iter()]
    return names.count("trace"), names.count("event")


@pytest.mark.parametrize("options", [(), ("--activity", "event"), ("--pairs",), ("--everything",)])
def test_it_holds_what_xes_holds(options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every recorded journal of the tests, in each view; partitioned by robot and day."""
    folder = tmp_path / "log"

    assert exported(JOURNALS, folder, *options) == 0

    found = rows(folder)
    assert (len({row["run"] for row in found}), len(found)) == in_xes(JOURNALS, tmp_path, *options)
    assert f"{len(found)} lines written" in capsys.readouterr().out
    for path in folder.rglob("*.parquet"):
        robot_name, day = (part.partition("=")[2] for part in path.relative_to(folder).parts[:2])
        assert {str(row["robot"]) for row in found} >= {robot_name}
        assert len(day) == 10


def test_only_what_is_new_is_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Night after night; files of days that have nothing new are left as they are."""
    journals, folder = tmp_path / "state" / "journal", tmp_path / "log"
    recorded(journals, 8)
    later = tmp_path / "later"
    later.mkdir()
    for path in sorted(journals.iterdir())[5:]:
        shutil.move(path, later / path.name)

    assert exported(journals, folder) == 0
    assert "5 runs added, 0 grown, 0 already there" in capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    assert exported(journals, folder) == 0
    assert "0 runs added, 0 grown, 5 already there; 0 lines written" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == before
    for path in later.iterdir():
        shutil.move(path, journals / path.name)
    assert exported(journals, folder) == 0
    assert "3 runs added, 0 grown, 5 already there" in capsys.readouterr().out

    assert exported(journals, tmp_path / "at-once") == 0
    assert rows(folder) == rows(tmp_path / "at-once")
    assert not [path for path in folder.rglob("*") if path.suffix == ".part"]


def test_a_run_that_was_going_on_is_completed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its beginning is replaced; given the beginning once more, the dataset keeps the whole."""
    journals, folder = tmp_path / "journal", tmp_path / "log"
    recorded(journals, 2)
    whole = max(journals.iterdir(), key=lambda path: path.stat().st_size)
    lines = whole.read_bytes().splitlines(keepends=True)
    whole.write_bytes(b"".join(lines[: len(lines) // 2]))
    assert exported(journals, folder) == 0
    half = rows(folder)

    whole.write_bytes(b"".join(lines))
    assert exported(journals, folder) == 0
    assert "0 runs added, 1 grown, 1 already there" in capsys.readouterr().out
    assert len(rows(folder)) > len(half)
    whole.write_bytes(b"".join(lines[: len(lines) // 2]))
    assert exported(journals, folder) == 0

    whole.write_bytes(b"".join(lines))
    assert exported(journals, tmp_path / "at-once") == 0
    assert rows(folder) == rows(tmp_path / "at-once")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--case", "job"), "robot, run and job are columns"),
        (("--private",), "pseudonyms"),
    ],
)
def test_what_a_dataset_cannot_be_is_refused(
    options: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, with exit code 2, and nothing is written."""
    assert exported(JOURNALS, tmp_path / "log", *options) == 2

    assert words in capsys.readouterr().err
    assert not (tmp_path / "log").exists()


def test_other_folders_and_other_views_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with something in it, a dataset of other lines, a file that is none of ours."""
    journals, folder = tmp_path / "journal", tmp_path / "log"
    recorded(journals, 1)
    assert exported(journals, journals) == 2
    assert "is not a dataset of this program and is not empty" in capsys.readouterr().err
    assert exported(journals, folder) == 0
    assert exported(journals, folder, "--pairs") == 2
    assert "was made with other options" in capsys.readouterr().err
    next(folder.rglob("*.parquet")).write_bytes(b"PAR1")
    assert exported(journals, folder) == 2
    assert "is not a file of this dataset" in capsys.readouterr().err


def test_names_that_no_format_can_carry_are_escaped(tmp_path: Path) -> None:
    """A dataset has them as CSV and XES have them."""
    from fsm_robot.cli.parquet_dataset import write_dataset

    runs = list(read_runs(find_journals([str(JOURNALS)])))[:2]
    odd = [type(run)(f"{run.name}\ud800\x00", run.robot, run.records) for run in runs]

    write_dataset(tmp_path / "log", odd, View())

    assert all(str(row["run"]).endswith("\\ud800\\u0000") for row in rows(tmp_path / "log"))


def test_memory_does_not_grow_with_the_number_of_runs(tmp_path: Path) -> None:
    """One run is held at a time, and so many lines as make a group."""
    from fsm_robot.cli.parquet_dataset import write_dataset

    run = max(read_runs(find_journals([str(JOURNALS)])), key=lambda run: len(run.records))

    def many(count: int) -> int:
        tracemalloc.start()
        runs = (type(run)(f"{number:06}", run.robot, run.records) for number in range(count))
        write_dataset(tmp_path / f"{count}", runs, View())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    many(10)
    assert many(2000) < many(1000) * 1.3
