"""Gauges of what is found among the segments of a version, all of them looked at together."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from otel_clinical.drift.runtime._families import gauge
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.semconv import AGGREGATE, metrics


def segment_families(kernel: KernelView) -> Iterator[Metric]:
    """Yield the families; the kernel names no segment of few outcomes."""
    rows = kernel.discoveries
    streams = [(r.model, r.version, r.segment, r.value) for r in kernel.evidence if r.segment != AGGREGATE]
    evidence = (((row.model, row.version, str(row.level)), row.evidence) for row in rows)
    yield gauge(metrics.DISCOVERY_EVIDENCE, evidence)
    named = {(row.model, row.version, *key, str(row.level)) for row in rows for key in row.named}
    states = (
        ((*stream, str(row.level)), float((*stream, str(row.level)) in named))
        for row in rows
        for stream in streams
        if stream[:2] == (row.model, row.version)
    )
    yield gauge(metrics.DISCOVERY_STATUS, states)
