"""Ring 3 alone: stock exporters send what a hostile application writes, and none of it comes out of the gateway."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Link, SpanContext, TraceFlags

from otel_clinical.generate import collector
from otel_clinical.instrument import declare_segments, record_inference, record_outcome
from otel_clinical.policy import parse_policy
from otel_clinical.sdk._foreign import OVERFLOW
from otel_clinical.semconv import SCOPE_NAME, allowlist, attributes, events, metrics
from otel_clinical.simulate._waiting import wait_until
from tests.phi._hostile import resource, views, write_everything
from tests.phi._marker import hits, marker
from tests.phi._pipes import http_pipe

if TYPE_CHECKING:
    from conftest import Pipeline

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.collector


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """Render the configurations for the reference policy with an unusual version, whose words are the only ones."""
    text = (ROOT / "examples" / "policy.yaml").read_text()
    policy = parse_policy(text.replace('versions: ["7", "8"]', 'versions: ["7", "2026.04.1+b"]'), baselines=False)
    for path, text in collector.render(policy).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path / "collector_config"


def stock_pipe(pipeline: Pipeline, **options):
    """Return an application with the SDK's own exporters to the agent."""
    return http_pipe(SimpleNamespace(url=pipeline.agent_http), redact=False, **options)


def page(pipeline: Pipeline) -> bytes:
    """Return the page as Prometheus asks for it, with exemplars."""
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    with urllib.request.urlopen(urllib.request.Request(pipeline.metrics_url, headers=accept), timeout=5) as answer:
        return bytes(answer.read())


def spans(pipeline: Pipeline):
    """Return the spans that reached the processor."""
    return [
        span
        for path, _, body in pipeline.sink.requests
        if path == "/v1/traces"
        for found in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in found.scope_spans
        for span in scope.spans
    ]


def arrived(pipeline: Pipeline) -> bool:
    """Tell whether all three signals have come out."""
    paths = {path for path, _, _ in pipeline.sink.requests}
    return {"/v1/traces", "/v1/logs"} <= paths and metrics.INFERENCES.prometheus.encode() in page(pipeline)


def test_no_marker_of_a_hostile_application_comes_out(pipeline: Pipeline) -> None:
    made = stock_pipe(pipeline, resource=resource(), views=views())
    write_everything(made)
    receipt = record_inference(model="coding", version="7", telemetry=made.telemetry)
    record_outcome(receipt, result="correct", telemetry=made.telemetry)
    made.close()
    wait_until(lambda: arrived(pipeline), within=30, what="every signal behind the gateway")
    sinks = {f"{index} {path}": body for index, (path, _, body) in enumerate(pipeline.sink.requests)}
    heads = {f"head {index}": repr(head).encode() for index, (_, head, _) in enumerate(pipeline.sink.requests)}
    assert hits(sinks | heads | {"page": page(pipeline)}) == {}


def test_what_an_inference_reports_passes_whole(pipeline: Pipeline) -> None:
    """The other side: nothing that the registry describes is lost."""
    made = stock_pipe(pipeline, resource=Resource({"service.name": "coding"}))
    declare_segments({"payer": ["medicaid"]}, telemetry=made.telemetry)
    receipt = record_inference(
        model="coding",
        segments={"payer": "medicaid", "site": "undeclared"},
        version="2026.04.1+b",
        confidence=0.5,
        duration=0.25,
        started_at=1_790_000_000.5,
        telemetry=made.telemetry,
    )
    record_outcome(receipt, result="incorrect", source="claim", score=0.25, at=1_790_000_100, telemetry=made.telemetry)
    made.close()
    wait_until(lambda: arrived(pipeline), within=30, what="every signal behind the gateway")
    (span,) = spans(pipeline)
    kept = {pair.key for pair in span.attributes}
    assert kept >= {
        attributes.MODEL_NAME,
        attributes.MODEL_VERSION,
        attributes.CONFIDENCE_SCORE,
        attributes.INFERENCE_ID,
    }
    (body,) = [body for path, _, body in pipeline.sink.requests if path == "/v1/logs"]
    for key in (attributes.OUTCOME_SCORE, attributes.INFERENCE_TIME, attributes.EVENT_ID, attributes.OUTCOME_SOURCE):
        assert key.encode() in body
    assert {pair.value.string_value for pair in span.attributes if "segment" in pair.key} == {"medicaid", "_OTHER"}
    assert b"2026.04.1+b" in page(pipeline)


@pytest.mark.parametrize("word", ["00123456", "MRN00123456", "smith"])
def test_a_single_word_comes_out_as_no_name_of_ours(pipeline: Pipeline, word: str) -> None:
    """In every text of the registry and in the names of spans, under our own scope: the policy does not declare it."""
    made = stock_pipe(pipeline, resource=Resource({"service.name": "coding"}))
    texts = [key for key, rule in allowlist.ATTRIBUTES.items() if rule.type == "string"]
    found = dict.fromkeys(texts, word)
    made.tracer_provider.get_tracer(SCOPE_NAME).start_span(f"predict {word}", attributes=found).end()
    made.logger_provider.get_logger(SCOPE_NAME).emit(LogRecord(event_name=events.OUTCOME, attributes=found))
    made.meter_provider.get_meter(SCOPE_NAME).create_counter(metrics.INFERENCES.name).add(1, found)
    made.close()
    wait_until(lambda: arrived(pipeline), within=30, what="every signal behind the gateway")
    bodies = [body for _, _, body in pipeline.sink.requests] + [page(pipeline)]
    assert not any(word.encode() in body for body in bodies)
    (span,) = spans(pipeline)
    kept = {pair.key: pair.value.string_value for pair in span.attributes}
    assert kept[attributes.MODEL_NAME] == kept[attributes.MODEL_VERSION] == kept[attributes.ERROR_TYPE] == "_OTHER"


def test_links_are_removed_and_their_span_arrives(pipeline: Pipeline) -> None:
    made = stock_pipe(pipeline)
    other = SpanContext(9, 9, is_remote=True, trace_flags=TraceFlags(1))
    tracer = made.tracer_provider.get_tracer(SCOPE_NAME)
    links = [Link(other, {"patient": marker("link")}), Link(other, {attributes.LINK_RELATION: marker("relation")})]
    tracer.start_span("predict coding", links=links, attributes={attributes.MODEL_NAME: "coding"}).end()
    made.close()
    wait_until(lambda: spans(pipeline), within=30, what="the span behind the gateway")
    (span,) = spans(pipeline)
    assert not span.links


def test_an_exemplar_comes_out_as_its_trace_alone(pipeline: Pipeline) -> None:
    """What a view took from the series is in the exemplar on the way, and not on the page."""
    view = View(instrument_name="*", attribute_keys={attributes.MODEL_NAME})
    made = stock_pipe(pipeline, views=[view])
    with made.tracer_provider.get_tracer("app").start_as_current_span("x") as current:
        trace_id = format(current.get_span_context().trace_id, "032x")
        counter = made.meter_provider.get_meter(SCOPE_NAME).create_counter(metrics.OUTCOMES.name, metrics.OUTCOMES.unit)
        counter.add(1, {attributes.MODEL_NAME: "coding", "patient": marker("filtered")})
    made.meter_provider.force_flush()  # once: the next export of the same point carries no exemplar any more
    wait_until(lambda: trace_id.encode() in page(pipeline), within=30, what="the exemplar on the page")
    assert hits({"page": page(pipeline)}) == {}
    made.close()


def test_the_mark_of_too_many_series_passes_and_a_forged_one_does_not(pipeline: Pipeline) -> None:
    made = stock_pipe(pipeline)
    counter = made.meter_provider.get_meter(SCOPE_NAME).create_counter(metrics.OUTCOMES.name, metrics.OUTCOMES.unit)
    counter.add(3, {OVERFLOW: True})
    counter.add(4, {OVERFLOW: marker("overflow"), attributes.MODEL_NAME: "coding"})
    made.meter_provider.force_flush()
    label = b'otel_metric_overflow="true"'
    wait_until(lambda: label in page(pipeline), within=30, what="the mark on the page")
    wait_until(lambda: b'model_name="coding"' in page(pipeline), within=30, what="the other series on the page")
    assert hits({"page": page(pipeline)}) == {}
    assert page(pipeline).count(b"otel_metric_overflow") == 1
    made.close()
