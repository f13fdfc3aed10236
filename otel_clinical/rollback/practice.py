"""Remember when a rollback was last practised, and show it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from otel_clinical.rollback.readiness import DRILLED
from otel_clinical.semconv import metrics, prometheus_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.rollback.drill import Drill
    from otel_clinical.rollback.store import Store

FAILED: Final = "drill.failed"


def note_drill(store: Store, drill: Drill) -> None:
    """Write a drill into the audit."""
    data = {
        "drill": drill.id,
        "live": drill.live,
        "by": list(drill.by),
        "version": drill.version,
        "previous": drill.previous,
        "stages": [asdict(stage) for stage in drill.stages],
        "failure": drill.failure,
    }
    store.note(DRILLED if drill.passed else FAILED, drill.model, data, drill.started + drill.seconds)


class DrillCollector(Collector):
    """Show, by model, when a drill last passed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Yield one family; a model that never practised has no point."""
        metric = metrics.ROLLBACK_DRILL_TIME
        family = GaugeMetricFamily(
            metric.prometheus, metric.description, labels=[prometheus_label(key) for key in metric.attributes]
        )
        for model, at in self._store.newest(DRILLED).items():
            family.add_metric([model], at)
        yield family
