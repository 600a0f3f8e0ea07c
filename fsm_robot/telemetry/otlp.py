"""Traces as OpenTelemetry's own messages. The only importer of opentelemetry, which the extra `otel` brings. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as traces

from fsm_robot.telemetry.traces import Job, Span, Trace

BOUNDS_S = (0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0)
"""Of the histogram of jobs."""
_LONGEST_TEXT = 1000
_INTEGERS = range(-(1 << 63), 1 << 63)


def traces_request(runs: Sequence[Trace], service: Mapping[str, str]) -> bytes:
    """Return the body of `POST /v1/traces`."""
    request = ExportTraceServiceRequest(
        resource_spans=[
            traces.ResourceSpans(
                resource=_resource(run, service),
                scope_spans=[
                    traces.ScopeSpans(scope=_scope(run), spans=[_span(run.trace_id, each) for each in run.spans])
                ],
            )
            for run in runs
        ]
    )
    return bytes(request.SerializeToString())


def metrics_request(runs: Sequence[Trace], service: Mapping[str, str]) -> bytes:
    """Return the body of `POST /v1/metrics`: what these runs add to what was counted before."""
    request = ExportMetricsServiceRequest(
        resource_metrics=[
            metrics.ResourceMetrics(
                resource=_resource(run, service),
                scope_metrics=[metrics.ScopeMetrics(scope=_scope(run), metrics=_metrics(run))],
            )
            for run in runs
        ]
    )
    return bytes(request.SerializeToString())


def _span(trace_id: bytes, span: Span) -> traces.Span:
    failed = traces.Status(code=traces.Status.STATUS_CODE_ERROR, message=_plain(span.problem))
    return traces.Span(
        trace_id=trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        name=_plain(span.name),
        kind=traces.Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=_moment(span.began_ns),
        end_time_unix_nano=_moment(span.ended_ns),
        attributes=_pairs(span.attributes),
        events=[traces.Span.Event(name=_plain(name), time_unix_nano=_moment(at_ns)) for name, at_ns in span.events],
        status=failed if span.problem else traces.Status(),
    )


def _metrics(run: Trace) -> list[metrics.Metric]:
    began_ns, ended_ns = _moment(run.root.began_ns), _moment(run.root.ended_ns)
    delta = metrics.AGGREGATION_TEMPORALITY_DELTA
    by_kind: dict[tuple[str, str], list[Job]] = {}
    for job in run.jobs:
        by_kind.setdefault((job.script, job.outcome), []).append(job)

    def counted(number: int, attributes: Mapping[str, str | int]) -> metrics.NumberDataPoint:
        return metrics.NumberDataPoint(
            attributes=_pairs(attributes), start_time_unix_nano=began_ns, time_unix_nano=ended_ns, as_int=number
        )

    def spread(jobs: Sequence[Job], attributes: Mapping[str, str | int]) -> metrics.HistogramDataPoint:
        places = [sum(1 for bound in BOUNDS_S if job.seconds > bound) for job in jobs]
        return metrics.HistogramDataPoint(
            attributes=_pairs(attributes),
            start_time_unix_nano=began_ns,
            time_unix_nano=ended_ns,
            count=len(jobs),
            sum=sum(job.seconds for job in jobs),
            explicit_bounds=BOUNDS_S,
            bucket_counts=[places.count(place) for place in range(len(BOUNDS_S) + 1)],
        )

    names = {kind: {"fsm_robot.script": kind[0], "fsm_robot.outcome": kind[1]} for kind in by_kind}
    runs = counted(1, {"fsm_robot.exit_code": -1 if run.exit_code is None else run.exit_code})
    told = [
        metrics.Metric(
            name="fsm_robot.runs",
            description="runs that had a job, by exit code; -1 is one that died",
            unit="{run}",
            sum=metrics.Sum(data_points=[runs], aggregation_temporality=delta, is_monotonic=True),
        )
    ]
    if by_kind:
        jobs = [counted(len(each), names[kind]) for kind, each in by_kind.items()]
        durations = [spread(each, names[kind]) for kind, each in by_kind.items()]
        told += [
            metrics.Metric(
                name="fsm_robot.jobs",
                description="jobs whose final status was delivered, by script and outcome",
                unit="{job}",
                sum=metrics.Sum(data_points=jobs, aggregation_temporality=delta, is_monotonic=True),
            ),
            metrics.Metric(
                name="fsm_robot.job.duration",
                description="from taking a job to the delivery of its final status",
                unit="s",
                histogram=metrics.Histogram(data_points=durations, aggregation_temporality=delta),
            ),
        ]
    return told


def _resource(run: Trace, service: Mapping[str, str]) -> Resource:
    told = {**service, "service.version": run.version, "service.instance.id": run.robot[:32]}
    return Resource(attributes=_pairs(told))


def _scope(run: Trace) -> InstrumentationScope:
    return InstrumentationScope(name="fsm_robot", version=run.version)


def _pairs(attributes: Mapping[str, str | int]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: str | int) -> AnyValue:
    if isinstance(value, int) and value in _INTEGERS:
        return AnyValue(int_value=value)
    return AnyValue(string_value=_plain(str(value)))


def _moment(at_ns: int) -> int:
    return min(max(0, at_ns), (1 << 64) - 1)


def _plain(text: str) -> str:
    # protobuf takes no half of a surrogate pair, and a server may have called a script so.
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
