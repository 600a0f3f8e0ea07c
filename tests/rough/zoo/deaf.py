"""Does not hear that it should stop."""

import signal
import time

import mark

mark.began()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
mark.note("waiting")
while not mark.over():
    time.sleep(0.05)
