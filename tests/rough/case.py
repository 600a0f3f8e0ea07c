"""What one case is: jobs, orders, and what is rough about the world around them. Plain values, so a case can be kept."""

from __future__ import annotations

import json
from typing import Any

import attrs

KINDS = ("processes", "inherited", "limits", "disk", "wire", "threads", "script", "killed", "terminal", "job api")
STOP, ABORT = "stop", "abort"


@attrs.frozen
class Order:
    """What the orchestrator orders for a job, in seconds after its script has begun."""

    what: str
    after_s: float


@attrs.frozen
class JobPlan:
    """One job: a script of the zoo, what it is told, and what is ordered meanwhile."""

    script: str
    parameters: dict[str, Any] = attrs.field(factory=dict)
    orders: tuple[Order, ...] = ()


@attrs.frozen
class Trouble:
    """One kind of roughness: its name within the kind, and its numbers."""

    kind: str
    name: str
    values: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Case:
    """One robot folder, from its first start until it is drained.

    Attributes:
        name: `KIND:SEED:NUMBER`, from which the case can be drawn again.
        troubles: One kind of roughness, or two at once.
        jobs: What waits at the orchestrator.
    """

    name: str
    troubles: tuple[Trouble, ...]
    jobs: tuple[JobPlan, ...]

    def trouble(self, name: str) -> Trouble | None:
        """Return the trouble of this name, or None."""
        return next((each for each in self.troubles if each.name == name), None)

    def has(self, kind: str) -> bool:
        """Return whether the case is rough in this kind."""
        return any(each.kind == kind for each in self.troubles)

    def told(self) -> str:
        """Return a line for people."""
        troubles = " + ".join(
            f"{each.kind}/{each.name}" + (f" {json.dumps(each.values)}" if each.values else "")
            for each in self.troubles
        )
        jobs = "; ".join(_told_job(job) for job in self.jobs)
        return f"{troubles}: {jobs}"

    def to_text(self) -> str:
        """Return the case as JSON."""
        return json.dumps(attrs.asdict(self), ensure_ascii=False)


def case_from_text(text: str) -> Case:
    """Read what `Case.to_text` wrote."""
    values = json.loads(text)
    jobs = [
        JobPlan(job["script"], job["parameters"], tuple(Order(**order) for order in job["orders"]))
        for job in values["jobs"]
    ]
    return Case(values["name"], tuple(Trouble(**each) for each in values["troubles"]), tuple(jobs))


def _told_job(job: JobPlan) -> str:
    parameters = f" {json.dumps(job.parameters)}" if job.parameters else ""
    orders = "".join(f", {order.what} after {order.after_s:g} s" for order in job.orders)
    return f"{job.script}{parameters}{orders}"
