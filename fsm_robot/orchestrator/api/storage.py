"""The calls of folders and files."""

from __future__ import annotations

import base64
from urllib.parse import quote

from fsm_robot.orchestrator.api.asked import Asked, guid_of, nothing
from fsm_robot.orchestrator.objects import FileRow, FolderRow
from fsm_robot.orchestrator.protocol import Answer, GarbledRequestError
from fsm_robot.orchestrator.published import file_row, folder_row

_ENCODERS = {"base64": base64.b64encode, "base32": base64.b32encode, "base16": base64.b16encode}


def create_folder(asked: Asked) -> Answer:
    """Make a folder."""
    return guid_of(asked.store.storage.add_folder(asked.name("name"), asked.text("description")).guid)


def read_folder(asked: Asked) -> Answer:
    """Show a folder."""
    return asked.row(folder_row(asked.store.storage.folder(asked.reference, by_name=asked.by_name)))


def list_folders(asked: Asked) -> Answer:
    """Show every folder."""
    return Answer(200, [asked.form.row(folder_row(folder)) for folder in asked.store.storage.folders()])


def update_folder(asked: Asked) -> Answer:
    """Change a folder."""
    folder = asked.store.storage.folder(asked.name("guid"), by_name=asked.by_name)
    given = asked.reader(name=("name", asked.name), description=("description", asked.text))
    asked.store.storage.change_folder(folder, **asked.columns(given, {"description": ""}))
    return nothing()


def delete_folder(asked: Asked) -> Answer:
    """Delete a folder and its files."""
    asked.store.storage.delete_folder(asked.store.storage.folder(asked.reference, by_name=asked.by_name))
    return nothing()


def create_file(asked: Asked) -> Answer:
    """Keep a file; as published, the answer does not say how it can be found but by its name."""
    if asked.upload is None:
        raise GarbledRequestError("file is missing")
    asked.store.storage.add_file(asked.name("name"), asked.upload, _folder(asked))
    return nothing()


def read_file(asked: Asked) -> Answer:
    """Give a file, as its bytes or as a row that holds them as a text."""
    file, pieces = _file(asked, asked.reference), list[bytes]()
    asked.store.storage.copy(file, pieces.append)
    data, form = b"".join(pieces), asked.quirks["file_read"]
    if form == "bytes":
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
        return Answer(200, None, data=data, headers=headers)
    return asked.row(file_row(file, _ENCODERS[form](data).decode()))


def update_file(asked: Asked) -> Answer:
    """Change a file; without a new content it keeps the one that it has."""
    file = _file(asked, asked.name("guid", "name"))
    values: dict[str, object] = {}
    # Without a GUID the name says which file is meant, so it cannot be a new one.
    if asked.has("guid") and asked.has("name"):
        values["name"] = asked.name("name")
    if asked.text("folderguid") and asked.has("guid"):
        folder = _folder(asked)
        values["folder_id"] = None if folder is None else folder.row_id
    asked.store.storage.change_file(file, asked.upload, **values)
    return nothing()


def delete_file(asked: Asked) -> Answer:
    """Delete a file."""
    asked.store.storage.delete_file(_file(asked, asked.reference))
    return nothing()


def _folder(asked: Asked) -> FolderRow | None:
    name = asked.text("folderguid")
    return asked.store.storage.folder(name, by_name=asked.by_name) if name else None


def _file(asked: Asked, name: str) -> FileRow:
    folder = None if asked.has("guid") else _folder(asked)
    return asked.store.storage.find_file(name, by_name=asked.by_name, folder=folder)
