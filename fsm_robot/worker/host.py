"""Runs a script as if it had been started directly, but so that it can be asked to stop.

`python start_host.py WATCH SCRIPT [ARGUMENT…]` runs it in the script's own interpreter. `WATCH` is how a stop arrives:
`signal` where the robot sends SIGTERM, or the path of a file whose appearance means it. Nothing is imported that a bare
interpreter has not loaded anyway: this is part of what every job costs.

A handler that the script has installed (SIGTERM, or SIGBREAK under Windows) runs; without one the main thread gets
KeyboardInterrupt, so that `finally` and `with` do their work.
"""

import sys

LOOK_EVERY_S = 0.1
WAKE_TIMES = 5


def main() -> None:
    """Become the script."""
    watch, script, *arguments = sys.argv[1:]
    folder, file = _places(script)
    sys.argv = [script, *arguments]
    if not sys.flags.safe_path:
        sys.path[0] = folder
    _offer_job_module()
    _listen(watch)
    module = _main_module(file)
    try:
        with open(file, "rb") as stream:
            text = stream.read()
        exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
    except SystemExit:
        raise  # the interpreter prints its text and takes its code
    except BaseException as error:
        # Our own frames are no part of the script's traceback.
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        # 130 is what a shell shows for a program that Ctrl-C has ended.
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)


def _places(script: str) -> tuple:
    import os  # loaded by every interpreter at its start

    if os.path.isdir(script):
        return script, os.path.join(script, "__main__.py")
    return os.path.dirname(script), script


def _main_module(file: str) -> object:
    """Return a fresh `__main__`: pickle, multiprocessing's spawn, inspect and pdb all look it up in `sys.modules`."""
    module = type(sys)("__main__")
    module.__file__ = file
    module.__cached__ = None
    module.__annotations__ = {}
    module.__builtins__ = sys.modules["builtins"]
    module.__loader__ = type(__loader__)("__main__", file)
    sys.modules["__main__"] = module
    return module


def _listen(watch: str) -> None:
    import _signal  # the module behind `signal`, which would load enum

    if watch != "signal":
        _start_watcher(watch)
        return
    import os

    _signal.signal(_signal.SIGTERM, _signal.default_int_handler)
    masks = []

    # A forked child ends on `terminate()` as it would without us; one that is executed anew does so anyway. Python
    # forgets a signal that reaches the child before its handlers are in order, so it is held back meanwhile.
    def before() -> None:
        masks.append(_signal.pthread_sigmask(_signal.SIG_BLOCK, [_signal.SIGTERM]))

    def in_parent() -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, masks.pop())

    def in_child() -> None:
        if _signal.getsignal(_signal.SIGTERM) is _signal.default_int_handler:
            _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
        in_parent()

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _start_watcher(flag: str) -> None:
    """Look for the flag in a thread: a console event needs a console, hits others too, and kills without a handler."""
    import _thread
    import os
    import time

    def look() -> None:
        while not os.path.exists(flag):
            time.sleep(LOOK_EVERY_S)
        import signal

        handled = callable(signal.getsignal(signal.SIGBREAK))
        # The C function, not `_thread.interrupt_main`: that one does not wake a main thread that sleeps.
        signal.raise_signal(signal.SIGBREAK if handled else signal.SIGINT)
        for _ in range(WAKE_TIMES):
            _wake_main_thread()
            time.sleep(LOOK_EVERY_S)

    _thread.start_new_thread(look, ())


def _wake_main_thread() -> None:
    """Let a `time.sleep` of the main thread look for signals; it goes on sleeping afterwards if a handler returns.

    Python does that for SIGINT only, and misses it where the signal comes right before the sleep.
    """
    try:
        import ctypes

        find = ctypes.pythonapi._PyOS_SigintEvent
        find.restype = ctypes.c_void_p
        ctypes.windll.kernel32.SetEvent(ctypes.c_void_p(find()))
    except (ImportError, AttributeError):
        return  # not this interpreter's way: the handler runs when the sleep is over


def _offer_job_module() -> None:
    """Let the script `import fsm_robot.job` where its interpreter does not have the package; an installed one wins."""
    import os

    job_file = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "job.py")
    sys.meta_path.append(_JobModule(job_file))


class _JobModule:
    """Finds `fsm_robot.job` and nothing else."""

    def __init__(self, job_file: str) -> None:
        self.job_file = job_file

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Return where the module is; see `importlib.abc.MetaPathFinder`."""
        machinery = sys.modules["_frozen_importlib_external"]
        if name == "fsm_robot":
            spec = sys.modules["_frozen_importlib"].ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        return machinery.spec_from_file_location(name, self.job_file) if name == "fsm_robot.job" else None
