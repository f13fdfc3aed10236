"""What waits for its export leaves as the SDK's own span would have, and is little."""

from __future__ import annotations

import gc

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context

from otel_clinical.sdk import RedactingSpanExporter
from otel_clinical.sdk import _ended_span as ended_span
from otel_clinical.sdk._ended_span import EndedSpan, Kept, SpanQueue, ended, keep
from otel_clinical.sdk._span_bytes import SpanEncoder
from otel_clinical.semconv import SCOPE_NAME, attributes
from tests.sdk.conftest import Ledger

CANARY = "canary-7f3a"


class Exported(SpanExporter):
    """Keeps what it is given."""

    def __init__(self):
        self.spans = []

    def export(self, spans):
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS


def make_spans(tracer):
    """End a few spans that differ in everything a span may have."""
    far = SpanContext(5, 6, is_remote=True)
    with tracer.start_as_current_span("predict coding", kind=SpanKind.SERVER) as parent:
        parent.set_attribute(attributes.MODEL_NAME, "coding")
        child = tracer.start_span(
            f"{CANARY} was seen",
            context=set_span_in_context(parent),
            attributes={attributes.CONFIDENCE_SCORE: 0.5, "patient": CANARY},
            links=[Link(far, {attributes.LINK_RELATION: "outcome"})],
        )
        child.add_event(CANARY, {"note": CANARY})
        child.set_status(StatusCode.ERROR, CANARY)
        child.end()


@pytest.fixture
def both():
    """Return the spans of the SDK and what the queue keeps of them."""
    ordinary, kept = Exported(), Exported()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(ordinary))
    provider.add_span_processor(SpanQueue(kept))
    make_spans(provider.get_tracer(SCOPE_NAME))
    make_spans(provider.get_tracer("some.library"))
    provider.force_flush()
    provider.shutdown()
    assert len(ordinary.spans) == len(kept.spans) == 4
    return ordinary.spans, kept.spans


def test_what_is_kept_is_written_as_the_span_would_be(both):
    ordinary, kept = both
    assert all(type(one) is EndedSpan for one in kept)
    assert SpanEncoder(Ledger())(kept).body == SpanEncoder(Ledger())(ordinary).body


def test_what_is_kept_is_redacted_as_the_span_would_be(both):
    found = []
    for spans in both:
        out = Exported()
        RedactingSpanExporter(out, Ledger()).export(spans)
        found.append([one.to_json() for one in out.spans])
        assert all(isinstance(one, ReadableSpan) for one in out.spans)
        assert CANARY not in "".join(found[-1])
    assert found[0] == found[1]


def test_the_garbage_collector_has_little_to_look_at(both):
    ordinary, kept = both

    def tracked(span):
        shared = {id(one) for one in (span.resource, span.instrumentation_scope, span.status, span.parent)}
        seen, left = set(), [span]
        while left:
            one = left.pop()
            if id(one) in seen | shared or not gc.is_tracked(one) or isinstance(one, type):
                continue
            if type(one).__module__.startswith(("opentelemetry", "otel_clinical", "collections", "builtins")):
                seen.add(id(one))
                left.extend(gc.get_referents(one))
        return len(seen)

    assert tracked(kept[1]) < tracked(ordinary[1]) / 2


def test_a_span_that_was_not_sampled_is_not_kept():
    kept = Exported()
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(SpanQueue(kept))
    make_spans(provider.get_tracer(SCOPE_NAME))
    provider.force_flush()
    provider.shutdown()
    assert kept.spans == []


def test_a_span_that_is_built_otherwise_is_read_by_its_properties(monkeypatch):
    class Other:
        """A span without the fields of today's SDK."""

        name, parent, kind, start_time, end_time = "a", None, SpanKind.INTERNAL, 1, 2
        context = SpanContext(3, 4, is_remote=False, trace_flags=TraceFlags(1))
        resource = status = instrumentation_scope = None
        links, attributes = [1], {"a": 1}

    monkeypatch.setattr(ended_span, "ReadableSpan", lambda *_, **__: Other)
    monkeypatch.setattr(ended_span, "_read", ended_span._reader())
    kept = Kept()
    assert keep(kept, Other)
    assert ended(kept) == ("a", Other.context, None, None, SpanKind.INTERNAL, None, 1, 2, None, (1,), {"a": 1})


class Failing(Exported):
    """Takes spans and fails."""

    def export(self, spans):
        super().export(spans)
        raise RuntimeError


@pytest.mark.parametrize("exporter", [Exported(), Failing()])
def test_a_list_is_emptied_after_the_export_and_used_again(exporter):
    queue = SpanQueue(exporter)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(queue)
    for _ in range(2):
        make_spans(provider.get_tracer(SCOPE_NAME))
        provider.force_flush()
        assert list(queue._free) == [[], []]
    provider.shutdown()
    assert [one.name for one in exporter.spans] == [f"{CANARY} was seen", "predict coding"] * 2


def test_a_span_that_is_read_twice_in_one_export_is_there_twice():
    class Twice(Exported):
        """Reads the batch a second time, as one that retries does."""

        def export(self, spans):
            return super().export([*spans, *spans])

    exporter = Twice()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SpanQueue(exporter))
    provider.get_tracer(SCOPE_NAME).start_span("predict coding").end()
    provider.force_flush()
    provider.shutdown()
    assert [one.name for one in exporter.spans] == ["predict coding"] * 2
