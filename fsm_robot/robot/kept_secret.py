"""A file that holds one secret: as it is, or in a form that only this account can read again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from fsm_robot.system.held import PATIENCE

if sys.platform == "win32":
    from fsm_robot.system import _secret_windows as secret
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system
    from fsm_robot.system import _secret_posix as secret

PROTECTED = "dpapi:"
"""How a file begins whose content Windows protects."""
IN_KEYRING = "keyring:"
"""How a file begins that only names an entry of the platform's keyring."""
SERVICE = "fsm_robot"


def opened(text: str) -> str:
    """Return the secret that the text of a file holds, or names. Raises `OSError`."""
    if text.startswith(IN_KEYRING):
        return _from_keyring(text.removeprefix(IN_KEYRING).strip())
    return secret.unprotect(text.removeprefix(PROTECTED).strip()) if text.startswith(PROTECTED) else text


def protected(value: str) -> str:
    """Return the text of a file that only this account can read again. Raises `OSError`: this system has no means."""
    return f"{PROTECTED}{secret.protect(value)}\n"


def put_into_keyring(value: str, text: str = "") -> str:
    """Put a secret into the keyring, in the place of the one that `text` names; return the text of its file.

    Raises:
        OSError: There is no keyring here, or it is locked.
    """
    from uuid import uuid4

    # By a name of its own: the folder of a robot may be moved.
    entry = text.removeprefix(IN_KEYRING).strip() or str(uuid4())
    with _keyring_errors() as keyring:
        keyring.set_password(SERVICE, entry, value)
    return f"{IN_KEYRING}{entry}\n"


def _from_keyring(entry: str) -> str:
    with _keyring_errors() as keyring:
        value = keyring.get_password(SERVICE, entry)
    if not value:
        raise OSError(f"the keyring of this account has no entry {SERVICE} {entry}; `fsm-robot guid replace` makes it")
    return str(value)


@contextmanager
def _keyring_errors() -> Iterator[ModuleType]:
    """Give the library that the extra brings; whatever it says becomes an `OSError`."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise OSError("the package keyring is missing; pip install 'fsm_robot[keyring]' brings it") from error
    try:
        yield keyring
    except (KeyringError, RuntimeError) as error:
        raise OSError(f"the keyring cannot be used: {error or type(error).__name__}") from error


def can_protect() -> bool:
    """Return whether this system has such means."""
    return bool(secret.MEANS)


def how_it_is_kept(path: Path) -> str:
    """Return what else than its access rights keeps the secret of a file, empty where nothing does."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError):
        return ""
    if text.startswith(IN_KEYRING):
        return "kept by the keyring of this account: whatever runs in this account can read it while that is open"
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
