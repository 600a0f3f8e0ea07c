"""Windows files and folders that only this account and the system may open, from their very first moment on."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
from collections.abc import Sequence
from ctypes import wintypes

_FULL_ACCESS = 0x001F01FF
_READ_ACCESS = 0x001200A9
"""To read, to list a folder and to pass through it."""
_SE_FILE, _DACL, _PROTECTED_DACL = 1, 0x4, 0x80000000
_GENERIC_WRITE, _SHARE_READ, _CREATE_NEW = 0x40000000, 1, 1
_TOKEN_QUERY, _TOKEN_USER = 0x8, 1
_DESCRIPTOR_VERSION = 1
_FILES_AND_FOLDERS_IN_IT = "OICI"


class _Attributes(ctypes.Structure):
    _fields_ = (("size", wintypes.DWORD), ("descriptor", wintypes.LPVOID), ("inherit", wintypes.BOOL))


def create(path: str, *, administrators: bool = False) -> int:
    """Create the file and return its handle; `administrators` may open it too, to see what a robot does.

    Raises:
        OSError: It is there already, or cannot be made.
    """
    kernel32 = _kernel32()
    descriptor = _descriptor(administrators=administrators)
    attributes = _Attributes(ctypes.sizeof(_Attributes), descriptor, False)
    try:
        handle = kernel32.CreateFileW(path, _GENERIC_WRITE, _SHARE_READ, ctypes.byref(attributes), _CREATE_NEW, 0, None)
        if handle == wintypes.HANDLE(-1).value:
            raise ctypes.WinError(ctypes.get_last_error())
    finally:
        kernel32.LocalFree(descriptor)
    return int(handle)


def make_folder(path: str) -> None:
    """Make a folder for this account, the system and administrators; what is made in it is for them as well.

    Raises:
        OSError: It is there already, or cannot be made.
    """
    kernel32 = _kernel32()
    descriptor = _descriptor(administrators=True, inherited=True)
    attributes = _Attributes(ctypes.sizeof(_Attributes), descriptor, False)
    try:
        if not kernel32.CreateDirectoryW(path, ctypes.byref(attributes)):
            raise ctypes.WinError(ctypes.get_last_error())
    finally:
        kernel32.LocalFree(descriptor)


def let_read(path: str, groups: Sequence[str], *, is_folder: bool, within: bool) -> None:
    """Make the list of who may open a file or folder anew: this account, the system, administrators; groups may read.

    Args:
        path: Of the file or folder.
        groups: Names, with their domain, or numbers (S-1-…).
        is_folder: What is made in it later is for account, system and administrators as well.
        within: And for the groups, unless it has a list of its own.

    Raises:
        OSError: A group is unknown, or the list cannot be changed.
    """
    advapi32 = _advapi32()
    sids = [group if group.upper().startswith("S-1-") else _sid_of(group) for group in groups]
    how = _FILES_AND_FOLDERS_IN_IT if is_folder and within else ""
    readers = "".join(f"(A;{how};0x{_READ_ACCESS:x};;;{sid})" for sid in sids)
    descriptor = _descriptor(administrators=True, inherited=is_folder, more=readers)
    try:
        present, acl, defaulted = wintypes.BOOL(), wintypes.LPVOID(), wintypes.BOOL()
        _must(
            advapi32.GetSecurityDescriptorDacl(
                descriptor, ctypes.byref(present), ctypes.byref(acl), ctypes.byref(defaulted)
            )
        )
        failed = advapi32.SetNamedSecurityInfoW(path, _SE_FILE, _DACL | _PROTECTED_DACL, None, None, acl, None)
        if failed:
            raise ctypes.WinError(failed)
    finally:
        _kernel32().LocalFree(descriptor)


def _sid_of(name: str) -> str:
    advapi32, kernel32 = _advapi32(), _kernel32()
    sid, size = (ctypes.c_byte * 68)(), wintypes.DWORD(68)
    domain, length = ctypes.create_unicode_buffer(256), wintypes.DWORD(256)
    kind = wintypes.DWORD()
    _must(
        advapi32.LookupAccountNameW(
            None, name, sid, ctypes.byref(size), domain, ctypes.byref(length), ctypes.byref(kind)
        )
    )
    text = wintypes.LPWSTR()
    _must(advapi32.ConvertSidToStringSidW(ctypes.cast(sid, wintypes.LPVOID), ctypes.byref(text)))
    found = str(text.value)
    kernel32.LocalFree(text)
    return found


def account_sid() -> str:
    """Return the number of this account, S-1-… Raises `OSError`."""
    advapi32, kernel32 = _advapi32(), _kernel32()
    token = wintypes.HANDLE()
    _must(advapi32.OpenProcessToken(kernel32.GetCurrentProcess(), _TOKEN_QUERY, ctypes.byref(token)))
    try:
        user = (ctypes.c_size_t * 32)()  # a pointer to the number, and the number itself behind it
        size = wintypes.DWORD()
        _must(advapi32.GetTokenInformation(token, _TOKEN_USER, user, ctypes.sizeof(user), ctypes.byref(size)))
        text = wintypes.LPWSTR()
        _must(advapi32.ConvertSidToStringSidW(wintypes.LPVOID(user[0]), ctypes.byref(text)))
        sid = str(text.value)
        kernel32.LocalFree(text)
    finally:
        kernel32.CloseHandle(token)
    return sid


def _descriptor(*, administrators: bool, inherited: bool = False, more: str = "") -> wintypes.LPVOID:
    # Protected: nothing is inherited from the folder, which others of the machine may be allowed to read.
    accounts = [account_sid(), "SY", *(["BA"] if administrators else [])]
    to_what = _FILES_AND_FOLDERS_IN_IT if inherited else ""
    text = "D:P" + "".join(f"(A;{to_what};0x{_FULL_ACCESS:x};;;{account})" for account in accounts)
    descriptor = wintypes.LPVOID()
    _must(
        _advapi32().ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text + more, _DESCRIPTOR_VERSION, ctypes.byref(descriptor), None
        )
    )
    return descriptor


def _must(done: int) -> None:
    if not done:
        raise ctypes.WinError(ctypes.get_last_error())


def _kernel32() -> ctypes.WinDLL:
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.GetCurrentProcess.restype = wintypes.HANDLE
    kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
    kernel32.LocalFree.argtypes = (wintypes.LPVOID,)
    kernel32.CreateDirectoryW.argtypes = (wintypes.LPCWSTR, wintypes.LPVOID)
    kernel32.CreateFileW.restype = wintypes.HANDLE
    kernel32.CreateFileW.argtypes = (
        wintypes.LPCWSTR,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.LPVOID,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.HANDLE,
    )
    return kernel32


def _advapi32() -> ctypes.WinDLL:
    advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
    advapi32.OpenProcessToken.argtypes = (wintypes.HANDLE, wintypes.DWORD, wintypes.LPHANDLE)
    advapi32.GetTokenInformation.argtypes = (
        wintypes.HANDLE,
        ctypes.c_int,
        wintypes.LPVOID,
        wintypes.DWORD,
        wintypes.LPDWORD,
    )
    advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW.argtypes = (
        wintypes.LPCWSTR,
        wintypes.DWORD,
        wintypes.LPVOID,
        wintypes.LPVOID,
    )
    advapi32.GetSecurityDescriptorDacl.argtypes = (
        wintypes.LPVOID,
        wintypes.LPVOID,
        wintypes.LPVOID,
        wintypes.LPVOID,
    )
    advapi32.SetNamedSecurityInfoW.restype = wintypes.DWORD
    advapi32.SetNamedSecurityInfoW.argtypes = (
        wintypes.LPCWSTR,
        ctypes.c_int,
        wintypes.DWORD,
        wintypes.LPVOID,
        wintypes.LPVOID,
        wintypes.LPVOID,
        wintypes.LPVOID,
    )
    advapi32.LookupAccountNameW.argtypes = (
        wintypes.LPCWSTR,
        wintypes.LPCWSTR,
        wintypes.LPVOID,
        wintypes.LPVOID,
        wintypes.LPWSTR,
        wintypes.LPVOID,
        wintypes.LPVOID,
    )
    advapi32.ConvertSidToStringSidW.argtypes = (wintypes.LPVOID, wintypes.LPVOID)
    return advapi32
