"""A review that happens inside a trace shows there, linked to the inference that it is about."""

from __future__ import annotations

from opentelemetry.trace import SpanKind

from otel_clinical.instrument import record_inference, record_review, review
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import LinkRelation
from tests.instrument._coding import AT


def reviews(capture):
    return [span for span in capture.spans if span.name == "review coding"]


def test_a_review_in_a_trace_is_a_linked_span_of_that_trace_and_no_child_of_the_inference(capture, receipt):
    with capture.tracer_provider.get_tracer("app").start_as_current_span("request") as request:
        assert record_review(receipt, action="edited", at=AT + 60, telemetry=capture.telemetry)
    (found,) = reviews(capture)
    (answered,) = [span for span in capture.spans if span.name == "predict coding"]
    (link,) = found.links
    assert (link.context.trace_id, link.context.span_id) == (answered.context.trace_id, answered.context.span_id)
    assert dict(link.attributes) == {attributes.LINK_RELATION: LinkRelation.REVIEW_OF.value}
    assert found.parent.span_id == request.get_span_context().span_id
    assert found.context.trace_id != answered.context.trace_id
    assert found.kind is SpanKind.INTERNAL
    assert dict(found.attributes) == {
        attributes.INFERENCE_ID: receipt.inference_id,
        attributes.MODEL_NAME: "coding",
        attributes.MODEL_VERSION: "7",
        attributes.REVIEW_ACTION: "edited",
    }


def test_the_span_lasts_as_long_as_somebody_looked_and_no_longer(capture, receipt):
    with capture.tracer_provider.get_tracer("app").start_as_current_span("request"):
        record_review(receipt, action="accepted", duration=41.5, at=AT + 60, telemetry=capture.telemetry)
        record_review(receipt, action="accepted", at=AT + 61, telemetry=capture.telemetry)
    timed, untimed = reviews(capture)
    assert (timed.start_time, timed.end_time) == (int((AT + 18.5) * 1e9), int((AT + 60) * 1e9))
    assert untimed.start_time == untimed.end_time == int((AT + 61) * 1e9)


def test_outside_of_a_trace_there_is_no_span(capture, receipt):
    """A trace of its own, of one span, would help nobody."""
    record_review(receipt, action="accepted", at=AT + 60, telemetry=capture.telemetry)
    assert reviews(capture) == []


def test_a_decorated_reviewer_function_shows_too(capture, receipt):
    @review(action="verdict", telemetry=capture.telemetry)
    def sign(receipt):
        return {"verdict": "accepted"}

    with capture.tracer_provider.get_tracer("app").start_as_current_span("request"):
        sign(receipt)
    assert len(reviews(capture)) == 1


def test_a_rejected_report_leaves_no_span(capture, receipt):
    with capture.tracer_provider.get_tracer("app").start_as_current_span("request"):
        record_review(receipt, action="editd", telemetry=capture.telemetry)
        record_review("not a receipt", action="edited", telemetry=capture.telemetry)
    assert reviews(capture) == []


def test_a_review_of_an_inference_without_a_trace_has_no_link(capture, make_capture):
    from otel_clinical.instrument import Telemetry  # noqa: PLC0415 -- one without a tracer provider

    receipt = record_inference(model="coding", version="7", telemetry=Telemetry(synchronous=True))
    with capture.tracer_provider.get_tracer("app").start_as_current_span("request"):
        record_review(receipt, action="accepted", telemetry=capture.telemetry)
    (found,) = reviews(capture)
    assert not found.links


def test_a_broken_tracer_never_breaks_the_report(capture, receipt, monkeypatch):
    class Broken:
        def start_span(self, *_, **__):
            raise RuntimeError("no")

    with capture.tracer_provider.get_tracer("app").start_as_current_span("request"):
        monkeypatch.setattr(capture.telemetry, "tracer", Broken())
        assert record_review(receipt, action="accepted", at=AT + 60, telemetry=capture.telemetry)
    assert capture.errors() == {("decorator", "RuntimeError"): 1}
    assert len(capture.events) == 1
