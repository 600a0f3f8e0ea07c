"""Ends in the worst way with a task in hand."""

import os
import signal

import mark

from fsm_robot.sdk import SdkError, queue

mark.began()
try:
    queue("Q").take()
except SdkError:
    mark.note("refused")
if mark.VALUES["how"] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
os._exit(3)
