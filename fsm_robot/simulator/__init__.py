"""The real robot in a simulated world: virtual time, an orchestrator, a network, scripts and a disk that fail to order."""
