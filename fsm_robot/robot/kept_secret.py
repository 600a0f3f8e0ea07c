"""A file that holds one secret: as it is, or in a form that only this account can read again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fsm_robot.system.held import PATIENCE

if sys.platform == "win32":
    from fsm_robot.system import _secret_windows as secret
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system
    from fsm_robot.system import _secret_posix as secret

PROTECTED = "dpapi:"
"""How a file begins whose content Windows protects."""


def opened(text: str) -> str:
    """Return the secret that the text of a file holds. Raises `OSError`."""
    return secret.unprotect(text.removeprefix(PROTECTED).strip()) if text.startswith(PROTECTED) else text


def protected(value: str) -> str:
    """Return the text of a file that only this account can read again. Raises `OSError`: this system has no means."""
    return f"{PROTECTED}{secret.protect(value)}\n"


def can_protect() -> bool:
    """Return whether this system has such means."""
    return bool(secret.MEANS)


def how_it_is_kept(path: Path) -> str:
    """Return what else than its access rights keeps the secret of a file, empty where nothing does."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError):
        return ""
    return (
        f"protected by {secret.MEANS or 'DPAPI'} for this account on this machine" if text.startswith(PROTECTED) else ""
    )


def other_readers(path: Path) -> str:
    """Return who else than this account and administrators may read a file, empty where nobody. Raises `OSError`."""
    return secret.other_readers(str(path))


def replace(path: Path, text: str) -> None:
    """Give a file another content, whole at once, its owner and rights stay. Raises `OSError`."""
    path = Path(os.path.realpath(path))
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(system.create_private(str(new)), "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            system.sync_data(stream.fileno())
        PATIENCE.until_free(path, lambda: system.put_in_the_place_of(str(new), str(path)))
    finally:
        new.unlink(missing_ok=True)
