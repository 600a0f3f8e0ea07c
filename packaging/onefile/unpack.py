"""Unpacks the one file into the private folder of an account: once for each version, and once for each Python.

It also sets right what is damaged there: a start comes here whenever its file of compiled modules is not whole.
"""

from __future__ import annotations

import _imp
import contextlib
import io
import marshal
import os
import shutil
import sys
import time
import uuid
import warnings
import zipfile
from collections.abc import Iterator
from types import CodeType

PAYLOAD = "payload.zip"
STALE_S = 24 * 3600.0
"""What is still called new after this time was left by an unpacking that was cut off."""


def unpack(archive: str, home: str, modules: str) -> None:
    """Make the folder of this version, and the file of compiled modules for this Python; ends with a sentence."""
    try:
        base = os.path.dirname(home)
        os.makedirs(base, mode=0o700, exist_ok=True)
        _must_be_ours(base)
        _tidy(base)
        with zipfile.ZipFile(archive) as outer, zipfile.ZipFile(io.BytesIO(outer.read(PAYLOAD))) as payload:
            if not os.path.isdir(home):
                _files(payload, home)
            _must_be_ours(home)
            _set_right(payload, home)
        _compiled(home, modules)
    except OSError as error:
        sys.exit(f"fsm-robot.pyz: cannot be unpacked into {home}: {error.strerror or error}; {_elsewhere()}")


def _elsewhere() -> str:
    return f"name a folder that this account may write to in {'LOCALAPPDATA' if os.name == 'nt' else 'XDG_DATA_HOME'}"


def _must_be_ours(folder: str) -> None:
    """Refuse a folder that another account could put its own code into."""
    if os.name == "nt":
        return  # below the profile; its rights are inherited
    facts = os.stat(folder)
    if facts.st_uid != os.geteuid():
        sys.exit(f"fsm-robot.pyz: {folder} belongs to another account; {_elsewhere()}")
    if facts.st_mode & 0o022:
        sys.exit(f"fsm-robot.pyz: others may write to {folder}; chmod go-w it, or {_elsewhere()}")


def _tidy(base: str) -> None:
    for entry in os.scandir(base):
        if entry.name.endswith(".new") and entry.stat().st_mtime < time.time() - STALE_S:
            shutil.rmtree(entry.path, ignore_errors=True)


def _files(payload: zipfile.ZipFile, home: str) -> None:
    """Write all files under another name, then give the folder its own: whoever sees it sees it whole."""
    new = f"{home}.{uuid.uuid4().hex}.new"
    os.mkdir(new, 0o700)
    try:
        for name in payload.namelist():
            path = os.path.join(new, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write(path, payload.read(name), sync=not hasattr(os, "sync"))
        if hasattr(os, "sync"):
            os.sync()  # all at once: three hundred times fsync is ten times as long
        _named(new, home)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _named(new: str, home: str) -> None:
    try:
        os.rename(new, home)
    except OSError:
        if not os.path.isdir(home):  # else another robot of this account was faster, with the same files
            raise


def _set_right(payload: zipfile.ZipFile, home: str) -> None:
    """Write what is missing in a folder or not as it was unpacked: one that was copied, restored or cleaned in part."""
    for name in payload.namelist():
        path, data = os.path.join(home, *name.split("/")), payload.read(name)
        if not _holds(path, data):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            try:
                _put(path, data)
            except OSError:
                if not _holds(path, data):  # else another robot has just set it right, and has it open (Windows)
                    raise


def _holds(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read() == data
    except OSError:
        return False


def _put(path: str, data: bytes) -> None:
    new = f"{path}.{uuid.uuid4().hex}.new"
    try:
        _write(new, data)
        os.replace(new, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise


def _write(path: str, data: bytes, *, sync: bool = True) -> None:
    """Write a file to the disk: a name that survives a power cut, with content that does not, is never set right."""
    with open(path, "wb") as stream:
        stream.write(data)
        if sync:
            stream.flush()
            os.fsync(stream.fileno())


def _compiled(home: str, modules: str) -> None:
    """Write the compiled modules as one file.

    The lengths of its head and of the whole, the digest of the head, the head (begin.py and an index), the others.
    """
    index: dict[str, tuple[bool, str, int, int, bytes]] = {}
    code = bytearray()
    for name, file in sorted(_modules(os.path.join(home, "lib"))):
        at, module = len(code), marshal.dumps(_compiled_file(file))
        code += module
        is_package, below = os.path.basename(file) == "__init__.py", os.path.relpath(file, home).replace(os.sep, "/")
        index[name] = (is_package, below, at, len(code), _imp.source_hash(0, module))
    head = marshal.dumps((_compiled_file(os.path.join(home, "begin.py")), index))
    lengths = (len(head), 24 + len(head) + len(code))
    start = b"".join(length.to_bytes(8, "little") for length in lengths) + _imp.source_hash(0, head)
    try:
        _put(modules, start + head + code)
    except OSError:
        if not os.path.isfile(modules):  # else another robot has just written it, and maybe holds it open (Windows)
            raise


def _compiled_file(file: str) -> CodeType:
    with open(file, "rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(stream.read(), file, "exec", dont_inherit=True, optimize=0)


def _modules(folder: str, package: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the file of every module of a folder, and of the packages in it."""
    for entry in os.scandir(folder):
        inside = os.path.join(entry.path, "__init__.py")
        if entry.name.endswith(".py") and entry.name != "__init__.py":
            yield package + entry.name[:-3], entry.path
        elif os.path.isfile(inside):
            yield package + entry.name, inside
            yield from _modules(entry.path, f"{package}{entry.name}.")
