"""The catalogue of operators' messages: every sentence that is retold, from the sources; `python -m tests.catalogue` updates it.

Sentences of the log are constant. What `doctor`, `status` and the fleet say are f-strings: each becomes a sentence with
named placeholders. Pages bring their texts. The Russian is written by hand into the .po; Babel compiles it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.log_calls import calls

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "fsm_robot"
PO = PACKAGE / "locale" / "ru" / "LC_MESSAGES" / "fsm_robot.po"
MO = PO.with_suffix(".mo")
TOLD = (
    "errors.py",
    *(f"cli/{name}.py" for name in ("check", "doctor", "history", "logs", "pause", "resume", "run", "status")),
    *(f"engine/{name}.py" for name in ("callbacks", "channel", "instance", "machine_file", "own_settings", "wording")),
    "engine/journal/file.py",
    *(f"fleet/{name}.py" for name in ("answers", "asking", "dashboard", "documents", "file", "health", "outputs")),
    *(f"gateway/{name}.py" for name in ("answers", "failures", "payloads", "profile", "proxies", "reading")),
    *(f"gateway/{name}.py" for name in ("tls", "tls_failures")),
    *(f"operations/{name}.py" for name in ("checks", "diagnosis", "environments", "examination", "folders", "now")),
    *(f"orchestrator/{name}.py" for name in ("moves", "page_actions", "protocol")),
    *(
        f"robot/{name}.py"
        for name in ("after_failure", "at_keyboard", "callbacks", "death", "job_index", "kept_secret")
    ),
    *(f"robot/{name}.py" for name in ("ledger", "pause", "session", "setting_kinds", "settings", "status_file")),
    *(f"robot/{name}.py" for name in ("unsettled", "wiring")),
    *(f"system/{name}.py" for name in ("_posix", "_secret_posix", "_secret_windows", "_session_end", "_windows")),
    *(f"system/{name}.py" for name in ("_surroundings_posix", "_surroundings_windows")),
    *(f"system/{name}.py" for name in ("held", "seen_session", "threads")),
    "telemetry/export.py",
    *(f"worker/{name}.py" for name in ("_posix", "_windows", "building", "environments", "interpreter", "names")),
    *(f"worker/{name}.py" for name in ("output", "pinned", "process", "screen", "supervisor")),
)
"""Modules whose sentences are shown to operators, each of them: what they return, raise and find."""
RAISED = (
    *(f"orchestrator/{name}.py" for name in ("page", "store")),
    *(
        f"orchestrator/tables/{name}.py"
        for name in ("assets", "jobs", "naming", "queues", "robots", "storage", "tasks")
    ),
)
"""Modules of which only errors are shown; all else in them is for the database."""
NO_SENTENCE = re.compile(
    r"(SELECT|CREATE|INSERT|UPDATE|DELETE|BEGIN|PRAGMA|Basic|imported on) |[#|^(<*\\]|default-src|frame-anc|(text|application)/"
    r"|.*(\\s|\\d)"
)
"""Queries, patterns, headers, comments of files."""
PAGES = ("fleet/page/page.html", "orchestrator/page/page.html")
SCRIPTS = tuple(
    sorted(path.relative_to(PACKAGE).as_posix() for page in PAGES for path in (PACKAGE / page).parent.glob("*.js"))
)
NOT_SAID = {"abort", "d", "enqueue", "h", "log", "min", "stop"}
"""In scripts of pages: commands as they are typed, and units."""
WORDS = (
    *("idle", "paused", "starting", "crashed", "died", "absent", "unreadable", "never ran", "unknown"),
    *("succeeded", "failed", "refused", "not_started", "lost", "stopped", "stop_ran_out", "aborted"),
    *("doing", "for", "pid", "script", "progress", "look", "folder", "robot", "last", "next", "process", "job"),
    *("undelivered", "WARNING", "WRONG", "ok", "behind", "{state}: {jobs} done, exit code {code}"),
    *("Recovering", "Consuming", "Claiming", "Reporting", "Finished", "Interrupted", "Faulted"),
    *("settings", "machine", "guid", "scripts", "limits", "interpreter", "environment", "storage", "lock", "session"),
    *("desktop", "keyboard", "telemetry", "proxy", "name", "connection", "credential", "server", "doctor"),
    *("started", "outcome", "exit", "output", "interrupted", "active", "locked", "disconnected", "read", "written"),
    *("queue", "group", "asset", "process", "key", "task", "taken", "status", "seconds", "not delivered", "Pending"),
    *(
        "paused since {moment}, until {end}",
        "paused, until {end}",
        "Port out of range 0-65535",
        "Expected {text}",
        "put in again by hand",
        "its job was taken",
        "its time has come",
        "its job ended as {word}",
        "left alone for {time}",
    ),
    *(
        "all robots",
        "there is no such action",
        "fsm_robot: fleet",
        "s",
        "min",
        "h",
        "d",
        "low",
        "normal",
        "high",
        "stop",
    ),
    *("abort", "text", "calendar", "credentials"),
)
"""Single words that are shown: states, outcomes, heads of tables, names of checks; and what `run` says at its end."""
FOREIGN = (
    *("No such file or directory", "Permission denied", "No space left on device", "Is a directory", "Not a directory"),
    *("Connection refused", "Connection reset by peer", "Connection timed out", "File exists", "Input/output error"),
    *("Network is unreachable", "No route to host", "Name or service not known", "Read-only file system", "timed out"),
    *("Temporary failure in name resolution", "Operation not permitted", "Too many open files", "Broken pipe"),
    *(
        "[Errno {number}] {text}: {path}",
        "[Errno {number}] {text}",
        "[WinError {number}] {text}",
        "Address already in use",
        "Cannot allocate memory",
    ),
    *("Invalid value", "Invalid statement", "Unclosed array", "Unclosed inline table", "Unterminated string"),
    *("Cannot overwrite a value", "Cannot declare {key} twice", "Illegal character {char}", "Invalid hex value"),
    *("Expected '=' after a key in a key/value pair", "Expected ']' at the end of a table declaration"),
    *("Expected newline or end of document after a statement", "Invalid initial character for a key part"),
    *("Found invalid character {char}", "Invalid date or datetime", "Unescaped '\\\\' in a string"),
    *(
        "Expecting value: line {line} column {column} (char {char})",
        "Extra data: line {line} column {column} (char {char})",
    ),
    "Expecting property name enclosed in double quotes: line {line} column {column} (char {char})",
)
"""What the system and Python say, within sentences of ours."""
UNSAID = {
    # What a machine does is said in its own words; its drawings have titles in languages.
    *("no title for", "no description of", "after {span}", "when those are used up", "the job ends as {outcome}"),
    *("at most {at_most} until there is progress", "machine {name}: {states}, {edges}, no mistake", "warning: {text}"),
    *("state x event (. means: the event cannot come in this state)", "scripts: {text}", "for every language"),
    *("scripts.python: {said}; {do}", "scripts.locked: {said}; {do}", "{path}: no mistake"),
    *(
        "import sys",
        "int | None",
        "tuple[Problem, ...]",
        "tuple[tuple[str, int], ...]",
        "ISO 8601 in UTC",
        "value = {text}",
    ),
    *("fsm-robot status --fleet --json", "fsm_robot session end", "channel answer", "output file", "script's end"),
    *(
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "     pid   parent  name",
        "no name",
        "this machine",
    ),
    *("looking never ends by itself", "the pump comes after the pipe", "resume comes after start", "traces were sent"),
    *(
        "is not what `orchestrator probe -o` writes",
        "orchestrator.client_certificate: {error}",
        "{where}: [my]{value}: {text}",
    ),
    *(
        "--until: {error}",
        "orchestrator.profile: {error}",
        "{number}: limits.script: {said}",
        "{value} MiB",
        "pid {pid} ({name})",
    ),
    *("{state}: {jobs} done, exit code {exit_code}{paused}", "{number} {noun}ies", "environment: {}"),
}
"""Texts of those modules that are none for people."""
PLURALS = {"{number} day": "{number} days", "{number} time": "{number} times", "{number} job": "{number} jobs", "{number} state": "{number} states", "{number} more day": "{number} more days", "{number} line": "{number} lines", "{number} s": "{number} s", "{number} min": "{number} min", "{number} h": "{number} h", "{number} d": "{number} d", "{number} check": "{number} checks", "{number} script": "{number} scripts", "{number} minute": "{number} minutes"}  # fmt: skip
HEADER = "# Messages for operators, in Russian. `python -m tests.catalogue` takes new sentences in and compiles."
UNSTEADY = ('"Project-Id', '"Report-Msgid', '"POT-Creation', '"PO-Revision', '"Last-Translator', '"Language-Team', '"Generated-By')  # fmt: skip
"""Headers that change with every run, or tell nothing."""
ARGUMENTS = {"help", "metavar", "action", "dest", "nargs"}


@cache
def sentences() -> dict[str, str]:
    """Return sentence -> where it stands, of everything that is retold."""
    found = {call.sentence: call.place for call in calls() if call.level != "debug"}
    for name in TOLD:
        for text in _told(PACKAGE / name):
            found.setdefault(text, f"fsm_robot/{name}")
    for name in RAISED:
        for text in _told(PACKAGE / name, raised=True):
            found.setdefault(text, f"fsm_robot/{name}")
    for name in PAGES:
        for text in texts_of((PACKAGE / name).read_text(encoding="utf-8")):
            found.setdefault(text, f"fsm_robot/{name}")
    for name in SCRIPTS:
        for text in _of_script((PACKAGE / name).read_text(encoding="utf-8")):
            found.setdefault(text, f"fsm_robot/{name}")
    return found | dict.fromkeys((*WORDS, *FOREIGN), "")


def _of_script(text: str) -> Iterator[str]:
    """Yield what a script of a page says: `t("…")`, names of facts, heads of tables, words that have a colour."""
    yield from re.findall(r'\bt\("([^"]+)"', text)
    yield from (each for pair in re.findall(r'\bt\([^()"]*\? "([^"]+)" : "([^"]+)"\)', text) for each in pair)
    yield from (name for name in re.findall(r'\["([a-z ]+)", ', text) if name not in NOT_SAID)
    yield from re.findall(r'"?([A-Za-z][\w ()]*?)"?: "(?:good|bad|warn|busy|idle)"', text)
    yield from (f"{word}s" for word in re.findall(r'\bcount\([^,]+, "(\w+)"', text))
    for heads in re.findall(r"HEADS = \[([^\]]+)\]", text):
        yield from re.findall(r'"([^"]+)"', heads)


def _told(path: Path, raised: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out: set[int] = set()
    errors = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            left_out.add(id(node.body[0].value))  # type: ignore[attr-defined]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            left_out.update(id(part) for part in node.values)
            left_out.update(
                id(part) for value in node.values for part in ast.walk(value) if isinstance(part, ast.JoinedStr)
            )
        elif isinstance(node, ast.Call):
            left_out.update(id(each.value) for each in node.keywords if each.arg in ARGUMENTS)
            if getattr(node.func, "attr", "") in (
                "add_argument",
                "fromisoformat",
                "replace",
                "partition",
                "isoformat",
            ) or getattr(node.func, "id", "") in ("counted", "TypeVar"):
                left_out.update(map(id, node.args))
            if getattr(node.func, "id", "") == "_key":  # the second one tells what a setting is for
                left_out.update(id(part) for each in node.args[1:2] for part in ast.walk(each))
        elif isinstance(node, ast.Compare):
            left_out.update(map(id, node.comparators))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and path.name == "status.py":
            left_out.add(id(node.value))
        elif isinstance(node, ast.Assert) and node.msg is not None:
            left_out.add(id(node.msg))
    for node in ast.walk(tree):
        if id(node) in left_out or (raised and id(node) not in errors):
            continue
        if isinstance(node, ast.JoinedStr):
            text = template(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            text = node.value
        else:
            continue
        words = re.sub(r"\{\w+\}|`[^`]*`", "", text)
        if text in UNSAID or NO_SENTENCE.match(text):
            continue
        if len(re.findall(r"[A-Za-z]{2,}", words)) and " " in text.strip() and text.rstrip() == text:
            yield text


def template(node: ast.JoinedStr) -> str:
    """Return an f-string as a sentence with named placeholders: `{seen.damage}` is `{damage}`."""
    told, names = "", dict[str, str]()
    for part in node.values:
        if isinstance(part, ast.Constant):
            told += str(part.value)
        elif isinstance(part, ast.FormattedValue):
            name, said = _name(part.value), ast.unparse(part.value)
            while names.setdefault(name, said) != said:
                name += "_"
            told += f"{{{name}}}"
    return told


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id.lower()
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    if isinstance(node, ast.BoolOp):
        return _name(node.values[0])
    if isinstance(node, ast.Call) and node.args:
        return _name(node.args[0])
    return "value"


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.quiet += tag in ("code", "script", "style")
        self.found += [value for name, value in attrs if name in ("aria-label", "placeholder", "data-sure") and value]

    def handle_endtag(self, tag: str) -> None:
        self.quiet -= tag in ("code", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self.quiet and re.search(r"[A-Za-z]{2,}", data):
            self.found.append(data.strip())


def texts_of(page: str) -> list[str]:
    """Return the texts of a page of HTML, in the order in which they stand."""
    parser = _Texts()
    parser.feed(page)
    return [text for text in parser.found if re.search(r"[A-Za-z]{2,}", text) and not text.startswith("{")]


def template_catalogue() -> Catalog:
    """Return every sentence, untranslated, in the order of the alphabet."""
    made = Catalog(locale="ru", header_comment=HEADER, charset="utf-8", fuzzy=False)
    for sentence, place in sorted(sentences().items()):
        made.add(sentence, locations=[(place.partition(":")[0], 0)] if place else [])
    for one, many in PLURALS.items():
        made.add((one, many))
    return made


def read() -> Catalog:
    """Return the catalogue as it stands in the package."""
    with PO.open("rb") as stream:
        return read_po(stream, locale="ru", charset="utf-8")


def written(catalogue: Catalog) -> bytes:
    """Return the text of a .po, always the same for the same sentences."""
    out = BytesIO()
    write_po(out, catalogue, width=0, sort_output=True, include_lineno=False, ignore_obsolete=True)
    lines = out.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(UNSTEADY)).encode()


def compiled(catalogue: Catalog) -> bytes:
    """Return the bytes of a .mo."""
    out = BytesIO()
    steady = read_po(BytesIO(written(catalogue)), locale="ru", charset="utf-8")
    steady.creation_date = steady.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    write_mo(out, steady)
    return out.getvalue()


def main() -> None:
    """Take new sentences in, drop those that nobody says any more, compile."""
    new, old = template_catalogue(), read() if PO.exists() else Catalog(locale="ru")
    for message in new:
        known = old.get(message.id[0] if isinstance(message.id, tuple) else message.id)
        if message.id and known is not None and known.string:
            message.string = known.string
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(written(new))
    MO.write_bytes(compiled(new))


if __name__ == "__main__":
    main()
