"""Writing into a named pipe of Windows, with an end: scripts and the robot write into the same one."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import _winapi

_ABORTED = 995  # ERROR_OPERATION_ABORTED


def send_within(pipe: int, message: bytes, within_s: float, unread: str) -> None:
    """Send a message into the pipe of that handle. Raises `OSError`, and of that `TimeoutError` with the text `unread`.

    `send_bytes` of a connection has no time-out, and waits for ever where the pipe is full and nobody reads.
    """
    overlapped, error = _winapi.WriteFile(pipe, message, overlapped=True)
    try:
        if error == _winapi.ERROR_IO_PENDING:
            waited = _winapi.WaitForMultipleObjects([overlapped.event], False, int(within_s * 1000))
            if waited == _winapi.WAIT_TIMEOUT:
                overlapped.cancel()
    except BaseException:
        overlapped.cancel()
        raise
    finally:
        _, error = overlapped.GetOverlappedResult(True)
    if error == _ABORTED:
        raise TimeoutError(unread)
