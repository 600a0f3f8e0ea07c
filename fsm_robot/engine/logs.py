"""The robot's own log: a story for a person on the console, a record in robot.log.

loguru is imported with the first line that is really written: a robot that wakes up, finds no job and leaves has
nothing to tell, and pays nothing for it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from fsm_robot.engine.redact import cut
from fsm_robot.engine.wording import shown
from fsm_robot.system.held import PATIENCE
from fsm_robot.system.readers import NOBODY_ELSE, Readers

if TYPE_CHECKING:
    from loguru import Logger, Message, Record

    from fsm_robot.engine.log_file import LogFile

LEVELS = ("debug", "info", "warning", "error")
CONSOLE_FORMAT = "<dim>{time:HH:mm:ssZ}</dim> <level>{level: <7}</level> {extra[for_console]}"
FILE_FORMAT = "{time:YYYY-MM-DDTHH:mm:ss.SSS!UTC}Z {level: <7} {process} {extra[event]} {extra[story]}"
NO_ID = "-"
"""What stands in the place of an event id in lines that have none: those of a user's own, and of a traceback."""
LONGEST_VALUE = 2000


@attrs.define(eq=False, repr=False)
class Log:
    """Writes `event sentence: key=value …` lines; event id and sentence are constant, what varies is bound.

    Attributes:
        path: robot.log, or None where only the console is wanted.
        level: Least level that is written.
        redact: Takes the robot's GUID out of every line.
        console: Whether stderr shows the lines too.
        readers: Who else may read the file.
        beside: Opens the system's own log, which gets warnings and errors too; None where that is not wanted.
        as_json: Whether the file has JSON lines.
    """

    path: Path | None
    level: str
    redact: Callable[[str], str]
    console: bool = True
    readers: Readers = NOBODY_ELSE
    beside: Callable[[], Callable[[str, str, int], None]] | None = None
    as_json: bool = False
    _logger: Logger | None = None
    _file: LogFile | None = None

    def debug(self, event: str, sentence: str = "", /, **values: object) -> None:
        """Write what only a search for a fault needs."""
        self.write("debug", event, sentence, **values)

    def info(self, event: str, sentence: str = "", /, **values: object) -> None:
        """Write what belongs to the story."""
        self.write("info", event, sentence, **values)

    def warning(self, event: str, sentence: str = "", /, **values: object) -> None:
        """Write what a person should look at some time."""
        self.write("warning", event, sentence, **values)

    def error(self, event: str, sentence: str = "", /, **values: object) -> None:
        """Write what a person should look at now."""
        self.write("error", event, sentence, **values)

    def write(self, level: str, event: str, sentence: str = "", /, **values: object) -> None:
        """Write one line.

        Args:
            level: debug, info, warning or error.
            event: The stable id of what happened: `job.taken`. Without a `sentence` it is the sentence, and has no id.
            sentence: What happened, constant; it may get other words, the id may not.
            values: What varies.
        """
        if LEVELS.index(level) < LEVELS.index(self.level.lower()):
            return
        if self._logger is None:
            self._logger = self._open()
        if not sentence:
            event, sentence = NO_ID, event
        self._put(self._logger, level, event, sentence, **values)

    def crash(self, cause: BaseException | None, event: str, sentence: str, /, **values: object) -> None:
        """Write the traceback of `cause`, if there is one, then the sentence, into the file alone.

        The console gets its one sentence from who ends the process.
        """
        told = ""
        if cause is not None:
            import traceback

            told = self.redact("".join(traceback.format_exception(cause)))
        if self._logger is None:
            self._logger = self._open()
        logger = self._logger.bind(file_only=True)
        if self.as_json:
            logger = logger.bind(traceback=told.splitlines())
        else:
            for line in told.splitlines():
                logger.bind(event=NO_ID, story=shown(line)).error("")
        # The sentence comes last: `status` shows the last line.
        self._put(logger, "error", event, sentence, **values)

    def close(self) -> None:
        """Finish all lines."""
        if self._logger is not None:
            self._logger.complete()
            self._logger.remove()
            self._logger = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _put(self, logger: Logger, level: str, event: str, sentence: str, /, **values: object) -> None:
        from fsm_robot.system.language import said, value_said  # with the first line, like loguru

        story, told = story_of(sentence, values, self.redact), said(sentence)
        # Names of values stay as they are: people look for them in the file.
        retold = {key: value_said(key, value) for key, value in values.items()}
        for_console = story if told == sentence and retold == values else story_of(told, retold, self.redact)
        bound = logger.bind(event=event, story=story, for_console=for_console)
        if self.as_json:
            bound = bound.bind(sentence=self.redact(sentence), values=_values(values, self.redact))
        bound.log(level.upper(), "")

    def _open(self) -> Logger:
        from loguru import logger

        logger.remove()
        if self.console and sys.stderr is not None:
            # Past what guards the stream: the lines are printable, and their colours are ours.
            stream = getattr(sys.stderr, "trusted", sys.stderr)
            logger.add(
                stream, format=CONSOLE_FORMAT, level="DEBUG", filter=_for_console, backtrace=False, diagnose=False
            )
        if self.path is not None:
            self._add_file(logger, self.path)
        if self.beside is not None:
            self._add_system(logger, self.beside)
        return logger

    def _add_system(self, logger: Logger, open_log: Callable[[], Callable[[str, str, int], None]]) -> None:
        from fsm_robot.engine.event_ids import number_of

        try:
            put = open_log()
        except OSError as error:
            self._put(
                logger,
                "warning",
                "log.system_unavailable",
                "the system log does not accept lines of this robot",
                error=error.strerror or str(error),
            )
            return

        def pass_on(message: Message) -> None:
            extra, level = message.record["extra"], message.record["level"].name.lower()
            put(level, f"{extra['event']} {extra['story']}", number_of(str(extra["event"]), level))

        logger.add(pass_on, level="WARNING", format="{extra[story]}", catch=True, backtrace=False, diagnose=False)

    def _add_file(self, logger: Logger, path: Path) -> None:
        from fsm_robot.engine.log_file import LogFile

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # One writer at a time: the instance lock is held before the first line.
            file = LogFile(path, readers=self.readers, as_json=self.as_json)
            PATIENCE.until_free(path, file.open)
            # Not loguru's own file: it loses every further line when a full one cannot be renamed.
            form = _json_line if self.as_json else FILE_FORMAT
            logger.add(file.write, format=form, level="DEBUG", backtrace=False, diagnose=False)
            self._file = file
        except OSError as error:
            self._put(
                logger,
                "warning",
                "log.file_unavailable",
                "robot.log cannot be written, this run is logged on the console only",
                error=error,
            )


def story_of(sentence: str, values: Mapping[str, object], redact: Callable[[str], str] = str) -> str:
    """Return one line whatever the values hold: a line break in a script's message must not fake a log line."""
    shown = [f"{key}={_plain(value, redact)}" for key, value in values.items() if value not in (None, "", ())]
    # The whole line too: what a warning says comes as the sentence.
    return redact(sentence if not shown else f"{sentence}: {' '.join(shown)}")


def _json_line(record: Record) -> str:
    extra = record["extra"]
    event = extra["event"]
    told = {
        "time": f"{record['time'].astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "level": record["level"].name.lower(),
        "process": record["process"].id,
        "event": None if event == NO_ID else event,
        "sentence": extra["sentence"],
        "values": extra["values"],
    }
    if extra.get("traceback"):
        told["traceback"] = extra["traceback"]
    extra["json"] = json.dumps(told, ensure_ascii=False)
    return "{extra[json]}\n"


def _values(values: Mapping[str, object], redact: Callable[[str], str]) -> dict[str, object]:
    """Return what JSON can hold of them; numbers stay numbers."""

    def plain(value: object) -> object:
        if isinstance(value, tuple):
            return [plain(each) for each in value]
        if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
            return value
        return cut(str(value), LONGEST_VALUE, redact)

    return {key: plain(value) for key, value in values.items() if value not in (None, "", ())}


def _for_console(record: Record) -> bool:
    return "file_only" not in record["extra"]


def _plain(value: object, redact: Callable[[str], str]) -> str:
    text = shown(cut(", ".join(map(str, value)) if isinstance(value, tuple) else str(value), LONGEST_VALUE, redact))
    return f'"{text}"' if " " in text or not text else text
