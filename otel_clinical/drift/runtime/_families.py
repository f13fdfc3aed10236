"""A Prometheus family from a metric of the registry."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from otel_clinical.semconv import MetricDef, prometheus_label

Sample = tuple[tuple[str, ...], float]
"""(label values in the registry's order, value)."""


def gauge(metric: MetricDef, samples: Iterable[Sample]) -> Metric:
    """Return a gauge with its samples."""
    family = GaugeMetricFamily(metric.prometheus, metric.description, labels=_labels(metric))
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def counter(metric: MetricDef, totals: Mapping[tuple[str, ...], int]) -> Metric:
    """Return a counter with its totals, sorted."""
    family = CounterMetricFamily(metric.prometheus.removesuffix("_total"), metric.description, labels=_labels(metric))
    for labels, value in sorted(totals.items()):
        family.add_metric(labels, value)
    return family


def _labels(metric: MetricDef) -> list[str]:
    return [prometheus_label(key) for key in metric.attributes]
