"""Whether a person works in the robot's session. Imported only where `session.at_keyboard` asks for it."""

from __future__ import annotations

from fsm_robot.system.seen_session import ACTIVE, SeenSession


def person_at(seen: SeenSession, within_s: float, own_ended_s_ago: float | None = None) -> str:
    """Return why somebody seems to be at the keyboard, empty where nobody does or nothing is known.

    Args:
        seen: What the system says.
        within_s: How old the last input of a person may be.
        own_ended_s_ago: When the last script ended; what came before may have been typed by that. None: there was none.
    """
    if seen.state != ACTIVE or seen.idle_s is None or seen.idle_s >= within_s:
        return ""
    if own_ended_s_ago is not None and seen.idle_s >= own_ended_s_ago:
        return ""
    return f"somebody is at the keyboard: the session is active, and its last input was {seen.idle_s:.0f} s ago"
