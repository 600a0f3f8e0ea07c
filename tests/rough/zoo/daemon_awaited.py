"""Waits until its daemon is gone: who adopts it has to collect it at once."""

import os
import sys
import time

import mark

mark.began()
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(writer, str(os.getpid()).encode())
        time.sleep(0.1)
    os._exit(0)
os.wait()
daemon = int(os.read(reader, 20))
deadline = time.monotonic() + 10
while time.monotonic() < deadline:
    try:
        os.kill(daemon, 0)
    except ProcessLookupError:
        sys.exit(0)
    time.sleep(0.01)
sys.exit("the daemon has ended and nobody collected it")
