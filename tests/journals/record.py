"""Records tests/journals/*.jsonl anew: `make journals`. The real runner and callbacks, everything outside directed.

Equal sources give equal bytes: the clock, the tokens and the GUIDs are made up, and none of them is a credential.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from fsm_robot.engine.journal.record import FORMAT
from fsm_robot.engine.machine.definition import Definition
from tests.fakes.world import definition_of_the_robot
from tests.journals.director import Director, Stage
from tests.journals.possible import covering_walks

HERE = Path(__file__).parent
TO_WORK = ["nothing_left", "job_found", "job_consumed", "job_claimed"]
DONE = ["script_ended", "job_reported"]
# Whole stories, beside the walks that take every pair: for people, and for the examples in the documentation.
STORIES = {
    "night": [*TO_WORK, *DONE, *TO_WORK[1:], *DONE, "no_job"],
    "stopped": [*TO_WORK, "stop_ordered", *DONE, "no_job"],
    "stop-ran-out": [*TO_WORK, "stop_ordered", "grace_ended", *DONE, "no_job"],
    "aborted": [*TO_WORK, "abort_ordered", *DONE, "no_job"],
    "interrupted": [*TO_WORK, "interrupted", *DONE, "interrupted"],
    "left-by-a-dead-robot": ["result_left", "job_reported", "no_job"],
}


def header(definition: Definition) -> dict[str, Any]:
    """Return a header that tells of no real robot."""
    return {
        "format": FORMAT,
        "machine": definition.name,
        "machine_sha256": definition.digest(),
        "program": "recorded",
        "robot": {"salt": "0" * 16, "sha256": "0" * 64},
        "pid": 1,
    }


def names_of(walks: list[list[str]]) -> list[str]:
    """Return a name for each walk: its number and the event that ends it."""
    return [f"{number:02d}-{walk[-1]}" for number, walk in enumerate(walks, start=1)]


def record_all(directory: Path) -> None:
    """Write a journal per walk into `directory`."""
    definition = definition_of_the_robot()
    walks = list(covering_walks(definition))
    for name, walk in [*STORIES.items(), *zip(names_of(walks), walks, strict=True)]:
        folder = Path(tempfile.mkdtemp())
        try:
            stage = Stage(folder, definition, header(definition))
            stage.play(Director(list(walk)))
            (written,) = stage.journals.iterdir()
            shutil.copyfile(written, directory / f"{name}.jsonl")
        finally:
            shutil.rmtree(folder)


def main() -> None:
    """Replace the recorded journals by new ones."""
    for old in HERE.glob("*.jsonl"):
        old.unlink()
    record_all(HERE)
    files = list(HERE.glob("*.jsonl"))
    print(f"{len(files)} journals, {sum(file.stat().st_size for file in files) // 1024} KiB")


if __name__ == "__main__":
    main()
