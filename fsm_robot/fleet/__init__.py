"""Many robots side by side: what each does, what is wrong with it, and who is told so."""
