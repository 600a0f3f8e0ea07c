"""Takes tasks and waits with them in hand; asked to stop, it leaves them as they are."""

import time

import mark

from fsm_robot.sdk import SdkError, queue

mark.began()
for _ in range(mark.VALUES.get("tasks", 1)):
    try:
        queue("Q").take()
    except SdkError:
        mark.note("refused")
mark.note("waiting")
try:
    while not mark.over():
        time.sleep(0.05)
except KeyboardInterrupt:
    mark.note("cleaned")
