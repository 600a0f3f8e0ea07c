"""Closes what it was given, and works on."""

import os
import time

import mark

mark.began()
os.close(1)
os.close(2)
time.sleep(0.3)
os._exit(0)
