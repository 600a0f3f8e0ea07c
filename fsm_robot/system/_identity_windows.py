"""Hardware addresses under Windows."""

from __future__ import annotations

_MULTICAST = 1


def hardware_address(ip: str) -> str:
    """Return the hardware address of the machine, or empty where that is not known.

    Which card has `ip` would take GetAdaptersAddresses; on all but multi-homed machines there is one.
    """
    del ip
    try:
        # What stands behind `uuid.getnode`, without that module: it is on the way to the first heartbeat.
        from _uuid import UuidCreate  # type: ignore[import-not-found]
    except ImportError:
        return ""  # not this interpreter's way; the caller knows another
    node = bytes(UuidCreate())[-6:]
    # The bit marks a number that was made up because there is no card.
    return "" if node[0] & _MULTICAST else node.hex("-").upper()
