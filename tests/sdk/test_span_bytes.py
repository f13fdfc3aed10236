"""Spans that are redacted and written in one pass are, byte for byte, what the two steps make of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as WrittenResource
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from otel_clinical.sdk import RedactingSpanExporter
from otel_clinical.sdk import _span_bytes as span_bytes
from otel_clinical.sdk import _span_check as span_check
from otel_clinical.sdk._foreign import FOREIGN
from otel_clinical.sdk._http_spans import HttpSpanExporter
from otel_clinical.sdk._protobuf import key_value
from otel_clinical.sdk._self_test import self_test
from otel_clinical.sdk._span_bytes import EncodedSpans, SpanEncoder
from otel_clinical.sdk._spans import redact_span
from otel_clinical.semconv import SCOPE_NAME, allowlist, attributes
from tests.sdk.conftest import Ledger

CANARY = "canary-7f3a"


class Declared:
    """Declares two departments and a model."""

    def allowed(self, key):
        known = {attributes.SEGMENT_DEPARTMENT: ("cardiology", "emergency"), attributes.MODEL_NAME: ("coding",)}
        return known.get(key, ())

    def missed(self, key):
        """Say nothing."""


class LyingText(str):
    """A string that claims to be any other."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("coding")


DECLARED = Declared()
NANOSECONDS = st.integers(0, 2**64 - 1)
TEXTS = st.one_of(
    st.sampled_from(["coding", "7", "cardiology", "_OTHER", "GET", "POST", "active", "predict", "pass", "", CANARY]),
    st.text(max_size=300),
    st.just(LyingText("Jane Roe")),
)
NUMBERS = st.one_of(
    st.booleans(), st.integers(-(2**70), 2**70), st.integers(0, 600), st.floats(), st.floats(0, 1), st.just(-0.0)
)
VALUES = st.one_of(TEXTS, NUMBERS, st.none(), st.binary(max_size=9), st.lists(TEXTS, max_size=3), st.just({"a": 1}))
KEYS = st.one_of(st.sampled_from([*allowlist.ATTRIBUTES, *FOREIGN, CANARY]), st.text(min_size=1, max_size=9))
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=24)
STATES = st.sampled_from([None, TraceState([("vendor", CANARY)])])
CONTEXTS = st.builds(
    SpanContext,
    trace_id=st.integers(0, 2**128 - 1),
    span_id=st.integers(0, 2**64 - 1),
    is_remote=st.booleans(),
    trace_flags=st.sampled_from([TraceFlags(0), TraceFlags(1)]),
    trace_state=STATES,
)
RESOURCES = st.sampled_from(
    [
        Resource({}),
        Resource({"service.name": "a", "service.version": "1", "host.name": CANARY}, f"https://example.org/{CANARY}"),
        Resource({"service.version": "1", "service.name": "a"}),
        Resource({"service.name": "b"}),
    ]
)
SCOPES = st.sampled_from(
    [
        None,
        InstrumentationScope(SCOPE_NAME, "1"),
        InstrumentationScope(SCOPE_NAME, CANARY, "https://example.org", {CANARY: CANARY}),
        InstrumentationScope("json", "2"),
        InstrumentationScope(f"ward of {CANARY}"),
    ]
)
STATUSES = st.sampled_from([Status(), Status(StatusCode.OK), Status(StatusCode.ERROR, CANARY)])
SPANS = st.builds(
    ReadableSpan,
    name=st.one_of(st.sampled_from(["predict coding", "GET /patients/123", "review coding", ""]), TEXTS),
    context=CONTEXTS,
    parent=st.one_of(st.none(), CONTEXTS),
    resource=RESOURCES,
    attributes=ATTRIBUTES,
    events=st.lists(st.builds(Event, st.just("exception"), ATTRIBUTES), max_size=2),
    links=st.lists(st.builds(Link, CONTEXTS, st.one_of(st.none(), ATTRIBUTES)), max_size=3),
    kind=st.sampled_from(SpanKind),
    status=STATUSES,
    start_time=st.one_of(st.none(), NANOSECONDS),
    end_time=st.one_of(st.none(), NANOSECONDS),
    instrumentation_scope=SCOPES,
)


def stock(spans, ledger):
    """Return what redacting, and then the stock encoder, make of spans."""
    return encode_spans([redact_span(span, ledger, DECLARED) for span in spans]).SerializeToString()


@given(st.lists(SPANS, max_size=6))
def test_the_bytes_and_what_is_counted_are_those_of_redacting_and_the_stock_encoder(spans):
    ours, theirs = Ledger(), Ledger()
    encoded = SpanEncoder(ours, DECLARED)(spans)
    assert encoded.body == stock(spans, theirs)
    assert (len(encoded), ours.reasons, ours.failures) == (len(spans), theirs.reasons, theirs.failures)
    assert CANARY.encode() not in encoded.body or any(CANARY in span.attributes.values() for span in spans)


@given(KEYS, st.one_of(st.text(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)))
def test_an_attribute_is_written_as_protobuf_writes_it(key, value):
    expected = KeyValue(key=key)
    kind = {bool: "bool_value", str: "string_value", int: "int_value", float: "double_value"}[type(value)]
    setattr(expected.value, kind, value)
    assert key_value(1, key, value) == WrittenResource(attributes=[expected]).SerializeToString()


def test_spans_of_a_tracer_with_limits_links_and_events_are_written_the_same(ledger):
    memory = InMemorySpanExporter()
    limits = SpanLimits(max_span_attributes=3, max_events=1, max_links=1, max_attribute_length=8)
    provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer(SCOPE_NAME)
    with tracer.start_as_current_span("predict coding") as outer:
        link = Link(outer.get_span_context(), {attributes.LINK_RELATION: "x", "b": 1})
        with tracer.start_as_current_span("predict coding", links=[link, link]) as span:
            span.set_attributes({f"k{index}": index for index in range(9)})
            span.set_attribute(attributes.CONFIDENCE_SCORE, 0.25)
            span.add_event("one")
            span.add_event("two")
    spans = memory.get_finished_spans()
    assert spans[0].dropped_attributes
    assert spans[0].dropped_links
    assert SpanEncoder(ledger, DECLARED)(spans).body == stock(spans, ledger)


def test_a_value_that_is_declared_later_is_admitted_from_then_on(ledger):
    class Growing:
        values = ()

        def allowed(self, _):
            return self.values

        def missed(self, key):
            """Say nothing."""

    growing = Growing()
    encoder = SpanEncoder(ledger, growing)
    span = make_span({attributes.SEGMENT_DEPARTMENT: "oncology"})
    assert b"oncology" not in encoder([span]).body
    growing.values = ("oncology",)
    assert b"oncology" in encoder([span]).body
    growing.values = ()
    assert b"oncology" not in encoder([span]).body


def make_span(found, **changes):
    context = SpanContext(1, 2, is_remote=False)
    wanted = {
        "name": "predict coding",
        "context": context,
        "resource": Resource({}),
        "attributes": found,
        "instrumentation_scope": InstrumentationScope(SCOPE_NAME),
        **changes,
    }
    return ReadableSpan(**wanted)


class Broken:
    """Something that is no span: every access fails."""

    def __getattr__(self, name):
        raise RuntimeError(CANARY)


@pytest.mark.parametrize(
    "make",
    [Broken, lambda: make_span({}, context=None), lambda: make_span({}, end_time=-1)],
    ids=["no span", "no context", "no time"],
)
def test_a_span_that_cannot_be_written_is_dropped_alone_and_counted(ledger, make):
    broken = make()
    sound = make_span({attributes.MODEL_NAME: "coding"})
    encoded = SpanEncoder(ledger)([broken, sound, broken])
    assert encoded.body == encode_spans([redact_span(sound, Ledger())]).SerializeToString()
    assert len(encoded) == 1
    assert sum(ledger.failures.values()) == 2


class Taker(InMemorySpanExporter):
    """Takes spans that are written already, and says so."""

    takes_encoded = True

    def __init__(self):
        super().__init__()
        self.found = []

    def export(self, spans):
        self.found.append(spans)
        return SpanExportResult.SUCCESS


def test_an_exporter_that_takes_written_spans_gets_them_written(ledger):
    taker = Taker()
    span = make_span({attributes.MODEL_NAME: "coding"})
    RedactingSpanExporter(taker, ledger).export([span])
    (found,) = taker.found
    assert isinstance(found, EncodedSpans)
    assert found.body == encode_spans([redact_span(span, ledger)]).SerializeToString()


def test_a_batch_of_which_nothing_is_left_is_not_sent(ledger):
    taker = Taker()
    assert RedactingSpanExporter(taker, ledger).export([Broken()]) is SpanExportResult.SUCCESS
    assert taker.found == []


def test_where_the_stock_encoder_writes_something_else_it_writes_everything(ledger, monkeypatch):
    """Negative control of the comparison that is made before the first export."""
    assert span_check.writes_as_stock()
    monkeypatch.setattr(span_bytes, "_LOCAL", b"\x00\x00\x00\x00")
    span_check.writes_as_stock.cache_clear()
    try:
        taker = Taker()
        RedactingSpanExporter(taker, ledger).export([make_span({})])
        assert isinstance(taker.found[0][0], ReadableSpan)
    finally:
        span_check.writes_as_stock.cache_clear()


def test_the_self_test_notices_when_the_written_spans_are_not_redacted(monkeypatch):
    """Negative control: names are let through."""
    monkeypatch.setattr(span_bytes, "redact_name", lambda name, *_, **__: name)
    assert self_test() == "the redaction of written spans let a marker through"


@pytest.mark.parametrize("options", [{}, {"max_request_size": 1}])
def test_written_spans_are_sent_within_the_size_limit_only(receiver, ledger, options, caplog):
    exporter = HttpSpanExporter(endpoint=f"{receiver.url}/v1/traces", headers={"x-a": "b"}, **options)
    span = make_span({attributes.MODEL_NAME: "coding"})
    result = RedactingSpanExporter(exporter, ledger).export([span])
    sent = receiver.bodies
    if options:
        assert (result, sent) == (SpanExportResult.FAILURE, [])
        assert "exceeds max_request_size" in caplog.text
    else:
        assert result is SpanExportResult.SUCCESS
        assert sent == [encode_spans([redact_span(span, ledger)]).SerializeToString()]
        assert receiver.requests[0].headers["x-a"] == "b"
    exporter.shutdown()
    assert exporter.export(EncodedSpans(b"", 1)) is SpanExportResult.FAILURE


def test_a_refused_batch_is_a_failure_and_spans_still_go_through_the_stock_encoder(receiver, ledger):
    receiver.answers = [400, 200]
    exporter = HttpSpanExporter(endpoint=f"{receiver.url}/v1/traces")
    assert exporter.export(EncodedSpans(b"", 1)) is SpanExportResult.FAILURE
    span = redact_span(make_span({}), ledger)
    assert exporter.export([span]) is SpanExportResult.SUCCESS
    assert receiver.requests[-1].body == encode_spans([span]).SerializeToString()
    exporter.shutdown()


def test_over_grpc_the_written_spans_arrive_unchanged(ledger):
    from otel_clinical.sdk._grpc_spans import GrpcSpanExporter  # noqa: PLC0415 -- gRPC is slow to import

    exporter = GrpcSpanExporter(endpoint="http://127.0.0.1:1", insecure=True)
    span = make_span({attributes.MODEL_NAME: "coding"})
    encoded = SpanEncoder(ledger)([span])
    assert exporter._translate_data(encoded) == encode_spans([redact_span(span, ledger)])
    assert exporter._translate_data([span]) == encode_spans([span])
    exporter.shutdown()
