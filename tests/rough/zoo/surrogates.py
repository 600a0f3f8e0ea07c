"""Prints a file name that is no text."""

import os

import mark

mark.began()
print(os.fsdecode(b"caf\xe9.txt"))
