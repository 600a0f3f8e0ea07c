"""The real robot in a simulated world: virtual time, and everything outside of it fails to order."""
