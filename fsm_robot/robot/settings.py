"""robot.toml and the environment -> Settings, checked before anything is sent.

The environment wins: `FSM_ROBOT_<SECTION>_<KEY>` overrides `[section] key`. Every problem is reported in one go,
with file, line and key.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.engine.wording import did_you_mean
from fsm_robot.errors import SettingsError
from fsm_robot.robot.setting_kinds import BY_DEFAULT, FLAG_OR_PATH, Kind
from fsm_robot.system.held import PATIENCE

ENVIRONMENT_PREFIX = "FSM_ROBOT_"
PROTECTED, IN_KEYRING = "dpapi:", "keyring:"
"""See `robot.kept_secret`, which only such a file makes anybody import."""
OWN_SECTION = "my"
"""The section of a user's own callbacks; see `engine.own_settings`."""
# Written by the robot itself into the environment of scripts and of the demo: not settings.
OWN_VARIABLES = frozenset(
    {
        "FSM_ROBOT_JOB",
        "FSM_ROBOT_RUN_TOKEN",
        "FSM_ROBOT_CONFIG",
        "FSM_ROBOT_DATA",
        "FSM_ROBOT_DATA_RUN",
        "FSM_ROBOT_VENDOR_API",
    }
)
GUID = r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?"
"""What finds a GUID in a text; `is_guid` tells whether one is all of it, and no start has to compile a pattern."""
_GUID_LENGTHS, _HEX_DIGITS = [8, 4, 4, 4, 12], frozenset("0123456789abcdefABCDEF")
LARGEST_FILE_BYTES = 64 * 1024
LINES_NAME = "lines"
PAUSED_NAME = "paused.json"
"""Folder in the storage folder with the lines that wait for the Orchestrator's log."""
SMART_QUOTES = "“”„«»‘’‚‹›″′`´"


def _one_of(*allowed: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in allowed else f"must be one of {', '.join(allowed)}, not {value!r}"


def _between(low: float, high: float) -> Callable[[Any], str | None]:
    return lambda value: None if low <= value <= high else f"must be from {low:g} to {high:g}, not {value:g}"


def _whole_between(low: int, high: int) -> Callable[[Any], str | None]:
    return lambda value: None if low <= value <= high else f"must be from {low} to {high}, not {_short(value)}"


def _short(number: int) -> str:
    return str(number) if abs(number) < 10**20 else "a number of more than 20 digits"


def _url(value: str) -> str | None:
    from urllib.parse import urlsplit

    # `urlsplit` would leave out line breaks and tabs without a word.
    if any(character.isspace() for character in value):
        return "must not hold a blank"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is not a URL: {error}"
    if parts.port == 0:
        return "must have a port from 1 to 65535"
    if parts.scheme not in ("http", "https") or not host:
        return f"must be http://host[:port] or https://host[:port], not {value!r}"
    if parts.username or parts.password:
        return "must not carry a user name or password"
    if parts.query or parts.fragment:
        return "must not carry a query or a fragment"
    return None


def is_guid(text: str) -> bool:
    """Return whether a text is a GUID, with braces or without."""
    parts = text.removeprefix("{").removesuffix("}").split("-")
    return [len(part) for part in parts] == _GUID_LENGTHS and all(map(_HEX_DIGITS.issuperset, parts))


def _guid(value: str) -> str | None:
    # The value is the password: the message never repeats it.
    return None if not value or is_guid(value) else "is not a GUID such as 01234567-89ab-cdef-0123-456789abcdef"


def _path(value: bool | str) -> str | None:
    is_odd = isinstance(value, str) and ("%" in value or value.startswith("$"))  # else no pattern need be compiled
    if is_odd and (found := re.search(r"%\w+%|^\$\{?\w+", str(value))):
        return f"must be the value itself: {found.group()} is not replaced here"
    return None


def _call(value: str) -> str | None:
    word = r"[A-Za-z0-9_]+=[A-Za-z0-9_{}.:-]*"
    if value and not re.fullmatch(rf"(GET|POST|PUT|DELETE) [A-Za-z]+(/[A-Za-z{{}}]+)+( {word})*", value):
        return f"must be VERB PATH FIELD=VALUE …, such as 'PUT queue/take/{{queue}} job_guid={{job}}', not {value!r}"
    return None


def _pattern(value: str) -> str | None:
    if not value:
        return "is empty; * fits every script"
    if value.replace("\\", "/").startswith("/") or "?" in value or "[" in value:
        return f"must be a name below the scripts folder, in which only * has a meaning, not {value!r}"
    return None


def _readable(value: str) -> str | None:
    """Say what a text must not hold anywhere: what no file name, address or word has."""
    if value.isprintable():
        return None
    character = next(character for character in value if not character.isprintable())
    hint = """; in "…" quotes a backslash begins an escape, such as \\t for a tab: put paths in '…' quotes"""
    return f"must not hold the character {character!r}{hint if character < ' ' else ''}"


def _key(
    default: Any,
    help_text: str,
    check: Callable[[Any], str | None] | None = None,
    kind: Kind | None = None,
    *,
    secret: bool = False,
) -> Any:
    """Declare one key of robot.toml: its default, its help, its check and its kind, kept together on the field.

    The kind is that of the default where nothing else is said.
    """
    metadata = {"help": help_text, "check": check, "kind": kind or BY_DEFAULT[type(default)]}
    if isinstance(default, list):
        return attrs.field(factory=lambda: tuple(default), metadata=metadata)
    return attrs.field(default=default, repr=not secret, metadata=metadata)


@attrs.frozen(eq=False, repr=False)
class OrchestratorSettings:
    """`[orchestrator]`: where the server is and how to talk to it."""

    url: str = _key("", "where the Orchestrator listens, http or https", _url)
    robot_guid: str = _key("", "the robot's GUID: this is its password", _guid, secret=True)
    robot_guid_file: str = _key(
        "",
        "a file that holds the GUID, instead of robot_guid: as it is, protected as `fsm-robot init` does on Windows, or"
        " the name of its entry in the keyring (`init --keyring`)",
        _path,
    )
    auth_scheme: str = _key("basic", "basic or bearer", _one_of("basic", "bearer"))
    verify: bool | str = _key(
        True, "true: the system's certificate store; false: no check; or a PEM file", _path, FLAG_OR_PATH
    )
    client_certificate: str = _key("", "PEM file that is shown to a server that wants a certificate", _path)
    client_key: str = _key("", "PEM file of its key; empty: it is in the same file", _path)
    client_key_password_file: str = _key(
        "", "a file that holds the password of that key, as it is or protected, like robot_guid_file", _path
    )
    timeout_s: float = _key(30.0, "longest wait for an answer", _between(0.1, 600))
    profile: str = _key(
        "",
        "what `fsm-robot orchestrator probe -o server.toml` has found out about this server, such as server.toml",
        _path,
    )


@attrs.frozen(eq=False, repr=False)
class HeartbeatSettings:
    """`[heartbeat]`: the sign of life while a script runs."""

    interval_s: float = _key(
        10.0, "distance between Working heartbeats; below 10 the server may complain", _between(0.05, 3600)
    )
    on_disconnect: str = _key(
        "continue", "when the server stays silent while a script runs", _one_of("continue", "stop")
    )
    disconnect_after_s: float = _key(3600.0, "how long silent before on_disconnect = stop acts", _between(1, 7 * 86400))


@attrs.frozen(eq=False, repr=False)
class ScriptsSettings:
    """`[scripts]`: what is run and how."""

    directory: str = _key("scripts", "folder of the scripts, relative to robot.toml", _path)
    python: str = _key("", "interpreter for the scripts, a path or a name on PATH; empty: the robot's own", _path)
    environments: str = _key(
        "found",
        "found: a .venv beside a script or above it runs it; built: one is made from its lock file, too; off: neither",
        _one_of("found", "built", "off"),
    )
    environments_unpinned: bool = _key(False, "build from a requirements file without hashes, too")
    environments_build_s: float = _key(
        600.0, "how long a job may build its environment; 0: only `fsm-robot env sync` builds", _between(0, 86400)
    )
    locked: bool = _key(False, "run scripts only as `fsm-robot scripts lock` has written them down")
    stop_grace_s: float = _key(60.0, "time a script gets to leave after a polite stop", _between(0, 86400))
    keep_job_files: bool = _key(False, "keep the job's JSON file after the job, for debugging")
    legacy_argument: bool = _key(False, "pass processVersionGUID|jobGUID||settings.txt, as the vendor's framework does")
    legacy_settings: str = _key("", "the settings.txt that it names; empty: the framework's usual one", _path)
    vendor_api: bool = _key(False, "let scripts find OrchestratorAPI.TaskOrcAPI, on this robot's own job API")
    output_limit_mib: float = _key(
        16.0, "most of a job's output kept on disk, half head, half tail", _between(0.01, 1024)
    )


@attrs.frozen(eq=False, repr=False)
class SessionSettings:
    """`[session]`: what happens when nothing is left to do."""

    when_idle: str = _key(
        "auto",
        "log_off, disconnect, exit, or auto: log_off under Windows where the installed task started the robot or there"
        " is no console, else exit",
        _one_of("auto", "log_off", "disconnect", "exit"),
    )
    without_desktop: str = _key(
        "say",
        "when limits ask for a desktop and it is not there or locked: say (in the log, before each job is asked for),"
        " or wait: ask for no job",
        _one_of("say", "wait"),
    )
    at_keyboard: str = _key(
        "ignore",
        "when a person uses the session: ignore, stay (it is not left), or no_job (no job is asked for, either)",
        _one_of("ignore", "stay", "no_job"),
    )
    at_keyboard_min: float = _key(
        5.0,
        "how old the last input may be for that, in minutes; what a script has typed does not count",
        _between(0.1, 1440),
    )
    after_failure: str = _key(
        "when_idle",
        "once all is reported and a job of the run has failed: when_idle (as that says), stay (for somebody to look),"
        " log_off or reboot; the last two never twice an hour",
        _one_of("when_idle", "stay", "log_off", "reboot"),
    )
    reboot_command: tuple[str, ...] = _key([], "own command for the reboot; empty: the platform's own")
    idle_wait_s: float = _key(
        0.0, "how long to go on asking for a job before that; the vendor's visual robots wait 90", _between(0, 86400)
    )
    log_off_command: tuple[str, ...] = _key([], "own command for the log-off; empty: the platform's own")


@attrs.frozen(eq=False, repr=False)
class StorageSettings:
    """`[storage]`: where the robot keeps its files."""

    directory: str = _key("state", "journal, job folders, lock and log, relative to robot.toml", _path)
    keep_runs: int = _key(
        1000, "journals of runs with jobs that are kept, with the folders of their jobs", _whole_between(10, 100_000)
    )
    keep_runs_days: float = _key(90.0, "days after which they are deleted anyway", _between(1, 36500))
    keep_idle_runs: int = _key(100, "journals of runs without a job that are kept", _whole_between(10, 100_000))
    readers: tuple[str, ...] = _key(
        [],
        "who may read journals, robot.log, outputs and status.json: DOMAIN\\\\rpa-operators, on Linux one group",
    )
    keep_task: bool = _key(False, "write the Task into the journal; by default only its SHA-256 is there")


@attrs.frozen(eq=False, repr=False)
class SdkSettings:
    """`[sdk]`: what scripts may ask of the robot: tasks, assets, files, jobs, lines of the log."""

    enabled: bool = _key(True, "let scripts ask; fsm_robot.sdk needs it")
    transport: str = _key(
        "auto",
        "by what scripts, `post` and `status` reach the robot: auto (a socket in the storage folder, or a named pipe),"
        " loopback (a port of 127.0.0.1, where those are not available; every account of the machine can connect to it,"
        " and needs the token)",
        _one_of("auto", "loopback"),
    )
    allow: tuple[str, ...] = _key(
        ["*"], "what they may ask for: queue:NAME, asset:NAME, file:FOLDER/NAME, job:PROCESS, with * for any text"
    )
    take: str = _key(
        "announce",
        "how a task is taken: announce (by a tag, safe among robots that do so), verify (read back, for fast servers),"
        " naive (for a queue of one robot), server (by a call of the Orchestrator's own, take_call)",
        _one_of("announce", "verify", "naive", "server"),
    )
    take_call: str = _key(
        "",
        "for take = server: verb, path and fields, with {queue} and {job}, such as"
        " PUT queue/take/{queue} job_guid={job}; GET queue/lastTask/{queue} where that reserves",
        _call,
    )
    patience_s: float = _key(
        120.0, "how long a question to the Orchestrator is repeated that fails for a passing reason", _between(0, 3600)
    )
    server_time: str = _key("utc", "in which zone the Orchestrator writes its times", _one_of("utc", "local"))
    settle_s: float = _key(
        5.0,
        "how long the final status waits for open tasks and lines of the log; never after an abort",
        _between(0, 60),
    )


@attrs.frozen(eq=False, repr=False)
class LogShippingSettings:
    """`[log_shipping]`: what the Orchestrator's log gets of a job."""

    send: str = _key(
        "records",
        "records: what scripts log, and how a job ended unless well, with its traceback; output: also what they print;"
        " none: nothing",
        _one_of("records", "output", "none"),
    )
    level: str = _key(
        "INFO", "least level of what scripts log", _one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    )
    level_numbers: str = _key(
        "",
        "for a server that takes numbers of levels: debug0 (Debug 0 up to Critical 5) or info1 (Info 1, Critical 2,"
        " Error 3, Warning 4, Debug 5); empty: it takes words",
        _one_of("", "debug0", "info1"),
    )
    per_s: float = _key(5.0, "messages a second, after the first twenty", _between(0.1, 1000))
    spool_mib: float = _key(16.0, "most that waits to be sent, in memory and on disk", _between(0.1, 1024))
    exit_flush_s: float = _key(
        10.0,
        "how long a robot without a job goes on sending before it leaves, while the server takes it",
        _between(0, 600),
    )


@attrs.frozen(eq=False, repr=False)
class ScreenshotsSettings:
    """`[screenshots]`: pictures of the screen, which need the package mss and a desktop."""

    on_failure: bool = _key(True, "take one when a script or a task fails, into the folder of the job")
    keep: int = _key(20, "most that a job may have; 0 takes none", _whole_between(0, 1000))
    upload: str = _key("", "the folder of the Orchestrator's storage that gets them; empty: they stay on this machine")


OPENED = (
    *("excel.exe", "winword.exe", "powerpnt.exe", "outlook.exe", "msaccess.exe", "iexplore.exe", "msedge.exe"),
    *("chrome.exe", "firefox.exe", "soffice.bin", "chrome", "chromium", "firefox", "msedge"),
)


@attrs.frozen(eq=False, repr=False)
class LeftoversSettings:
    """`[leftovers]`: programs that were opened during a job, are still there, and no process of its script."""

    report: tuple[str, ...] = _key(list(OPENED), "names or patterns (*) of those that robot.log tells; any case")
    ask: tuple[str, ...] = _key([], "of those that are asked to close: by their windows, on Linux by SIGTERM")
    end: tuple[str, ...] = _key([], "of those that are ended, with what is not saved in them")


def _url_or_none(value: str) -> str | None:
    return _url(value) if value else None


@attrs.frozen(eq=False, repr=False)
class TelemetrySettings:
    """`[telemetry]`: runs with a job as traces and metrics of OpenTelemetry; needs `pip install fsm_robot[otel]`."""

    endpoint: str = _key("", "a collector for OTLP over HTTP, such as http://collector:4318; empty: none", _url_or_none)
    headers_file: str = _key("", "a file of lines NAME: VALUE that it wants besides, such as a key", _path)
    service: str = _key("fsm_robot", "what traces call this robot: service.name")
    timeout_s: float = _key(5.0, "most that the end of a run waits for it, behind all jobs", _between(0.1, 60))


@attrs.frozen(eq=False, repr=False)
class LoggingSettings:
    """`[logging]`: how much is told."""

    level: str = _key("INFO", "DEBUG, INFO, WARNING or ERROR", _one_of("DEBUG", "INFO", "WARNING", "ERROR"))
    language: str = _key(
        "en",
        "en or ru: of the console, `status`, `doctor` and pages; robot.log and JSON stay English",
        _one_of("en", "ru"),
    )
    format: str = _key("text", "text or json: how robot.log has its lines; see log-events.md", _one_of("text", "json"))
    system: bool = _key(False, "put warnings and errors into syslog or journald too, under Windows into the event log")


@attrs.frozen(eq=False, repr=False)
class MachineSettings:
    """`[machine]`: another machine file, and the module with its callbacks."""

    file: str = _key("", "machine file instead of the built-in states.yaml", _path)
    callbacks: str = _key("", "module or .py file with a Callbacks class of your own", _path)


@attrs.frozen(eq=False, repr=False)
class LimitsSettings:
    """An entry of `[[limits]]`: what scripts may use. The first entry that fits a script counts, and no other."""

    script: str = _key(
        "", "whose limits these are: the script's name as the Orchestrator gives it, with * for any text", _pattern
    )
    time_limit_s: float = _key(
        0.0, "how long it may run; then it is asked to stop, and killed after scripts.stop_grace_s; 0: no limit",
        _between(0, 30 * 86400),
    )  # fmt: skip
    memory_mib: float = _key(
        0.0, "how much memory it may use with all that it starts; then it is killed; 0: no limit", _between(0, 1 << 24)
    )
    cpu_priority: str = _key("normal", "normal, below_normal or idle", _one_of("normal", "below_normal", "idle"))
    desktop: bool = _key(False, "it needs a desktop that is there and not locked")


@attrs.frozen(eq=False, repr=False)
class Settings:
    """Everything that robot.toml and the environment say. Relative paths start at `base`."""

    orchestrator: OrchestratorSettings = OrchestratorSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    scripts: ScriptsSettings = ScriptsSettings()
    session: SessionSettings = SessionSettings()
    storage: StorageSettings = StorageSettings()
    sdk: SdkSettings = SdkSettings()
    log_shipping: LogShippingSettings = LogShippingSettings()
    screenshots: ScreenshotsSettings = ScreenshotsSettings()
    leftovers: LeftoversSettings = LeftoversSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    logging: LoggingSettings = LoggingSettings()
    machine: MachineSettings = MachineSettings()
    limits: tuple[LimitsSettings, ...] = ()
    my: Mapping[str, Any] = attrs.field(factory=dict)
    my_places: Mapping[str, str] = attrs.field(factory=dict)
    """Where each key of `my` was said, for messages: file and line, or variable; the section's own for an empty key."""
    base: Path = Path()
    file: Path = Path()
    guid_source: str = ""
    """`key`, `file` or `environment`; empty where there is no GUID."""
    is_of_jobs: bool = True

    def path(self, text: str) -> Path:
        """Return `text` as an absolute path, relative ones taken from the folder of robot.toml."""
        return Path(os.path.abspath(self.base / os.path.expanduser(text)))

    @property
    def scripts_directory(self) -> Path:
        """The folder that scripts are looked up in."""
        return self.path(self.scripts.directory)

    @property
    def storage_directory(self) -> Path:
        """The folder of journal, job folders, lock and log."""
        return self.path(self.storage.directory)

    @property
    def scripts_python(self) -> str:
        """The interpreter that runs the scripts: a path, or a bare name, which the system looks up on PATH."""
        python = self.scripts.python
        if python:
            is_bare = os.path.basename(python) == python and not python.startswith("~")
            return python if is_bare else str(self.path(python))
        # Under pythonw a script's children would each open a console window of their own.
        folder, name = os.path.split(sys.executable)
        return os.path.join(folder, "python.exe") if name.lower() == "pythonw.exe" else sys.executable


LIMITS = "limits"
"""The tables that may be there many times; no variable of the environment stands for them."""
SECTIONS: Mapping[str, type] = {
    "orchestrator": OrchestratorSettings,
    "heartbeat": HeartbeatSettings,
    "scripts": ScriptsSettings,
    "session": SessionSettings,
    "storage": StorageSettings,
    "sdk": SdkSettings,
    "log_shipping": LogShippingSettings,
    "screenshots": ScreenshotsSettings,
    "leftovers": LeftoversSettings,
    "telemetry": TelemetrySettings,
    "logging": LoggingSettings,
    "machine": MachineSettings,
}


def times(settings: Settings | None = None) -> dict[str, float]:
    """Return every setting that holds a time in seconds, by its name in a machine file: `scripts.stop_grace_s`.

    Without `settings` with its default.
    """
    settings = Settings() if settings is None else settings
    return {
        f"{section}.{field.name}": float(getattr(getattr(settings, section), field.name))
        for section, kind in SECTIONS.items()
        for field in attrs.fields(kind)
        if field.name.endswith("_s")
    }


def load(path: Path, environment: Mapping[str, str] | None = None, *, need_credential: bool = True) -> Settings:
    """Read robot.toml at `path`, let `environment` override it, check everything.

    Args:
        path: The file; it must exist.
        environment: Defaults to the process environment.
        need_credential: Whether a URL and a GUID must be there (`check` of a machine file needs neither).

    Raises:
        SettingsError: One line per problem: file, line, key, what is wrong and what is expected.
    """
    environment = os.environ if environment is None else environment
    return check_text(_read(path), path, environment, need_credential=need_credential)


def check_text(
    text: str, path: Path, environment: Mapping[str, str] | None = None, *, need_credential: bool = False
) -> Settings:
    """Return the settings that the text of a robot.toml at `path` gives; see `load`."""
    reader = _Reader(path, text)
    sections = reader.from_file()
    reader.from_environment(sections, environment or {})
    built = {name: SECTIONS[name](**values) for name, values in sections.items()}
    settings = Settings(
        **built,
        limits=tuple(reader.limits),
        my=reader.own,
        my_places=reader.own_places,
        base=path.parent,
        file=path,
        guid_source=reader.guid_source(sections, environment or {}),
        is_of_jobs=reader.is_of_jobs(sections),
    )
    settings = reader.with_guid_from_file(settings)
    if need_credential and settings.is_of_jobs:
        reader.require_credential(settings)
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


def _read(path: Path) -> str:
    try:
        data = PATIENCE.content(path)
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file; `fsm-robot init` writes one") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST_FILE_BYTES:
        raise SettingsError(f"{path}: is larger than {LARGEST_FILE_BYTES // 1024} KiB; this is not a robot.toml")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        raise SettingsError(f"{path}: is not UTF-8 but UTF-16, which some editors call Unicode; save the file as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}:{line}: is not UTF-8 text; save the file as UTF-8") from error


@attrs.define(eq=False, repr=False)
class _Reader:
    """Collects the problems of one robot.toml and its environment."""

    path: Path
    text: str
    problems: list[str] = attrs.field(factory=list)
    own: dict[str, Any] = attrs.field(factory=dict)
    own_places: dict[str, str] = attrs.field(factory=dict)
    limits: list[LimitsSettings] = attrs.field(factory=list)
    _mentions_orchestrator: bool = False

    def is_of_jobs(self, sections: Mapping[str, Mapping[str, Any]]) -> bool:
        """Return whether it is a robot that an orchestrator gives jobs: not one that names callbacks and no such."""
        named = self._mentions_orchestrator or bool(sections["orchestrator"])
        return named or not sections["machine"].get("callbacks")

    def from_file(self) -> dict[str, dict[str, Any]]:
        sections: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
        try:
            document = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(self._toml_problem(error)) from error
        except ValueError as error:
            # Python reads no number of more than 4,300 digits.
            raise SettingsError(f"{self.path}: holds a number with too many digits") from error
        except RecursionError as error:
            raise SettingsError(f"{self.path}: is nested too deeply") from error
        self._mentions_orchestrator = "orchestrator" in document
        self.own_places[""] = self._where(OWN_SECTION, None) if OWN_SECTION in document else f"{self.path}:1"
        for section, values in document.items():
            if section == OWN_SECTION and isinstance(values, dict):
                self.own |= values  # checked by who knows the class that declares it
                self.own_places |= {key: self._where(section, key) for key in values}
            elif section == LIMITS:
                self._take_limits(values)
            elif section not in SECTIONS:
                known = (*SECTIONS, LIMITS)
                self._complain(section, None, f"unknown section{did_you_mean(section, known)}")
            elif not isinstance(values, dict):
                self._complain(section, None, f"must be a section: [{section}]")
            else:
                for key, value in values.items():
                    self._take(sections, section, key, value, partial(self._where, section, key))
        return sections

    def from_environment(self, sections: dict[str, dict[str, Any]], environment: Mapping[str, str]) -> None:
        given = [name for name in environment if name.startswith(ENVIRONMENT_PREFIX) and name not in OWN_VARIABLES]
        if not given:
            return
        known = {
            f"{ENVIRONMENT_PREFIX}{section}_{field.name}".upper(): (section, field)
            for section, kind in SECTIONS.items()
            for field in attrs.fields(kind)
        }
        for variable in sorted(given):
            text = environment[variable]
            own = f"{ENVIRONMENT_PREFIX}{OWN_SECTION}_".upper()
            if variable.startswith(own):
                key = variable.removeprefix(own).lower()
                self.own[key], self.own_places[key] = _own_from_text(text), f"environment: {variable}"
                continue
            if variable not in known:
                self.problems.append(f"environment: {variable}: unknown{did_you_mean(variable, known)}")
                continue
            section, field = known[variable]
            value = field.metadata["kind"].from_text(text)
            self._take(sections, section, field.name, value, partial("environment: {}".format, variable))

    def with_guid_from_file(self, settings: Settings) -> Settings:
        name = settings.orchestrator.robot_guid_file
        if not name or settings.orchestrator.robot_guid:
            return settings
        where = self._where("orchestrator", "robot_guid_file")
        try:
            guid = settings.path(name).read_text("utf-8-sig").strip()
            if guid.startswith((PROTECTED, IN_KEYRING)):
                from fsm_robot.robot import kept_secret

                guid = kept_secret.opened(guid).strip()
        except OSError as error:
            said = f"{settings.path(name)}: {error.strerror or error}"
            self.problems.append(f"{where}: orchestrator.robot_guid_file: cannot be read: {said}")
            return settings
        except UnicodeDecodeError:
            self.problems.append(f"{where}: orchestrator.robot_guid_file: cannot be read: it is not UTF-8 text")
            return settings
        problem = _guid(guid) if guid else "is empty"
        if problem:
            self.problems.append(f"{where}: orchestrator.robot_guid_file: its content {problem}")
            return settings
        found = attrs.evolve(settings.orchestrator, robot_guid=guid.strip("{}"))
        return attrs.evolve(settings, orchestrator=found, guid_source="file")

    def guid_source(self, sections: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str]) -> str:
        """Return where the GUID comes from that is not in a file of its own."""
        if not sections["orchestrator"].get("robot_guid"):
            return ""
        given = f"{ENVIRONMENT_PREFIX}ORCHESTRATOR_ROBOT_GUID" in environment
        return "environment" if given else "key"

    def require_credential(self, settings: Settings) -> None:
        where = f"{self.path}:{self._line('orchestrator', None)}"
        if not settings.orchestrator.url and not self._mentioned("orchestrator.url"):
            self.problems.append(f"{where}: orchestrator.url: is missing; say where the Orchestrator listens")
        if not settings.orchestrator.robot_guid and not self._mentioned("orchestrator.robot_guid"):
            self.problems.append(
                f"{where}: orchestrator.robot_guid: is missing; give robot_guid, robot_guid_file"
                f" or {ENVIRONMENT_PREFIX}ORCHESTRATOR_ROBOT_GUID"
            )

    def _take(
        self, sections: dict[str, dict[str, Any]], section: str, key: str, value: Any, where: Callable[[], str]
    ) -> None:
        kind = LimitsSettings if section == LIMITS else SECTIONS[section]
        field = next((field for field in attrs.fields(kind) if field.name == key), None)
        if field is None:
            names = [field.name for field in attrs.fields(kind)]
            self.problems.append(f"{where()}: {section}.{key}: unknown key{did_you_mean(key, names)}")
            return
        value, problem = field.metadata["kind"].read(value)
        check = field.metadata["check"]
        if isinstance(value, str):
            problem = problem or _readable(value)
        problem = problem or (check(value) if check else None)
        if problem:
            self.problems.append(f"{where()}: {section}.{key}: {problem}")
        else:
            sections[section][key] = value.strip("{}") if key == "robot_guid" else value

    def _take_limits(self, entries: Any) -> None:
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            return self._complain(LIMITS, None, "must be written as [[limits]], once for each pattern of scripts")
        for number, entry in enumerate(entries):
            taken: dict[str, dict[str, Any]] = {LIMITS: {}}
            for key, value in entry.items():
                self._take(taken, LIMITS, key, value, partial(self._where_in_entry, number, key))
            if "script" not in entry:
                self.problems.append(f"{self._where_in_entry(number)}: limits.script: is missing; * fits every script")
            self.limits.append(LimitsSettings(**taken[LIMITS]))
        from fsm_robot.robot.script_limits import never_counts

        for number, before in never_counts(self.limits):
            if self.limits[number].script:
                said = (
                    f"never counts, the entry in line {self._entry_line(before, None)} fits all of it and comes first"
                )
                self.problems.append(f"{self._where_in_entry(number, 'script')}: limits.script: {said}")
        return None

    def _where_in_entry(self, number: int, key: str | None = None) -> str:
        return f"{self.path}:{self._entry_line(number, key)}"

    def _entry_line(self, number: int, key: str | None) -> int:
        """Return the line of a key in the entry of this number, from 0, or of its header, or 1."""
        header = re.compile(rf"\s*\[\[\s*[\"']?{LIMITS}[\"']?\s*\]\]")
        entry = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=") if key else None
        found, seen = 1, -1
        for line_number, line in enumerate(self.text.splitlines(), start=1):
            if header.match(line):
                seen += 1
                found = line_number if seen == number else found
            elif seen == number and entry and entry.match(line):
                return line_number
        return found

    def _complain(self, section: str, key: str | None, problem: str) -> None:
        name = section if key is None else f"{section}.{key}"
        self.problems.append(f"{self._where(section, key)}: {name}: {problem}")

    def _mentioned(self, key: str) -> bool:
        return any(f": {key}" in problem for problem in self.problems)

    def _where(self, section: str, key: str | None) -> str:
        return f"{self.path}:{self._line(section, key)}"

    def _line(self, section: str, key: str | None) -> int:
        """Return the line of `section.key`, of its section, or 1: tomllib keeps no positions."""
        header = re.compile(rf"\s*\[\s*[\"']?{re.escape(section)}[\"']?\s*\]")
        entry = re.compile(rf"\s*[\"']?{re.escape(key or '')}[\"']?\s*=") if key else None
        dotted = re.compile(rf"\s*[\"']?{re.escape(section)}[\"']?\s*[.=]")
        found, inside = 1, False
        for number, line in enumerate(self.text.splitlines(), start=1):
            if header.match(line):
                found, inside = number, True
            elif line.lstrip().startswith("["):
                inside = False
            elif inside and entry and entry.match(line):
                return number
            elif found == 1 and dotted.match(line):
                found = number
        return found

    def _toml_problem(self, error: tomllib.TOMLDecodeError) -> str:
        # The message may quote the broken value, and a broken robot_guid is still a password.
        message = str(error)
        match = re.search(r"\(at line (\d+), column (\d+)\)", message)
        line = int(match.group(1)) if match else max(1, self.text.count("\n"))
        what = re.sub(r"\s*\(at .*\)$", "", message)
        return f"{self.path}:{line}: is not valid TOML: {what}; {self._toml_hint(line, what)}"

    def _toml_hint(self, line: int, what: str) -> str:
        """Return what is likely the matter with a line, by what stands in it."""
        text = "".join(self.text.splitlines()[line - 1 : line])
        if odd := next((character for character in text if character in SMART_QUOTES), ""):
            return f"""{odd} is a typographer's quote, which word processors and chats write: use " or '"""
        if "\\" in text and '"' in text:
            return """a \\ in "…" quotes begins an escape: put the path in '…' quotes"""
        if re.match(r"\s*[\w.-]+\s*=\s*[^\s\"'\[{#]", text):
            return "texts need quotes; numbers, true and false have none"
        return "a line is [section], or key = value with \"…\" or '…' around a text"


def _own_from_text(text: str) -> Any:
    """Read a variable for the user's own section: whatever TOML makes of it, else a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
