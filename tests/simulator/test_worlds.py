"""The real robot in simulated worlds: promises hold, runs repeat to the byte, a broken robot is found and shrunk."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import attrs
import pytest

from fsm_robot.cli import main
from fsm_robot.cli.simulate import TAKES, add_arguments
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.callbacks import Callbacks
from fsm_robot.robot.machine import REPEATABLE
from fsm_robot.simulator import explore
from fsm_robot.simulator.chance import scenario_by
from fsm_robot.simulator.explore import Tally
from fsm_robot.simulator.invariants import Violation, violations
from fsm_robot.simulator.scenario import (
    ALL_FAULTS,
    SCRIPT_FAULTS,
    Fault,
    JobPlan,
    Order,
    Scenario,
    Script,
    scenario_from,
)
from fsm_robot.simulator.shrink import shrunk
from fsm_robot.simulator.world import Setup
from tests.fakes.waiting import PATIENCE_S, until

JOBS = 2500
NO_WORKERS = "processes of a pool do not come up under Wine; not tried on a real Windows"


@pytest.fixture(scope="module")
def tally(setup: Setup) -> Tally:
    """One run with every fault, shared by the tests that look at it."""
    return explore.by_seed(setup, 7, JOBS)


def test_no_promise_is_broken_with_every_fault_on(tally: Tally) -> None:
    """The robot keeps its promises through crashes, outages, lost answers, torn files and scripts that misbehave."""
    assert tally.findings == []
    assert tally.jobs == JOBS


def test_every_fault_strikes_in_a_run_of_this_size(tally: Tally) -> None:
    """No fault is only in the list."""
    assert set(ALL_FAULTS) - set(SCRIPT_FAULTS) == set(tally.struck)


def test_almost_every_transition_is_taken_in_a_run_of_this_size(tally: Tally, setup: Setup) -> None:
    """What the simulator never enters, it cannot prove: only edges of a few milliseconds may be missed by a seed."""
    keys = {edge.key for edge in setup.definition.transitions}

    assert len(keys - tally.transitions) <= 5


def test_small_worlds_with_a_crash_before_every_effect_break_no_promise(setup: Setup) -> None:
    """Two jobs without a fault, then a crash, a power loss or a torn tail before each effect, and once more after it."""
    scenario = next(explore.small_scenarios(setup))
    world, history = explore.run(setup, scenario)
    assert violations(history) == []

    for number in range(1, len(world.effects) + 1):
        for kind in ("crash", "power_lost", "torn"):
            for second in (number + 1, number + 9):
                faults = (Fault(kind, number), Fault(kind, second))
                _, history = explore.run(setup, attrs.evolve(scenario, faults=faults))
                assert violations(history) == [], faults


@pytest.mark.parametrize("callback", ["consume_job", "claim_job", "run_script", "report_outcome"])
def test_step_that_is_not_synced_before_its_act_is_found(
    callback: str, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power loss before every effect of a world with two jobs: as it is nothing breaks, without the sync something does."""

    def broken() -> list[Violation]:
        world, _ = explore.run(setup, Scenario(1, (explore.PLAIN, explore.STOPPED)))
        losses = [
            attrs.evolve(world.scenario, faults=(Fault("power_lost", at),)) for at in range(1, len(world.effects) + 1)
        ]
        return [found for each in losses for found in violations(explore.run(setup, each)[1])]

    assert broken() == []

    monkeypatch.setattr("fsm_robot.simulator.world.REPEATABLE", REPEATABLE | {callback})

    assert broken()


def test_seed_decides_every_byte(setup: Setup) -> None:
    """Two runs of a seed leave the same files; another seed does not."""
    first, second, other = (explore.by_seed(setup, seed, 64).digest() for seed in (3, 3, 4))

    assert first == second
    assert first != other


@pytest.mark.skipif(sys.platform == "win32", reason=NO_WORKERS)
@pytest.mark.parametrize("faults", [tuple(ALL_FAULTS), ()], ids=["faults", "none"])
def test_workers_find_the_same_to_the_byte(setup: Setup, faults: tuple[str, ...]) -> None:
    """Who shares the work changes nothing of it: not the bytes, not the figures, not their order."""
    alone = explore.by_seed(setup, 5, 200, faults)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        shared = explore.by_seed(setup, 5, 200, faults, executor=executor)

    assert shared.jobs == alone.jobs == 200
    assert (shared.digest(), shared.struck, shared.transitions) == (alone.digest(), alone.struck, alone.transitions)


def test_same_seed_in_two_processes_prints_the_same_bytes() -> None:
    """Neither the order of hashes nor anything else of a process leaks into a run."""
    command = [sys.executable, "-m", "fsm_robot", "simulate", "--seed", "5", "--jobs", "64", "--json"]
    printed = [
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    ]

    assert printed[0] == printed[1]
    assert len(json.loads(printed[0])["files_sha256"]) == 64


@pytest.mark.parametrize("seed", range(20))
def test_scenario_survives_json(seed: int) -> None:
    """What a finding leaves behind runs again as it was."""
    scenario = scenario_by(seed, 12)

    assert scenario_from(json.loads(json.dumps(scenario.to_values()))) == scenario


def test_faults_that_are_not_asked_for_do_not_happen(setup: Setup) -> None:
    """`--faults` means what it says."""
    tally = explore.by_seed(setup, 1, 200, ["answer_lost"])

    assert set(tally.struck) == {"answer_lost"}
    assert tally.findings == []


ENDINGS = {
    "by itself": (Script(exit_code=0), (), 4),
    "with an error": (Script(exit_code=3), (), 5),
    "refused": (Script(trouble="refused"), (), 5),
    "stopped": (Script(lasts_s=100), (Order("stop", 5),), 7),
    "ignores the stop": (Script(lasts_s=900, on_stop="ignores"), (Order("stop", 5),), 3),
    "leaves too late": (Script(lasts_s=900, on_stop="late", stop_takes_s=5), (Order("stop", 5),), 3),
    "aborted": (Script(lasts_s=900), (Order("abort", 5),), 3),
    "ends before the order is known": (Script(lasts_s=900, ends_with_order="before"), (Order("abort", 5),), 4),
    "ends before the order acts": (Script(lasts_s=900, ends_with_order="after"), (Order("stop", 5),), 4),
    "leaks": (Script(children=2, leaks=True), (), 4),
}


@pytest.mark.parametrize(("script", "orders", "status"), ENDINGS.values(), ids=ENDINGS.keys())
def test_job_in_a_world_without_faults_gets_the_status_that_its_script_earns(
    setup: Setup, script: Script, orders: tuple[Order, ...], status: int
) -> None:
    """The simulated scripts end in every way that the real ones know."""
    _, history = explore.run(setup, Scenario(1, (JobPlan(script=script, orders=orders),)))

    assert [fact.number for fact in history.of("status_accepted")] == [8, status]
    assert violations(history) == []


class ForgetsTheLedger(Callbacks):
    """A robot that does not write down which jobs it has had."""

    def _write_ledger(self, outcome: str) -> None:
        return


class LooksNotBack(Callbacks):
    """A robot that ignores what the last life left."""

    def settle_last_run(self, step: Step) -> Event:
        return Event("nothing_left")


class KillsNobody(Callbacks):
    """A robot that reports an abort and leaves the script alone."""

    def kill_script(self, step: Step) -> None:
        return


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason=NO_WORKERS)
def test_workers_stop_at_the_same_finding(setup: Setup) -> None:
    """The first broken promise is the first one by number, whoever found another one sooner."""
    broken = Setup(setup.definition, ForgetsTheLedger)
    alone = explore.by_seed(broken, 1, 6000)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        shared = explore.by_seed(broken, 1, 6000, executor=executor)

    assert alone.findings
    assert (shared.findings, shared.worlds) == (alone.findings, alone.worlds)


@pytest.mark.long
@pytest.mark.parametrize(
    ("robot", "invariant"),
    [
        (ForgetsTheLedger, "one_final_status"),
        (LooksNotBack, "one_final_status"),
        (KillsNobody, "orders_are_followed"),
    ],
)
def test_broken_robot_is_found_and_the_scenario_is_shrunk(setup: Setup, robot: type[Callbacks], invariant: str) -> None:
    """A defect shows within a few thousand jobs, and what is left of the scenario can be read."""
    broken = Setup(setup.definition, robot)
    findings = explore.by_seed(broken, 1, 6000, most_findings=3).findings
    finding = next(each for each in findings if any(found.invariant == invariant for found in each.violations))

    def breaks(scenario: Scenario) -> bool:
        return any(found.invariant == invariant for found in violations(explore.run(broken, scenario)[1]))

    small = shrunk(finding.scenario, breaks)

    assert breaks(small)
    assert len(small.jobs) <= 2
    assert len(small.faults) <= 3


def machine_with(folder: Path, old: str, new: str) -> Path:
    text = (Path(__file__).parents[2] / "states.yaml").read_text(encoding="utf-8")
    assert old in text
    path = folder / "broken.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.long
def test_broken_machine_file_is_told_with_the_place_and_the_command_that_repeats_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swapped order codes: exit 1, what is broken, where, the facts before it, files, and a command that shows it again."""
    monkeypatch.chdir(tmp_path)
    machine_with(tmp_path, "10: abort_ordered, 20: stop_ordered", "20: abort_ordered, 10: stop_ordered")

    assert main(["simulate", "--jobs", "400", "--machine", "broken.yaml"]) == 1
    printed = capsys.readouterr().out
    assert "BROKEN orders_are_followed at " in printed
    command = next(line for line in printed.splitlines() if line.startswith("again: ")).removeprefix(
        "again: fsm-robot "
    )
    folder = Path(next(line for line in printed.splitlines() if line.startswith("files: ")).removeprefix("files: "))
    assert list(folder.glob("state/journal/*.jsonl"))
    assert "everything that happened" in (folder / "finding.txt").read_text(encoding="utf-8")

    assert main(command.split()) == 1
    assert "BROKEN orders_are_followed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--faults", "crsh"], "did you mean 'crash'"),
        (["--jobs", "0"], "--jobs must be at least 1"),
        (["--scenario", "nowhere.json"], "cannot be read"),
        (["--scenario", "no.json"], "is not a scenario"),
        (["--machine", "nowhere.yaml"], "cannot be read"),
    ],
)
def test_wrong_arguments_are_told_in_one_sentence_with_exit_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What, where, what to do; nothing is simulated."""
    monkeypatch.chdir(tmp_path)
    Path("no.json").write_text('{"seed": 1}', encoding="utf-8")

    assert main(["simulate", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


def test_json_says_the_same_as_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads what a person reads."""
    assert main(["simulate", "--jobs", "40", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert main(["simulate", "--jobs", "40"]) == 0
    text = capsys.readouterr().out

    assert values["violations"] == []
    assert f"{values['jobs']} jobs in {values['worlds']} worlds" in text
    assert values["files_sha256"] in text
    assert "promises broken: none" in text


MORE = {
    "seed": ["--seed", "2"], "jobs": ["--jobs", "5"], "faults": ["--faults", "none"], "machine": ["--machine", "x"],
    "workers": ["--workers", "2"], "cluster": ["--cluster", "tcp://127.0.0.1:9"], "out": ["--out", "x"],
    "json": ["--json"], "no_shrink": ["--no-shrink"], "exhaustive": ["--exhaustive"], "scenario": ["--scenario", "x"],
    "tasks": ["--tasks", "5"], "world": ["--world", "1"],
}  # fmt: skip


def test_every_option_of_the_command_is_in_the_list() -> None:
    """Or the next test would not see it."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    assert set(MORE) == set(vars(parser.parse_args([])))


@pytest.mark.parametrize("mode", TAKES)
def test_option_that_would_mean_nothing_is_refused(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a sentence that names it, before anything is simulated; else it would be believed to count."""
    asked = [*MORE[mode], *(MORE["tasks"] if mode == "world" else [])]
    for option in set(MORE) - {mode, *TAKES[mode], "scenario", "exhaustive", "world"}:
        assert main(["simulate", *asked, *MORE[option]]) == 2
        assert capsys.readouterr().err == f"--{mode}: --{option.replace('_', '-')} does not go with it\n"


@pytest.mark.parametrize("more", [["--world", "1"], ["--world", "-1"], ["--world", "-1", "--tasks", "3"]])
def test_world_is_a_number_of_tasks(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *more]) == 2
    assert capsys.readouterr().err.startswith("--world")


@pytest.mark.skipif(os.name == "nt", reason=NO_WORKERS)
@pytest.mark.parametrize("what", ["--jobs", "--tasks"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.Signals(9), signal.SIGINT])
def test_workers_end_with_the_process_that_they_work_for(what: str, how: signal.Signals) -> None:
    """However it ends: a killed one says nothing, and its workers would wait for work for ever."""
    command = [sys.executable, "-m", "fsm_robot", "simulate", what, "100000000", "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stderr is not None
        process.stderr.readline()  # it says how far it is, so that both are at work
        assert len(alive_in(process.pid)) >= 3
        process.send_signal(how)
        process.wait(PATIENCE_S)
        until(lambda: not alive_in(process.pid), "the end of the workers")
    finally:
        if sys.platform != "win32" and alive_in(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def alive_in(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    done = subprocess.run(["ps", "-s", str(session), "-o", "pid=,stat="], capture_output=True, text=True, check=False)
    pairs = [line.split() for line in done.stdout.splitlines()]
    return [int(pid) for pid, state in pairs if not state.startswith("Z")]


@pytest.mark.parametrize("workers", ["0", "62"])
def test_number_of_workers_that_cannot_be_is_one_sentence(workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, as for every option that is wrong."""
    assert main(["simulate", "--workers", workers, "--jobs", "16"]) == 2
    assert capsys.readouterr().err.endswith("--workers must be from 1 to 61\n")


@pytest.mark.skipif(sys.platform == "win32", reason=NO_WORKERS)
def test_command_with_workers_prints_what_it_prints_without(tmp_path: Path) -> None:
    """From the command line, in processes of their own."""
    command = [sys.executable, "-m", "fsm_robot", "simulate", "--seed", "3", "--jobs", "100"]

    alone, shared = (
        subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, timeout=100, check=True).stdout
        for more in ([], ["--workers", "2"])
    )

    assert shared == alone
