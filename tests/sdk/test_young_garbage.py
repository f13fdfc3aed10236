"""What waits, and what is exported, brings on no garbage collection where an inference would wait for it."""

from __future__ import annotations

import gc
from collections import deque

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_clinical import inference
from otel_clinical.sdk import _ended_span as ended_span
from otel_clinical.sdk import _metrics as redaction
from otel_clinical.sdk import configure
from otel_clinical.sdk._exporters import Exporters
from otel_clinical.sdk._metrics import Redactor
from otel_clinical.semconv import SCOPE_NAME, attributes, metrics

CALLS = 400
"""Fewer than one export takes."""


class Read(SpanExporter):
    """Reads the spans it is given, and keeps none."""

    def __init__(self):
        self.names = []

    def export(self, spans):
        self.names.extend(span.name for span in spans)
        return SpanExportResult.SUCCESS


@pytest.fixture
def counted():
    """Return what tells how many objects more the collector counts for each call that waits for its export."""

    def count():
        exporter = Read()
        with configure("a", exporters=Exporters(spans=exporter), schedule_delay=60, set_global=False) as handle:

            @inference(model="coding", version="7", confidence="probability", telemetry=handle.telemetry)
            def predict(_record):
                return {"probability": 0.9}

            def call_and_settle():
                for _ in range(CALLS):
                    predict({})
                for _ in range(2):  # the thread lets go of a batch when it takes the next
                    assert handle.telemetry.worker.flush(60)

            call_and_settle()
            assert handle.flush(60)
            assert len(exporter.names) == CALLS
            gc.collect(1)  # all of it would empty the interpreter's own stocks, which then fill up again
            gc.disable()
            try:
                before = gc.get_count()[0]
                call_and_settle()
                return (gc.get_count()[0] - before) / CALLS
            finally:
                gc.enable()

    return count


def test_a_span_that_waits_for_its_export_is_nothing_more_to_collect(counted):
    assert counted() < 0.4


def test_the_count_sees_a_span_that_is_an_object_more(counted, monkeypatch):
    monkeypatch.setattr(ended_span, "deque", lambda **_: deque(maxlen=0))
    assert counted() > 0.6


@pytest.fixture
def points():
    """Return metric data of ours, collected from a counter and a histogram."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter(SCOPE_NAME)
    labels = {attributes.MODEL_NAME: "coding", attributes.MODEL_VERSION: "7"}

    def collect(**more):
        meter.create_counter(metrics.ABSTENTIONS.name).add(1, labels | more)
        meter.create_histogram(metrics.CONFIDENCE.name).record(0.5, labels | more)
        return reader.get_metrics_data()

    return collect


def flat(data):
    return [
        point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


def test_a_point_of_which_nothing_is_withheld_is_handed_on_as_it_is(points, ledger):
    data = points()
    reduced = flat(Redactor(ledger)(data))
    assert len(reduced) == 2
    assert all(one is other for one, other in zip(reduced, flat(data), strict=True))


def test_a_point_of_which_something_is_withheld_is_another(points, ledger):
    data = points(patient="canary")
    reduced = flat(Redactor(ledger)(data))
    assert len(reduced) == 2
    assert all("patient" in one.attributes for one in flat(data))
    assert all("patient" not in one.attributes for one in reduced)


@pytest.mark.parametrize(
    ("collector", "collected"),
    [((True, 400, 700), [0]), ((True, 300, 700), []), ((False, 400, 700), []), ((True, 400, 0), [])],
)
def test_much_young_garbage_is_collected_by_who_exports_unless_that_is_off(
    monkeypatch, points, ledger, collector, collected
):
    (enabled, count, threshold), data, found = collector, points(), []
    monkeypatch.setattr(redaction.gc, "isenabled", lambda: enabled)
    monkeypatch.setattr(redaction.gc, "get_count", lambda: (count, 0, 0))
    monkeypatch.setattr(redaction.gc, "get_threshold", lambda: (threshold, 10, 10))
    monkeypatch.setattr(redaction.gc, "collect", found.append)
    Redactor(ledger)(data)
    assert found == collected
