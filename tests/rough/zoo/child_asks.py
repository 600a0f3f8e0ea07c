"""A child interpreter has `fsm_robot.job` too."""

import subprocess
import sys

import mark

mark.began()
text = "from fsm_robot import job; print(job.guid())"
said = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
sys.exit(0 if said.stdout.strip() == mark.GUID else said.stderr or "the child does not know the job")
