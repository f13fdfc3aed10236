"""Points that have become the same series are one point."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint

from otel_clinical.sdk._merge import merge_points
from otel_clinical.sdk._metrics import Redactor
from otel_clinical.semconv import SCOPE_NAME, attributes, metrics


def number(value, **attributes):
    return NumberDataPoint(attributes, 1, 2, value)


def histogram(counts, bounds=(1.0,), **attributes):
    return HistogramDataPoint(attributes, 1, 2, sum(counts), 3.0, counts, bounds, 0.5, 2.0)


def test_distinct_points_stay_as_they_are():
    points = [number(1, a="x"), number(2, a="y"), number(3)]
    assert merge_points(points) == points


def test_equal_sums_are_added_up():
    (merged,) = merge_points([number(1, a="x"), number(2, a="x")])
    assert merged.value == 3


def test_equal_histograms_are_added_up():
    (merged,) = merge_points([histogram([1, 2]), histogram([3, 4])])
    assert (merged.count, merged.sum, merged.bucket_counts) == (10, 6.0, [4, 6])


def test_histograms_with_other_bounds_are_dropped():
    assert merge_points([histogram([1, 2]), histogram([3, 4], (2.0,))]) == []


def test_equal_gauges_are_dropped_because_neither_is_right():
    assert merge_points([number(1), number(2), number(3, a="x")], additive=False) == [number(3, a="x")]


@pytest.mark.parametrize("attributes", [None, {}])
def test_points_without_attributes_are_one_series(attributes):
    points = [NumberDataPoint(attributes, 1, 2, 1), NumberDataPoint({}, 1, 2, 1)]
    assert len(merge_points(points)) == 1


def test_scopes_that_have_become_equal_lose_no_metric(ledger):
    """The stock encoder keeps the last of equal scopes; here the version alone told them apart."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    for version, names in (("1", (metrics.OUTCOMES, metrics.REVIEWS)), ("2", (metrics.OUTCOMES, metrics.OVERRIDES))):
        for metric in names:
            counter = provider.get_meter(SCOPE_NAME, version).create_counter(metric.name)
            counter.add(1, {attributes.MODEL_NAME: "coding"})
    encoded = encode_metrics(Redactor(ledger)(reader.get_metrics_data()))
    provider.shutdown()
    (scope,) = encoded.resource_metrics[0].scope_metrics
    found = {metric.name: [point.as_int for point in metric.sum.data_points] for metric in scope.metrics}
    assert found == {metrics.OUTCOMES.name: [2], metrics.REVIEWS.name: [1], metrics.OVERRIDES.name: [1]}
