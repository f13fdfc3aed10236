"""Redact metric points on their way to an exporter or to a Prometheus page."""

from __future__ import annotations

import gc
from dataclasses import replace
from functools import cache
from operator import is_
from typing import TYPE_CHECKING, Any, Final, TypeVar

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)

from otel_clinical.instrument._slices import in_slices
from otel_clinical.sdk._foreign import FOREIGN_POINT, METRICS, OVERFLOWN, UNITS
from otel_clinical.sdk._merge import merge_points, merge_scopes
from otel_clinical.sdk._origin import is_own, redact_resource, redact_scope
from otel_clinical.sdk._rules import admit
from otel_clinical.semconv import SCHEMA_URL, MetricDef, allowlist, metrics
from otel_clinical.semconv.enums import TelemetryComponent, TelemetryRedactionReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client import CollectorRegistry

    from otel_clinical.sdk._rules import Declared, Ledger
    from otel_clinical.semconv import AttributeRule

F = TypeVar("F")
R = TypeVar("R")

CUMULATIVE: Final[dict[type, AggregationTemporality]] = dict.fromkeys(
    (Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter, ObservableGauge),
    AggregationTemporality.CUMULATIVE,
)
"""Prometheus drops delta points, so ours are cumulative whatever the environment prefers."""

SERIES_LIMIT: Final = 20_000
"""Points per metric. Segments times versions exceed the SDK's 2,000, past which all points become one series."""

CARDINALITY: Final[dict[Any, int]] = dict.fromkeys((Counter, UpDownCounter, Histogram), SERIES_LIMIT)
_DEFINITIONS = {metric.name: metric for metric in metrics.ALL}


class Redactor:
    """Reduce metric data; remember what was counted, because cumulative points come again at every export."""

    def __init__(self, ledger: Ledger, declared: Declared | None = None) -> None:
        self._ledger = ledger
        self._declared = declared
        self._counted: set[tuple[str, str]] = set()

    def __call__(self, data: MetricsData) -> MetricsData:
        """Return new metric data with only what the allow-list admits."""
        _tidy()
        return MetricsData(list(self._each(data.resource_metrics, self._resource)))

    def _each(self, found: Iterable[F], reduce: Callable[[F], R | None]) -> Iterator[R]:
        """Yield what can be reduced; drop and count what cannot, be it a metric, a scope or a whole resource."""
        for one in in_slices(found):
            try:
                reduced = reduce(one)
            except Exception as error:  # noqa: BLE001 -- fail closed: what cannot be redacted does not leave
                self._ledger.failed(TelemetryComponent.REDACTOR, error)
            else:
                if reduced is not None:
                    yield reduced

    def _resource(self, found: ResourceMetrics) -> ResourceMetrics:
        scopes = merge_scopes(self._each(found.scope_metrics, self._scope))
        return ResourceMetrics(redact_resource(found.resource), scopes, "")

    def _scope(self, found: ScopeMetrics) -> ScopeMetrics:
        own = is_own(found.scope)
        reduced = list(self._each(found.metrics, self._own if own else _foreign))
        return ScopeMetrics(redact_scope(found.scope), reduced, SCHEMA_URL if own else "")

    def _own(self, metric: Metric) -> Metric | None:
        definition = _DEFINITIONS.get(metric.name)
        if definition is None:
            _Once(self._ledger, self._counted, metric.name).withheld(TelemetryRedactionReason.NOT_ALLOWED)
            return None
        ledger = _Once(self._ledger, self._counted, definition.name)
        shape: Any = metric.data
        found = list(shape.data_points)
        rules = _rules(definition)
        points = [_reduced(point, admit(point.attributes, rules, ledger, self._declared)) for point in in_slices(found)]
        # Points of which nothing was withheld are as distinct as they were.
        same = all(map(is_, points, found))
        data = replace(shape, data_points=points) if same else _data(metric, points)
        return _metric(definition.name, definition.description, definition.unit, data)


def _tidy() -> None:
    """Bring on the collection of young garbage that is due soon, on this thread and not on that of an inference.

    The points just collected are some hundred objects that live until they are sent, and 700 bring one on.
    """
    if gc.isenabled() and gc.get_count()[0] * 2 > gc.get_threshold()[0] > 0:
        gc.collect(0)


@cache
def _rules(definition: MetricDef) -> Mapping[str, AttributeRule]:
    return {key: allowlist.ATTRIBUTES[key] for key in definition.attributes} | OVERFLOWN


class _Once:
    """Counts each reason once per metric, because cumulative points come again at every export."""

    def __init__(self, ledger: Ledger, counted: set[tuple[str, str]], metric: str) -> None:
        self._ledger = ledger
        self._counted = counted
        self._metric = metric

    def withheld(self, reason: TelemetryRedactionReason) -> None:
        """Count a reason, the first time."""
        if (self._metric, reason.value) not in self._counted:
            self._counted.add((self._metric, reason.value))
            self._ledger.withheld(reason)

    def failed(self, component: TelemetryComponent, error: BaseException | str) -> None:
        """Count a fault."""
        self._ledger.failed(component, error)


def _foreign(metric: Metric) -> Metric | None:
    if metric.name not in METRICS:
        return None
    data: Any = metric.data
    points = [_reduced(point, admit(point.attributes, FOREIGN_POINT)) for point in in_slices(data.data_points)]
    return _metric(metric.name, "", metric.unit if metric.unit in UNITS else "", _data(metric, points))


def _metric(name: str, description: str, unit: str, data: Any) -> Metric | None:
    """Return a metric, unless redaction left it without points."""
    return Metric(name, description, unit, data) if data.data_points else None


def _data(metric: Metric, points: list[Any]) -> Any:
    data: Any = metric.data
    return replace(data, data_points=merge_points(points, additive=not isinstance(data, Gauge)))


def _reduced(point: Any, kept: Mapping[str, Any]) -> Any:
    """Return the point with the attributes that are kept, and exemplars without those that views filtered out.

    Where that is the point as it is, it is that point: a copy of each would be most of what an export makes, and
    bring on a garbage collection, which stops every thread.
    """
    found = point.attributes or {}
    plain = len(kept) == len(found) and all(kept.get(key) is value for key, value in found.items())
    if plain and not any(exemplar.filtered_attributes for exemplar in point.exemplars):
        return point
    exemplars = [replace(exemplar, filtered_attributes={}) for exemplar in point.exemplars]
    return replace(point, attributes=kept, exemplars=exemplars)


class RedactingMetricExporter(MetricExporter):
    """Pass on metric points reduced to the allow-list, cumulative.

    Fail closed: a metric that cannot be redacted is dropped and counted.

    Args:
        exporter: Receives the reduced points.
        ledger: Counts what is withheld and what fails.
        declared: Values that segments may have; None admits any short value without unusual characters.
    """

    def __init__(self, exporter: MetricExporter, ledger: Ledger, declared: Declared | None = None) -> None:
        super().__init__(preferred_temporality=CUMULATIVE)
        self._exporter = exporter
        self._redact = Redactor(ledger, declared)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Reduce and pass on a batch."""
        return self._exporter.export(self._redact(metrics_data), timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush the exporter."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown(timeout_millis, **kwargs)


class RedactingPrometheusReader(PrometheusMetricReader):
    """Expose metric points reduced to the allow-list, without scope labels, in a registry of their own.

    Scope labels hold the version of this package: every release would end every series.
    """

    def __init__(self, registry: CollectorRegistry, ledger: Ledger, declared: Declared | None = None) -> None:
        self._redact = Redactor(ledger, declared)
        super().__init__(scope_info_enabled=False, registry=registry, cardinality_limits=CARDINALITY)

    def _receive_metrics(self, metrics_data: MetricsData | None, timeout_millis: float = 10_000, **kwargs: Any) -> None:
        if metrics_data is not None:
            super()._receive_metrics(self._redact(metrics_data), timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Do nothing: a scrape reads the current values.

        The base class would collect and keep the points for the next scrape, which would then show every series twice.
        """
        del timeout_millis
        return True
