"""Event logs as pm4py reads and replays them; its verdict on each run must be that of our own conformance."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli import main
from fsm_robot.engine.machine.compiler import compile_text
from tests.fakes.journals import JournalMaker, Told, done, job
from tests.fakes.world import definition_of_the_robot

PEER = "pm4py"
ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("pm4py_eventlogs.py")
GOOD: dict[str, list[Told]] = {
    "000001-idle": ["nothing_left", "no_job"],
    "000002-night": ["nothing_left", *done(1), *done(2, outcome="failed", status=5), "no_job"],
    "000003-stopped": [
        "nothing_left", "job_found", ("job_consumed", job(3)), "job_claimed", "robot_forgotten", "grace_ended",
        "stop_ordered", "late:script_ended", "grace_ended", ("script_ended", {"outcome": "stop_ran_out"}),
        "job_reported", "robot_unknown",
    ],
    "000004-missed": ["nothing_left", "job_found", "job_gone", "job_found", "job_gone"],
}  # fmt: skip
NIGHT = GOOD["000002-night"]


def claim_dropped(written: list[tuple[str, dict[str, Any]]]) -> None:
    del written[5]  # header, started, nothing_left, job_found, job_consumed, job_claimed


def report_swapped(written: list[tuple[str, dict[str, Any]]]) -> None:
    written[7][1]["event"]["name"] = "job_claimed"


def end_dropped(written: list[tuple[str, dict[str, Any]]]) -> None:
    del written[-2]


MUTANTS = {
    # name -> what spoils the journal, how many events pm4py must align before it parts, our step there
    "000005-skips-claim": (claim_dropped, 3, 5),
    "000006-reports-by-claiming": (report_swapped, 5, 6),
    "000007-ends-in-ready": (end_dropped, 11, 11),
}


NAMELESS = ("NA", "None", "null", "nan", "N/A", "<NA>", "NULL")
"""States that a table tool takes for missing ones."""


def peer_python() -> str:
    """Return the Python that has pm4py; skip without it, fail without it where peers are required."""
    folder = Path(os.environ.get("FSM_PEERS") or ROOT / ".peers") / "pm4py"
    for below in ("bin/python", "Scripts/python.exe"):
        if (folder / below).exists():
            return str(folder / below)
    reason = f"pm4py is not installed in {folder}; `make peers` does it"
    if os.environ.get("FSM_REQUIRE_PEERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What pm4py says of good runs and of mutants, and what we say of them."""
    python = peer_python()
    folder = tmp_path_factory.mktemp("peers")
    for name, events in GOOD.items():
        JournalMaker().write(folder / "journal" / f"{name}.jsonl", events)
    for name, (spoil, _, _) in MUTANTS.items():
        JournalMaker().write(folder / "journal" / f"{name}.jsonl", NIGHT, change=spoil)
    files = {"events.xes": ["--activity", "event"], "states.xes": [], "table.csv": [], "objects.json": []}
    for name, options in files.items():
        kind = {"xes": "xes", "csv": "csv", "json": "ocel"}[name.rpartition(".")[2]]
        assert main(["export", str(folder), "--format", kind, *options, "-o", str(folder / name)]) == 0
    definition = definition_of_the_robot()
    machine = definition.to_values() | {
        "states": [state.name for state in definition.states],
        "finals": [state.name for state in definition.states if state.final],
    }
    (folder / "machine.json").write_text(json.dumps(machine), encoding="utf-8")
    arguments = [str(folder / name) for name in ("machine.json", *files)]
    done = subprocess.run(
        [python, "-W", "ignore", str(SCRIPT), *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    theirs: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return theirs | {"ours": _our_verdicts(folder), "discovered": _discovered(folder)}


def test_states_called_like_missing_values_are_read_as_the_docs_say(tmp_path: Path) -> None:
    """The call of docs/event-logs.md gives pandas every name; without its option they would be gone."""
    states = [*NAMELESS, "End"]
    machine = compile_text(
        "machine: nameless\nstates:\n"
        + "".join(f"  - {{name: {json.dumps(name)}, on_enter: go}}\n" for name in NAMELESS)
        + "  - {name: End, final: true}\ntransitions:\n"
        + "".join(f"  - {{trigger: on, source: {json.dumps(a)}, dest: {json.dumps(b)}}}\n" for a, b in pairwise(states))
        + "callbacks: {go: {answers: [on]}}\n",
        "nameless.yaml",
    )
    JournalMaker(definition=machine).write(tmp_path / "000001.jsonl", ["on"] * len(NAMELESS))
    assert main(["export", str(tmp_path), "--format", "csv", "-o", str(tmp_path / "robot.csv")]) == 0
    (call,) = (
        line for line in (ROOT / "docs/event-logs.md").read_text(encoding="utf-8").splitlines() if "read_csv(" in line
    )
    code = f"import pandas, json\n{call}\nprint(json.dumps([list(log.activity), int(pandas.read_csv('robot.csv').activity.isna().sum())]))"

    done = subprocess.run(
        [peer_python(), "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )

    assert json.loads(done.stdout) == [states, len(NAMELESS)]


def _our_verdicts(folder: Path) -> dict[str, Any]:
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["conformance", str(folder), "--json"]) == 1
    return {case["case"].rpartition("/")[2]: case for case in json.loads(out.getvalue())["cases"]}


def _discovered(folder: Path) -> dict[str, Any]:
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["conformance", str(folder), "--discover", "--json"]) == 0
    discovered: dict[str, Any] = json.loads(out.getvalue())
    return discovered


def of_run(verdicts: dict[str, Any], name: str) -> Any:
    return next(value for case, value in verdicts.items() if case.endswith(f"/{name}"))


def test_pm4py_reads_the_same_cases_from_xes_and_from_csv(found: dict[str, Any]) -> None:
    """One line per visit, in order, in UTC, in both formats."""
    assert found["states"]["cases"] == found["table"]["cases"]
    assert len(found["states"]["cases"]) == len(GOOD) + len(MUTANTS)
    assert of_run(found["states"]["cases"], "000001-idle") == ["Recovering", "Ready", "Finished"]
    for log in ("states", "events", "table"):
        assert found[log]["zone"] == "UTC"
        assert found[log]["ordered"]
    assert found["states"]["first"] == "2026-11-23T10:00:01+00:00"


def test_pm4py_sees_both_classifiers_and_the_four_extensions(found: dict[str, Any]) -> None:
    """What a mining tool offers to choose from."""
    assert found["classifiers"] == {
        "Activity": ["concept:name"],
        "Activity and lifecycle": ["concept:name", "lifecycle:transition"],
    }
    assert found["extensions"] == ["Concept", "Lifecycle", "Organizational", "Time"]


def test_pm4py_reads_the_objects_and_their_relations(found: dict[str, Any]) -> None:
    """Robot, runs, jobs and scripts, each once; every event is tied to a run and a robot."""
    objects = found["objects"]
    assert objects["objects"] == {"robot": 1, "run": 7, "job": 3, "script": 1}
    assert objects["qualifiers"] == ["by", "in", "on", "with"]
    assert objects["events"] == sum(map(len, found["states"]["cases"].values()))
    assert objects["relations"] > 2 * objects["events"]
    # A run is of a robot, a job runs a script; jobs 1 and 2 stand in the night and in its three mutants, job 3 in one run.
    assert objects["o2o"] == 7 + 3 + 2 * 4 + 1


def test_discovery_is_the_directly_follows_graph_of_pm4py(found: dict[str, Any]) -> None:
    """Every pair of states with its count, where runs begin and where they end."""
    graph, starts, ends = found["follows"]
    ours = found["discovered"]

    assert sorted([each["from"], each["to"], each["count"]] for each in ours["directly_follows"]) == graph
    assert ours["starts"] == starts
    assert ours["ends"] == ends


@pytest.mark.parametrize("log", ["event_verdicts", "state_verdicts"])
@pytest.mark.parametrize("name", GOOD)
def test_good_run_fits_for_pm4py_and_for_us(found: dict[str, Any], log: str, name: str) -> None:
    """Alignment, token replay and our own replay agree: 1.0."""
    verdict = of_run(found[log], name)

    assert (verdict["fitness"], verdict["parted"]) == (1.0, [])
    # Token replay guesses between two edges with one event, such as a transition and what replaces its spent budget.
    assert verdict["token_fitness"] == 1.0 or name == "000004-missed"
    assert found["ours"][name]["fitness"] == 1.0


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_fits_for_neither_and_parts_at_the_same_event(found: dict[str, Any], name: str) -> None:
    """What is told apart is told at the right place."""
    _, aligned, step = MUTANTS[name]
    verdict, ours = of_run(found["event_verdicts"], name), found["ours"][name]

    assert verdict["fitness"] < 1
    assert verdict["token_fitness"] < 1
    assert ours["fitness"] < 1
    deviation = ours["deviations"][0]
    assert deviation["step"] == step
    position, in_log, in_model = verdict["parted"][0]
    assert position == aligned
    assert in_model in deviation["expected"] or in_log == deviation["came"]


def test_mutant_that_skips_a_state_does_not_fit_the_state_log(found: dict[str, Any]) -> None:
    """A visit that is not there is missed there as well."""
    assert of_run(found["state_verdicts"], "000007-ends-in-ready")["fitness"] < 1
