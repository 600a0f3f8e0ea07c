"""The object API: one module per family of calls, `routes` says which path is which call."""
