"""Everything that the doctor looks at, in the order in which one thing needs the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import attrs

from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.wording import counted
from fsm_robot.errors import RobotError
from fsm_robot.operations import checks, environments
from fsm_robot.operations.diagnosis import Diagnosis
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot import wiring
from fsm_robot.robot.settings import Settings

LOCAL_CHECKS: tuple[Callable[[Settings], Diagnosis], ...] = (
    checks.guid_diagnosis,
    checks.scripts_diagnosis,
    checks.limits_diagnosis,
    checks.interpreter_diagnosis,
    environments.diagnosis,
    environments.lock_diagnosis,
    checks.storage_diagnosis,
    checks.lock_diagnosis,
    checks.lines_diagnosis,
    checks.session_diagnosis,
    checks.desktop_diagnosis,
    checks.keyboard_diagnosis,
    checks.telemetry_diagnosis,
)


def examine(config: Path) -> Iterator[Diagnosis]:
    """Look at the robot of a robot.toml; nothing is announced and no job is taken."""
    try:
        settings = settings_module.load(config)
    except RobotError as error:
        yield Diagnosis(
            "settings", "wrong", str(error).replace("\n", "; "), "fix them first; the other checks need them"
        )
        return
    yield Diagnosis("settings", "ok", str(config))
    try:
        kind = wiring.callbacks_class(settings)
        definition = wiring.machine_for(settings, kind, cached=False)
        if not wiring.takes_jobs(kind):
            wiring.own_settings_of(settings, kind)
        yield Diagnosis("machine", "ok", f"{definition.name}, {counted(len(definition.states), 'state')}, no mistake")
    except RobotError as error:
        yield Diagnosis("machine", "wrong", str(error).replace("\n", "; "), "`fsm-robot check` names every mistake")
    if not settings.is_of_jobs:
        # The other checks are about scripts, sessions and the orchestrator.
        yield checks.storage_diagnosis(settings)
        yield checks.lock_diagnosis(settings)
        return
    for check in LOCAL_CHECKS:
        yield check(settings)
    redact = wiring.redactor_for(settings).text
    for diagnosis in _network(settings):
        yield attrs.evolve(diagnosis, said=redact(diagnosis.said))


def _network(settings: Settings) -> Iterator[Diagnosis]:
    if problem := checks.proxy_problem(settings):
        yield problem
        return
    try:
        # What is less safe than it should be is one of the diagnoses.
        gateway = wiring.gateway_for(settings, wiring.redactor_for(settings), warn=_say_nothing)
    except RobotError as error:
        yield Diagnosis("certificate", "wrong", str(error), "fix orchestrator.verify")
        return
    try:
        yield from checks.network_diagnoses(settings, gateway, datetime.fromisoformat(SystemClock().utc_now()))
    finally:
        gateway.close()


def _say_nothing(_event: str, _sentence: str) -> None:
    return
