"""The tables of the orchestrator's file, one module each; `database` opens the file and is the only user of sqlite3."""
