"""The machine file of a robot: found, compiled, and kept in compiled form for the next start; its labels beside it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fsm_robot import __version__
from fsm_robot.engine.machine.definition import Definition, from_values
from fsm_robot.errors import DefinitionError
from fsm_robot.system.held import PATIENCE

if TYPE_CHECKING:
    from fsm_robot.engine.machine.labels import LabelFile

LARGEST_BYTES = 1 << 20
CACHE_NAME = "machine.cache.json"


def load(
    path: Path,
    callbacks: Sequence[str] | None,
    outcomes: Sequence[str],
    cache_directory: Path | None = None,
    *,
    jobs_only: bool = False,
    times: Sequence[str] | None = None,
) -> Definition:
    """Return the checked machine of `path`, with the labels that the file itself holds.

    A run needs no others, so files of labels are not even looked for here: `labelled` adds them for a person's eyes.

    Args:
        path: The machine file.
        callbacks: Names that the program can call; None where that is not to be checked.
        outcomes: Outcomes that the worker may give.
        cache_directory: Where the compiled form is kept, so that an unchanged file needs no YAML and no checks:
            they are a quarter of an idle start. None neither reads nor writes it.
        jobs_only: Whether `callbacks` says nothing about a machine without jobs.
        times: Settings that an `after` may name; None where that is not to be checked.

    Raises:
        DefinitionError: The file cannot be read, or is wrong.
    """
    data = _read(path)
    key = hashlib.sha256(repr((__version__, callbacks, tuple(outcomes), times)).encode() + data).hexdigest()
    cached = _from_cache(cache_directory, key)
    if cached is not None:
        return cached
    from fsm_robot.engine.machine.compiler import compile_text

    text = _text(path, data)
    try:
        definition = compile_text(text, str(path), callbacks, outcomes, times, jobs_only=jobs_only)
    except DefinitionError:
        _refuse_labels(path, text)
        raise
    if cache_directory is not None:
        _to_cache(cache_directory, key, definition)
    return definition


def _refuse_labels(path: Path, text: str) -> None:
    """Say so where somebody names a file of labels in place of the machine file that it belongs to."""
    from fsm_robot.engine.machine.labels import SUFFIXES, language_in

    stem = Path(path.stem).stem
    machines = [path.with_name(f"{stem}{suffix}") for suffix in SUFFIXES if language_in(path.name, stem)]
    machine = next((file for file in machines if file.exists()), None)
    if machine is not None and "transitions" not in text:
        what = (
            f"holds labels of {machine.name} and is not a machine file; check {machine.name}, which includes this file"
        )
        raise DefinitionError([f"{path}:1:1: {what}"]) from None


def labelled(definition: Definition, path: Path) -> Definition:
    """Return the machine of `path` with the labels of the files beside it: `states.ru.yaml` for `states.yaml`.

    Raises:
        DefinitionError: Such a file cannot be read, or is wrong.
    """
    from fsm_robot.engine.machine.labels import with_labels

    return with_labels(definition, str(path), label_files(path))


def label_files(path: Path) -> list[LabelFile]:
    """Return the files of labels beside a machine file. Raises `DefinitionError`."""
    from fsm_robot.engine.machine.labels import LabelFile, language_in

    try:
        names = sorted(os.listdir(path.parent))
    except OSError as error:
        problem = f"{path.parent}: cannot be searched for labels of {path.name}: {error.strerror or error}"
        raise DefinitionError([problem]) from error
    # As the file system compares names: on Windows `STATES.yaml` and `states.ru.yaml` belong together.
    languages = {name: language_in(name, path.stem, os.path.normcase) for name in names}
    return [
        LabelFile(str(path.with_name(name)), language, _text(path.with_name(name), _read(path.with_name(name))))
        for name, language in languages.items()
        if language and name != path.name
    ]


def text_of(path: Path) -> str:
    """Return the text of a machine file, as it stands there. Raises `DefinitionError`."""
    return _text(path, _read(path))


def load_labelled(path: Path, callbacks: Sequence[str] | None, outcomes: Sequence[str]) -> Definition:
    """Return the checked machine of `path` with all its labels; see `load` and `labelled`."""
    return labelled(load(path, callbacks, outcomes), path)


def _read(path: Path) -> bytes:
    try:
        with PATIENCE.until_free(path, lambda: path.open("rb")) as stream:
            data = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise DefinitionError([f"{path}: cannot be read: {error.strerror or error}"]) from error
    if len(data) > LARGEST_BYTES:
        raise DefinitionError([f"{path}: is larger than {LARGEST_BYTES >> 20} MiB; this is not a machine file"])
    return data


def _text(path: Path, data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:64]:
        raise DefinitionError([f"{path}:1:1: is UTF-16 or not a text file; save it as UTF-8"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DefinitionError([f"{path}:{line}:1: is not UTF-8 text; save the file as UTF-8"]) from error


def _from_cache(directory: Path | None, key: str) -> Definition | None:
    if directory is None:
        return None
    try:
        entry = json.loads((directory / CACHE_NAME).read_bytes())
        if entry["key"] != key or entry["sum"] != _sum(entry["digest"] + entry["machine"]):
            return None
        return from_values(json.loads(entry["machine"]), entry["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent, torn or of another version: the file itself is compiled again


def _to_cache(directory: Path, key: str, definition: Definition) -> None:
    text, digest = json.dumps(definition.to_values(), ensure_ascii=False), definition.digest()
    told = {"key": key, "sum": _sum(digest + text), "digest": digest, "machine": text}
    entry = json.dumps(told, ensure_ascii=False)
    new = directory / f"{CACHE_NAME}.{os.getpid()}"
    try:
        new.write_text(entry, encoding="utf-8")
        new.replace(directory / CACHE_NAME)
    except OSError:
        # Windows does not replace a file that another start is reading; the next run makes it again.
        _forget(new)
        return  # a folder that cannot be written shows itself at the journal, with a message of its own


def _forget(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return  # it could not even be made


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def give_up_cache(directory: Path) -> bool:
    """Delete the compiled form to make room on a full disk; return whether there was one."""
    try:
        (directory / CACHE_NAME).unlink()
    except OSError:
        return False
    return True
