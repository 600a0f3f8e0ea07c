"""How a run, a state and a script are called in traces: known beforehand, and the same when told again. Pure."""

from __future__ import annotations

from hashlib import sha256


def trace_id(robot: str, run: str) -> bytes:
    """Return what a run is called: 16 bytes, from the salted hash of its robot and its name."""
    return sha256(f"run {robot} {run}".encode()).digest()[:16]


def root_id(trace: bytes) -> bytes:
    """Return what the span of the whole run is called: 8 bytes."""
    return sha256(trace + b"root").digest()[:8]


def state_id(trace: bytes, seq: int) -> bytes:
    """Return what the span of a stay in a state is called, by the step that led into it."""
    return sha256(trace + b"state %d" % seq).digest()[:8]


def script_id(trace: bytes, run_token: str) -> bytes:
    """Return what the span of the state is called in which the script of a job runs: that of its own spans' parent."""
    return sha256(trace + b"script " + run_token.encode()).digest()[:8]


def traceparent(trace: bytes, span: bytes) -> str:
    """Return the parent of a script's spans, as W3C Trace Context writes it."""
    return f"00-{trace.hex()}-{span.hex()}-01"
