"""Waits until it is asked to stop, and tidies up."""

import time

import mark

mark.began()
mark.note("waiting")
try:
    while not mark.over():
        time.sleep(0.05)
except KeyboardInterrupt:
    time.sleep(mark.VALUES.get("tidy_s", 0))
    mark.note("cleaned")
