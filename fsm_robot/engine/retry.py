"""What to ask again, and when."""

from __future__ import annotations

from fsm_robot.engine.machine.definition import RetryPolicy
from fsm_robot.errors import GatewayError


def retry_wait_s(attempt: int, error: GatewayError, policy: RetryPolicy, fraction: float) -> float:
    """Return the pause before the next try.

    Args:
        attempt: Tries already made, from 1.
        error: Why the last one failed; its `retry_after_s` is honoured up to `policy.longest_s`.
        policy: From the machine file.
        fraction: A random number from 0 to 1 that spreads the robots of a fleet.

    Returns:
        Seconds, from 0 to `policy.longest_s`. Source: docs/protocol.md, "Retries".
    """
    # The exponent is bounded because a night of failures would overflow the power.
    grown = policy.first_s * policy.factor ** min(attempt - 1, 64)
    spread = min(grown, policy.longest_s) * (1 + policy.jitter * (2 * fraction - 1))
    return min(max(spread, error.retry_after_s or 0.0), policy.longest_s)


def worth_another(error: GatewayError, policy: RetryPolicy | None, elapsed_s: float, wait_s: float) -> bool:
    """Return whether the policy allows another try that starts `wait_s` from now."""
    return policy is not None and error.kind in policy.on and elapsed_s + wait_s <= policy.for_s
