"""Processes and their versions: names only, there is nothing to download."""

from __future__ import annotations

import uuid

import attrs

from fsm_robot.orchestrator.objects import ProcessRow, VersionRow
from fsm_robot.orchestrator.tables.database import Database, NoSuchError
from fsm_robot.orchestrator.tables.naming import find_row
from fsm_robot.orchestrator.tables.rows import value_of
from fsm_robot.orchestrator.tables.schema import process_guid, version_guid

_COLUMNS = "processes.*, COALESCE(versions.guid, '') AS version_guid"
_JOINS = "LEFT JOIN versions ON versions.row_id = processes.version_id"


@attrs.frozen
class ProcessTable:
    """Processes in the order of their creation."""

    file: Database

    def add(self, name: str, *, guid: str = "", **values: object) -> ProcessRow:
        """Add a process."""
        guid, now = guid or str(uuid.uuid4()), self.file.now()
        self.file.insert("processes", {"guid": guid, "name": name, **values, "created": now, "updated": now})
        return self.find(guid)

    def add_version(self, process: ProcessRow, name: str, *, guid: str = "", **values: object) -> VersionRow:
        """Add a version; it is the one that jobs of the process get from now on."""
        guid, now = guid or str(uuid.uuid4()), self.file.now()
        found = {"guid": guid, "process_id": process.row_id, "name": name, **values, "created": now, "updated": now}
        with self.file.transaction():
            row_id = self.file.insert("versions", found)
            self.file.update("processes", process.row_id, {"version_id": row_id, "updated": now})
        return self.version(guid)

    def knows(self, script: str) -> bool:
        """Return whether a script is a process already."""
        return self.file.row("SELECT 1 AS found FROM versions WHERE guid = ?", version_guid(script)) is not None

    def know(self, script: str) -> str:
        """Let a script be a process with one version, and return the GUID of that."""
        guid = version_guid(script)
        with self.file.transaction():
            if not self.knows(script):
                self.add_version(self.add(script, guid=process_guid(script)), script, guid=guid)
        return guid

    def find(self, name: str, *, by_name: bool = True) -> ProcessRow:
        """Return the process with this GUID, name or number. Raises `NoSuchError`."""
        row = find_row(self.file, "processes", name, "process", by_name=by_name, columns=_COLUMNS, joins=_JOINS)
        return value_of(ProcessRow, row)

    def version(self, name: str, *, by_name: bool = True) -> VersionRow:
        """Return the version with this GUID, name or number. Raises `NoSuchError`."""
        return value_of(VersionRow, find_row(self.file, "versions", name, "process version", by_name=by_name))

    def current_version(self, name: str, *, by_name: bool = True) -> VersionRow:
        """Return the version that jobs of a process start; the process or a version of it is named.

        Raises:
            NoSuchError: There is none, or it has no version.
        """
        try:
            process = self.find(name, by_name=by_name)
        except NoSuchError:
            return self.version(name, by_name=by_name)
        if not process.version_guid:
            raise NoSuchError(f"{self.file.name}: process {name!r} has no version")
        return self.version(process.version_guid)
