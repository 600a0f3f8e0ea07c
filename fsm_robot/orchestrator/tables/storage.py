"""The storage: folders and files, whose content stands in the same file as everything else."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from typing import Protocol

import attrs

from fsm_robot.orchestrator.objects import FileRow, FolderRow
from fsm_robot.orchestrator.tables.database import Database, NoSuchError
from fsm_robot.orchestrator.tables.naming import find_row
from fsm_robot.orchestrator.tables.rows import value_of

PIECE_BYTES = 1 << 20
_COLUMNS = (
    "files.row_id, files.guid, folder_id, COALESCE(folders.name, '') AS folder, files.name, size, sha256,"
    " files.created, files.updated"
)
_JOINS = "LEFT JOIN folders ON folders.row_id = files.folder_id"


class Content(Protocol):
    """Bytes that need not be in memory at once."""

    @property
    def size(self) -> int:
        """How many there are."""

    def pieces(self) -> Iterator[bytes]:
        """Return them from the beginning, a piece at a time."""


@attrs.frozen
class Plain:
    """Bytes that are in memory."""

    data: bytes = attrs.field(repr=False)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.data)

    def pieces(self) -> Iterator[bytes]:
        """Return them."""
        yield self.data


@attrs.frozen
class StorageTable:
    """Folders and files in the order of their creation."""

    file: Database

    def add_folder(self, name: str, description: str = "") -> FolderRow:
        """Add a folder."""
        guid, now = str(uuid.uuid4()), self.file.now()
        values = {"guid": guid, "name": name, "description": description, "created": now, "updated": now}
        self.file.insert("folders", values)
        return self.folder(guid)

    def folders(self) -> list[FolderRow]:
        """Return every folder."""
        query = "SELECT * FROM folders WHERE is_deleted = 0 ORDER BY row_id"
        return [value_of(FolderRow, row) for row in self.file.rows(query)]

    def folder(self, name: str, *, by_name: bool = True) -> FolderRow:
        """Return the folder with this GUID, name or number. Raises `NoSuchError`."""
        return value_of(FolderRow, find_row(self.file, "folders", name, "folder", by_name=by_name))

    def change_folder(self, folder: FolderRow, **values: object) -> None:
        """Change columns of a folder."""
        self.file.update("folders", folder.row_id, {**values, "updated": self.file.now()})

    def delete_folder(self, folder: FolderRow) -> None:
        """Let a folder and its files be gone."""
        with self.file.transaction():
            self.change_folder(folder, is_deleted=1)
            for file in self.files():
                if file.folder_id == folder.row_id:
                    self.delete_file(file)

    def add_file(self, name: str, content: Content, folder: FolderRow | None = None) -> FileRow:
        """Add a file."""
        guid, now = str(uuid.uuid4()), self.file.now()
        values = {
            "guid": guid, "folder_id": None if folder is None else folder.row_id, "name": name, "size": 0, "sha256": "",
            "created": now, "updated": now, "content": b"",
        }  # fmt: skip
        with self.file.transaction():
            self._write(self.file.insert("files", values), content)
        return self.find_file(guid)

    def files(self) -> list[FileRow]:
        """Return every file."""
        query = f"SELECT {_COLUMNS} FROM files {_JOINS} WHERE files.is_deleted = 0 ORDER BY files.row_id"  # noqa: S608
        return [value_of(FileRow, row) for row in self.file.rows(query)]

    def find_file(self, name: str, *, by_name: bool = True, folder: FolderRow | None = None) -> FileRow:
        """Return the file with this GUID, name or number, in a folder where one is given. Raises `NoSuchError`."""
        if folder is None:
            row = find_row(self.file, "files", name, "file", by_name=by_name, columns=_COLUMNS, joins=_JOINS)
            return value_of(FileRow, row)
        inside = [file for file in self.files() if file.folder_id == folder.row_id and name in (file.name, file.guid)]
        if not inside:
            raise NoSuchError(f"{self.file.name}: there is no file {name!r} in folder {folder.name!r}")
        return inside[-1]

    def change_file(self, file: FileRow, content: Content | None = None, **values: object) -> None:
        """Change columns of a file, and its content where one is given."""
        with self.file.transaction():
            self.file.update("files", file.row_id, {**values, "updated": self.file.now()})
            if content is not None:
                self._write(file.row_id, content)

    def delete_file(self, file: FileRow) -> None:
        """Let a file be gone."""
        self.change_file(file, Plain(b""), is_deleted=1)

    def copy(self, file: FileRow, take: Callable[[bytes], object]) -> None:
        """Hand the content of a file on, a piece at a time."""
        self.file.engine.copy_content(file.row_id, take)

    def _write(self, row_id: int, content: Content) -> None:
        digest = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in content.pieces():
                digest.update(piece)
                yield piece

        with self.file.transaction():
            self.file.engine.write_content(row_id, content.size, hashed())
            self.file.update("files", row_id, {"size": content.size, "sha256": digest.hexdigest()})
