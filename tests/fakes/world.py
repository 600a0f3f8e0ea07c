"""The fakes, which `fsm_robot.testing` gives to everybody who tests a machine file."""

from fsm_robot.engine.ports import Clock, Inbox, Journal, Timers
from fsm_robot.robot.ports import Gateway, Ledger, Past, Worker
from fsm_robot.testing.world import (
    FINE,
    GONE,
    JOB,
    JOB_FOUND,
    NO_JOB,
    TAKEN,
    FakeClock,
    FakeGateway,
    FakeInbox,
    FakeJournal,
    FakeLedger,
    FakePast,
    FakeTimers,
    FakeWorker,
    Lines,
    World,
    definition_of_the_robot,
    lost,
)

__all__ = [
    "FINE",
    "GONE",
    "JOB",
    "JOB_FOUND",
    "NO_JOB",
    "TAKEN",
    "FakeClock",
    "FakeGateway",
    "FakeInbox",
    "FakeJournal",
    "FakeLedger",
    "FakePast",
    "FakeTimers",
    "FakeWorker",
    "Lines",
    "World",
    "definition_of_the_robot",
    "lost",
]


def fits(
    clock: FakeClock,
    gateway: FakeGateway,
    inbox: FakeInbox,
    journal: FakeJournal,
    ledger: FakeLedger,
    past: FakePast,
    timers: FakeTimers,
    worker: FakeWorker,
) -> tuple[Clock, Gateway, Inbox, Journal, Ledger, Past, Timers, Worker]:
    """Called by nobody: `make lint` finds here the fake that no longer fits the port that it stands for."""
    return clock, gateway, inbox, journal, ledger, past, timers, worker
