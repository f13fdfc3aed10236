"""Patient data stays: a marker in every input, result and exception is in nothing that is exported."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from types import SimpleNamespace

import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from otel_clinical.instrument import (
    QualityProfile,
    Receipt,
    business,
    configure_receipts,
    current_inference,
    inference,
    input_quality,
    outcome,
    record_cost,
    record_deployment_change,
    record_inference,
    record_outcome,
    record_revenue,
    record_review,
    record_risk_event,
    record_task,
    review,
)

MARKER = "CANARY-7f3a91"
FORMS = (
    MARKER,
    MARKER.lower(),
    MARKER.encode().hex(),
    base64.b64encode(MARKER.encode()).decode().rstrip("="),
    str(int.from_bytes(MARKER.encode(), "big")),
)


def exported(capture, caplog):
    """Return every byte that left through any signal, and what was logged."""
    capture.telemetry.worker.flush(10)
    parts = [encode_spans(capture.spans).SerializeToString()]
    parts.append(encode_logs(capture.log_exporter.get_finished_logs()).SerializeToString())
    data = capture.reader.get_metrics_data()
    if data is not None:
        parts.append(encode_metrics(data).SerializeToString())
    parts.append(caplog.text.encode())
    return b"\n".join(parts)


def leaks(capture, caplog):
    found = exported(capture, caplog)
    return [form for form in FORMS if form.encode() in found]


class Patient:
    """A record with the marker in every leaf."""

    def __init__(self):
        self.name = MARKER
        self.payer = MARKER
        self.site = [MARKER]
        self.age = MARKER
        self.nested = {"mrn": MARKER, MARKER: MARKER}

    def __repr__(self):
        return MARKER

    __str__ = __repr__


RECORDS = [
    Patient(),
    {"payer": MARKER, "site": MARKER, "age": MARKER, MARKER: MARKER},
    MARKER,
    [MARKER],
    SimpleNamespace(payer=Patient(), site=MARKER.encode(), age=int.from_bytes(MARKER.encode(), "big")),
]
PROFILE = QualityProfile(required=("age", "payer"), ranges={"age": (0, 120)}, critical=("age",))


def instrumented(capture):
    """Decorate one function of every kind with everything there is."""

    def decorate(function):
        return inference(
            model="coding",
            version="7",
            segments={"payer": "payer", "site": lambda arguments: arguments.record.site},
            confidence="confidence",
            quality=PROFILE,
            telemetry=capture.telemetry,
        )(function)

    @decorate
    def answers(record, **_):
        current_inference().set_confidence(MARKER)
        current_inference().restrict(MARKER, MARKER)
        current_inference().abstain(MARKER)
        current_inference().set_segment("payer", MARKER)
        current_inference().set_segment(MARKER, MARKER)
        return {"confidence": MARKER, "text": MARKER}

    @decorate
    def fails(record, **_):
        raise ValueError(MARKER, record) from KeyError(MARKER)

    @decorate
    async def fails_later(record, **_):
        await asyncio.sleep(0)
        raise ExceptionGroup(MARKER, [ValueError(MARKER)])

    @decorate
    def streams(record, **_):
        yield MARKER
        raise OSError(MARKER)

    @input_quality(PROFILE, telemetry=capture.telemetry)
    def gated(record, **_):
        raise RuntimeError(MARKER)

    return (
        answers,
        fails,
        lambda *a, **k: asyncio.run(fails_later(*a, **k)),
        lambda *a, **k: list(streams(*a, **k)),
        gated,
    )


@pytest.mark.parametrize("record", RECORDS, ids=[str(index) for index in range(len(RECORDS))])
def test_nothing_of_a_record_result_or_exception_is_exported_by_the_decorators(capture, caplog, record):
    for function in instrumented(capture):
        with suppress(Exception):
            function(record, note=MARKER)
    assert len(capture.spans) == 4
    assert leaks(capture, caplog) == []


def test_nothing_given_to_the_record_functions_is_exported(capture, caplog):
    where = {"telemetry": capture.telemetry}
    receipt = record_inference(
        model=MARKER + " ",
        version=MARKER + " ",
        use_case=MARKER,
        operation=MARKER,
        role=MARKER,
        segments={"payer": MARKER, MARKER: MARKER},
        confidence=MARKER,
        confidence_method=MARKER,
        quality=MARKER,
        started_at=MARKER,
        duration=MARKER,
        route=MARKER,
        route_reason=MARKER,
        activation=MARKER,
        status=MARKER,
        **where,
    )
    record_outcome(receipt, result="correct", source=MARKER, **where)
    record_outcome(receipt, result=MARKER, score=MARKER, at=MARKER, event_id=MARKER, **where)
    record_outcome(MARKER, result="correct", **where)
    record_review(receipt, action="edited", edit_ratio=MARKER, reason=MARKER, role=MARKER, **where)
    record_review(receipt, action="edited", event_id=MARKER, **where)
    record_revenue(MARKER, use_case=MARKER, currency=MARKER, assistance=MARKER, entry=MARKER, **where)
    record_cost(1, use_case=MARKER, category=MARKER, **where)
    record_risk_event(use_case=MARKER, category=MARKER, **where)
    record_task(MARKER, 1, assistance="with_ai", **where)
    record_deployment_change(
        MARKER + " ", from_version=MARKER, to_version=MARKER, type=MARKER, reason=MARKER, at=MARKER, **where
    )
    assert len(capture.spans) == 1
    assert len(capture.events) == 2
    assert leaks(capture, caplog) == []


def test_nothing_a_reporting_function_handles_is_exported(capture, caplog):
    receipt = record_inference(model="coding", version="7", telemetry=capture.telemetry)

    @outcome(result="verdict", score="score", telemetry=capture.telemetry)
    def audit(receipt, note):
        return {"verdict": MARKER, "score": MARKER, "note": MARKER}

    @review(action=lambda _: 1 / 0, telemetry=capture.telemetry)
    def sign(receipt, note):
        return MARKER

    @business(task="review", revenue=lambda result: result[MARKER], cost="cost", telemetry=capture.telemetry)
    def work(note):
        return {"cost": MARKER}

    audit(receipt, MARKER)
    audit(MARKER, MARKER)
    sign(receipt, MARKER)
    work(MARKER)
    assert leaks(capture, caplog) == []


def test_a_receipt_and_its_errors_hold_nothing_of_the_record(capture, caplog):
    configure_receipts({"k1": b"x" * 16})

    @inference(model="coding", version="7", segments={"payer": "payer"}, telemetry=capture.telemetry)
    def predict(record):
        return current_inference().receipt

    text = predict(Patient()).dumps()
    assert MARKER not in repr(Receipt.loads(text))
    assert MARKER.encode() not in base64.urlsafe_b64decode(text.split(".")[2] + "==")


def test_span_names_status_events_and_links_are_free_of_it(capture):
    for function in instrumented(capture):
        with suppress(Exception):
            function(Patient())
    for span in capture.spans:
        assert span.name == "predict coding"
        assert span.status.description is None
        assert (list(span.events), list(span.links)) == ([], [])


def test_the_search_finds_what_a_careless_span_leaks(capture, caplog):
    """Negative control: the same search over what the plain SDK exports."""
    tracer = capture.tracer_provider.get_tracer("careless")
    with suppress(ValueError), tracer.start_as_current_span("x"):
        raise ValueError(MARKER)
    assert leaks(capture, caplog)


def test_the_search_finds_a_leak_in_a_metric_and_in_an_event(capture, caplog):
    """Negative control for the other two signals."""
    capture.meter_provider.get_meter("careless").create_counter("n").add(1, {"patient": MARKER})
    assert leaks(capture, caplog)
    capture.logger_provider.get_logger("careless").emit(body=MARKER)
    assert MARKER.encode() in encode_logs(capture.log_exporter.get_finished_logs()).SerializeToString()
