"""`fsm-robot env`: the environments of the scripts; `sync` builds what is missing, `list` tells who has what."""

from __future__ import annotations

import argparse
from pathlib import Path

from fsm_robot.cli import streams
from fsm_robot.cli.run import add_config
from fsm_robot.engine.wording import shown
from fsm_robot.errors import ScriptNotStartedError, SettingsError
from fsm_robot.operations import environments
from fsm_robot.robot import of_jobs
from fsm_robot.robot import settings as settings_module

FAILED = 1
USUAL_BUILD_S = 3600.0
ACTIONS = {"sync": "build what is missing", "list": "tell which script runs with what"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=ACTIONS, help="; ".join(f"{name}: {text}" for name, text in ACTIONS.items()))
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Build, or tell; 1 where an environment could not be built, 2 where the files of scripts are wrong."""
    settings = settings_module.load(Path(arguments.config).absolute(), need_credential=False)
    if not settings.scripts_directory.is_dir():
        raise SettingsError(f"scripts.directory: there is no folder {settings.scripts_directory}")
    found = environments.runs(settings)
    if arguments.action == "list":
        print("\n".join(environments.lines(found)))
    elif settings.scripts.environments != "built":
        streams.tell(f'nothing is built: scripts.environments is "{settings.scripts.environments}"; set it to "built"')
    elif not _all_built(settings, found):
        return FAILED
    if problems := environments.problems(found):
        raise SettingsError(problems)
    return 0


def _all_built(settings: settings_module.Settings, found: list[environments.Run]) -> bool:
    from fsm_robot.worker.building import Builder

    kept = of_jobs.environments_for(settings)
    within_s = settings.scripts.environments_build_s or USUAL_BUILD_S
    builder = Builder(kept, within_s, lambda line: streams.tell(f"  {shown(line)}"))
    wanted = {run.environment.key: run.environment for run in found if run.environment and run.environment.lock}
    good = True
    for environment in wanted.values():
        if environment.python:
            streams.tell(f"{environment.told}: there already")
            continue
        assert environment.lock is not None
        try:
            builder.build(environment.lock)
            streams.tell(f"{environment.told}: built")
        except ScriptNotStartedError as error:
            streams.complain(shown(str(error)))
            good = False
    if not wanted and not environments.problems(found):
        streams.tell("no script has a lock file, so there is nothing to build")
    return good
