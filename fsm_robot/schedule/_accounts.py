"""Accounts of Windows by their name or by their number (SID)."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
from ctypes import wintypes

_LONGEST_SID_BYTES, _LONGEST_DOMAIN = 68, 256


def is_same_account(one: str, other: str) -> bool:
    """Return whether two texts name one account: the scheduler gives back its number (SID) in one place of the task."""
    return one.lower() == other.lower() or _sid(one) == _sid(other) != ""


def _sid(account_name: str) -> str:
    """Return the number of an account as a text, empty where the system does not know the account."""
    if account_name.upper().startswith("S-1-"):
        return account_name.upper()
    advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
    sid, domain = ctypes.create_string_buffer(_LONGEST_SID_BYTES), ctypes.create_unicode_buffer(_LONGEST_DOMAIN)
    sid_size, domain_size = wintypes.DWORD(len(sid)), wintypes.DWORD(len(domain))
    kind, text = wintypes.DWORD(), wintypes.LPWSTR()
    known = advapi32.LookupAccountNameW(
        None,
        wintypes.LPCWSTR(account_name),
        sid,
        ctypes.byref(sid_size),
        domain,
        ctypes.byref(domain_size),
        ctypes.byref(kind),
    )
    if not known or not advapi32.ConvertSidToStringSidW(sid, ctypes.byref(text)):
        return ""
    found = text.value or ""
    ctypes.windll.kernel32.LocalFree(text)
    return found.upper()
