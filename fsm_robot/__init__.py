"""A robot agent for Python scripts under a Sherpa-style RPA Orchestrator, driven by an explicit state machine."""

# A literal: reading it from the installed metadata costs tens of milliseconds at every start.
__version__ = "1.0.0"
