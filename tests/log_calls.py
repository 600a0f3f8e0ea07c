"""Every line that the robot can write into its log, read from the sources; `python -m tests.log_calls` writes the page.

A line is a call with an event id, a sentence that is constant, and values by name.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs

from fsm_robot.engine.event_ids import NUMBERS
from fsm_robot.engine.log_file import LINES_LOST
from fsm_robot.engine.logs import LEVELS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "log-events.md"
ID = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")
_LOGS = re.compile(r"\b_?(log|warn|logger|put|failed)\b")
OTHER_LOGS = {
    "fsm_robot/cli/own_robot/callbacks.py": "what `init --machine` writes for a user, whose lines need no id",
    "fsm_robot/cli/try.py": "passes lines on to the terminal",
    "fsm_robot/engine/logs.py": "passes lines on, and has its own two",
    "fsm_robot/fleet/watching.py": "watch.log names robot and kind of trouble",
    "fsm_robot/fleet/dashboard.py": "a page of that name",
    "fsm_robot/fleet/answers.py": "an answer of that name",
    "fsm_robot/sdk/log.py": "lines of a script",
    "fsm_robot/cli/orchestrator_objects.py": "a command of that name",
    "fsm_robot/testing/world.py": "hands a log over",
}
"""Where something else is called so, and why it is no line of robot.log."""

GIVEN_TO_ERROR = ("fsm_robot/robot/look_back.py", "fsm_robot/robot/ledger.py")
"""Where `warn` is `log.error`."""

HEAD = """# Log events

Every line of `robot.log` has an event id beside its sentence. Filter and alert by the id: it stays, while sentences may get better
words. Lines of your own callbacks have one if you give it (`log.info("letter.filed", "the letter was filed", customer=…)`), else `-`.

```text
2026-11-27T16:03:11.482Z INFO    4711 job.taken job taken: job=0f8fad5b-… script=invoices
```

Time in UTC, level, process, event id, sentence, values. The console shows the sentence, with the local time and its offset from UTC.

With `logging.format = "json"` each line is a JSON object; numbers stay numbers, lists stay lists, a crash has its `traceback` in
the same line. The name of the file stays `robot.log`.

```json
{"time": "2026-11-27T16:03:11.482Z", "level": "info", "process": 4711, "event": "job.taken", "sentence": "job taken", "values": {"job": "0f8fad5b-…", "script": "invoices"}}
```

The system's own log (`logging.system`) gets the same ids at the beginning of its texts, and a number where it knows events by number:
200 is any other warning, 300 any other error.

This page is written by `make docs` from the sources.

"""


@attrs.frozen
class LogCall:
    """A call that writes a line; `event` is empty where it has none."""

    place: str
    level: str
    event: str
    sentence: str
    values: tuple[str, ...]


@cache
def calls() -> tuple[LogCall, ...]:
    """Return every call of the package that writes a line; read once, for it takes a second."""
    return tuple(_calls())


def _calls() -> Iterator[LogCall]:
    for path in sorted((ROOT / "fsm_robot").rglob("*.py")):
        name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        if not _LOGS.search(text):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call):
                found = _read(node, f"{name}:{node.lineno}")
                if found is not None and (found.event or name not in OTHER_LOGS):
                    yield found


def _read(node: ast.Call, place: str) -> LogCall | None:
    """Return what a call writes, None where it is no line of the log."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = function.value if isinstance(function, ast.Attribute) else None
    of_log = getattr(owner, "attr", getattr(owner, "id", "")) in ("log", "_log", "logger")
    texts = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
    is_line = (name in LEVELS or name in ("write", "crash")) and of_log
    is_line = is_line or name in ("warn", "_warn") or (name in ("log", "_log") and _level(node) != "")
    at = next((i for i, text in enumerate(texts) if isinstance(text, str) and ID.fullmatch(text)), -1)
    sentence = texts[at + 1] if 0 <= at < len(texts) - 1 else None
    if isinstance(owner, ast.Name) and owner.id == "warnings":
        return None
    if not is_line and not (name in ("_put", "failed") and at >= 0):
        return None
    event = texts[at] if at >= 0 and isinstance(sentence, str) else ""
    values = tuple(each.arg or "…" for each in node.keywords)
    level = name if name in LEVELS else {"crash": "error"}.get(name, _level(node) or "warning")
    level = "error" if place.startswith(GIVEN_TO_ERROR) else level
    return LogCall(place, level, str(event or ""), sentence if isinstance(sentence, str) else "", values)


def _level(node: ast.Call) -> str:
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Name) and first.id == "level":
        return "info, warning"
    return first.value if isinstance(first, ast.Constant) and first.value in LEVELS else ""


def page() -> str:
    """Return docs/log-events.md."""
    by_event: dict[str, list[LogCall]] = {}
    for call in calls():
        by_event.setdefault(call.event, []).append(call)
    lost = LogCall(
        "fsm_robot/engine/log_file.py", "warning", LINES_LOST, "lines missing here, could not be written", ()
    )
    by_event[LINES_LOST] = [lost]
    lines, area = [HEAD.rstrip()], ""
    for event in sorted(by_event):
        if event.partition(".")[0] != area:
            area = event.partition(".")[0]
            lines += [
                "",
                f"## `{area}`",
                "",
                "| event | level | number | sentence | values |",
                "| --- | --- | --- | --- | --- |",
            ]
        same = by_event[event]
        levels = ", ".join(dict.fromkeys(level for call in same for level in call.level.split(", ")))
        values = ", ".join(
            f"`{each}`" for each in dict.fromkeys(value for call in same for value in call.values) if each != "…"
        )
        number = NUMBERS.get(event, "")
        lines.append(f"| `{event}` | {levels} | {number} | {same[0].sentence} | {values} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.exit()
