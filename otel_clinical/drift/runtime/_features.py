"""Gauges of the input features: proof that one moved, and how far."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from otel_clinical.drift.kernel import FeatureRow
from otel_clinical.drift.runtime._families import gauge
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.semconv import metrics


def feature_families(kernel: KernelView) -> Iterator[Metric]:
    """Yield the families, without features that the baseline does not hold.

    What a look found is of at least fifty inferences: no stream is too small to show.
    """
    rows = [row for row in kernel.features if row.tested]
    looked = [row for row in rows if row.inferences]
    yield gauge(
        metrics.INPUT_FEATURE_EVIDENCE,
        (((*_key(row), str(aspect)), value) for row in rows for aspect, value in row.evidence.items()),
    )
    yield gauge(metrics.INPUT_FEATURE_SHIFT_RATIO, ((_key(row), row.moved) for row in looked))
    yield gauge(metrics.INPUT_FEATURE_PSI, ((_key(row), row.psi) for row in looked))


def _key(row: FeatureRow) -> tuple[str, ...]:
    return row.model, row.version, row.segment, row.value, row.feature
