"""`fsm-robot status`: what the robots of some folders do now."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from fsm_robot.cli.fleet_argument import add_fleet, fleet_of
from fsm_robot.cli.reader import local, speak_as_configured
from fsm_robot.cli.run import add_config
from fsm_robot.cli.streams import print_json
from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.wording import counted, shown
from fsm_robot.errors import RobotError, SettingsError
from fsm_robot.fleet.health import Rules
from fsm_robot.fleet.looking import sight_in
from fsm_robot.fleet.sight import Sight
from fsm_robot.operations.folders import seen_in, storage_of, storage_of_config
from fsm_robot.operations.now import Now, for_how_long, now_from
from fsm_robot.system.language import said, value_said

UNREADABLE = "unreadable"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "folders",
        nargs="*",
        metavar="FOLDER",
        help="folders of robots or their storage folders; none: that of --config",
    )
    add_config(parser)
    add_fleet(parser)
    parser.add_argument("--json", action="store_true", help="print everything that is known, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what each robot does; 0 where nobody has to look, 1 where a person should."""
    if arguments.fleet:
        return _run_fleet(arguments)
    found = {folder: _now_in(folder) for folder in arguments.folders}
    if not arguments.folders:
        storage = storage_of_config(arguments.config)
        found = {str(storage): _judged(storage)}
    now = SystemClock().utc_now()
    if arguments.json:
        print_json([{"folder": folder, **attrs.asdict(it)} for folder, it in found.items()])
        return int(any(it.look for it in found.values()))
    speak_as_configured(*arguments.folders, arguments.config)
    if arguments.folders:
        rows = [(folder, *_row(it, now)) for folder, it in found.items()]
        print("\n".join(table([heads(("folder", *HEADS)), *rows])))
    else:
        print("\n".join(line for it in found.values() for line in _details(it, now)))
    return int(any(it.look for it in found.values()))


def _run_fleet(arguments: argparse.Namespace) -> int:
    if arguments.folders:
        raise SettingsError("--fleet: names the robots itself; leave the folders out")
    from fsm_robot.fleet.asking import look_at_all
    from fsm_robot.fleet.documents import document_of

    sights, now = look_at_all(fleet_of(arguments)), SystemClock().utc_now()
    if arguments.json:
        print_json(document_of(sights, now))
    else:
        speak_as_configured(arguments.config)
        print("\n".join(table([heads(FLEET_HEADS), *(_fleet_row(sight, now) for sight in sights)])))
    return int(any(sight.problems for sight in sights))


def _fleet_row(sight: Sight, moment: str) -> tuple[str, ...]:
    last = f"{sight.last_script}: {said(sight.last_outcome)}" if sight.last_script else ""
    paused = f" ({said(sight.paused)})" if sight.paused and sight.doing != "paused" else ""
    return (
        f"{sight.host}:{sight.name}" if sight.host else sight.name,
        f"{said(sight.doing)}{paused}",
        said(for_how_long(sight.since, moment)),
        sight.script,
        said(sight.progress),
        last,
        sight.next_start[11:16],
        said("; ".join(problem.text for problem in sight.problems)),
    )


def _judged(storage: Path) -> Now:
    """Return what a robot does, judged by the rules of a fleet that says nothing of its own."""
    now = now_from(seen_in(storage))
    problems = sight_in(storage, now, "", str(storage), Rules()).problems
    return attrs.evolve(now, look=tuple(each.text for each in problems), kinds=tuple(each.kind for each in problems))


def _now_in(folder: str) -> Now:
    # One folder that cannot be read must not hide the thirty-nine others.
    try:
        return _judged(storage_of(Path(folder)))
    except RobotError as error:
        return Now(UNREADABLE, look=(str(error).replace("\n", "; "),))


FLEET_HEADS = ("robot", "doing", "for", "script", "progress", "last", "next", "look")
HEADS = ("doing", "for", "pid", "script", "progress", "look")


def _row(now: Now, moment: str) -> tuple[str, ...]:
    return (
        said(now.doing),
        said(for_how_long(now.since, moment)),
        str(now.pid or ""),
        now.script,
        said(now.progress),
        said("; ".join(now.look)),
    )


def heads(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the heads of a table in the language of this process."""
    return tuple(map(said, names))


def _details(now: Now, moment: str) -> list[str]:
    lasts = for_how_long(now.since, moment)
    known = {
        "doing": f"{now.doing} for {lasts}, since {local(now.since)}" if now.since else now.doing,
        "process": f"pid {now.pid}" if now.pid else "does not run",
        "job": f"{now.job}  {now.script}" if now.job else "",
        "progress": now.progress,
        "paused": now.paused,
        "log lines": _lines(now),
        "undelivered": now.undelivered and f"outcome {now.undelivered}, sent again by the next run",
        "last answer": now.last_answer_at and f"{local(now.last_answer_at)}, from the orchestrator",
        "last error": now.last_error,
        "last trouble": _log_line(now.last_trouble),
        "exit code": "" if now.exit_code is None else str(now.exit_code),
        "look": "; ".join(now.look),
    }
    width = max(len(said(name)) for name in known) + 1
    return [f"{said(name):<{width}}{shown(said(text))}" for name, text in known.items() if text]


_LOG_LINE = re.compile(r"(\S+Z) (\w+ +\d+ \S+) (.*?)(?:: (\w+=.*))?", re.DOTALL)
_LOG_VALUE = re.compile(r'(\w+)=("?)(.*?)\2(?=$| \w+=)', re.DOTALL)


def _log_line(line: str) -> str:
    """Return a line of robot.log, which is English and in UTC, as the console showed it."""
    found = _LOG_LINE.fullmatch(line)
    if found is None:
        return line
    at, origin, sentence, values = found.groups(default="")
    # Each by itself: of a whole line only some words would be retold.
    retold = _LOG_VALUE.sub(lambda each: f"{each[1]}={each[2]}{value_said(each[1], each[3])}{each[2]}", values)
    return f"{local(at)} {origin} {said(sentence)}{retold and f': {retold}'}"


def _lines(now: Now) -> str:
    if not now.lines_waiting:
        return ""
    since = f", since {local(now.lines_since)}; the next run sends them" if now.lines_since and not now.pid else ""
    return f"{counted(now.lines_waiting, 'line')} waiting for the orchestrator's log{since}"


def table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows as lines with columns below each other; a cell stays one line whatever a server called its script."""
    cells = [tuple(map(shown, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
