"""`fsm-robot post`: bring an event to a robot that runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from fsm_robot.cli.run import add_config
from fsm_robot.engine import channel
from fsm_robot.engine.wording import shown
from fsm_robot.errors import SettingsError
from fsm_robot.operations.folders import storage_of, storage_of_config

MEANT = {
    "taken": "{event}: {source} -> {dest}",
    "stayed": "{event}: taken in {source}, which stays",
    "ignored": "{event}: means nothing in {source}, the robot goes on as before",
    "late": "{event}: concerns something that has ended; the robot continues as before",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("event", metavar="EVENT", help="an event that the machine file lists under `posted`")
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="the robot's folder, or its storage folder")
    parser.add_argument("--data", default="{}", metavar="JSON", help="data of the event, a JSON object")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Post the event, and return once it stands in the robot's journal."""
    data = _data(arguments.data)
    storage = storage_of(Path(arguments.folder)) if arguments.folder else storage_of_config(arguments.config)
    answer = channel.ask(storage, {"ask": "post", "event": arguments.event, "data": data})
    told = {key: shown(str(answer.get(key, ""))) for key in ("event", "source", "dest")}
    print(MEANT[str(answer["kind"])].format(**told))
    return 0


def _data(text: str) -> dict[str, object]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"--data: is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise SettingsError(f'--data: must be a JSON object such as {{"by": "Анна"}}, not {text[:60]}')
    return data
