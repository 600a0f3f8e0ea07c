"""Does not hear that it should stop; with `_signal`, for a `signal.py` may stand beside it."""

import _signal
import time

import mark

mark.began()
_signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
mark.note("waiting")
while not mark.over():
    time.sleep(0.05)
