"""The dataset of `export --format parquet`, written in two parts, as other programs read it: what XES holds."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from fsm_robot.cli import main
from tests.docs.pages import ROOT, blocks
from tests.peers import peers

PEER = "parquet"
JOURNALS = Path(__file__).parent.parent / "journals"
SPARK = peers.PEERS / "spark"
PANDAS_PROGRAM, SPARK_PROGRAM = (
    block.text for block in blocks(ROOT / "docs" / "event-logs.md") if block.note.endswith(Path(__file__).name)
)
"""What the page shows is run as it stands there, beside the dataset `log`."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two robots' journals, half of them exported on one evening and all of them on the next."""
    folder = tmp_path_factory.mktemp("parquet")
    found = sorted(JOURNALS.glob("*.jsonl"))
    for number, name in enumerate(("first", "all")):
        (folder / name).mkdir()
        for path in found[: len(found) // (2 - number)]:
            shutil.copy(path, folder / name)
        assert main(["export", str(folder / name), "--format", "parquet", "-o", str(folder / "log")]) == 0
    assert main(["export", str(folder / "all"), "--format", "xes", "-o", str(folder / "log.xes")]) == 0
    return folder


def in_xes(folder: Path) -> tuple[int, Counter[str]]:
    root = ET.parse(folder / "log.xes").getroot()
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    names = Counter(
        text.get("value", "")
        for event in root.iter(f"{space}event")
        for text in event
        if text.get("key") == "concept:name"
    )
    return len(list(root.iter(f"{space}trace"))), names


@pytest.fixture(scope="module")
def read(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    job = {"folder": str(dataset / "log"), "xes": str(dataset / "log.xes"), "program": PANDAS_PROGRAM}
    return peers.python("pm4py", "parquet.py", job, tmp_path_factory.mktemp("read"))


@pytest.mark.peer("duckdb")
def test_duckdb_counts_what_xes_holds(read: Any, dataset: Path) -> None:
    """Runs, lines, and lines of each activity; the partitions are columns."""
    runs, names = in_xes(dataset)

    assert read["duckdb"][:2] == [runs, names.total()]
    assert read["duckdb activities"] == names
    assert read["days"] == ["2026-11-23"]


@pytest.mark.peer("pandas")
def test_pandas_reads_the_same_and_nothing_is_missing(read: Any) -> None:
    """Also jobs, robots and times; states that are called `NA` are no missing values here."""
    assert read["pandas"][:4] == read["duckdb"][:4]
    assert read["pandas"][4] == pytest.approx(read["duckdb"][4])
    assert read["missing"] == 0


@pytest.mark.peer("pm4py")
def test_pm4py_mines_the_same_graph_as_from_xes(read: Any, dataset: Path) -> None:
    """Cases, events, and what follows what how often."""
    runs, names = in_xes(dataset)

    assert read["pm4py"] == [runs, names.total()]
    assert read["program"] == read["pm4py"]
    assert read["follows"] == read["follows in xes"]


@pytest.mark.peer("pyspark")
def test_pyspark_counts_what_xes_holds(dataset: Path, tmp_path: Path) -> None:
    """It is 450 MB and needs Java, so it is asked where `make peer-spark` has installed it."""
    if not (SPARK / peers.BIN / "spark-submit").exists():
        pytest.skip("PySpark is not installed in .peers/spark, where `make peer-spark` puts its 450 MB")
    if not shutil.which("java"):
        pytest.skip("PySpark needs Java, which is not installed")
    (SPARK / ".installed").touch()
    runs, names = in_xes(dataset)

    found = peers.python("spark", "spark.py", {"folder": str(dataset / "log"), "program": SPARK_PROGRAM}, tmp_path)

    assert found["counts"][:2] == [runs, names.total()]
    assert {"robot", "day"} <= set(found["columns"])
    assert "activity" in found["program"]
    assert found["stamps"][0].startswith("2026-11-23 ")
