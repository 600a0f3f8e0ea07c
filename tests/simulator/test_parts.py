"""The parts of the simulated world behave as the real ones do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Literal

import pytest

from fsm_robot.orchestrator.rows import STATUS_WORDS
from fsm_robot.simulator.disk import LifeDisk, SimulatedDisk
from fsm_robot.simulator.network import Network
from fsm_robot.simulator.orchestrator import SimulatedOrchestrator
from fsm_robot.simulator.scenario import Fault, JobPlan, Order
from fsm_robot.simulator.schedule import Schedule, StuckError

FILE = Path("state") / "journal" / "1.jsonl"


def disk() -> tuple[SimulatedDisk, LifeDisk]:
    whole = SimulatedDisk()
    return whole, LifeDisk(whole, lambda effect: None)


def test_what_was_synced_survives_a_power_loss_and_the_rest_is_gone() -> None:
    """Only `sync` makes bytes last; a file that was never synced is not there any more."""
    whole, ours = disk()
    file = ours.append(FILE, new=True)
    file.write(b"one\n")
    file.sync()
    file.write(b"two\n")
    ours.append(FILE.with_name("2.jsonl"), new=True).write(b"x")

    whole.lose_power(Random(1), torn=False)

    assert ours.read(FILE) == b"one\n"
    assert ours.names(FILE.parent) == ["1.jsonl"]


def test_torn_tail_is_a_part_of_what_was_not_synced_or_zeros() -> None:
    """A torn write leaves a beginning of it, or zeros of that length; what was synced stays whole."""
    tails = set()
    for seed in range(60):
        whole, ours = disk()
        file = ours.append(FILE)
        file.write(b"whole\n")
        file.sync()
        file.write(b"torn")
        whole.lose_power(Random(seed), torn=True)
        tails.add(ours.read(FILE).removeprefix(b"whole\n"))

    assert {b"", b"t", b"torn", b"\0\0"} <= tails
    assert all(b"torn".startswith(tail) or not tail.strip(b"\0") for tail in tails)


def test_full_disk_takes_half_a_write_and_says_so() -> None:
    """The write that fails leaves what a real one leaves."""
    full = SimulatedDisk(frozenset({2}))
    file = LifeDisk(full, lambda effect: None).append(FILE)
    file.write(b"first")

    with pytest.raises(OSError, match="No space left"):
        file.write(b"second")

    file.cut(5)
    assert full.files() == {"state/journal/1.jsonl": b"first"}


def test_absent_and_existing_files_are_refused_as_the_system_refuses_them() -> None:
    """The journal relies on both errors."""
    _, ours = disk()
    with pytest.raises(FileNotFoundError):
        ours.read(FILE)
    ours.append(FILE, new=True)
    with pytest.raises(FileExistsError):
        ours.append(FILE, new=True)


def test_schedule_keeps_the_order_of_time_and_of_entry() -> None:
    """What is due first happens first; of two at one moment the older entry; a cancelled one never."""
    schedule, seen = Schedule(), list[str]()
    schedule.after(5, lambda: seen.append("late"))
    schedule.after(1, lambda: seen.append("first"))
    schedule.after(1, lambda: seen.append("second"))
    schedule.after(2, lambda: seen.append("never")).cancel()

    schedule.run_until(5)

    assert seen == ["first", "second", "late"]
    assert schedule.monotonic() == 5


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    """A robot that waits for an event that cannot come is found."""
    with pytest.raises(StuckError):
        Schedule().run_next()


def test_clock_jump_moves_utc_and_not_the_intervals() -> None:
    """Stamps jump, deadlines do not."""
    schedule = Schedule()
    schedule.utc_ahead_s = -3600.0

    assert schedule.utc_now() == "2026-11-22T23:00:00.000000Z"
    assert schedule.monotonic() == 0.0


def orchestrator(*plans: JobPlan) -> tuple[SimulatedOrchestrator, Schedule]:
    schedule = Schedule()
    other_side = SimulatedOrchestrator(schedule, Random(1), lambda *fact: None, ("secret",))
    for number, plan in enumerate(plans):
        other_side.add(f"5c1e0000-0000-4000-8000-{number:012d}", plan)
    return other_side, schedule


def test_orchestrator_follows_the_moves_of_the_embedded_one() -> None:
    """A status that the embedded orchestrator refuses is refused here, and a final status stays."""
    other_side, _ = orchestrator(JobPlan())
    guid = next(iter(other_side.jobs))

    assert other_side.update(guid, 8)[0] == 409  # not given to this robot
    other_side.consume()
    assert other_side.update(guid, 4)[0] == 409  # never claimed
    assert [other_side.update(guid, status)[0] for status in (8, 8, 4, 4, 5, 8)] == [200, 200, 200, 200, 409, 409]
    assert STATUS_WORDS[other_side.jobs[guid].status] == "Success"
    assert other_side.update("no such job", 4)[0] == 404


@pytest.mark.parametrize(("kind", "code"), [("stop", b"20"), ("abort", b"10")])
def test_order_is_told_with_each_working_heartbeat_until_the_job_ends(
    kind: Literal["stop", "abort"], code: bytes
) -> None:
    """20 asks for a soft stop, 10 for a hard one; a Ready heartbeat carries neither."""
    other_side, schedule = orchestrator(JobPlan(orders=(Order(kind, 5.0),)))
    guid = next(iter(other_side.jobs))
    other_side.consume()
    other_side.update(guid, 8)
    schedule.run_until(6)

    assert code in other_side.heartbeat(guid, working=True)[1]
    assert code not in other_side.heartbeat(guid, working=False)[1]
    other_side.update(guid, 7)
    assert code not in other_side.heartbeat(guid, working=True)[1]


def test_network_lands_a_request_once_whatever_happens_to_it() -> None:
    """An answer that comes after the timeout changes nothing any more."""
    other_side, schedule = orchestrator(JobPlan())
    struck: Counter[str] = Counter()
    faults = {1: Fault("delayed", 1, 45.0)}
    network = Network(schedule, Random(1), faults, 30.0, lambda: b"", struck, lambda: None)
    flight = network.send(other_side, other_side.consume)
    schedule.run_until(40)
    assert flight.landing == "no_answer"
    schedule.run_until(100)

    assert flight.landing == "no_answer"
    assert other_side.jobs["5c1e0000-0000-4000-8000-000000000000"].consumed_at is not None
    assert struck == {"delayed": 1}
