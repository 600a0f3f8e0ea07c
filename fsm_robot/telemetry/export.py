"""Sends what the journals tell to a collector, once a run is over: no job waits for it, and none fails by it.

What was sent is remembered by the name of its run, so that a collector that was away, or a session that ended too soon,
costs nothing: the next run with a job sends it. A collector that has refused something is not asked about it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from socket import gethostname
from time import monotonic
from urllib.parse import urlsplit

import attrs

from fsm_robot.engine.journal.file import IDLE, SUFFIX, journal_names, read_run, run_name
from fsm_robot.errors import JournalError, RobotError
from fsm_robot.gateway import failures
from fsm_robot.gateway.adapter import Adapter
from fsm_robot.gateway.beats import FormBody
from fsm_robot.gateway.proxies import proxy_towards
from fsm_robot.gateway.tls import context_for
from fsm_robot.robot.settings import Settings
from fsm_robot.system.held import PATIENCE, put_whole
from fsm_robot.telemetry.traces import Trace, trace_of

NAME = "telemetry.json"
"""The last run that was told, in the storage folder."""
MOST_RUNS = 20
NOT_INSTALLED = "the package opentelemetry-proto is missing; pip install 'fsm_robot[otel]' brings it"
TRY_AGAIN = frozenset({408, 429, 502, 503, 504})
"""OTLP 1.x, "Retryable Response Codes"; any other refusal is for good."""


class TelemetryError(RobotError):
    """Nothing could be told now; it is tried again after the next run."""


@attrs.frozen
class Collector:
    """Where traces and metrics go.

    Attributes:
        endpoint: Such as `http://collector:4318`.
        headers: What it wants besides, such as a key.
        timeout_s: How long all of it may take.
    """

    endpoint: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    timeout_s: float = 5.0


def is_installed() -> bool:
    """Return whether the extra is there; nothing of it is imported but the names above it."""
    try:
        return find_spec("opentelemetry.proto.trace.v1.trace_pb2") is not None
    except ImportError:
        return False


def collector_of(settings: Settings) -> Collector:
    """Return the collector that the settings name. Raises `TelemetryError`."""
    how = settings.telemetry
    headers: dict[str, str] = {}
    if how.headers_file:
        path = settings.path(how.headers_file)
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise TelemetryError(f"telemetry.headers_file: {path} cannot be read: {error}") from error
        for line in filter(str.strip, lines):
            name, colon, value = line.partition(":")
            if not colon or not name.strip().isascii() or not value.strip().isprintable():
                raise TelemetryError(f"telemetry.headers_file: {path} holds a line that is not NAME: VALUE")
            headers[name.strip()] = value.strip()
    return Collector(how.endpoint.rstrip("/"), headers, how.timeout_s)


def export(storage: Path, collector: Collector, service: str) -> int:
    """Tell of the runs that were not told yet, the oldest first; return how many were.

    Raises:
        TelemetryError: Not all of it could be told.
    """
    try:
        from fsm_robot.telemetry import otlp
    except ImportError as error:
        raise TelemetryError(NOT_INSTALLED) from error
    runs = _untold(storage)
    told = [trace for run in runs if (trace := _trace(storage, run)) is not None]
    if told:
        about = {"service.name": service, "host.name": gethostname()}
        bodies = {"/v1/traces": otlp.traces_request(told, about), "/v1/metrics": otlp.metrics_request(told, about)}
        _send(collector, bodies)
    if runs:
        _remember(storage, runs[-1])
    return len(told)


def _untold(storage: Path) -> Sequence[str]:
    """Return the journals of runs that had a job and come behind the last one that was told."""
    path = storage / NAME
    try:
        kept = json.loads(PATIENCE.content(path))
    except FileNotFoundError:
        kept = {}
    except (OSError, ValueError, RecursionError):
        kept = {}  # told again: a collector knows a span by its name
    last = str(kept.get("told") or "") if isinstance(kept, dict) else ""
    names = [name for name in journal_names(storage / "journal") if not name.endswith(f"{IDLE}{SUFFIX}")]
    there = [run_name(Path(name)) for name in names]
    behind = there.index(last) + 1 if last in there else 0
    return names[behind:][-MOST_RUNS:]


def _trace(storage: Path, name: str) -> Trace | None:
    path = storage / "journal" / name
    try:
        trace = trace_of(run_name(path), read_run(path).records)
    except JournalError:
        return None  # deleted since it was listed, or damaged: `doctor` and `status` tell that
    return trace if trace is not None and any("fsm_robot.job" in span.attributes for span in trace.spans) else None


def _send(collector: Collector, bodies: Mapping[str, bytes]) -> None:
    context = context_for(True) if collector.endpoint.lower().startswith("https:") else None
    adapter = Adapter(context, proxy_towards(collector.endpoint))
    deadline_s = monotonic() + collector.timeout_s
    try:
        for path, content in bodies.items():
            left_s = deadline_s - monotonic()
            if left_s <= 0:
                raise TelemetryError(f"{collector.endpoint} took longer than {collector.timeout_s:g} s")
            status = _posted(adapter, collector, path, content, left_s)
            if status in TRY_AGAIN:
                raise TelemetryError(f"{collector.endpoint}{path} answers {status}")
    finally:
        adapter.close()


def _posted(adapter: Adapter, collector: Collector, path: str, content: bytes, within_s: float) -> int:
    """Return the status that a collector answers with. Raises `TelemetryError` where it does not."""
    headers, body = {"Content-Type": "application/x-protobuf", **collector.headers}, FormBody(content)
    try:
        return adapter.exchange("POST", collector.endpoint + path, headers, body, within_s).status
    except Exception as error:  # a server can make the libraries below raise anything
        way = failures.Way(urlsplit(collector.endpoint).netloc.rpartition("@")[2], "", within_s)
        raise TelemetryError(str(failures.broken(path, error, way, str, handed_over=body.handed_over))) from error


def _remember(storage: Path, name: str) -> None:
    try:
        put_whole(storage / NAME, json.dumps({"told": run_name(Path(name))}).encode("ascii"))
    except OSError as error:
        raise TelemetryError(f"{storage / NAME} cannot be written: {error.strerror or error}") from error
