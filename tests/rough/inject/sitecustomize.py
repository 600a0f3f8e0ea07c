"""Loaded by the robot's interpreter only: lets one call of one of its threads raise, where `ROUGH_DEATH` says so.

`ROUGH_DEATH` is `WHICH:CALL:ERROR:FILE`. WHICH is `main` for the owner thread from the beginning of the command, `loop`
for the same in its loop, `starting` for the same while it starts a script, or the name of a thread; CALL is the number of
the Python call there, in all threads of that name; FILE gets a line when it has happened.
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
    _count = [0]
    _done = [False]
    _errors = {"MemoryError": MemoryError, "OSError": OSError, "RuntimeError": RuntimeError}
    _OWNERS = {"main": "run", "loop": "Runner.run", "starting": "ScriptWorker.start"}
    # Where an exception cannot happen by itself: the interpreter's own steps between two calls of a start-up.
    _OWN = os.sep + "fsm_robot" + os.sep

    def _raise_there(frame, event, argument):
        if event != "call" or _done[0]:
            return
        here = threading.get_ident()
        if _which in _OWNERS:
            if here != _main:
                return
            if not _count[0] and (_OWN not in frame.f_code.co_filename or frame.f_code.co_qualname != _OWNERS[_which]):
                return
        elif here == _main or threading.current_thread().name != _which:
            return
        _count[0] += 1
        if _count[0] < int(_call) or _OWN not in frame.f_code.co_filename:
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
