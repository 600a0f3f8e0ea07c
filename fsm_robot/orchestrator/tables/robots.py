"""Robots, and the keys of whoever else may call. Of a credential only a salted digest is kept."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import attrs

from fsm_robot.orchestrator.protocol import plain_guid
from fsm_robot.orchestrator.rows import RobotRow
from fsm_robot.orchestrator.tables.database import Database, NoSuchError, Row, StoreError, moment_of

_LONGEST_FIELD = 500


@attrs.frozen
class RobotTable:
    """Robots in the order of their first contact, and API keys."""

    file: Database

    def all(self) -> list[RobotRow]:
        """Return every robot."""
        return [_robot(row) for row in self.file.rows("SELECT * FROM robots ORDER BY row_id")]

    def by_credential(self, guid: str, *, known_only: bool = False) -> RobotRow | None:
        """Return the robot with this credential, registered at its first contact; None where it is unknown."""
        row = self.file.row("SELECT * FROM robots WHERE digest = ?", self.file.digest(guid))
        if row is None and not known_only:
            row = self._registered(guid)
        return None if row is None or not row["active"] else _robot(row)

    def find(self, name: str) -> RobotRow:
        """Return the robot with this label, number, public or own GUID. Raises `NoSuchError`."""
        guid = plain_guid(name)
        if guid:
            digest = self.file.digest(guid)
            found = [each for each in self.all() if each.public_guid == guid] or [
                _robot(row) for row in self.file.rows("SELECT * FROM robots WHERE digest = ?", digest)
            ]
        else:
            query = "SELECT * FROM robots WHERE label = ? OR CAST(row_id AS TEXT) = ?"
            found = [_robot(row) for row in self.file.rows(query, name, name)]
        if not found:
            raise NoSuchError(f"{self.file.name}: there is no robot {'with this GUID' if guid else repr(name)}")
        return found[0]

    def set_column(self, robot: str, column: str, value: object) -> str:
        """Change `active`, `paused` or `group_id`; return the label. Raises `StoreError`."""
        with self.file.transaction():
            row_id = self.row_id(robot)
            self.file.update("robots", row_id, {column: value})
            return str(self.file.rows("SELECT label FROM robots WHERE row_id = ?", row_id)[0]["label"])

    def heard(self, robot_id: int, fields: Mapping[str, str], status: int) -> None:
        """Write down what a heartbeat said."""
        names = {"machine": "machine", "ip": "ip", "mac": "mac", "job_guid": "jobguid", "job_name": "jobname"}
        said = {column: fields.get(name, "")[:_LONGEST_FIELD] for column, name in names.items()}
        self.file.update("robots", robot_id, {**said, "status": status, "last_heartbeat": self.file.now()})

    def row_id(self, robot: str) -> int:
        """Return the row of a robot by label or GUID; a GUID that is new is known from now on. Raises `StoreError`."""
        guid = plain_guid(robot)
        if guid:
            known = [each.row_id for each in self.all() if each.public_guid == guid]
            return known[0] if known else int(self._registered(guid)["row_id"])
        row = self.file.row("SELECT row_id FROM robots WHERE label = ?", robot)
        if row is None:
            raise StoreError(
                f"{self.file.name}: there is no robot {robot!r}; it is known by its label after its first heartbeat,"
                " by its GUID before"
            )
        return int(row["row_id"])

    def add_key(self, name: str) -> str:
        """Make an API key and return it; it is not kept, so nobody can be told it again."""
        guid = str(uuid.uuid4())
        self.file.insert("keys", {"digest": self.file.digest(guid), "name": name, "created": self.file.now()})
        return guid

    def key_name(self, guid: str) -> str | None:
        """Return what an API key is called, or None where the credential is none."""
        row = self.file.row("SELECT name FROM keys WHERE digest = ?", self.file.digest(guid))
        return None if row is None else str(row["name"])

    def key_names(self) -> list[str]:
        """Return what the API keys are called."""
        return [str(row["name"]) for row in self.file.rows("SELECT name FROM keys ORDER BY row_id")]

    def remove_key(self, name: str) -> None:
        """Let an API key be unknown. Raises `NoSuchError`."""
        with self.file.transaction() as db:
            if not db.execute("DELETE FROM keys WHERE name = ?", (name,)).rowcount:
                raise NoSuchError(f"{self.file.name}: there is no key {name!r}")

    def _registered(self, guid: str) -> Row:
        digest = self.file.digest(guid)
        with self.file.transaction(alone=False) as db:
            db.execute(
                # The first two calls of a robot may come at once.
                "INSERT INTO robots (digest, label, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (digest, f"robot-{digest[:8]}", self.file.now()),
            )
            return self.file.rows("SELECT * FROM robots WHERE digest = ?", digest)[0]


def _robot(row: Row) -> RobotRow:
    values = dict(row)
    digest = values.pop("digest")
    values |= {name: bool(values[name]) for name in ("active", "paused")}
    values |= {name: moment_of(values[name]) for name in ("last_heartbeat", "created")}
    return RobotRow(**values, public_guid=str(uuid.UUID(digest[32:64], version=4)))
