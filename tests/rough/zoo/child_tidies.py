"""Ends as soon as it is asked to stop; a child of it tidies up and needs the grace time for that."""

import subprocess
import sys
import time

import mark

mark.began()
mark.note("waiting")
try:
    while not mark.over():
        time.sleep(0.05)
except KeyboardInterrupt:
    subprocess.Popen([sys.executable, "-c", "import time, mark; time.sleep(0.5); mark.note('cleaned')"])
