"""Spans, events and metrics through the real agent and gateway: what is registered arrives, nothing else does."""

from __future__ import annotations

import base64
import binascii
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Metric,
    NumberDataPoint,
    Sum,
)

from otel_clinical.semconv import SCOPE_NAME, attributes, enums, events, metrics, spans
from otel_clinical.simulate._waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Pipeline

pytestmark = pytest.mark.collector

CANARY = "ZZPHICANARY7731"
ENCODINGS = {
    "raw": CANARY.encode(),
    "base64": base64.b64encode(CANARY.encode())[:-4],
    "hex": binascii.hexlify(CANARY.encode()),
    "url": urllib.parse.quote(CANARY).encode(),
}


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def nested(key: str, value: str) -> KeyValue:
    inner = KeyValueList(values=[text("leaf", value)])
    return KeyValue(key=key, value=AnyValue(kvlist_value=inner))


def resource_attributes() -> list[KeyValue]:
    return [text("service.name", "coding"), text("process.command_args", CANARY), text("host.name", CANARY)]


def trace_request(scope: str = SCOPE_NAME) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(resource_attributes())
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.CopyFrom(InstrumentationScope(name=scope, attributes=[text("note", CANARY)]))
    now = time.time_ns()
    for name in (f"{enums.OperationName.CLASSIFY} coding", f"GET /patients/{CANARY}"):
        span = scope_spans.spans.add(
            trace_id=bytes(range(16)),
            span_id=bytes(range(8)),
            name=name,
            start_time_unix_nano=now,
            end_time_unix_nano=now,
        )
        span.trace_state = f"vendor={CANARY}"
        span.status.message = f"ValueError: MRN {CANARY}"
        span.attributes.extend(
            [
                text(attributes.MODEL_NAME, "coding"),
                text(attributes.MODEL_VERSION, "7"),
                text("patient.mrn", CANARY),
                nested("input", CANARY),
                nested(attributes.USE_CASE, f"MRN {CANARY}"),
                text(attributes.SEGMENT_SITE, f"MRN: {CANARY}"),
            ]
        )
        span.events.add(name=CANARY, attributes=[text("exception.message", CANARY)])
    return request


def log_request() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(resource_attributes())
    for scope in (SCOPE_NAME, "app.logger"):
        scope_logs = resource_logs.scope_logs.add()
        scope_logs.scope.name = scope
        record = scope_logs.log_records.add(time_unix_nano=time.time_ns(), event_name=events.OUTCOME)
        record.body.string_value = f"patient {CANARY}"
        record.severity_text = CANARY
        record.attributes.extend(
            [text(attributes.OUTCOME_RESULT, enums.OutcomeResult.CORRECT), text("comment", CANARY)]
        )
    return request


def metric_request() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    resource_metrics.resource.attributes.extend(resource_attributes())
    scope_metrics = resource_metrics.scope_metrics.add()
    scope_metrics.scope.name = SCOPE_NAME
    point = NumberDataPoint(as_int=3, time_unix_nano=time.time_ns(), start_time_unix_nano=1)
    point.attributes.extend([text(attributes.MODEL_NAME, "coding"), text("patient", CANARY)])
    total = Sum(data_points=[point], is_monotonic=True, aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE)
    scope_metrics.metrics.append(Metric(name=metrics.INFERENCES.name, unit=metrics.INFERENCES.unit, sum=total))
    foreign = resource_metrics.scope_metrics.add()
    foreign.scope.name = "other.library"
    foreign.metrics.append(Metric(name=f"seen_{CANARY}", sum=total))
    return request


def send(pipeline: Pipeline, path: str, body: bytes) -> int:
    request = urllib.request.Request(
        f"{pipeline.agent_http}{path}", data=body, headers={"Content-Type": "application/x-protobuf"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


def received(pipeline: Pipeline, path: str) -> list[bytes]:
    return [body for where, _, body in pipeline.sink.requests if where == path]


def leaks(haystack: bytes) -> list[str]:
    return [name for name, needle in ENCODINGS.items() if needle.lower() in haystack.lower()]


def scrape(pipeline: Pipeline) -> str:
    with urllib.request.urlopen(pipeline.metrics_url, timeout=5) as answer:
        return str(answer.read().decode())


def queued_bytes(pipeline: Pipeline) -> bytes:
    return b"".join(
        path.read_bytes() for directory in pipeline.queue_dirs for path in directory.rglob("*") if path.is_file()
    )


def send_everything(pipeline: Pipeline) -> None:
    assert send(pipeline, "/v1/traces", trace_request().SerializeToString()) == 200
    assert send(pipeline, "/v1/traces", trace_request("requests.instrumentation").SerializeToString()) == 200
    assert send(pipeline, "/v1/logs", log_request().SerializeToString()) == 200
    assert send(pipeline, "/v1/metrics", metric_request().SerializeToString()) == 200


def test_registered_telemetry_arrives_and_no_canary_does(pipeline: Pipeline):
    sent = trace_request().SerializeToString() + log_request().SerializeToString()
    assert leaks(sent), "negative control: the search finds the canary in what was sent"

    send_everything(pipeline)
    wait_until(
        lambda: received(pipeline, "/v1/traces") and received(pipeline, "/v1/logs"),
        within=30,
        what="spans and events at the processor",
    )
    wait_until(lambda: metrics.INFERENCES.prometheus in scrape(pipeline), within=30, what="metrics on the page")

    everything = b"".join(body for _, _, body in pipeline.sink.requests)
    assert leaks(everything) == []
    assert leaks(scrape(pipeline).encode()) == []
    assert leaks(queued_bytes(pipeline)) == []


def test_own_spans_keep_their_registered_attributes(pipeline: Pipeline):
    send_everything(pipeline)
    wait_until(lambda: received(pipeline, "/v1/traces"), within=30, what="spans at the processor")
    request = ExportTraceServiceRequest.FromString(received(pipeline, "/v1/traces")[0])
    found = [span for block in request.resource_spans for part in block.scope_spans for span in part.spans]
    assert [span.name for span in found] == ["classify coding", "redacted"]
    kept = {item.key: item.value.string_value for item in found[0].attributes}
    assert kept[attributes.MODEL_NAME] == "coding"
    assert kept[attributes.MODEL_VERSION] == "7"
    assert "patient.mrn" not in kept
    assert not found[0].events
    assert spans.INFERENCE


def test_metric_names_on_the_page_are_the_registry_names(pipeline: Pipeline):
    send(pipeline, "/v1/metrics", metric_request().SerializeToString())
    wait_until(lambda: metrics.INFERENCES.prometheus in scrape(pipeline), within=30, what="metrics on the page")
    line = next(row for row in scrape(pipeline).splitlines() if row.startswith(metrics.INFERENCES.prometheus))
    assert 'clinical_ai_model_name="coding"' in line
    assert "otel_scope" not in line


def test_processor_receives_the_bearer_token(pipeline: Pipeline):
    send(pipeline, "/v1/traces", trace_request().SerializeToString())
    wait_until(lambda: received(pipeline, "/v1/traces"), within=30, what="spans at the processor")
    _, headers, _ = pipeline.sink.requests[0]
    assert headers["Authorization"] == "Bearer processor-token"


def test_nothing_is_lost_when_the_processor_is_down_and_the_gateway_is_killed(pipeline: Pipeline):
    """The queue on disk outlives kill -9 of the gateway; the record arrives after both are back."""
    pipeline.sink.refuse = True
    send(pipeline, "/v1/logs", log_request().SerializeToString())
    wait_until(
        lambda: events.OUTCOME.encode() in queued_bytes(pipeline), within=30, what="the event in the gateway's queue"
    )
    pipeline.processes["gateway"].kill()
    pipeline.processes["gateway"].wait()
    pipeline.sink.refuse = False
    pipeline.start("gateway")
    wait_until(lambda: received(pipeline, "/v1/logs"), within=30, what="the event at the processor")


def test_gateway_refuses_a_wrong_token(pipeline: Pipeline, environments, tmp_path: Path):
    import ssl  # noqa: PLC0415 - only this test speaks TLS itself

    address = environments["gateway"]["OTEL_CLINICAL_GATEWAY_HTTP"]
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    request = urllib.request.Request(
        f"https://{address}/v1/traces",
        data=trace_request().SerializeToString(),
        headers={"Content-Type": "application/x-protobuf", "Authorization": "Bearer stolen"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, context=context, timeout=5)
    refused.value.close()
    assert refused.value.code == 401
    assert pipeline.sink.requests == []
