"""Opens files until there are no more."""

import os

import mark

mark.began()
opened = []
try:
    for _ in range(100_000):
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    for each in opened:
        os.close(each)
    mark.note("bites")
