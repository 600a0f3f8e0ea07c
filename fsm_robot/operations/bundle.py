"""What somebody needs who is to find out from afar why a robot does not work, without a secret."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import attrs

from fsm_robot import __version__
from fsm_robot.engine.journal.file import journals
from fsm_robot.engine.redact import Secrets
from fsm_robot.operations.secret_scan import without_secrets
from fsm_robot.robot.settings import GUID, LIMITS, SECTIONS, LimitsSettings, Settings
from fsm_robot.system.held import PATIENCE

if sys.platform == "win32":
    from fsm_robot.worker import _windows as processes
else:
    from fsm_robot.worker import _posix as processes

PACKAGES = ("attrs", "loguru", "PyYAML", "requests", "transitions", "truststore", "urllib3")
NOT_IN_IT = (
    "Not in it: what scripts have printed, the scripts, the parameters of jobs, screenshots, the list of jobs,"
    " robot.toml as it is written, values of the environment and of [my], command lines of processes."
)
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:\d\d)")
LONGEST_FILE_BYTES = 16 << 20
Told = TypeVar("Told")


@attrs.frozen
class Part:
    """A file of a bundle.

    Attributes:
        name: Its name in the bundle.
        text: What is in it, without secrets.
        hidden: How many places looked like a secret that nobody knew, and were taken out.
    """

    name: str
    text: str
    hidden: int = 0


@attrs.frozen
class Robot:
    """Whose bundle it is.

    Attributes:
        config: Its robot.toml.
        storage: Its storage folder.
        settings: What robot.toml says; None where it cannot be read.
        problem: Why not.
    """

    config: Path
    storage: Path
    settings: Settings | None
    problem: str = ""


def parts(robot: Robot, since: datetime, diagnoses: Callable[[], object]) -> Iterator[Part]:
    """Yield what goes into a bundle; every text was looked through for known secrets and for what looks like one.

    Args:
        robot: Whose it is.
        since: What is older stays out of journals and logs; aware.
        diagnoses: Asks the doctor, who answers with something that JSON has a word for.
    """
    secrets = known_secrets(robot)
    for name, make in _sources(robot, since, diagnoses):
        try:
            text = make()
        except (OSError, ValueError) as error:  # one file that cannot be had must not cost the others
            text = f"could not be read: {getattr(error, 'strerror', None) or error}\n"
        yield Part(secrets.text(name), *without_secrets(secrets.text(text)))


def contents(found: list[Part], since: datetime) -> str:
    """Return the list of what is in a bundle, as it is printed and put into it."""
    lines = [f"fsm_robot {__version__}, from {since:%Y-%m-%dT%H:%M:%S%z} on", ""]
    for part in found:
        hidden = f"  {part.hidden} places looked like a secret and were taken out" if part.hidden else ""
        lines.append(f"{len(part.text.encode(errors='backslashreplace')):>10}  {part.name}{hidden}")
    lines += ["", NOT_IN_IT, "Look through it before you send it: a password in the midst of prose is found by nobody."]
    return "\n".join(lines) + "\n"


def known_secrets(robot: Robot) -> Secrets:
    """Return what takes out all that is known to be secret here."""
    try:
        text = robot.config.read_text("utf-8", "replace")
    except OSError:
        text = ""
    guids = [match.group().strip("{}") for match in re.finditer(GUID, text)]
    settings = robot.settings
    if settings is not None and settings.orchestrator.robot_guid:
        guids.insert(0, settings.orchestrator.robot_guid)
    secrets = Secrets(guids[0] if guids else "")
    for guid in guids[1:]:
        for form in (guid.lower(), guid.upper()):
            secrets.hide(form)
            secrets.hide(form.replace("-", ""))
    for value in _own_values(settings.my if settings is not None else {}):
        secrets.hide(value)
    for name, value in os.environ.items():
        if name.startswith("FSM_ROBOT_") or name.lower().endswith("_proxy"):
            for word in (value if "guid" in name.lower() else "", _login(value)):
                if word:
                    secrets.hide(word)
    return secrets


def _sources(robot: Robot, since: datetime, diagnoses: Callable[[], object]) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "settings.json", lambda: _json(_settings(robot))
    yield "doctor.json", lambda: _json(diagnoses())
    yield "versions.json", lambda: _json(_versions())
    yield "processes.txt", processes.listed
    for path in sorted(robot.storage.glob("robot*.log*")):
        yield f"logs/{path.name}", lambda path=path: _lines_since(_text(path), since)  # type: ignore[misc]
    moment = since.timestamp()
    for path in journals(robot.storage / "journal"):
        if _changed(path) >= moment:
            yield f"journal/{path.name}", lambda path=path: _text(path)  # type: ignore[misc]


def _settings(robot: Robot) -> object:
    variables = sorted(name for name in os.environ if name.startswith("FSM_ROBOT_"))
    if robot.settings is None:
        return {"robot.toml": str(robot.config), "cannot be read": robot.problem, "variables": variables}
    told: dict[str, object] = {"robot.toml": str(robot.config), "variables": variables}
    for section, kind in SECTIONS.items():
        told[section] = _values(getattr(robot.settings, section), kind)
    told[LIMITS] = [_values(entry, LimitsSettings) for entry in robot.settings.limits]
    told["my"] = dict.fromkeys(robot.settings.my, "(not shown)")
    return told


def _values(of: object, kind: type) -> dict[str, object]:
    fields = {field.name: field for field in attrs.fields(kind)}
    values = {name: getattr(of, name) for name in fields}
    return {name: value if fields[name].repr or not value else "(given)" for name, value in values.items()}


def _versions() -> object:
    from importlib import metadata

    found: dict[str, object] = {
        "fsm_robot": __version__,
        "python": sys.version,
        "executable": sys.executable,
        "system": platform.platform(),
    }
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def _text(path: Path) -> str:
    with PATIENCE.until_free(path, lambda: path.open("rb")) as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - LONGEST_FILE_BYTES))
        return stream.read().decode("utf-8", "replace")


def _lines_since(text: str, since: datetime) -> str:
    """Return the lines of a log from a moment on; what has no stamp belongs to the line before it."""
    kept: list[str] = []
    wanted = False
    for line in text.splitlines(keepends=True):
        if (stamp := _STAMP.match(line)) is not None:
            wanted = datetime.fromisoformat(stamp.group()) >= since
        if wanted:
            kept.append(line)
    return "".join(kept)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # deleted since it was listed


def _own_values(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _own_values(each)
    elif isinstance(value, list):
        for each in value:
            yield from _own_values(each)


def _login(address: str) -> str:
    """Return the password in the address of a proxy, or empty."""
    login, at, _ = address.rpartition("@")
    return login.rpartition(":")[2] if at else ""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
