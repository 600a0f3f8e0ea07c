"""Codes of the orchestrator -> events, as the machine file says. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from fsm_robot.engine.machine.definition import CallbackSpec


def event_for(spec: CallbackSpec, answer: Mapping[str, int | None]) -> str | None:
    """Return the event that `answer` means to the callback `spec`.

    Args:
        spec: Its `codes` are looked at field by field, in the order of the file.
        answer: Field -> value; a missing field is None or absent.

    Returns:
        The event; None where every field says nothing; an empty text where a value is not in the table.
    """
    for field, table in spec.codes.items():
        value = answer.get(field)
        if value is None or value not in table:
            return ""
        event = table[value]
        if event is not None:
            return event
    return None
