"""What users may rely on, by name, from the code itself: `python -m tests.interface VERSION` writes it down for a release.

docs/interface.md tells what each part promises; a test compares the code with what every release of the same MAJOR version has had.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

import fsm_robot.engine
import fsm_robot.job
import fsm_robot.sdk
from fsm_robot import errors
from fsm_robot.cli import COMMANDS
from fsm_robot.operations.diagnosis import Diagnosis
from fsm_robot.operations.now import Now
from fsm_robot.robot.callbacks import Callbacks, callback_names
from fsm_robot.robot.settings import LIMITS, SECTIONS, LimitsSettings
from tests.docs.reference import tree

RECORDED = Path(__file__).parent / "fixtures" / "interface"
SCHEMAS = Path(fsm_robot.engine.__file__).parent.parent
MODULES = {"job": fsm_robot.job, "sdk": fsm_robot.sdk, "engine": fsm_robot.engine}


def interface() -> dict[str, list[str]]:
    """Return part -> its names."""
    found = {
        "commands": sorted(_commands()),
        "settings": sorted(_settings()),
        "exit codes": sorted(f"{name} {code}" for name, code in _exit_codes()),
        "callbacks": sorted(callback_names(Callbacks)),
        "status --json": sorted(field.name for field in attrs.fields(Now)),
        "doctor --json": sorted(field.name for field in attrs.fields(Diagnosis)),
    }
    for name in ("states", "labels", "journal", "fleet"):
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
        found[f"{name}.schema.json"] = sorted(set(_keys(schema)))
    for name, module in MODULES.items():
        public = getattr(module, "__all__", None) or [each for each in vars(module) if not each.startswith("_")]
        found[f"fsm_robot.{name}"] = sorted(public)
    return found


def _commands() -> Iterator[str]:
    for name in COMMANDS:
        for path, parser in tree(name):
            yield path
            options = (option for action in parser._actions for option in action.option_strings)
            yield from (f"{path} {option}" for option in options if option not in ("-h", "--help"))


def _settings() -> Iterator[str]:
    for section, kind in (*SECTIONS.items(), (LIMITS, LimitsSettings)):
        yield from (f"{section}.{field.name}" for field in attrs.fields(kind))


def _exit_codes() -> Iterator[tuple[str, int]]:
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.RobotError):
            yield name, kind.exit_code


def _keys(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            yield from map(str, properties)
        for each in schema.values():
            yield from _keys(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _keys(each)


def main(version: str) -> None:
    """Write it down; what is there is never made anew."""
    target = RECORDED / f"{version}.json"
    if target.exists():
        raise SystemExit(f"{target}: is there, and was promised as it is")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(interface(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1])
