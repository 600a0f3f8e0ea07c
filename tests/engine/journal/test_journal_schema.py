from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fsm_robot
from fsm_robot.engine.journal.schema import END, HEADER, STEP, schema

SCHEMA = Path(fsm_robot.__file__).with_name("journal.schema.json")
RECORDED = sorted((Path(__file__).parents[2] / "journals").glob("*.jsonl"))
PAGE = Path(__file__).parents[3] / "docs" / "journal.md"


def test_schema_file_is_fresh() -> None:
    """What readers get is what the code says; `make schema` writes it."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema()


@pytest.mark.skipif(os.name == "nt", reason="the validator's compiled part does not load under Wine")
def test_every_recorded_line_is_valid_and_a_spoiled_one_is_not(tmp_path: Path) -> None:
    """An independent validator agrees on all recorded lines, and refuses a key that nobody declared."""
    lines = [line for file in RECORDED for line in file.read_text(encoding="utf-8").splitlines()]
    files = []
    for number, line in enumerate(dict.fromkeys(_shape(line) for line in lines)):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(line, encoding="utf-8")
    spoiled = tmp_path / "spoiled.json"
    spoiled.write_text(lines[1].replace('"seq":', '"sequence":'), encoding="utf-8")

    good = _validate(files)

    assert good.returncode == 0, good.stdout
    assert _validate([spoiled]).returncode == 1


def _shape(line: str) -> str:
    """Return a line with what varies taken out, so that each kind of line is validated once."""
    line = re.sub(r'"seq":\d+', '"seq":1', line)
    line = re.sub(r'"chain":"[0-9a-f]+"', f'"chain":"{"0" * 32}"', line)
    line = re.sub(r"00000000000[0-9a-f]\b", "000000000001", line)
    line = re.sub(r"\d\d:\d\d:\d\d\.\d{6}Z", "00:00:00.000000Z", line)
    return re.sub(r'"mono":[0-9.]+', '"mono":1', line)


def _validate(files: list[Path]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_page_explains_every_key() -> None:
    """docs/journal.md has a row for each key of each record."""
    page = PAGE.read_text(encoding="utf-8")

    missing = [key for keys in (HEADER, STEP, END) for key in keys if f"`{key}`" not in page]
    assert missing == []
