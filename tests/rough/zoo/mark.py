"""What the scripts of the zoo share: who they are, and lines in a file that the judge reads."""

import json
import os
import time

# Whatever becomes of the instrument, nothing of the zoo runs on for ever.
_LAST_S = time.monotonic() + 200
with open(os.environ["FSM_ROBOT_JOB"], encoding="utf-8") as _stream:
    _document = json.load(_stream)
GUID = _document["job"]["GUID"]
VALUES = _document["task"] or {}
STOP_FLAG = _document["stop_flag"]


def note(*words):
    """Append one line: the job, the words, this process."""
    line = " ".join([GUID, *map(str, words), str(os.getpid())]) + "\n"
    descriptor = os.open(os.environ["ROUGH_SEEN"], os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o666)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def over():
    """Return whether the case is over, and what runs in spite of it has to leave."""
    return time.monotonic() > _LAST_S or not os.path.exists(os.environ["ROUGH_GOES_ON"])


def began():
    """Say that the script runs; each does so first, so that a second run would be seen."""
    note("began")
