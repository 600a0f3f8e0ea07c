"""The JSON Schema of one journal line; `make schema` writes it to `fsm_robot/journal.schema.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from fsm_robot.engine.journal.record import CHAIN_HEX_DIGITS, FORMAT
from fsm_robot.engine.machine.core import CameFrom, StepKind

TEXT = {"type": "string"}
NAME = {"type": "string", "minLength": 1}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"}
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

HEADER: Mapping[str, tuple[Mapping[str, object], str]] = {
    "format": ({"type": "integer", "minimum": 1, "maximum": FORMAT}, "version of this format"),
    "machine": (NAME, "name of the machine"),
    "machine_sha256": (SHA256, "hash of the compiled machine: equal for files that decide alike"),
    "program": (TEXT, "version of fsm_robot"),
    "robot": (
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["salt", "sha256"],
            "properties": {"salt": TEXT, "sha256": SHA256},
        },
        "who wrote it: SHA-256 of the salt and the robot's GUID; the GUID itself is nowhere",
    ),
    "pid": ({"type": "integer"}, "process that wrote it"),
    "started_at": (MOMENT, "when the run began, UTC"),
}
STEP: Mapping[str, tuple[Mapping[str, object], str]] = {
    "seq": ({"type": "integer", "minimum": 0}, "number of the step, from 0 without a gap"),
    "at": (MOMENT, "when it was decided, UTC"),
    "mono": ({"type": "number", "minimum": 0}, "seconds since the run began, by a clock that is never set"),
    "from": (
        {"enum": [origin for origin in get_args(CameFrom) if origin]},
        "where the event came from; absent at the start",
    ),
    "event": (
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": NAME, "data": {"type": "object"}, "job_run": {"type": "integer", "minimum": 0}},
        },
        "what happened; `job_run` is the number of the job within the run that it speaks of",
    ),
    "kind": ({"enum": list(get_args(StepKind))}, "what the event did"),
    "source": (NAME, "state before; absent at the start"),
    "dest": (NAME, "state after"),
    "transition": (NAME, "the edge that was taken; absent where none was"),
    "callback": (NAME, "what is called next; absent where nothing is. What it answers is the event of the next step"),
    "exit_code": ({"type": "integer", "minimum": 0, "maximum": 255}, "what the run ends with; only in its last step"),
}
END: Mapping[str, tuple[Mapping[str, object], str]] = {
    "at": (MOMENT, "when the run ended, UTC"),
    "exit_code": ({"type": "integer", "minimum": 0, "maximum": 255}, "what the process ended with"),
    "crash": (
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["state", "error"],
            "properties": {"callback": NAME, "state": NAME, "error": NAME},
        },
        "why the run ended that its machine did not end: the error, and the state and callback it came from",
    ),
}
REQUIRED = {
    "header": ("format", "machine", "machine_sha256", "program", "robot", "started_at"),
    "step": ("seq", "at", "mono", "event", "kind", "dest"),
    "end": ("at", "exit_code"),
}


def schema() -> dict[str, object]:
    """Return the schema of one line."""
    records = {"header": HEADER, "step": STEP, "end": END}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a line of a fsm_robot journal",
        "oneOf": [_record(kind, keys) for kind, keys in records.items()],
    }


def _record(kind: str, keys: Mapping[str, tuple[Mapping[str, object], str]]) -> dict[str, object]:
    chain = {"type": "string", "pattern": f"^[0-9a-f]{{{CHAIN_HEX_DIGITS}}}$"}
    return {
        "title": f"{kind} record",
        "type": "object",
        "additionalProperties": False,
        "required": ["record", *REQUIRED[kind], "chain"],
        "properties": {
            "record": {"const": kind},
            **{key: {"description": text, **shape} for key, (shape, text) in keys.items()},
            "chain": {"description": "hash over the chain of the line before and this line's content", **chain},
        },
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8", newline="\n")
