"""A Prometheus family from a metric of the registry."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import Metric
from prometheus_client.samples import Sample as _Sample

from otel_clinical.semconv import MetricDef, prometheus_label

Sample = tuple[tuple[str, ...], float]
"""(label values in the registry's order, value)."""


class Family(Metric):
    """A family whose samples are made only for who asks for them; `rows` holds the same.

    Args:
        metric: Gives name, description and labels.
        kind: `gauge` or `counter`.
        rows: The samples; of one label set only the last counts, as in prometheus_client.
    """

    def __init__(self, metric: MetricDef, kind: str, rows: Iterable[Sample]) -> None:
        self.rows = list(rows)
        self.keys = [prometheus_label(key) for key in metric.attributes]
        self.series = metric.prometheus
        super().__init__(metric.prometheus.removesuffix("_total"), metric.description, kind)

    @property
    def head(self) -> str:
        """The lines before the samples."""
        words = self.documentation.replace("\\", r"\\").replace("\n", r"\n")
        return f"# HELP {self.series} {words}\n# TYPE {self.series} {self.type}\n"

    @property
    def samples(self) -> list[_Sample]:
        """The samples as prometheus_client has them."""
        return [_Sample(self.series, dict(zip(self.keys, labels, strict=False)), value) for labels, value in self.rows]

    @samples.setter
    def samples(self, samples: list[_Sample]) -> None:
        """Take nothing: the class above begins with an empty list."""


def gauge(metric: MetricDef, samples: Iterable[Sample]) -> Metric:
    """Return a gauge with its samples."""
    return Family(metric, "gauge", samples)


def counter(metric: MetricDef, totals: Mapping[tuple[str, ...], int]) -> Metric:
    """Return a counter with its totals, sorted."""
    return Family(metric, "counter", sorted(totals.items()))
