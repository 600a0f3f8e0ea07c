"""The callbacks of a robot of one's own: any object whose methods have the names that the machine file uses."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from fsm_robot.errors import SettingsError


def names_of(callbacks: object) -> tuple[str, ...]:
    """Return what a machine file may call: public methods that can be called with one value, the step.

    Decorated ones are among them: what counts is how they can be called.

    Args:
        callbacks: An object, or the class of one that does not exist yet.
    """
    found = (name for name in dir(callbacks) if not name.startswith("_"))
    return tuple(name for name in found if _takes_a_step(callbacks, name))


def _takes_a_step(callbacks: object, name: str) -> bool:
    try:
        static = inspect.getattr_static(callbacks, name)
    except AttributeError:
        return False
    if isinstance(static, (property, type)):
        return False  # asking a property for its value would run it
    method = getattr(callbacks, name)
    unbound = isinstance(callbacks, type) and not isinstance(static, (staticmethod, classmethod))
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind(*([None, None] if unbound else [None]))
    except (TypeError, ValueError):
        return False
    return True


def made(callbacks: object, context: object) -> object:
    """Return the object itself, or what a class or function makes: with the context where it takes a value."""
    if not (isinstance(callbacks, type) or inspect.isfunction(callbacks)):
        return callbacks
    return callbacks(context) if _takes_a_value(callbacks) else callbacks()


def _takes_a_value(factory: Callable[..., object]) -> bool:
    try:
        inspect.signature(factory).bind(None)
    except TypeError:
        return False
    except ValueError:
        return False  # `object` itself
    return not _takes_nothing(factory)


def _takes_nothing(factory: Callable[..., object]) -> bool:
    parameters = list(inspect.signature(factory).parameters.values())
    # One with a default of its own means something else than the context.
    return not any(each.default is each.empty and each.kind is not each.VAR_KEYWORD for each in parameters)


def load(name: str, path_of: Callable[[str], Path]) -> type:
    """Return the class `Callbacks` of a module, or of a `.py` file.

    Args:
        name: As `machine.callbacks` of robot.toml says it.
        path_of: Makes a path of a name that ends in `.py`.

    Raises:
        SettingsError: It cannot be imported, or has no such class.
    """
    if name.endswith(".py") and not path_of(name).exists():
        raise SettingsError(f"machine.callbacks: there is no file {path_of(name)}")
    try:
        module = _imported(path_of(name)) if name.endswith(".py") else importlib.import_module(name)
    except Exception as error:  # any code may stand in a user's module
        raise SettingsError(f"machine.callbacks: {name} cannot be imported: {type(error).__name__}: {error}") from error
    kind = getattr(module, "Callbacks", None)
    if kind is None:
        raise SettingsError(f"machine.callbacks: {name} has no class Callbacks")
    if not isinstance(kind, type):
        # What a function makes is known once it has run, and `check` runs nothing of the user's.
        what = f"Callbacks in {name} is a {type(kind).__name__}"
        raise SettingsError(
            f"machine.callbacks: {what}; write a class, which is made with the Context or without arguments"
        )
    return kind


def _imported(path: Path) -> ModuleType:
    import importlib.util

    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # There before it is executed, as an import is: dataclasses and `get_type_hints` look for a class's module there.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
