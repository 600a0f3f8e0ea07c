"""Hardware addresses under Windows."""

from __future__ import annotations


def hardware_address(ip: str) -> str:
    """Return the hardware address of the interface that has `ip`, or empty where that is not known."""
    del ip
    # Asking for it takes GetAdaptersAddresses through ctypes; the caller's fallback, uuid.getnode, asks Windows for
    # the machine's address and is right on all but multi-homed machines.
    return ""
