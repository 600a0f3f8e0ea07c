"""A text that only this account on this machine can read again (DPAPI); `_secret_posix.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
import os
import re
from base64 import b64decode, b64encode
from ctypes import wintypes

MEANS = "DPAPI"
"""What protects a text, as people call it; empty where nothing does."""
_NO_DIALOGUE = 0x1
_FILE_OBJECT, _ACCESS_LIST, _SDDL_VERSION = 1, 4, 1
_READS = re.compile(r"\(A;[^;]*;([^;]*);[^;]*;[^;]*;([^;)]*)")
_NAMES = {
    "WD": "everyone",
    "BU": "all users",
    "AU": "all users that are signed in",
    "IU": "everybody who is signed in at this machine",
}
_KNOWN = {"SY", "BA", "LA", "DA", "CO", "OW"}


class _Blob(ctypes.Structure):
    _fields_ = (("size", wintypes.DWORD), ("data", ctypes.POINTER(ctypes.c_char)))


def protect(text: str) -> str:
    """Return a text that only this account can turn back. Raises `OSError`."""
    return b64encode(_crypt("CryptProtectData", text.encode())).decode("ascii")


def unprotect(text: str) -> str:
    """Return what `protect` was given. Raises `OSError`."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise OSError("it is damaged") from None
    try:
        return _crypt("CryptUnprotectData", data).decode()
    except OSError as error:
        raise OSError(
            f"Windows does not open it ({error.strerror}): another account or machine has written it"
        ) from error


def other_readers(path: str) -> str:
    """Return who else than this account and administrators may read a file, empty where nobody. Raises `OSError`."""
    from fsm_robot.system._private_file import account_sid

    os.stat(path)
    own = account_sid()
    others = [who for _, who in _READS.findall(_access_list(path)) if who not in _KNOWN and who != own]
    return ", ".join(dict.fromkeys(_NAMES.get(who, who) for who in others))


def _access_list(path: str) -> str:
    advapi32, kernel32 = ctypes.WinDLL("advapi32"), ctypes.WinDLL("kernel32")
    kernel32.LocalFree.argtypes = (wintypes.LPVOID,)
    descriptor, text = wintypes.LPVOID(), wintypes.LPWSTR()
    code = advapi32.GetNamedSecurityInfoW(
        ctypes.c_wchar_p(path), _FILE_OBJECT, _ACCESS_LIST, None, None, None, None, ctypes.byref(descriptor)
    )
    if code:
        raise ctypes.WinError(code)
    try:
        if not advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor, _SDDL_VERSION, _ACCESS_LIST, ctypes.byref(text), None
        ):
            raise OSError(f"the access list of {path} cannot be read")
        return str(text.value)
    finally:
        kernel32.LocalFree(text)
        kernel32.LocalFree(descriptor)


def _crypt(name: str, data: bytes) -> bytes:
    crypt32, kernel32 = ctypes.WinDLL("crypt32", use_last_error=True), ctypes.WinDLL("kernel32")
    kernel32.LocalFree.argtypes = (wintypes.LPVOID,)
    buffer = ctypes.create_string_buffer(data, len(data))
    given, made = _Blob(len(data), ctypes.cast(buffer, ctypes.POINTER(ctypes.c_char))), _Blob()
    # The account's own key: neither another account of this machine nor this account on another one can open it.
    if not getattr(crypt32, name)(ctypes.byref(given), None, None, None, None, _NO_DIALOGUE, ctypes.byref(made)):
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        return ctypes.string_at(made.data, made.size)
    finally:
        kernel32.LocalFree(made.data)
