"""Takes memory until there is no more, prints a lot, and ends."""

import os

import mark

mark.began()
taken = []
try:
    for _ in range(100_000):
        taken.append(bytearray(1 << 20))
except MemoryError:
    taken.clear()
    mark.note("bites")
block = (b"0123456789" * 10 + b"\n") * 1000
for _ in range(mark.VALUES["blocks"]):
    os.write(1, block)
