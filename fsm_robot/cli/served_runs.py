"""The robots' runs behind `orchestrator serve --runs`: a page that lists them, and each one when it is looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import attrs

from fsm_robot.analyst.player.assets import assets
from fsm_robot.analyst.player.history import ListedRun, Run, shown_runs
from fsm_robot.analyst.player.page import json_text, served_page, told
from fsm_robot.analyst.words import Words
from fsm_robot.cli.journal_arguments import journals_below
from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.file import read_journal, run_name
from fsm_robot.engine.journal.parsing import quickest
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.errors import SettingsError
from fsm_robot.system import language

_STAMP = re.compile(r"\d+-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")


@attrs.define
class ServedRuns:
    """Journals of robots on this machine, read anew for every look: the robots go on.

    Attributes:
        names: Journals, and folders of them.
        youngest: How many of each folder are listed at most.
        machine: The machine file that they are shown on.
    """

    names: Sequence[str]
    youngest: int
    machine: Path
    _known: tuple[tuple[int, int], Definition] | None = None

    def page(self, address: str) -> str:
        """Return the page, which fetches runs from `address`. Raises `RobotError`."""
        listed = [
            ListedRun(run_name(path), _started(path.name), number, path.name)
            for number, name in enumerate(self.names)
            for path in served_journals(name)[-self.youngest :]
        ]
        return served_page(Words(self._definition(), language.of_titles()), listed, assets(), address)

    def run(self, folder: int, file: str) -> str:
        """Return one run as JSON. Raises `RobotError`."""
        names = self.names[folder : folder + 1]
        # Looked for among what is listed, and never put together to a path: the name comes from outside.
        found = [path for name in names for path in served_journals(name) if path.name == file]
        if not found:
            raise SettingsError("there is no such run any more; load the page anew")
        records, problem = read_journal(found[0], make=quickest())
        if not records:
            raise SettingsError(f"{found[0]}: is not a journal of a robot: {problem or 'it is empty'}")
        (shown,) = shown_runs(
            told([Run(run_name(found[0]), records, problem)], language.of_titles()), self._definition()
        )
        steps = shown.pop("steps")
        assert isinstance(steps, list)
        # Step by step: while a large document becomes JSON in one go, no other thread of the server has its turn.
        return f'{json_text(shown)[:-1]},"steps":[{",".join(map(json_text, steps))}]}}'

    def _definition(self) -> Definition:
        """Return the machine, read again when its file has changed: that takes longer than to read a run."""
        try:
            state = self.machine.stat()
        except OSError as error:
            raise SettingsError(f"{self.machine}: cannot be read: {error.strerror or error}") from error
        mark = (state.st_mtime_ns, state.st_size)
        if self._known is None or self._known[0] != mark:
            self._known = mark, machine_file.load_labelled(self.machine, None, ())
        return self._known[1]


def served_journals(name: str) -> list[Path]:
    """Return the journals that an argument names, oldest first. Raises `SettingsError` where there is none."""
    path = Path(name)
    if path.is_file():
        return [path]
    found = journals_below(path)
    if not found:
        reason = "holds no journal (*.jsonl)" if path.is_dir() else "does not exist"
        raise SettingsError(f"--runs {name}: {reason}")
    return found


def _started(file: str) -> str:
    found = _STAMP.match(file)
    if found is None:
        return ""
    year, month, day, hour, minute, second = found.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"
