"""Callbacks that raise what their machine file declares, where a scenario says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.definition import CallbackSpec
from fsm_robot.engine.machine.error_names import ANY, class_of
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.callbacks import Callbacks


class SimulatedError(Exception):
    """Stands for every error that no name but `*` fits."""


@attrs.define
class RaisingCallbacks:
    """Passes everything on to the callbacks of the robot; some calls raise instead.

    Attributes:
        faults: Number of a call, from 1 -> place in its `errors` of what it raises.
        calls: The callbacks with declared errors that were called, in order.
        struck: Told of every error that was raised.
    """

    _callbacks: Callbacks
    _faults: Mapping[int, int]
    _calls: list[CallbackSpec]
    _struck: Callable[[], None]

    def __getattr__(self, name: str) -> object:
        """Return what the callbacks have under that name."""
        found = getattr(self._callbacks, name)
        spec = next((spec for spec in self._callbacks.definition.callbacks if spec.name == name and spec.errors), None)
        return found if spec is None else self._watched(spec, found)

    def _watched(self, spec: CallbackSpec, callback: Callable[[Step], Event | None]) -> Callable[[Step], Event | None]:
        def call(step: Step) -> Event | None:
            self._calls.append(spec)
            place = self._faults.get(len(self._calls))
            if place is None:
                return callback(step)
            self._struck()
            raise _error(list(spec.errors)[place % len(spec.errors)])

        return call


def _error(name: str) -> Exception:
    kind = SimulatedError if name == ANY else class_of(name)
    if issubclass(kind, ExceptionGroup):
        return kind("simulated", [SimulatedError("simulated")])
    try:
        return kind("simulated")
    except TypeError:
        return kind.__new__(kind)  # it wants to be told more than anybody knows here
