"""A metrics page of the processor, asked by metric and label."""

from collections.abc import Iterable

from prometheus_client.core import Metric

from otel_clinical.semconv import MetricDef, attributes, prometheus_label

STREAM = tuple(
    prometheus_label(key)
    for key in (attributes.MODEL_NAME, attributes.MODEL_VERSION, attributes.SEGMENT_NAME, attributes.SEGMENT_VALUE)
)
"""Labels of a stream: model, version, segment name, segment value."""
LEVEL = prometheus_label(attributes.ESCALATION_LEVEL)


class Page:
    """Samples of a metrics page, by family."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._samples: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in found:
            for sample in family.samples:
                self._samples.setdefault(sample.name, []).append((sample.labels, sample.value))

    def by(self, metric: MetricDef, labels: tuple[str, ...]) -> list[tuple[tuple[str, ...], float]]:
        """Return (values of `labels`, value) per sample of a metric."""
        found = self._samples.get(metric.prometheus, [])
        return [(tuple(own.get(label, "") for label in labels), value) for own, value in found]

    def totals(self, metric: MetricDef) -> dict[str, int]:
        """Return a counter with one label by that label's value, without its zeros."""
        label = prometheus_label(metric.attributes[0])
        return {key[0]: int(value) for key, value in sorted(self.by(metric, (label,))) if value}

    def single(self, metric: MetricDef) -> float | None:
        """Return the value of a metric without labels."""
        return next((value for _, value in self._samples.get(metric.prometheus, [])), None)
