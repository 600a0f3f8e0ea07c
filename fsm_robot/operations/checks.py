"""The checks of the doctor: each looks at one outside thing and changes nothing there."""

from __future__ import annotations

import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import attrs

from fsm_robot.engine.instance import holder
from fsm_robot.engine.redact import Redactor
from fsm_robot.engine.wording import counted
from fsm_robot.errors import GatewayError, RobotError, SettingsError
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.gateway.proxies import Proxy, proxy_towards
from fsm_robot.gateway.tls import context_for
from fsm_robot.gateway.tls_failures import tls_problem
from fsm_robot.operations.diagnosis import (
    Diagnosis,
    certificate_diagnosis,
    clock_diagnosis,
    lines_judged,
    server_diagnoses,
    space_diagnosis,
)
from fsm_robot.operations.folders import lines_left
from fsm_robot.robot import kept_secret
from fsm_robot.robot.script_limits import first
from fsm_robot.robot.settings import Settings
from fsm_robot.robot.wiring import client_certificate_for
from fsm_robot.worker.interpreter import look_at
from fsm_robot.worker.names import script_names

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
    from fsm_robot.worker import _windows as processes
else:
    from fsm_robot.system import _posix as system
    from fsm_robot.worker import _posix as processes

# The one documented question that changes nothing and has no GUID in its address, where servers and proxies log it.
HARMLESS_PATH = "/api/folders/list"
LONGEST_WAIT_S = 10.0
MOST_NAMES = 5


@attrs.frozen
class Place:
    """Where the robot connects to first: the orchestrator, or the proxy before it."""

    host: str
    port: int
    tls: bool


def proxy_problem(settings: Settings) -> Diagnosis | None:
    """Tell of a proxy whose address is none, with which no gateway is built."""
    try:
        proxy_towards(settings.orchestrator.url)
    except SettingsError as error:
        return Diagnosis(
            "proxy", "wrong", str(error), "fix HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or the system's settings"
        )
    return None


def network_diagnoses(settings: Settings, gateway: HttpGateway, now: datetime) -> Iterator[Diagnosis]:
    """Look the name up, connect, verify, ask; what cannot work without the one before is not tried."""
    proxy = gateway.proxy
    yield Diagnosis("proxy", "ok", f"calls go through {proxy}" if proxy else "none is in effect")
    place = _place(settings.orchestrator.url) if proxy is None else Place(proxy.host, proxy.port, tls=False)
    checks = [_name, _connection, *([_certificate] if place.tls else [])]
    for check in checks:
        found = check(place, settings, now, proxy)
        yield found
        if found.verdict == "wrong":
            yield Diagnosis("server", "skipped", "was not asked: it cannot be reached")
            return
    yield from _answer(gateway, now)


def lock_diagnosis(settings: Settings) -> Diagnosis:
    """Tell whether the robot runs now."""
    try:
        pid = holder(settings.storage_directory)
    except RobotError as error:
        return Diagnosis("lock", "wrong", str(error), "let the account of the robot own its storage folder")
    return Diagnosis("lock", "ok", f"this robot runs now, pid {pid}" if pid else "free: this robot does not run now")


def scripts_diagnosis(settings: Settings) -> Diagnosis:
    """Count the scripts."""
    folder = settings.scripts_directory
    if not folder.is_dir():
        return Diagnosis("scripts", "wrong", f"there is no folder {folder}", "create it, or fix scripts.directory")
    names = sorted(script_names(folder))
    if not names:
        return Diagnosis("scripts", "warning", f"{folder} holds no script", "put .py files there")
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return Diagnosis("scripts", "ok", f"{counted(len(names), 'script')} in the folder {folder}: {shown}")


def guid_diagnosis(settings: Settings) -> Diagnosis:
    """Tell where the GUID is kept, and who else can read it there."""
    if settings.guid_source == "environment":
        said = "comes from the environment: everybody who may look at this account's processes can read it"
        return Diagnosis("guid", "ok", said)
    if not settings.guid_source:
        return Diagnosis("guid", "skipped", "there is none")
    in_file = settings.guid_source == "file"
    path = settings.path(settings.orchestrator.robot_guid_file) if in_file else settings.file
    kept = kept_secret.how_it_is_kept(path) if in_file else ""
    if kept:
        return Diagnosis("guid", "ok", f"is kept in {path}, {kept}")
    try:
        others = kept_secret.other_readers(path)
    except OSError as error:
        said = f"is kept in {path}; its readers cannot be listed: {error.strerror or error}"
        return Diagnosis("guid", "skipped", said)
    if others:
        do = "let this account alone read the file: chmod 600, or its access list under Windows"
        return Diagnosis("guid", "warning", f"is kept in {path}, which can be read by {others}", do)
    return Diagnosis("guid", "ok", f"is kept in {path}, which this account and administrators can read")


def desktop_diagnosis(settings: Settings) -> Diagnosis:
    """Tell whether scripts that ask for a desktop would have one now."""
    if not any(entry.desktop for entry in settings.limits):
        return Diagnosis("desktop", "skipped", "no script asks for one (limits.desktop)")
    if hindrance := system.desktop_hindrance():
        do = "unlock the session, or leave it connected; see also session.without_desktop"
        return Diagnosis("desktop", "warning", hindrance, do)
    return Diagnosis("desktop", "ok", "is there")


def keyboard_diagnosis(settings: Settings) -> Diagnosis:
    """Tell whether somebody uses the session now, and what of that the system does not say."""
    seen, how = system.seen_session(), settings.session.at_keyboard
    said = f"{seen}{f'; {seen.unknown}' if seen.unknown else ''} (session.at_keyboard is {how})"
    if how == "ignore":
        return Diagnosis("keyboard", "skipped", said)
    if not seen.state or seen.idle_s is None:
        do = "the robot works as if nobody were there; use fsm-robot pause while a person works there"
        return Diagnosis("keyboard", "warning", said, do)
    return Diagnosis("keyboard", "ok", said)


def telemetry_diagnosis(settings: Settings) -> Diagnosis:
    """Tell whether a collector of traces could be told of runs, as far as that is this machine's matter."""
    endpoint = settings.telemetry.endpoint
    if not endpoint:
        return Diagnosis("telemetry", "skipped", "no collector is named (telemetry.endpoint)")
    from fsm_robot.telemetry import export

    try:
        export.collector_of(settings)
    except RobotError as error:
        return Diagnosis("telemetry", "warning", str(error), "fix the file; jobs go on without traces")
    if not export.is_installed():
        return Diagnosis("telemetry", "warning", "no traces are sent", export.NOT_INSTALLED)
    return Diagnosis("telemetry", "ok", f"traces of runs with a job are sent to {endpoint} at their end")


def limits_diagnosis(settings: Settings) -> Diagnosis:
    """Tell by which means limits of scripts are kept here, and which of them fit no script."""
    if not settings.limits:
        return Diagnosis("limits", "ok", "no script has any")
    said = f"{len(settings.limits)} in robot.toml; kept here: {processes.limit_means()}"
    if idle := limits_without_script(settings):
        do = "fix limits.script, or add the script"
        return Diagnosis("limits", "warning", f"{said}; no script fits {', '.join(idle)}", do)
    return Diagnosis("limits", "ok", said)


def limits_without_script(settings: Settings) -> list[str]:
    """Return the patterns of limits that fit no script of the folder, or none that an earlier one leaves them."""
    counting = {first(settings.limits, name) for name in script_names(settings.scripts_directory)}
    return [entry.script for entry in settings.limits if entry not in counting]


def interpreter_diagnosis(settings: Settings) -> Diagnosis:
    """Start the interpreter of the scripts once, as for a script."""
    python = settings.scripts_python
    found = look_at(python, Redactor.for_guid(settings.orchestrator.robot_guid).text)
    if found.problem:
        return Diagnosis("interpreter", "wrong", found.problem, found.remedy)
    return Diagnosis("interpreter", "ok", f"{python}, Python {found.version}")


def storage_diagnosis(settings: Settings) -> Diagnosis:
    """Write and delete a file where the journal goes, or in the nearest folder above it that is there."""
    storage = settings.storage_directory
    nearest = next(folder for folder in (storage, *storage.parents) if folder.exists())
    if not nearest.is_dir():
        return Diagnosis("storage", "wrong", f"{nearest} is a file, and a folder is needed", "fix storage.directory")
    try:
        with tempfile.TemporaryFile(dir=nearest) as stream:
            stream.write(b"fsm_robot")
        free_bytes = shutil.disk_usage(nearest).free
    except OSError as error:
        said = f"{nearest} cannot be written: {error.strerror or error}"
        return Diagnosis("storage", "wrong", said, "let this account write there, or fix storage.directory")
    return space_diagnosis(str(storage), free_bytes)


def lines_diagnosis(settings: Settings) -> Diagnosis:
    """Tell how many lines wait for the orchestrator's log."""
    try:
        count, since = lines_left(settings.storage_directory)
    except RobotError as error:
        return Diagnosis("log lines", "warning", str(error), "let the account of the robot own its storage folder")
    return lines_judged(count, since, datetime.now(UTC))


def session_diagnosis(settings: Settings) -> Diagnosis:
    """Tell what session the robot would work in, and whether it could leave it."""
    said, problem = system.session()
    if problem:
        do = "let the scheduled task run only when the user is logged on, and start it in that account"
        return Diagnosis("session", "warning", problem, do)
    how = settings.session
    for key, way, own in (
        ("when_idle", how.when_idle, how.log_off_command),
        (
            "after_failure",
            how.after_failure,
            how.reboot_command if how.after_failure == "reboot" else how.log_off_command,
        ),
    ):
        if not own and (hindrance := system.leaving_hindrance(way)):
            command = "reboot_command" if way == "reboot" else "log_off_command"
            do = f'set session.{command}, or session.{key} = "{"exit" if key == "when_idle" else "stay"}"'
            return Diagnosis("session", "warning", f"{said}; {hindrance}", do)
    failed = "" if how.after_failure == "when_idle" else f"; where a job has failed: {how.after_failure}"
    return Diagnosis("session", "ok", f"{said}; when nothing is left to do: {how.when_idle}{failed}")


def _place(url: str) -> Place:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return Place(parts.hostname or "", parts.port or (443 if tls else 80), tls)


def _name(place: Place, _settings: Settings, _now: datetime, proxy: Proxy | None) -> Diagnosis:
    what = "the proxy's name" if proxy else "the orchestrator's name"
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        do = "check orchestrator.url, the network and the name server; a VPN may be needed"
        return Diagnosis("name", "wrong", f"{what} {place.host} cannot be resolved: {error}", do)
    addresses = ", ".join(dict.fromkeys(str(entry[4][0]) for entry in found))
    return Diagnosis("name", "ok", f"{place.host} has the address {addresses}")


def _connection(place: Place, _settings: Settings, _now: datetime, proxy: Proxy | None) -> Diagnosis:
    try:
        with socket.create_connection((place.host, place.port), LONGEST_WAIT_S):
            return Diagnosis("connection", "ok", f"{place.host}:{place.port} accepts connections")
    except OSError as error:
        who = "the proxy" if proxy else "the orchestrator"
        said = f"{place.host}:{place.port} does not: {error}"
        return Diagnosis("connection", "wrong", said, f"is {who} running, is the port right, does a firewall close it?")


def _certificate(place: Place, settings: Settings, now: datetime, _proxy: Proxy | None) -> Diagnosis:
    verify = settings.orchestrator.verify
    if verify is False:
        do = "set orchestrator.verify to true, or to the PEM file of the company's authority"
        return Diagnosis("certificate", "warning", "is not checked (orchestrator.verify = false)", do)
    try:
        trusted = str(settings.path(verify)) if isinstance(verify, str) else True
        context = context_for(trusted, client_certificate_for(settings))
        with (
            socket.create_connection((place.host, place.port), LONGEST_WAIT_S) as connection,
            context.wrap_socket(connection, server_hostname=place.host) as wrapped,
        ):
            told = wrapped.getpeercert() or {}
    except RobotError as error:
        return Diagnosis("certificate", "wrong", str(error), "fix orchestrator.verify")
    except (OSError, ValueError) as error:  # ValueError: a host name that no certificate can hold
        # The words of `run`, which would fail in the same way.
        said = tls_problem([error], f"{place.host}:{place.port}") or f"no TLS connection: {error}"
        what, _, do = said.partition("; ")
        return Diagnosis("certificate", "wrong", what, do or "ask who runs the server")
    return certificate_diagnosis(_issuer(told), _expiry(told), now)


def _expiry(certificate: Mapping[str, Any]) -> datetime | None:
    """Return when a certificate ends; None where the system has checked it and shows nothing of it, as Windows does."""
    try:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def _issuer(certificate: Mapping[str, Any]) -> str:
    """Return who issued a certificate, from the nested pairs that `getpeercert` gives."""
    told = {key: value for group in certificate.get("issuer", ()) for key, value in group}
    return str(told.get("organizationName") or told.get("commonName") or "an unnamed authority")


def _answer(gateway: HttpGateway, now: datetime) -> Iterator[Diagnosis]:
    try:
        answer = gateway.look(HARMLESS_PATH)
    except GatewayError as error:
        what, _, do = error.detail.partition("; ")
        do = (
            do
            if do and error.kind == "no_connection"
            else "the address may be right and the service behind it not running"
        )
        yield Diagnosis("server", "wrong", what, do)
        return
    yield from server_diagnoses(HARMLESS_PATH, answer)
    yield clock_diagnosis(answer.date, now)
