"""What did happen: one file of JSON lines per run, written before each callback acts."""
