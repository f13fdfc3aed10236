"""Providers that appear late, sample, fail or are not there at all."""

from __future__ import annotations

import threading

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult

from otel_clinical import __version__
from otel_clinical.instrument import (
    QualityProfile,
    QualityResult,
    Telemetry,
    current_inference,
    inference,
    record_inference,
    use_telemetry,
)
from otel_clinical.semconv import SCHEMA_URL, attributes, metrics, spans
from otel_clinical.semconv.enums import (
    InputQualityAction,
)
from tests.instrument._coding import decorate


def test_an_sdk_that_appears_after_decoration_is_used(capture):
    @inference(model="coding", version="7")
    def predict():
        return current_inference().receipt

    with use_telemetry(Telemetry()):
        assert predict().traceparent == "00-" + "0" * 32 + "-" + "0" * 16 + "-00"
    with use_telemetry(capture.telemetry):
        receipt = predict()
    assert receipt.inference_id == capture.span.attributes[attributes.INFERENCE_ID]


def test_without_any_sdk_calls_work_and_receipts_are_issued():
    @inference(model="coding", version="7")
    def predict():
        return current_inference().receipt

    silent = Telemetry()
    with use_telemetry(silent):
        receipts = {predict().inference_id for _ in range(20)}
    assert len(receipts) == 20
    assert silent.worker._thread is None


def test_an_unsampled_inference_is_counted_all_the_same(make_capture):
    found = make_capture()
    found.telemetry.tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("x")
    record_inference(model="coding", version="7", confidence=0.5, telemetry=found.telemetry)
    assert not found.spans
    assert sum(found.points(metrics.INFERENCES).values()) == 1
    assert found.points(metrics.CONFIDENCE)


def test_the_sampler_sees_what_the_registry_calls_sampling_relevant(capture):
    seen = {}

    class Looking(Sampler):
        def should_sample(self, *args, **_):
            seen.update(args[4])
            return SamplingResult(Decision.DROP)

        def get_description(self):
            return "looking"

    capture.telemetry.tracer = TracerProvider(sampler=Looking(), shutdown_on_exit=False).get_tracer("x")
    record_inference(model="coding", version="7", telemetry=capture.telemetry)
    assert spans.DEFINITIONS[spans.INFERENCE].sampling_relevant <= set(seen)


def test_scope_name_version_and_schema_are_on_all_signals(capture):
    record_inference(
        model="coding",
        version="7",
        quality=QualityResult(0.1, InputQualityAction.REFUSE),
        telemetry=capture.telemetry,
    )
    metric_scope = capture.reader.get_metrics_data().resource_metrics[0].scope_metrics[0].scope
    log_scope = capture.log_exporter.get_finished_logs()[0].instrumentation_scope
    for scope in (capture.span.instrumentation_scope, metric_scope, log_scope):
        assert (scope.name, scope.version, scope.schema_url) == ("otel_clinical", __version__, SCHEMA_URL)


class Broken:
    """A tracer, meter or logger whose every method raises."""

    def __getattr__(self, name):
        raise RuntimeError("MRN 00123")


def test_a_broken_tracer_never_breaks_the_call(capture, caplog):
    capture.telemetry.tracer = Broken()

    @decorate(capture)
    def predict():
        return 1

    assert [predict() for _ in range(3)] == [1, 1, 1]
    assert capture.errors() == {("decorator", "RuntimeError"): 3}
    assert len(caplog.records) == 1
    assert "MRN" not in caplog.text


def test_a_broken_span_never_breaks_the_call(capture):
    class BadSpan(trace.NonRecordingSpan):
        def is_recording(self):
            return True

        def set_attributes(self, _):
            raise RuntimeError

    class Tracer:
        def start_span(self, *_, **__):
            return BadSpan(trace.INVALID_SPAN_CONTEXT)

    capture.telemetry.tracer = Tracer()
    assert decorate(capture)(lambda: 1)() == 1
    assert capture.errors() == {("decorator", "RuntimeError"): 1}


@pytest.mark.parametrize("part", ["_instruments", "_logger"])
def test_a_broken_meter_or_logger_never_breaks_the_call(capture, part):
    setattr(capture.telemetry, part, Broken())

    @decorate(capture, quality=QualityProfile(required=("age",), refuse_below=0.5), on_refuse=lambda _: "refused")
    def predict(record):
        return 1

    assert predict({}) == "refused"
    assert predict({"age": 1}) == 1


def test_many_threads_lose_no_inference(make_capture):
    found = make_capture(synchronous=False, queue_size=100_000)

    @inference(model="coding", version="7", telemetry=found.telemetry)
    def predict():
        return current_inference().id

    ids = []

    def work():
        ids.extend([predict() for _ in range(100)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 800
    assert sum(found.points(metrics.INFERENCES).values()) == 800
