"""Assets: credentials, texts and calendars."""

from __future__ import annotations

import uuid

import attrs

from fsm_robot.orchestrator.objects import AssetRow
from fsm_robot.orchestrator.tables.database import Database, NoSuchError
from fsm_robot.orchestrator.tables.naming import find_row
from fsm_robot.orchestrator.tables.rows import value_of


@attrs.frozen
class AssetTable:
    """Assets in the order of their creation."""

    file: Database

    def add(self, name: str, **values: object) -> AssetRow:
        """Add an asset; `values` are columns."""
        guid, now = str(uuid.uuid4()), self.file.now()
        self.file.insert("assets", {"guid": guid, "name": name, **values, "created": now, "updated": now})
        return self.find(guid)

    def all(self) -> list[AssetRow]:
        """Return every asset."""
        query = "SELECT * FROM assets WHERE is_deleted = 0 ORDER BY row_id"
        return [value_of(AssetRow, row) for row in self.file.rows(query)]

    def find(self, name: str, *, by_name: bool = True) -> AssetRow:
        """Return the asset with this GUID, name or number. Raises `NoSuchError`."""
        return value_of(AssetRow, find_row(self.file, "assets", name, "asset", by_name=by_name))

    def find_for(self, name: str, robot_id: int, group_id: int | None, *, by_name: bool = True) -> AssetRow:
        """Return the asset that a robot may read under a name: its own before its group's before everybody's.

        Raises:
            NoSuchError: There is none for this robot.
        """
        asset = self.find(name, by_name=by_name)
        mine = [each for each in self.all() if each.name == name and each.is_for(robot_id, group_id)] if by_name else []
        if asset.name == name and mine:
            # Reversed, because of several with one name the youngest is meant, as everywhere.
            return min(reversed(mine), key=lambda each: each.robot_type)
        if not asset.is_for(robot_id, group_id):
            raise NoSuchError(f"{self.file.name}: there is no asset {name!r} for this robot")
        return asset

    def change(self, asset: AssetRow, **values: object) -> None:
        """Change columns of an asset."""
        self.file.update("assets", asset.row_id, {**values, "updated": self.file.now()})

    def delete(self, asset: AssetRow) -> None:
        """Let an asset be gone, and its value with it: what was a password is one no longer."""
        self.change(asset, is_deleted=1, text="", password="")
