"""What happens to the robot in one world, said completely: jobs, scripts, orders and faults. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

OnStop = Literal["leaves", "late", "ignores"]

NETWORK_FAULTS: Mapping[str, str] = {
    "no_connection": "the call finds no connection",
    "request_lost": "the request is lost, the robot waits for its timeout",
    "answer_lost": "the orchestrator acts, its answer is lost",
    "delayed": "the request arrives `value` seconds late",
    "duplicated": "the request arrives twice, the second time `value` seconds late",
    "server_error": "HTTP 500, nothing was done",
    "error_after": "HTTP 502 although the orchestrator acted",
    "throttled": "HTTP 429 with Retry-After",
    "html": "HTTP 200 with the page of a proxy, nothing was done",
    "garbage": "the orchestrator acts, its answer is cut short",
    "refused": "HTTP 401",
    "rejected": "HTTP 409, nothing was done",
    "leave": "the robot is told to leave while the call is under way",
    "unknown": "the orchestrator answers 101 to this call",
    "faster": "another robot takes the job first (code 102)",
    "given_again": "consumeNextJob hands out the last job again",
}
"""Strike one call; `at` is its number in the world, from 1."""
CRASHES: Mapping[str, str] = {
    "crash": "the robot's process is killed, its script goes on",
    "power_lost": "the power fails: processes and unsynced bytes are gone",
    "torn": "the power fails: of the unsynced bytes a part, or zeros, is left",
}
"""Strike before one effect; `at` is its number in the world, from 1."""
TIMED_FAULTS: Mapping[str, str] = {
    "outage": "no connection for `value` seconds",
    "forgotten": "the orchestrator answers 101 for `value` seconds",
    "clock_jump": "the UTC clock jumps by `value` seconds",
    "interrupted": "the robot is told to leave",
    "double_start": "a second robot is started",
}
"""Strike at a moment; `at` is virtual seconds."""
DISK_FAULTS: Mapping[str, str] = {"disk_full": "`value` writes fail half way"}
"""Strike a write; `at` is its number in the world, from 1."""
SCRIPT_FAULTS: Mapping[str, str] = {
    "hang": "a script runs until it is aborted",
    "ignore_stop": "a script ignores a stop, or leaves too late",
    "leak": "a script leaves children running",
    "end_at_order": "a script ends in the very moment of an order",
    "not_started": "a script is refused or cannot be started",
}
"""Live in the scripts of a scenario, not in its list of faults."""
CALLBACK_FAULTS: Mapping[str, str] = {"raised": "a callback raises the `value`-th error that its `errors` name, from 0"}
"""Strike a call of a callback whose machine file declares errors; `at` is its number among these, from 1.

Not among `ALL_FAULTS`: whether they can strike is for the machine to say, and then they do.
"""
ALL_FAULTS: Mapping[str, str] = {**NETWORK_FAULTS, **CRASHES, **TIMED_FAULTS, **DISK_FAULTS, **SCRIPT_FAULTS}


@attrs.frozen
class Script:
    """What a simulated script does.

    Attributes:
        lasts_s: When it ends by itself.
        exit_code: How it ends then.
        on_stop: What it makes of a stop: leaves in time, leaves after the grace time, or ignores it.
        stop_takes_s: How long it needs to leave.
        children: Processes that it starts.
        leaks: Whether they outlive it.
        ends_with_order: It ends in the moment an order is heard: `before` the robot learns of the order, `after` that
            but before it acts, or empty.
        trouble: `refused` or `not_started`: it does not even begin; or empty.
    """

    lasts_s: float = 5.0
    exit_code: int = 0
    on_stop: OnStop = "leaves"
    stop_takes_s: float = 1.0
    children: int = 0
    leaks: bool = False
    ends_with_order: Literal["", "before", "after"] = ""
    trouble: Literal["", "refused", "not_started"] = ""


@attrs.frozen
class Order:
    """A stop or an abort, `after_s` seconds behind the moment when the job was consumed."""

    kind: Literal["stop", "abort"]
    after_s: float


@attrs.frozen
class JobPlan:
    """A job: when it appears, what its script does, what is ordered."""

    appears_s: float = 0.0
    script: Script = attrs.field(factory=Script)
    orders: tuple[Order, ...] = ()


@attrs.frozen
class Fault:
    """One thing that goes wrong; `at` and `value` mean what the tables of this module say."""

    kind: str
    at: float
    value: float = 0.0


@attrs.frozen
class Scenario:
    """A world before it runs. The seed decides what is left: latencies, jitter, tokens, where a tail is torn.

    `contact_lost_after_s` is the setting of the robot: after so long a silence it stops its script; None is never.
    """

    seed: int
    jobs: tuple[JobPlan, ...]
    faults: tuple[Fault, ...] = ()
    contact_lost_after_s: float | None = None

    def to_values(self) -> dict[str, Any]:
        """Return JSON values from which `scenario_from` makes the same scenario."""
        return attrs.asdict(self)


def scenario_from(values: Mapping[str, Any]) -> Scenario:
    """Make a scenario from what `Scenario.to_values` returned."""
    return Scenario(
        values["seed"],
        tuple(
            JobPlan(job["appears_s"], Script(**job["script"]), tuple(Order(**order) for order in job["orders"]))
            for job in values["jobs"]
        ),
        tuple(Fault(**fault) for fault in values["faults"]),
        values["contact_lost_after_s"],
    )
