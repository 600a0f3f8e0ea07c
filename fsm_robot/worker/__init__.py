"""How a script is run: name -> file, one process tree, its output and its end."""
