"""A machine on paper: where everything is, what it looks like, what two of them have in common."""
