"""Starts processes until the account has no more, and waits."""

import os
import time

import mark

mark.began()
started = 0
while started < 200:
    try:
        child = os.fork()
    except OSError:
        mark.note("bites")
        break
    if child == 0:
        while not mark.over():
            time.sleep(0.2)
        os._exit(0)
    started += 1
mark.note("waiting")
deadline = time.monotonic() + 0.3
while time.monotonic() < deadline or (mark.VALUES.get("waits") and not mark.over()):
    time.sleep(0.05)
