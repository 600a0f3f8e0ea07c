"""What the orchestrator lets a robot do: the HTTP edge."""
