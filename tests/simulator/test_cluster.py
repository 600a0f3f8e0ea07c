"""Worlds on a Dask cluster: a real one of two worker processes, and what keeps one from being used."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.simulator import cluster as cluster_module
from fsm_robot.simulator.cluster import program, unlike

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a cluster of Dask is not set up under Wine")
STATES = Path(__file__).parents[2] / "states.yaml"


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Start a scheduler and two worker processes; give the address."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, processes=True, threads_per_worker=2, dashboard_address=None, host="127.0.0.1"
    ) as started:
        yield started.scheduler_address


def test_cluster_gives_the_bytes_that_are_given_alone(
    cluster: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every figure adds up: of a calm seed, of tasks, and of one that breaks a promise, which a worker has shrunk."""
    monkeypatch.chdir(tmp_path)
    told = STATES.read_text(encoding="utf-8")
    swapped = told.replace("10: abort_ordered, 20: stop_ordered", "20: abort_ordered, 10: stop_ordered")
    Path("broken.yaml").write_text(swapped, encoding="utf-8")
    commands = (
        (["--jobs", "100"], 0),
        (["--tasks", "240"], 0),
        (["--jobs", "400", "--faults", "none", "--machine", "broken.yaml"], 1),
    )

    alone = [ran(["simulate", *more], code, capsys) for more, code in commands]
    assert "\n1 jobs, faults: none" in alone[-1][0].replace("1 job,", "1 jobs,")
    assert any(name.endswith("scenario.json") for name in alone[-1][1])

    def here(*_: object) -> object:
        raise AssertionError("shrunk by the process that asks")

    monkeypatch.setattr("fsm_robot.simulator.explore.shrunk", here)
    shared = [ran(["simulate", *more, "--cluster", cluster], code, capsys) for more, code in commands]

    assert shared == alone


def ran(command: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, bytes]]:
    """Run a command; return what it printed, and the files of its findings."""
    shutil.rmtree("simulated", ignore_errors=True)
    assert main(command) == code
    files = {path.as_posix(): path.read_bytes() for path in Path("simulated").rglob("*") if path.is_file()}
    return capsys.readouterr().out, files


def test_address_at_which_nobody_listens_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, as for every option that is wrong."""
    monkeypatch.setattr(cluster_module, "ANSWERS_WITHIN_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for address in (f"tcp://127.0.0.1:{port}", "tcp://127.0.0.1", "carrier-pigeon://here:1"):
        assert main(["simulate", "--jobs", "16", "--cluster", address]) == 2
        told = capsys.readouterr().err
        assert f"--cluster {address}: no Dask scheduler answers there" in told
        assert "Traceback" not in told


@pytest.mark.parametrize(
    "more", [["--workers", "2"], ["--exhaustive"], ["--scenario", "scenario.json"]], ids=lambda more: more[0]
)
def test_options_that_say_otherwise_are_refused(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is asked of a cluster."""
    assert main(["simulate", "--cluster", "tcp://127.0.0.1:9", *more]) == 2
    assert "--cluster" in capsys.readouterr().err


def test_workers_that_would_give_other_bytes_are_named() -> None:
    """No worker, and one with another fsm_robot, are no cluster for this; the same program is."""
    here = program()

    assert unlike({"tcp://a:1": here, "tcp://b:2": here}, here) == ""
    assert "has no workers" in unlike({}, here)
    assert "tcp://b:2 has fsm_robot 0.0.1 (abc)" in unlike({"tcp://a:1": here, "tcp://b:2": "0.0.1 (abc)"}, here)
