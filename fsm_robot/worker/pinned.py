"""`scripts.lock`: what the files of the scripts folder are, as SHA-256, and what differs from it.

The form is that of `sha256sum`, which checks it, too: a digest, two blanks, a path with `/`. A folder that is a link
stands there with a `/` at its end, and the digest is that of where it leads. Left out are hidden files and folders
(`.venv`, `.git`), what Python compiles, the lock itself, and what patterns after `# except` leave out.

A new file is refused only where Python could import it in the place of another: results that a script leaves beside
itself are none of the lock's business.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from fsm_robot.errors import SettingsError

NAME = "scripts.lock"
HEAD = "# What the scripts are, by `fsm-robot scripts lock`; with scripts.locked nothing else is run."
EXCEPT = "# except "
COMPILED = "__pycache__"
IMPORTABLE = (".py", ".pyw", ".pyc", ".pyd", ".so")
LARGEST_LOCK_BYTES = 16 << 20
MOST_FILES = 20_000
BLOCK_BYTES = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


@attrs.frozen
class Pinned:
    """What a lock says: path below the folder -> digest, and the patterns of what it leaves out."""

    files: dict[str, str]
    without: Sequence[str] = ()


def lock_text(pinned: Pinned) -> str:
    """Return a lock as text."""
    lines = [HEAD, *(f"{EXCEPT}{pattern}" for pattern in pinned.without)]
    lines += [f"{digest}  {path}" for path, digest in sorted(pinned.files.items())]
    return "\n".join(lines) + "\n"


def read(folder: Path) -> Pinned:
    """Return what the lock of a folder says. Raises `SettingsError` with one sentence."""
    path = folder / NAME
    try:
        with open(path, "rb") as stream:
            data = stream.read(LARGEST_LOCK_BYTES + 1)
        if len(data) > LARGEST_LOCK_BYTES:
            raise SettingsError(f"{path}: is larger than {LARGEST_LOCK_BYTES >> 20} MiB; this is not a lock of scripts")
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file; `fsm-robot scripts lock` writes one") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text; `fsm-robot scripts lock` writes it anew") from None
    return _parsed(path, text)


def of(folder: Path, without: Sequence[str] = ()) -> Pinned:
    """Return what the files of a folder are now.

    Raises:
        SettingsError: Something cannot be read, has a name that no line can hold, or leads out of the folder.
    """
    files = {}
    root = os.path.realpath(folder)
    for path, name in _walked(folder, without):
        if not name.isprintable():
            raise SettingsError(f"{path}: its name cannot be written into a line; give it another one")
        if _leads_out(path, root):
            raise SettingsError(f"{path}: is a link that leads out of {folder}; put the file itself there")
        files[name] = _digest(path, name)
    return Pinned(files, tuple(without))


def differences(folder: Path) -> list[str]:
    """Return what is not as the lock of a folder says, a sentence each; empty where everything is."""
    try:
        pinned = read(folder)
        root = os.path.realpath(folder)
        there = {name: path for path, name in _walked(folder, pinned.without)}
        found = [f"{name} is missing" for name in pinned.files if name not in there]
        for name, path in there.items():
            if name not in pinned.files:
                if name.lower().endswith((*IMPORTABLE, "/")):
                    found.append(f"{name} is new, and Python could import it")
            elif _leads_out(path, root):
                found.append(f"{name} is a link now that leads out of the folder")
            elif _digest(path, name) != pinned.files[name]:
                found.append(f"{name} was changed")
    except SettingsError as error:
        return [str(error)]
    # A file that was changed says more than what is missing or new beside it.
    return sorted((f"{text} since {NAME} was written" for text in found), key=lambda text: "was changed" not in text)


def _parsed(path: Path, text: str) -> Pinned:
    files: dict[str, str] = {}
    without = []
    # Names may end in a blank, and hold what only `splitlines` takes for an end of a line.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line.startswith(EXCEPT):
            without.append(line.removeprefix(EXCEPT).strip())
        elif line.strip() and not line.startswith("#"):
            match = _LINE.fullmatch(line)
            if match is None or _is_outside(match[2]):
                raise SettingsError(
                    f"{path}:{number}: is not a line of a lock; `fsm-robot scripts lock` writes it anew"
                )
            if match[2] in files:
                raise SettingsError(f"{path}:{number}: names {match[2]} again; `fsm-robot scripts lock` writes it anew")
            files[match[2]] = match[1]
    if not files:
        raise SettingsError(f"{path}: names no file; `fsm-robot scripts lock` writes it anew")
    return Pinned(files, tuple(without))


def _is_outside(name: str) -> bool:
    return name.startswith("/") or "\\" in name or ".." in name.split("/") or re.match("[^/]*:", name) is not None


def _walked(folder: Path, without: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the path and the name in a lock of everything that counts."""
    waiting, count = [(str(folder), "")], 0
    while waiting:
        place, above = waiting.pop()
        try:
            with os.scandir(place) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise SettingsError(f"{place}: cannot be read: {error.strerror or error}") from error
        for entry in found:
            name = f"{above}{entry.name}"
            if entry.name.startswith(".") or entry.name == COMPILED or name == NAME:
                continue
            # Not `fnmatch`, which under Windows turns `/` into `\` and ignores case: a lock says the same everywhere.
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in without):
                continue
            # A folder that is a link is not gone into: it may lead in a circle.
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, f"{name}/"))
                continue
            count += 1
            if count > MOST_FILES:
                raise SettingsError(f"{folder}: holds more than {MOST_FILES:,} files; leave some out with --except")
            yield entry.path, f"{name}/" if entry.is_dir() else name


def _leads_out(path: str, root: str) -> bool:
    real = os.path.realpath(path)
    # With a separator behind it: a neighbour of the folder may have a name that begins with the folder's.
    return not (real == root or real.startswith(os.path.join(root, "")))


def _digest(path: str, name: str) -> str:
    digest = hashlib.sha256()
    try:
        if name.endswith("/"):
            digest.update(os.fsencode(os.readlink(path)))
            return digest.hexdigest()
        with open(path, "rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()
