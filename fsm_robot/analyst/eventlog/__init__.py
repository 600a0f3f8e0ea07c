"""Journals as event logs of process mining, and their figures."""
