"""Leaves a process in a session of its own behind."""

import subprocess

import mark

mark.began()
subprocess.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 </dev/null &"], check=True)
