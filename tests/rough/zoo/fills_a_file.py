"""Writes a file and prints until the size limit bites."""

import os

import mark

mark.began()
try:
    with open("big", "wb", buffering=0) as stream:
        for _ in range(1000):
            stream.write(bytes(1 << 16))
except OSError:
    mark.note("bites")
block = (b"0123456789" * 10 + b"\n") * 1000
for _ in range(mark.VALUES["blocks"]):
    os.write(1, block)
