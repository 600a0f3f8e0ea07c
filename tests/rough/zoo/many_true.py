"""Starts many children that end at once and have lost their parent; none may stay as a zombie."""

import os
import subprocess
import sys
import time

import mark

mark.began()
subprocess.run(
    ["sh", "-c", f"i=0; while [ $i -lt {mark.VALUES['count']} ]; do (true &) ; i=$((i+1)); done"], check=True
)


def zombies():
    found = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat") as stream:
                    state, parent = stream.read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            found += state == "Z" and int(parent) == os.getppid()
    return found


deadline = time.monotonic() + 3
while time.monotonic() < deadline:
    if not zombies():
        sys.exit(0)
    time.sleep(0.05)
sys.exit(f"{zombies()} zombies below the robot")
