"""What a collector of OpenTelemetry is told of runs, decoded by OpenTelemetry's own messages; and that no job minds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from fsm_robot.cli import main
from fsm_robot.engine.journal.file import journals, read_run, run_name
from fsm_robot.telemetry.traces import Trace, trace_of
from tests.fakes.raw_server import RawServer, answer
from tests.fakes.robot_folder import RobotFolder

if TYPE_CHECKING:
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

JOURNALS = Path(__file__).parents[1] / "journals"
GONE = "http://127.0.0.1:9"
decoded = pytest.mark.skipif(sys.platform == "win32", reason="opentelemetry-proto is not set up under Windows")
TELLS = "import os; print(os.environ['TRACEPARENT'])"


def recorded() -> Iterator[Trace]:
    for path in sorted(JOURNALS.glob("*.jsonl")):
        trace = trace_of(run_name(path), read_run(path).records)
        if trace is not None:
            yield trace


def test_every_recorded_run_is_a_tree_of_spans() -> None:
    """One root, everything below it in order and within it, each with a name of its own."""
    traces = list(recorded())
    assert len(traces) > 50
    for trace in traces:
        root, *states = trace.spans
        ids = [span.span_id for span in trace.spans]
        assert (root.name, root.parent_id, len(set(ids))) == ("run", b"", len(ids))
        assert {span.parent_id for span in states} == {root.span_id}
        assert all(span.began_ns <= span.ended_ns for span in trace.spans)
        assert root.began_ns <= min(span.began_ns for span in states)
        assert max(span.ended_ns for span in states) <= root.ended_ns
        assert all(before.ended_ns == after.began_ns for before, after in pairwise(states))
        assert len(trace.jobs) == root.attributes["fsm_robot.jobs"]


def test_journal_without_a_head_or_a_stamp_tells_nothing() -> None:
    path = next(JOURNALS.glob("*.jsonl"))
    records = read_run(path).records

    assert trace_of("x", []) is None
    assert trace_of("x", records[:1]) is None
    assert trace_of("x", records[1:]) is None


def test_robot_that_tells_nobody_imports_nothing_for_it() -> None:
    """Neither ours nor theirs."""
    code = (
        "import sys, fsm_robot.cli.run, fsm_robot.robot.wiring, fsm_robot.worker.supervisor\n"
        "print([name for name in sys.modules if 'telemetry' in name or 'google' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@decoded
def test_doctor_says_beforehand_what_keeps_runs_from_being_told(
    robot_folder: RobotFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file that is not there, a line that is none, and that all is well."""
    found = []
    for number, content in enumerate((None, "no colon\n", "X-Key: k\n")):
        headers = robot_folder.path / "headers"
        if content is not None:
            headers.write_text(content, encoding="ascii")
        robot_folder.settings(telemetry={"endpoint": GONE, "headers_file": "headers"})
        main(["doctor", str(robot_folder.path), "--json"])
        (row,) = [each for each in json.loads(capfd.readouterr().out) if each["name"] == "telemetry"]
        found.append((number, row["verdict"], row["said"]))

    assert [verdict for _, verdict, _ in found] == ["warning", "warning", "ok"]
    assert "cannot be read" in found[0][2]
    assert "holds a line that is not NAME: VALUE" in found[1][2]


@attrs.frozen
class Heard:
    """What a collector has got."""

    spans: list[Span]
    metrics: list[Metric]
    services: set[str]
    headers: dict[str, str]


def heard_by(server: RawServer) -> Heard:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    spans, metrics, services, headers = [], [], set(), {}
    for request in server.requests:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if request.line.startswith("POST /v1/traces "):
            for told in ExportTraceServiceRequest.FromString(request.body).resource_spans:
                services |= {each.value.string_value for each in told.resource.attributes if each.key == "service.name"}
                spans += [span for scope in told.scope_spans for span in scope.spans]
        else:
            assert request.line.startswith("POST /v1/metrics ")
            for counted in ExportMetricsServiceRequest.FromString(request.body).resource_metrics:
                metrics += [metric for scope in counted.scope_metrics for metric in scope.metrics]
    return Heard(spans, metrics, services, headers)


@decoded
def test_collector_is_told_of_a_run_once_it_can_be_reached_and_of_each_once(robot_folder: RobotFolder) -> None:
    """A run is a trace, a state a span, the script's span its child; the jobs are counted, and no GUID is told."""
    key = robot_folder.path / "key"
    key.write_text("\nX-Api-Key: k\nAuthorization: Bearer k\n", encoding="ascii")

    def told_to(endpoint: str, timeout_s: float = 5.0) -> None:
        robot_folder.settings(
            telemetry={"endpoint": endpoint, "service": "счета", "headers_file": "key", "timeout_s": timeout_s}
        )

    told_to(GONE)
    robot_folder.store.enqueue(robot_folder.script("сводка", TELLS))
    assert robot_folder.run().exit_code == 0
    parent = robot_folder.output().strip()
    assert "they are sent after the next run" in robot_folder.log()
    with RawServer(answer(status="503 Busy")) as busy:
        told_to(busy.url)
        assert robot_folder.run().exit_code == 0
        assert busy.requests == []  # a run without a job tells nobody
    robot_folder.store.enqueue(robot_folder.script("падает", "raise SystemExit(2)"))

    with RawServer(answer(b"")) as server:
        told_to(server.url)
        assert robot_folder.run().exit_code == 0
        assert robot_folder.run().exit_code == 0
        heard = heard_by(server)
        sent = len(server.requests)

    assert sent == 2
    assert (heard.services, heard.headers["authorization"]) == ({"счета"}, "Bearer k")
    assert heard.headers["content-type"] == "application/x-protobuf"
    roots = [span for span in heard.spans if not span.parent_span_id]
    working = [span for span in heard.spans if span.name == "Working"]
    assert (len(roots), len({span.trace_id for span in heard.spans})) == (2, 2)
    assert parent == f"00-{working[0].trace_id.hex()}-{working[0].span_id.hex()}-01"
    assert {span.parent_span_id for span in working} == {span.span_id for span in roots}
    told = {pair.key: pair.value.string_value for pair in working[1].attributes}
    assert (told["fsm_robot.script"], told["fsm_robot.outcome"]) == ("падает", "failed")
    assert [span.status.code for span in working] == [0, 2]
    jobs = {
        tuple(pair.value.string_value for pair in point.attributes): point.as_int
        for metric in heard.metrics
        if metric.name == "fsm_robot.jobs"
        for point in metric.sum.data_points
    }
    assert jobs == {("сводка", "succeeded"): 1, ("падает", "failed"): 1}
    (first, second) = [metric for metric in heard.metrics if metric.name == "fsm_robot.job.duration"]
    for metric in (first, second):
        (point,) = metric.histogram.data_points
        assert (point.count, sum(point.bucket_counts), len(point.bucket_counts)) == (1, 1, 10)
    assert robot_folder.guid.encode() not in b"".join(request.body for request in server.requests)


@decoded
def test_collector_that_hangs_or_refuses_keeps_no_run(robot_folder: RobotFolder) -> None:
    """It ends as it would have ended; what was refused for good is not sent again, what timed out is."""

    def hang(connection: object, request: object) -> None:
        server.stopping.wait(60)

    with RawServer(hang) as server:
        robot_folder.settings(telemetry={"endpoint": server.url, "timeout_s": 0.2})
        robot_folder.store.enqueue(robot_folder.script("first", "print(1)"))
        assert robot_folder.run().exit_code == 0
    assert "the traces of this run were not sent" in robot_folder.log()
    with RawServer(answer(status="400 No")) as refusing:
        robot_folder.settings(telemetry={"endpoint": refusing.url})
        for name in ("second", "third"):
            robot_folder.store.enqueue(robot_folder.script(name, "print(1)"))
            assert robot_folder.run().exit_code == 0
        heard = heard_by(refusing)

    assert robot_folder.statuses() == {"first": 4, "second": 4, "third": 4}
    assert len([span for span in heard.spans if not span.parent_span_id]) == 3
    assert len(journals(robot_folder.path / "state" / "journal")) == 3


@decoded
def test_whatever_a_journal_holds_can_be_told() -> None:
    """Names with half of a pair, numbers beyond every field, stamps beyond every calendar."""
    from fsm_robot.telemetry import otlp
    from fsm_robot.telemetry.traces import Job
    from fsm_robot.telemetry.traces import Span as OurSpan

    span = OurSpan(
        "\ud800", b"1" * 8, b"", -5, 10**30, {"a": 1 << 70, "b": "\udfff" * 5000}, "\ud800", (("\ud800", -1),)
    )
    trace = Trace(b"1" * 16, "r", "", (span,), (Job("\ud800", "", 1e300),), None)

    assert otlp.traces_request([trace], {"service.name": "\ud800"})
    assert otlp.metrics_request([trace], {})
