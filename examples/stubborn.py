"""Ignores every polite request and starts children of its own: only an abort ends it, with all of them."""

import signal
import subprocess
import sys
import time

for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), lambda *_: print("asked to stop, not listening"))

SLEEP = "import time; time.sleep(600)"
CHILD = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", CHILD])
print(f"started a child with pid {child.pid}, which starts one of its own")
while True:
    time.sleep(1)
