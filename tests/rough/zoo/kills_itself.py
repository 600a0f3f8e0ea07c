"""Ends by a signal."""

import os
import time

import mark

mark.began()
os.kill(os.getpid() if not mark.VALUES.get("group") else 0, mark.VALUES["signal"])
time.sleep(2)
