"""Every metric has, in Prometheus, exactly the name that rules and dashboards use."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from otel_clinical.semconv import SCOPE_NAME, metrics, prometheus_family, prometheus_label


def record(meter, metric):
    """Record one point of the metric, with a value for every attribute it may carry."""
    point = dict.fromkeys(metric.attributes, "value")
    if metric.instrument == "counter":
        meter.create_counter(metric.name, metric.unit).add(1, point)
    elif metric.instrument == "updowncounter":
        meter.create_up_down_counter(metric.name, metric.unit).add(1, point)
    elif metric.instrument == "gauge":
        meter.create_gauge(metric.name, metric.unit).set(1, point)
    else:
        create = meter.create_histogram
        create(metric.name, metric.unit, explicit_bucket_boundaries_advisory=metric.buckets).record(1, point)


@pytest.fixture(scope="module")
def exposed():
    """Return the families of a Prometheus page on which every registry metric has one point."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry)
    provider = MeterProvider([reader])
    meter = provider.get_meter(SCOPE_NAME)
    for metric in metrics.ALL:
        record(meter, metric)
    families = list(registry.collect())
    provider.shutdown()
    return families


def series(families):
    """Return the labels of every series, by its name."""
    found = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def names_of(metric):
    if metric.instrument == "histogram":
        return [metric.prometheus + suffix for suffix in ("_bucket", "_sum", "_count")]
    return [metric.prometheus]


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_the_exporter_gives_the_family_the_registry_promises(exposed, metric):
    found = series(exposed)
    for name in names_of(metric):
        assert name in found, [other for other in found if metric.name.split(".")[1] in other]
        assert {prometheus_label(key) for key in metric.attributes} <= found[name]


def test_the_exporter_gives_no_family_the_registry_does_not_know(exposed):
    promised = {name for metric in metrics.ALL for name in names_of(metric)}
    extra = {name for name in series(exposed) if name.startswith("clinical_ai")} - promised
    assert extra == set()


def test_a_metric_that_breaks_the_naming_rules_would_be_noticed():
    """Negative control: a unit word inside the name makes the promise false."""
    assert prometheus_family("clinical_ai.waits", "counter", "s") == "clinical_ai_waits_seconds_total"
    assert prometheus_family("clinical_ai.waits", "counter", "{wait}") != "clinical_ai_waits_seconds_total"


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_prometheus_client_keeps_the_family_as_written(metric):
    """The processor and the controller expose their metrics without the OpenTelemetry SDK."""
    registry = CollectorRegistry()
    labels = [prometheus_label(key) for key in metric.attributes]
    kind = {"counter": Counter, "histogram": Histogram}.get(metric.instrument, Gauge)
    instrument = kind(metric.prometheus, metric.description, labels, registry=registry)
    point = instrument.labels(*("value" for _ in labels)) if labels else instrument
    point.observe(1) if metric.instrument == "histogram" else point.inc()
    text = generate_latest(registry).decode()
    names = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    assert set(names_of(metric)) <= names
    assert openmetrics(registry).decode().endswith("# EOF\n")
