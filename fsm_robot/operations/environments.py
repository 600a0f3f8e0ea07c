"""What each script of a robot runs with, and what is missing; for `check`, `doctor` and `env sync`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from fsm_robot.errors import WorkerError
from fsm_robot.operations.diagnosis import Diagnosis
from fsm_robot.robot.of_jobs import environments_for
from fsm_robot.robot.settings import Settings
from fsm_robot.worker.environments import Environment
from fsm_robot.worker.names import resolve_script, script_names
from fsm_robot.worker.pinned import NAME, differences

MOST_NAMES = 8
SYNC = "fsm-robot env sync"


@attrs.frozen
class Run:
    """What one script runs with.

    Attributes:
        script: Its name.
        environment: Or None where there is a problem.
        problem: Why it would not be run, empty where it would.
    """

    script: str
    environment: Environment | None
    problem: str = ""


def runs(settings: Settings) -> list[Run]:
    """Return what every script of a robot runs with, by name."""
    environments, root = environments_for(settings), settings.scripts_directory
    found = []
    for name in sorted(script_names(root)):
        try:
            found.append(Run(name, environments.of(resolve_script(name, root))))
        except WorkerError as error:
            found.append(Run(name, None, str(error)))
    return found


def problems(found: list[Run]) -> list[str]:
    """Return why scripts would not be run, each reason once."""
    grouped = _by(found, lambda run: run.problem)
    return [f"{_named(names)}: {problem}" for problem, names in grouped.items() if problem]


def missing(found: list[Run]) -> dict[str, list[str]]:
    """Return the environments that have to be built, with the scripts that need them."""
    return _by([run for run in found if run.environment and not run.environment.python], _told)


def lines(found: list[Run]) -> Iterator[str]:
    """Yield which scripts run with what."""
    for told, names in _by([run for run in found if run.environment], _told).items():
        yield f"run by       {told}: {_named(names)}"


def diagnosis(settings: Settings) -> Diagnosis:
    """Judge the environments of the scripts, without starting or building any."""
    found = runs(settings)
    wrong, absent = problems(found), missing(found)
    if wrong:
        return Diagnosis("environment", "wrong", "; ".join(wrong), "fix it; the jobs of these scripts would fail")
    if absent:
        said = "; ".join(f"{told} is not built, {_named(names)} need it" for told, names in absent.items())
        may_build = settings.scripts.environments_build_s > 0
        return Diagnosis("environment", "warning" if may_build else "wrong", said, f"`{SYNC}` builds it")
    own = {run.environment.told for run in found if run.environment}
    return Diagnosis("environment", "ok", f"scripts run with {', '.join(sorted(own))}" if own else "there is no script")


def lock_diagnosis(settings: Settings) -> Diagnosis:
    """Judge whether the scripts are what their lock says."""
    locked, folder = settings.scripts.locked, settings.scripts_directory
    if not locked and not (folder / NAME).exists():
        return Diagnosis("scripts.lock", "ok", "scripts are not pinned (scripts.locked = false)")
    if not (found := differences(folder)):
        said = f"the scripts are as {NAME} says" + ("" if locked else ", and would be run otherwise, too")
        return Diagnosis("scripts.lock", "ok", said)
    if locked:
        do = "find out who changed it; if the change is meant, run `fsm-robot scripts lock`"
        return Diagnosis("scripts.lock", "wrong", f"every job is refused: {_named(found)}", do)
    return Diagnosis("scripts.lock", "warning", _named(found), "`fsm-robot scripts lock`, and set scripts.locked")


def _by(found: list[Run], key: Callable[[Run], str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for run in found:
        grouped.setdefault(key(run), []).append(run.script)
    return grouped


def _told(run: Run) -> str:
    return run.environment.told if run.environment else ""


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES])}{more}"
