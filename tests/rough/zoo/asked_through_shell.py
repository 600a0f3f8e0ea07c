"""Tidies up for a while when it is asked to stop; see the wrapper interpreters."""

import time

import mark

mark.began()
mark.note("waiting")
try:
    while not mark.over():
        time.sleep(0.05)
except KeyboardInterrupt:
    time.sleep(0.7)
    mark.note("cleaned")
