"""Names of errors in a machine file -> classes, and which of them an error is.

A name is one of Python's own, or a dotted path to a class of a module. `*` stands for every other error.
"""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Mapping

from fsm_robot.engine.wording import did_you_mean

ANY = "*"
NEVER_CAUGHT = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)
"""What no machine file may turn into an event: the process is told to end, or has nothing left to go on with.

`MemoryError` is an `Exception`, so it would slip in under `*`; nothing after it can be relied upon.
"""


def problem_with(name: str, *, imports: bool) -> str:
    """Return what is wrong with the name of an error, or an empty text.

    Args:
        name: As the machine file has it.
        imports: Whether dotted paths are looked up, which imports their modules. Who only reads a machine file runs
            nobody's code.
    """
    if name == ANY or ("." in name and not imports):
        return "" if name == ANY or all(part.isidentifier() for part in name.split(".")) else _no_name(name)
    try:
        class_of(name)
    except LookupError as error:
        return str(error)
    return ""


def event_for_error(errors: Mapping[str, str], error: Exception) -> str:
    """Return the event that `errors` gives for an error: of the first name, in the order of the file, that it is.

    Returns:
        The event, or an empty text where no name fits.

    Raises:
        LookupError: A name leads to no class of errors any more.
    """
    if isinstance(error, NEVER_CAUGHT):
        return ""
    return next((event for name, event in errors.items() if name == ANY or isinstance(error, class_of(name))), "")


def class_of(name: str) -> type[Exception]:
    """Return the class that a name other than `*` stands for.

    Raises:
        LookupError: It stands for none, or for one that is never caught.
    """
    found = _imported(name) if "." in name else getattr(builtins, name, None)
    if found is None:
        known = [word for word, value in vars(builtins).items() if _is_error(value)]
        hint = did_you_mean(name, known) or "; write one that is not Python's own with its module: my_module.MyError"
        raise LookupError(f"Python has no error {name!r}{hint}")
    if not isinstance(found, type) or not issubclass(found, BaseException):
        raise LookupError(f"{name!r} is not a class of errors")
    if issubclass(found, NEVER_CAUGHT):
        raise LookupError(f"{name!r} always ends the run; leave it out")
    if not issubclass(found, Exception):
        raise LookupError(f"{name!r} stands for more than errors; write '*' for every error")
    return found


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, NEVER_CAUGHT)


def _imported(path: str) -> object:
    parts = path.split(".")
    if not all(part.isidentifier() for part in parts):
        raise LookupError(_no_name(path))
    module, _, name = path.rpartition(".")
    owner = _owner(module, path)
    if not hasattr(owner, name):
        raise LookupError(f"{module} has no {name!r}{did_you_mean(name, dir(owner))}")
    return getattr(owner, name)


def _owner(path: str, whole: str) -> object:
    """Return the module or class at `path`: the longest part that is a module, and what lies in it."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        try:
            found: object = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
                continue
            raise LookupError(f"{whole!r}: {module} cannot be imported: {error}") from error
        except (Exception, SystemExit) as error:  # any code may stand in a module
            problem = f"{type(error).__name__}: {error}"
            raise LookupError(f"{whole!r}: {module} cannot be imported: {problem}") from error
        for name in parts[length:]:
            if not hasattr(found, name):
                raise LookupError(f"{whole!r}: {module} has no {name!r}{did_you_mean(name, dir(found))}")
            found = getattr(found, name)
        return found
    raise LookupError(f"{whole!r}: there is no module {parts[0]!r}")


def _no_name(name: str) -> str:
    return f"{name!r} is not the name of an error, such as ConnectionError or my_module.MyError"
