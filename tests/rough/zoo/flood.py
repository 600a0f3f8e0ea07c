"""Prints a lot."""

import os

import mark

mark.began()
block = (b"0123456789" * 10 + b"\n") * 1000
for _ in range(mark.VALUES["blocks"]):
    os.write(1, block)
os.write(2, "и конец\n".encode())
