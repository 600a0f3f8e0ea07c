from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.engine.machine.definition import RetryPolicy
from fsm_robot.engine.retry import retry_wait_s, worth_another
from fsm_robot.errors import FailureKind, GatewayUnreachableError


def error(kind: FailureKind = "no_answer", retry_after_s: float | None = None) -> GatewayUnreachableError:
    return GatewayUnreachableError("/api", kind, "…", retry_after_s)


POLICY = RetryPolicy(("no_answer",), for_s=60, first_s=1, factor=2, longest_s=15, jitter=0.3)


def test_pauses_grow_to_the_longest() -> None:
    """1, 2, 4, 8, 15, 15 … seconds, without jitter."""
    assert [retry_wait_s(attempt, error(), POLICY, 0.5) for attempt in range(1, 7)] == [1, 2, 4, 8, 15, 15]


@given(st.integers(1, 10**6), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1e9)))
def test_pause_is_never_longer_than_the_policy_says(attempt: int, fraction: float, retry_after_s: float | None) -> None:
    """Neither a thousand failures nor a server's Retry-After puts the robot to sleep for hours."""
    assert 0 < retry_wait_s(attempt, error(retry_after_s=retry_after_s), POLICY, fraction) <= 15


def test_retry_after_is_honoured_within_bounds() -> None:
    """A server that asks for 7 s gets 7 s."""
    assert retry_wait_s(1, error(retry_after_s=7), POLICY, 0.5) == 7


def test_jitter_spreads_a_fleet() -> None:
    """Two robots that fail together do not ask again together."""
    assert retry_wait_s(2, error(), POLICY, 0.0) == 1.4
    assert retry_wait_s(2, error(), POLICY, 1.0) == 2.6


def test_another_try_needs_a_kind_and_time() -> None:
    """Only what the policy names, only while its time lasts, is asked again."""
    assert worth_another(error(), POLICY, 50, 10)
    assert not worth_another(error(), POLICY, 50, 11)
    assert not worth_another(error("no_connection"), POLICY, 0, 1)
    assert not worth_another(error(), None, 0, 0)
