"""This robot: what takes jobs from an orchestrator, works on them, and remembers them."""
