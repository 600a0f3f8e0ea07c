"""The script name that the orchestrator sent -> a file inside the scripts folder, or a refusal.

An operator's typing error and an attacker's name look alike, so the rules are the same on every platform: a name
that would be dangerous on Windows is refused on Linux too, and a robot behaves alike wherever it runs.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from fsm_robot.engine.wording import did_you_mean
from fsm_robot.errors import ScriptRefusedError

LONGEST_NAME = 1000
LONGEST_PART_BYTES = 255
SUFFIX = ".py"
FOLDER_SCRIPT = "__main__.py"
_FORBIDDEN = frozenset('<>:"|?*')
# Control and format characters (bidi overrides make a name look like another one), lone surrogates, line breaks.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]
    + [f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"]
)
_MOST_ENTRIES_WALKED = 2000
_DEEPEST_WALK = 8


def resolve_script(name: str, directory: Path) -> Path:
    r"""Return the script that `name` means: a file, or a folder that holds `__main__.py`.

    Args:
        name: `ProcessVersion.Name`: a path below the folder, with `\` or `/`, with or without `.py`.
        directory: The scripts folder.

    Returns:
        An absolute path inside `directory`, by the name that was asked for: a link that stays inside keeps its own.

    Raises:
        ScriptRefusedError: The name leads nowhere, or out of the folder.
    """
    parts = name.replace("\\", "/").split("/")
    problem = _name_problem(name, parts)
    if problem:
        raise ScriptRefusedError(name, problem)
    try:
        root = directory.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ScriptRefusedError(name, f"the scripts folder {directory} cannot be used: {error}") from error
    for candidate in _candidates(root, parts):
        found = _inside(name, candidate, root)
        if found:
            return found
    raise ScriptRefusedError(name, f"there is no such script below {directory}{_nearest(parts, root)}")


def _name_problem(name: str, parts: list[str]) -> str:
    """Return why a name may not even be looked up, or an empty text."""
    if not name.strip():
        return "it is empty"
    if len(name) > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} characters"
    if not parts[0]:
        return "it is an absolute path; write it relative to the scripts folder"
    return next(filter(None, map(part_problem, parts)), "")


def part_problem(part: str) -> str:
    """Return why `part` may not be a file or folder name on some platform, or an empty text."""
    if not part:
        return "it has an empty part"
    if part in (".", ".."):
        return f"the part {part!r} would leave or repeat a folder"
    for character in part:
        if character in _FORBIDDEN or unicodedata.category(character) in _FORBIDDEN_CATEGORIES:
            return f"the part {part!r} holds the character {character!r}"
    if part[-1] == "." or part[-1].isspace():
        return f"the part {part!r} ends with a dot or a blank"
    if is_device(part):
        return f"the part {part!r} is a device on Windows"
    if len(part.encode()) > LONGEST_PART_BYTES:
        return f"the part {part!r} is longer than {LONGEST_PART_BYTES} bytes"
    return ""


def is_device(part: str) -> bool:
    """Return whether Windows would open a device under this name, whatever its extension."""
    return part.split(".", 1)[0].rstrip().upper() in _DEVICES


def _candidates(root: Path, parts: list[str]) -> Iterator[Path]:
    """Yield every file that the name may mean, the likeliest first.

    A name typed on one system and a file made on another may spell the same letters as one character or as two
    (й as и and a breve), so both forms are tried.
    """
    for form in dict.fromkeys(_forms(parts)):
        *folders, last = form
        parent = root.joinpath(*folders)
        if last.lower().endswith(SUFFIX):
            yield parent / last
            yield parent / (last[: -len(SUFFIX)] + SUFFIX)
        yield parent / (last + SUFFIX)
        yield parent / (last + SUFFIX.upper())
        yield parent / last / FOLDER_SCRIPT


def _forms(parts: list[str]) -> Iterator[tuple[str, ...]]:
    yield tuple(parts)
    for form in ("NFC", "NFD"):
        other = tuple(unicodedata.normalize(form, part) for part in parts)
        # Taking a character apart may give a forbidden one: U+226E becomes `<` and a stroke.
        if not any(map(part_problem, other)):
            yield other


def _inside(name: str, candidate: Path, root: Path) -> Path | None:
    """Return the real place of `candidate`, or None where nothing is there."""
    try:
        real = candidate.resolve(strict=True)
        mode = real.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, RuntimeError, ValueError) as error:
        raise ScriptRefusedError(
            name, f"it cannot be looked up: {getattr(error, 'strerror', None) or error}"
        ) from error
    if not real.is_relative_to(root):
        raise ScriptRefusedError(name, "a link leads out of the scripts folder")
    if stat.S_ISDIR(mode):  # `x.py` may be a folder with a script of its own
        return None
    if not stat.S_ISREG(mode):
        raise ScriptRefusedError(name, "it is not a regular file")
    found = _own_name(candidate, real)
    if candidate.name != FOLDER_SCRIPT:
        return found
    return _folder(name, found, real, root)


def _own_name(candidate: Path, real: Path) -> Path:
    """Return the name of a link, for a script asks what it was called by; another one as the disk spells it."""
    return real if os.path.normcase(candidate) == os.path.normcase(real) else candidate


def _folder(name: str, candidate: Path, real: Path, root: Path) -> Path:
    """Return what to run for `__main__.py`: its folder, unless the name itself says `__main__`."""
    if name.replace("\\", "/").rsplit("/", 1)[-1].lower() in ("__main__", FOLDER_SCRIPT):
        return candidate
    folder = candidate.parent.resolve(strict=True)
    if real.parent != folder or folder == root:
        raise ScriptRefusedError(name, f"its {FOLDER_SCRIPT} is a link")
    return candidate.parent


def _nearest(parts: list[str], root: Path) -> str:
    word = "/".join(parts)
    if word.lower().endswith(SUFFIX):
        word = word[: -len(SUFFIX)]
    return did_you_mean(word, sorted(script_names(root)))


def script_names(root: Path) -> set[str]:
    """Return the names of scripts that exist, as an operator would type them; a huge folder is not read to its end."""
    found: set[str] = set()
    waiting = [(root, 0)]
    budget = _MOST_ENTRIES_WALKED
    while waiting and budget > 0:
        folder, depth = waiting.pop(0)
        for entry in _entries(folder)[:budget]:
            budget -= 1
            relative = Path(entry.path).relative_to(root)
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEEPEST_WALK and not entry.name.startswith((".", "__")):
                    waiting.append((Path(entry.path), depth + 1))
            elif entry.name == FOLDER_SCRIPT and folder != root:
                found.add(relative.parent.as_posix())
            elif entry.name.lower().endswith(SUFFIX):
                found.add(relative.as_posix()[: -len(SUFFIX)])
    return {script for script in found if _printable(script)}


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry, _ in zip(entries, range(_MOST_ENTRIES_WALKED), strict=False)]
    except OSError:
        return []


def _printable(text: str) -> bool:
    return text.isprintable() and not any(0xD800 <= ord(character) < 0xE000 for character in text)
