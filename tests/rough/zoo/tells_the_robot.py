"""Tells its robot to leave."""

import os
import time

import mark

mark.began()
mark.note("waiting")
try:
    os.kill(os.getppid(), mark.VALUES["signal"])
    while not mark.over():
        time.sleep(0.05)
except KeyboardInterrupt:
    mark.note("cleaned")
