"""Prints a file name that is no text."""
import os

import mark

print(os.fsdecode(b"caf\xe9.txt"))
