"""What did happen: one file of JSON lines per run, on disk before each callback acts."""
