"""A long import that can be stopped politely: it finishes the row in hand and says where it stopped.

`stop_requested()` is asked between two rows. A stop also raises KeyboardInterrupt in whatever the script is doing,
so the `finally` block runs even in the middle of a slow call.
"""

import time

from fsm_robot import job

ROWS = int(job.parameters().get("rows", 600))
done = 0
try:
    for row in range(1, ROWS + 1):
        if job.stop_requested():
            break
        time.sleep(0.1)  # a slow form
        done = row
        print(f"row {row} of {ROWS} imported")
except KeyboardInterrupt:
    print("asked to stop in the middle of a row")
finally:
    print(f"{done} rows are in, the next import starts at row {done + 1}")
