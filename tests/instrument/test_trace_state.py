"""What a caller outside wrote into the trace state goes no further; its trace does."""

from __future__ import annotations

import pytest
from opentelemetry import context as otel_context
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from otel_clinical.instrument import inference, record_inference, record_review

MRN = "mrn-00123456"


def caller(flags=TraceFlags.SAMPLED):
    """Return the context of an incoming request with a record number in its trace state."""
    state = TraceState([("vendor", MRN)])
    remote = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(flags), trace_state=state)
    return set_span_in_context(NonRecordingSpan(remote), otel_context.Context())


@pytest.fixture
def request_of_a_caller():
    token = otel_context.attach(caller())
    yield
    otel_context.detach(token)


def test_a_stock_span_carries_the_trace_state_of_its_caller(capture, request_of_a_caller):
    """Negative control: what our spans are compared with."""
    capture.tracer_provider.get_tracer("app").start_span("raw").end()
    assert MRN in capture.span.context.trace_state.to_header()


def test_a_decorated_call_takes_the_trace_and_not_the_state(capture, request_of_a_caller):
    sent = {}

    @inference(model="coding", version="7", telemetry=capture.telemetry)
    def answer():
        inject(sent)

    answer()
    assert capture.span.context.trace_id == 0xABC
    assert (capture.span.parent.span_id, capture.span.parent.is_remote) == (0xDEF, True)
    assert not capture.span.context.trace_state
    assert "tracestate" not in sent
    assert "traceparent" in sent


def test_a_recorded_inference_and_a_review_take_it_neither(capture, request_of_a_caller):
    receipt = record_inference(model="coding", version="7", parent=caller(), telemetry=capture.telemetry)
    with capture.tracer_provider.get_tracer("app").start_as_current_span("request"):
        record_review(receipt, action="accepted", telemetry=capture.telemetry)
    own = [span for span in capture.spans if span.name != "request"]
    assert len(own) == 2
    assert not any(span.context.trace_state for span in own)
    assert MRN not in receipt.dumps()


def test_the_callers_sampling_still_decides(make_capture):
    unsampled = make_capture()
    unsampled.tracer_provider.sampler = ParentBased(ALWAYS_OFF)
    record_inference(model="coding", version="7", parent=caller(0), telemetry=unsampled.telemetry)
    assert unsampled.spans == []
    record_inference(model="coding", version="7", parent=caller(), telemetry=unsampled.telemetry)
    assert len(unsampled.spans) == 1
