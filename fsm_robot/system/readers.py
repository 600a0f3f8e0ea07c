"""Who else may read what a robot writes: the accounts of some groups, and only what is meant for them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system


def _unheard(_event: str, _sentence: str, **_values: object) -> None:
    return None


class Readers(NamedTuple):
    """The groups that may read; without one no file is touched. No attrs class, which costs each start a little more.

    Attributes:
        groups: Their names; under POSIX the first one counts.
        warn: Told once for each file that could not be given to them; a robot goes on without readers.
    """

    groups: tuple[str, ...] = ()
    warn: Callable[..., None] = _unheard

    def let(self, *paths: Path, within: bool = False) -> None:
        """Let them read files, or list folders and what will lie `within` them; what is not there is left out."""
        if not self.groups:
            return
        for path in paths:
            try:
                system.let_read(str(path), self.groups, within=within)
            except FileNotFoundError:
                continue
            except OSError as error:
                self.warn(
                    "readers.not_let_in",
                    "readers could not get access to a file",
                    file=path,
                    readers=self.groups,
                    error=error.strerror or error,
                )


NOBODY_ELSE = Readers()
