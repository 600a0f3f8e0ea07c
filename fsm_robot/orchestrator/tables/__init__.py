"""The orchestrator's tables, one module each; `places` says where they are: in a SQLite file, or in PostgreSQL."""
