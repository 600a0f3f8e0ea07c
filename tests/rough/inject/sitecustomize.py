"""Loaded by the robot's interpreter only: lets one call of one of its threads raise, where `ROUGH_DEATH` says so.

`ROUGH_DEATH` is `WHICH:CALL:ERROR:FILE`. WHICH is `main`, or the name of a thread, the first one that is called so;
CALL is the number of the Python call in it; FILE gets a line when it has happened.
"""

import os
import sys

# The scripts' own interpreters must find what they would find without us.
os.environ.pop("PYTHONPATH", None)
_plan = os.environ.pop("ROUGH_DEATH", "")
if _plan:
    import threading
    import time

    _which, _call, _error, _file = _plan.split(":", 3)
    _main = threading.get_ident()
    _counts: dict = {}
    _done = [False]
    _errors = {"MemoryError": MemoryError, "OSError": OSError, "RuntimeError": RuntimeError}
    # Where an exception cannot happen by itself: the interpreter's own steps between two calls of a start-up.
    _OWN = os.sep + "fsm_robot" + os.sep

    def _raise_there(frame, event, argument):
        if event != "call" or _done[0]:
            return
        here = threading.get_ident()
        if (_which == "main") != (here == _main):
            return
        if here not in _counts:
            if here == _main and (_OWN not in frame.f_code.co_filename or frame.f_code.co_name != "run"):
                return  # the owner thread counts from the beginning of the command
            if here != _main and (_counts or threading.current_thread().name != _which):
                return
        _counts[here] = _counts.get(here, 0) + 1
        if _counts[here] < int(_call) or _OWN not in frame.f_code.co_filename:
            return
        _done[0] = True
        name = threading.current_thread().name
        where = frame.f_code.co_filename.rpartition(_OWN)[2]
        with open(_file, "a") as stream:
            stream.write(f"{time.monotonic()} {name} {where} {frame.f_code.co_qualname} {_error}\n")
        sys.setprofile(None)
        threading.setprofile(None)
        raise _errors[_error]("raised by the test")

    threading.setprofile(_raise_there)
    sys.setprofile(_raise_there)
