"""The calls of processes and their versions."""

from __future__ import annotations

from fsm_robot.orchestrator.api.asked import Asked, guid_of
from fsm_robot.orchestrator.protocol import Answer
from fsm_robot.orchestrator.published import process_row, version_row


def create(asked: Asked) -> Answer:
    """Make a process."""
    process = asked.store.processes.add(
        asked.name("name"),
        description=asked.text("description"),
        min_version_to_run=asked.text("minversiontorun"),
        process_type=asked.flag("processtype"),
    )
    return guid_of(process.guid)


def read(asked: Asked) -> Answer:
    """Show a process."""
    return asked.row(process_row(asked.store.processes.find(asked.reference, by_name=asked.by_name)))


def create_version(asked: Asked) -> Answer:
    """Make a version of a process; a file that comes with it is not kept, its name is the script."""
    process = asked.store.processes.find(asked.name("processguid"), by_name=asked.by_name)
    version = asked.store.processes.add_version(process, asked.name("name"), description=asked.text("description"))
    return guid_of(version.guid)


def read_version(asked: Asked) -> Answer:
    """Show a version."""
    return asked.row(version_row(asked.store.processes.version(asked.reference, by_name=asked.by_name)))
