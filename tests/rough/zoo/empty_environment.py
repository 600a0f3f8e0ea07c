"""Leaves a child with an environment of its own, in a session of its own, and waits or not."""

import subprocess
import time

import mark

mark.began()
subprocess.Popen(["sleep", "600"], env={}, start_new_session=True)
mark.note("waiting")
while mark.VALUES.get("waits") and not mark.over():
    time.sleep(0.05)
