"""Metrics are collected with pauses between instruments, and are the same metrics."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel_clinical.sdk import _collect_slices as slices
from otel_clinical.sdk import configure
from otel_clinical.sdk._collect_slices import collect_in_slices
from otel_clinical.sdk._exporters import Exporters

INSTRUMENTS = 12


@pytest.fixture
def pauses(monkeypatch):
    """Count pauses, of slices that are over at once."""
    counted = []
    monkeypatch.setattr(slices, "pause", lambda: counted.append(None))
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.0)
    return counted


def collected(reader):
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("a")
    for index in range(INSTRUMENTS):
        meter.create_counter(f"count.{index}").add(index, {"a": "b"})
    found = reader.get_metrics_data()
    return [
        (metric.name, [(point.attributes, point.value) for point in metric.data.data_points])
        for metric in found.resource_metrics[0].scope_metrics[0].metrics
    ]


def test_a_reader_pauses_between_instruments_and_collects_the_same(pauses):
    stock = collected(InMemoryMetricReader())
    assert not pauses  # the control
    reader = InMemoryMetricReader()
    collect_in_slices(reader)
    assert collected(reader) == stock
    assert len(pauses) >= INSTRUMENTS


def test_a_short_collection_pauses_no_more_than_once(pauses, monkeypatch):
    monkeypatch.setattr(slices, "SLICE_SECONDS", 3600.0)
    reader = InMemoryMetricReader()
    collect_in_slices(reader)
    collected(reader)
    assert len(pauses) == 1


def test_a_release_that_keeps_this_elsewhere_is_left_alone():
    reader = InMemoryMetricReader()
    del reader._instrument_class_temporality
    collect_in_slices(reader)
    assert not hasattr(reader, "_instrument_class_temporality")


def test_what_configure_sets_up_collects_in_slices(pauses):
    class Nowhere:
        def __getattr__(self, _):
            return lambda *_, **__: True

    with configure("a", exporters=Exporters(metrics=Nowhere()), set_global=False) as handle:
        handle.telemetry.meter.create_counter("one").add(1)
        assert handle.flush(60)
        assert pauses
