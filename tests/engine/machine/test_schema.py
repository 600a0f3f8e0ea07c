from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fsm_robot
from fsm_robot.engine.machine.schema import schema
from fsm_robot.robot.machine import built_in

SCHEMA = Path(fsm_robot.__file__).with_name("states.schema.json")


def test_schema_file_is_fresh() -> None:
    """What editors read is what the compiler follows; `make schema` writes it."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema()


@pytest.mark.skipif(os.name == "nt", reason="the validator's compiled part does not load under Wine")
def test_schema_accepts_states_yaml_and_refuses_an_unknown_key(tmp_path: Path) -> None:
    """An independent validator agrees with the compiler on the real file and on a spoiled one."""
    text = built_in().read_text(encoding="utf-8")
    spoiled = tmp_path / "spoiled.yaml"
    spoiled.write_text(text.replace("final: true", "finl: true", 1), encoding="utf-8")

    assert _validate(built_in()).returncode == 0
    refused = _validate(spoiled)
    assert refused.returncode == 1
    assert "finl" in refused.stdout


def _validate(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
