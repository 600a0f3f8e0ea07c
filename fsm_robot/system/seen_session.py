"""What the system says of the session of this account: whether somebody is at its keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ACTIVE, LOCKED, DISCONNECTED = "active", "locked", "disconnected"


class SeenSession(NamedTuple):
    """What is known of a session now.

    Attributes:
        state: `active`, `locked` or `disconnected`; empty where the system does not say.
        idle_s: Since when nothing was typed or moved; None where the system does not say.
        resolution: Of its screen, such as `1920x1080`; empty where the system does not say.
        unknown: What the system does not say, and why; empty where it says all.
    """

    state: str = ""
    idle_s: float | None = None
    resolution: str = ""
    unknown: str = ""

    def __str__(self) -> str:
        idle = "" if self.idle_s is None else f"last input {self.idle_s:.0f} s ago"
        return ", ".join(filter(None, (self.state, idle, self.resolution))) or "nothing is known of the session"


def from_loginctl(told: str, now_s: float) -> SeenSession:
    """Return what `loginctl show-session` says of the sessions of an account: the one at which somebody works counts.

    Args:
        told: `KEY=VALUE` lines, a block per session.
        now_s: Seconds since 1970.
    """
    blocks = [_pairs(block) for block in told.split("\n\n")]
    found = [_one(block, now_s) for block in blocks if block.get("Class", "user") == "user" and "State" in block]
    if not found:
        return SeenSession(unknown="the system knows no session of this account: it works beside all of them")
    order = {ACTIVE: 0, LOCKED: 1, DISCONNECTED: 2}
    return min(found, key=lambda each: (order[each.state], each.idle_s or 0.0))


def _one(block: Mapping[str, str], now_s: float) -> SeenSession:
    # "online" is a session that lies behind another one of its seat: nobody sees it.
    state = ACTIVE if block.get("State") == "active" else DISCONNECTED
    state = LOCKED if state == ACTIVE and block.get("LockedHint") == "yes" else state
    since = block.get("IdleSinceHint", "")
    idle_s: float | None = 0.0
    if block.get("IdleHint") == "yes":
        idle_s = max(0.0, now_s - int(since) / 1e6) if since.isdecimal() and int(since) else None
    return SeenSession(state, idle_s, unknown="the resolution of the screen is not told here")


def _pairs(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
