"""Makes its output non-blocking, as node and asyncio do, and prints more than anybody reads at once."""

import os

import mark

mark.began()
os.set_blocking(1, False)
left, full = mark.VALUES["bytes"], False
block = (b"x" * 99 + b"\n") * 600
while left > 0:
    try:
        left -= os.write(1, block)
    except BlockingIOError:
        if not full:  # once: the lines of all scripts are in one file, and a limit on files is the scripts' too
            mark.note("full")
        full = True
        if not mark.VALUES["until_full"]:
            continue
        break
