"""What the robot needs inside a script's Python: that it can be asked to stop, `fsm_robot.job` and `fsm_robot.sdk`.

Python itself runs the script, as it would without a robot; this runs before it, while `site` sets the interpreter up
(`site/sitecustomize.py` says how it gets there). So names, frames, tracebacks, exit codes and the order of the end need
no imitation. The rejected way was a program that executes the script: its frames and its handling of the end show.

Nothing of the scripts folder can be imported yet at that time, and what is done later lives on modules that are part of
the interpreter: no file can shadow those. Written for Python 3.8 and later.

A handler that the script has installed (SIGTERM, or SIGBREAK under Windows) runs when it is asked to stop; without one
the main thread gets KeyboardInterrupt, so that `finally` and `with` do their work.
"""

import _signal  # the module behind `signal`, which would load enum
import _thread
import builtins
import os
import sys
import time

try:
    import posix as system
except ImportError:
    import nt as system

VARIABLE = "FSM_ROBOT_HOST"
"""Names the job's folder, to the script's own Python only: it is taken away, so the children do not listen."""
VENDOR_VARIABLE = "FSM_ROBOT_VENDOR_API"
"""Set where scripts of the vendor's framework find ours under its name; the children find it, too."""
SCREEN_VARIABLE = "FSM_ROBOT_SCREEN"
"""Set where a picture of the screen is taken when the script fails: how many a job may have, and by which Python."""
SCREEN_S = 12.0
"""How long that may take all in all; the program itself gives up after ten seconds."""
TYPED_VARIABLE = "FSM_ROBOT_TYPED"
"""Set where a person at a terminal types what the script reads."""
NOBODY_TYPES = (
    "nobody can type anything into a job of a robot, its standard input is at its end;"
    " to debug the script run `fsm-robot try --debug SCRIPT` at a terminal"
)
STOP_NAME = "stop"
EXCEPTION_NAME = "exception.txt"
LONGEST_EXCEPTION = 1 << 16
LOOK_EVERY_S = 0.1
PAUSES_S = (0, *[LOOK_EVERY_S] * 4)
_sleep = time.sleep  # a script may put another one into its place


def begin() -> None:
    """Prepare this Python for its script."""
    package = os.path.dirname(os.path.dirname(__file__))
    sys.meta_path.append(_ScriptsModules(package))
    if os.environ.get(VENDOR_VARIABLE):
        sys.meta_path.insert(0, _VendorsModules(package))
    folder = os.environ.pop(VARIABLE, "")
    if folder:
        listen = _watch if sys.platform == "win32" else _wait_for_signal
        listen(os.path.join(folder, STOP_NAME))
        _tell_exception(folder, os.environ.pop(SCREEN_VARIABLE, ""))
        if not os.environ.pop(TYPED_VARIABLE, ""):
            _tell_that_nobody_types()


# ---- asked to stop, by a signal


class _Asked:
    """The handler of SIGTERM: KeyboardInterrupt where the robot has asked, the usual end where somebody else has.

    Which of them is decided while Python looks for what to call. What it then calls is not written in Python, so no
    frame of ours stands in the traceback.
    """

    def __init__(self, flag: str) -> None:
        self._flag = flag

    @property
    def __call__(self) -> object:
        return _signal.default_int_handler if _exists(self._flag) else _end


def _end(number: int, _frame: object) -> None:
    _signal.signal(number, _signal.SIG_DFL)
    system.kill(system.getpid(), number)


def _wait_for_signal(flag: str) -> None:
    asked = _Asked(flag)
    _signal.signal(_signal.SIGTERM, asked)
    masks = []

    # A forked child ends on `terminate()` as it would without us; one that is executed anew does so anyway. Python
    # forgets a signal that reaches the child before its handlers are in order, so it is held back meanwhile.
    def before() -> None:
        masks.append(_signal.pthread_sigmask(_signal.SIG_BLOCK, [_signal.SIGTERM]))

    def in_parent() -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, masks.pop())

    def in_child() -> None:
        if _signal.getsignal(_signal.SIGTERM) is asked:
            _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
        in_parent()

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _exists(path: str) -> bool:
    try:
        system.stat(path)
    except OSError:
        return False
    return True


# ---- asked to stop, by a file


def _watch(flag: str) -> None:
    """Look for the flag in a thread: a console event needs a console, hits others too, and kills without a handler."""
    folders = list(sys.path)  # before the scripts folder is among them
    main = _thread.get_ident()

    def look() -> None:
        while not _exists(flag):
            _sleep(LOOK_EVERY_S)
        handled = callable(_signal.getsignal(_signal.SIGBREAK))
        # The C function, not `_thread.interrupt_main`: that one does not wake a main thread that sleeps.
        _signal.raise_signal(_signal.SIGBREAK if handled else _signal.SIGINT)
        try:
            wake = _alarm_clock(folders)
        except (ImportError, AttributeError, OSError):
            return  # not this interpreter's way: the handler runs when the sleep is over
        for pause_s in PAUSES_S:
            _sleep(pause_s)
            if not _would_break(sys._current_frames().get(main)):
                wake()

    _thread.start_new_thread(look, ())


def _would_break(frame: object) -> bool:
    """Return whether the main thread is in a wait that does not go on after it was woken but fails: multiprocessing's.

    A wait cannot begin between this look and the waking: just after a sleep a thread keeps the interpreter for 5 ms.
    """
    return frame is not None and any(name.endswith("WaitForMultipleObjects") for name in frame.f_code.co_names)


def _alarm_clock(folders: list) -> object:
    """Return what lets a `time.sleep` of the main thread look for signals; it sleeps on if a handler returns.

    Python does that for SIGINT only, and misses it where the signal comes right before the sleep.
    """
    ctypes = _ctypes_module(folders)
    number = type("number", (ctypes._SimpleCData,), {"_type_": "P"})
    # FUNCFLAG_PYTHONAPI: no other thread of Python runs meanwhile.
    flags = ctypes.FUNCFLAG_PYTHONAPI
    find_type = type("find", (ctypes.CFuncPtr,), {"_flags_": flags | ctypes.FUNCFLAG_CDECL, "_restype_": number})
    set_type = type("set", (ctypes.CFuncPtr,), {"_flags_": flags, "_restype_": number})
    find = find_type(("_PyOS_SigintEvent", _Library(sys.dllhandle)))
    set_event = set_type(("SetEvent", _Library(ctypes.LoadLibrary("kernel32.dll", 0))))
    return lambda: set_event(number(find()))


class _Library:
    def __init__(self, handle: int) -> None:
        self._handle = handle


def _ctypes_module(folders: list) -> object:
    """Return Python's own `_ctypes`, from where Python keeps it, and leave no trace of it.

    `import` would find a file of that name beside the script first.
    """
    kept = sys.modules.get("_ctypes")
    if hasattr(kept, "CFuncPtr") and hasattr(kept, "LoadLibrary"):
        return kept
    machinery = sys.modules["_frozen_importlib_external"]
    loader = machinery.ExtensionFileLoader, sys.modules["_imp"].extension_suffixes()
    for folder in folders:
        spec = machinery.FileFinder(folder, loader).find_spec("_ctypes")
        if spec is not None and spec.loader is not None:
            break
    else:
        raise ImportError("_ctypes")
    try:
        return sys.modules["_frozen_importlib"]._load(spec)
    finally:
        if kept is None:
            sys.modules.pop("_ctypes", None)
        else:
            sys.modules["_ctypes"] = kept


# ---- asked for what nobody can type


def _tell_that_nobody_types() -> None:
    """Let `input()` and `breakpoint()` say what to do: both would end at once, without a word of it.

    Where the script reads from something else, or has a debugger of its own, they do what they do by hand.
    """
    read, debug = builtins.input, sys.breakpointhook

    def input(*prompt: object) -> str:
        """See the built-in function."""
        try:
            return read(*prompt)
        except EOFError:
            if sys.stdin is not sys.__stdin__:
                raise
        raise EOFError(NOBODY_TYPES)

    builtins.input, sys.breakpointhook = input, _Debugger(debug)


class _Debugger:
    """What `breakpoint()` calls.

    It is chosen while Python looks for it, as in `_Asked`: a debugger begins in the frame that calls it, the script's.
    """

    def __init__(self, usual: object) -> None:
        self._usual = usual

    @property
    def __call__(self) -> object:
        if sys.stdin is not sys.__stdin__ or os.environ.get("PYTHONBREAKPOINT", "") not in ("", "pdb.set_trace"):
            return self._usual
        raise RuntimeError(NOBODY_TYPES)


# ---- why it failed


def _tell_exception(folder: str, screen: str) -> None:
    """Leave the exception that ended the script for the robot: what is printed last may be something else.

    Registered first, so it is called after everything that the script has registered.
    """
    import atexit  # part of the interpreter; it stays, for up to 3.9 another instance of it would replace this one

    pid, file = system.getpid(), os.path.join(folder, EXCEPTION_NAME)

    def at_end() -> None:
        error = getattr(sys, "last_value", None)
        if error is None or system.getpid() != pid:  # a forked child ends as well
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        try:
            descriptor = system.open(file, flags, 0o600)
            system.write(descriptor, _shown(error).encode("utf-8", "backslashreplace")[:LONGEST_EXCEPTION])
            system.close(descriptor)
        except OSError:
            pass  # the last line that was printed serves as well
        if screen and isinstance(error, Exception) and not _exists(os.path.join(folder, STOP_NAME)):
            try:
                _take_picture(folder, *screen.split(" ", 1))
            except OSError:
                pass  # there is a picture or there is none, the script has failed all the same

    atexit.register(at_end)


def _take_picture(folder: str, most: str, python: str) -> None:
    """Let the robot's Python take a picture of the screen; `subprocess` might be a file beside the script."""
    program = os.path.join(os.path.dirname(__file__), "screen.py")
    command = [python, "-I", program, os.path.join(folder, "screenshots"), most]
    if sys.platform == "win32":
        system.spawnv(0, python, ['"%s"' % part for part in command])  # waits for it; it ends in time by itself
        return
    quiet = [(system.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in range(3)]
    child = system.posix_spawn(python, command, os.environ, file_actions=quiet)
    until = time.monotonic() + SCREEN_S
    while system.waitpid(child, system.WNOHANG) == (0, 0):
        if time.monotonic() > until or _exists(os.path.join(folder, STOP_NAME)):
            system.kill(child, _signal.SIGKILL)
            system.waitpid(child, 0)
            break
        _sleep(0.02)


def _shown(error: BaseException) -> str:
    """Return an exception as the last line of a traceback has it."""
    kind = type(error)
    name = getattr(kind, "__qualname__", kind.__name__)
    if kind.__module__ not in ("__main__", "builtins"):
        name = "%s.%s" % (kind.__module__, name)
    try:
        text = str(error)
    except Exception:
        text = "<exception str() failed>"
    return "%s: %s" % (name, text) if text else name


# ---- fsm_robot.job and fsm_robot.sdk


class _ScriptsModules:
    """Finds `fsm_robot.job` and `fsm_robot.sdk`, where the interpreter lacks them: installed ones win."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Return where the module is; see `importlib.abc.MetaPathFinder`."""
        if name == "fsm_robot":
            spec = sys.modules["_frozen_importlib"].ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        make_spec = sys.modules["_frozen_importlib_external"].spec_from_file_location
        if name == "fsm_robot.job":
            return make_spec(name, os.path.join(self.folder, "job.py"))
        if name == "fsm_robot.sdk":
            # Its own modules are found where it says that they are, by Python itself.
            folder = os.path.join(self.folder, "sdk")
            return make_spec(name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder])
        return None


class _VendorsModules:
    """Finds `OrchestratorAPI.TaskOrcAPI`, before the folder of the vendor's framework that lies beside the script."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Return where the module is; see `importlib.abc.MetaPathFinder`."""
        if name == "OrchestratorAPI":
            spec = sys.modules["_frozen_importlib"].ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        if name == "OrchestratorAPI.TaskOrcAPI":
            make_spec = sys.modules["_frozen_importlib_external"].spec_from_file_location
            return make_spec(name, os.path.join(self.folder, "sdk", "legacy.py"))
        return None
