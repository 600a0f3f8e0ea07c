"""Children of every kind, and waits to be asked."""

import subprocess
import sys
import time

import mark

mark.began()
subprocess.Popen(["sleep", "600"])
subprocess.Popen(["sleep", "600"], start_new_session=True)
subprocess.run(["sh", "-c", "(sleep 600 &) ; setsid sleep 600 & setsid setsid sh -c 'sleep 600; true' &"], check=True)
subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
mark.note("waiting")
try:
    while not mark.over():
        time.sleep(0.05)
except KeyboardInterrupt:
    mark.note("cleaned")
