"""Text formats of machines, one per file, and back from SCXML."""
