"""Leaves something that is another process every few milliseconds, in a session of its own."""

import os
import time

import mark

mark.began()
if os.fork() == 0:
    os.setsid()
    with open(os.devnull, "r+b") as nothing:
        for descriptor in range(3):
            os.dup2(nothing.fileno(), descriptor)
    while not mark.over():
        if os.fork() > 0:
            os._exit(0)
        time.sleep(mark.VALUES["every_ms"] / 1000)
    os._exit(0)
os_deadline = time.monotonic() + 0.1
mark.note("waiting")
while time.monotonic() < os_deadline or (mark.VALUES.get("waits") and not mark.over()):
    time.sleep(0.02)
