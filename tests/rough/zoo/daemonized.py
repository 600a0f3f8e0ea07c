"""Makes itself a daemon, as old programs do, and goes on for a long time."""

import os
import time

import mark

mark.began()
if os.fork() > 0:
    os._exit(0)
os.setsid()
if os.fork() > 0:
    os._exit(0)
while not mark.over():
    time.sleep(0.1)
