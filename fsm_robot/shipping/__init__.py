"""Lines for the orchestrator's log: in order, within bounds, over restarts; one sender, and no lost one uncounted."""
