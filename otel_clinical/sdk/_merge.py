"""Join metric points that have become the same series.

Withholding an attribute can make two points equal. Two points of one series make a Prometheus page invalid, so they are
added up where that has a meaning and dropped where it has none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import Gauge, HistogramDataPoint, Metric, NumberDataPoint, ScopeMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opentelemetry.sdk.util.instrumentation import InstrumentationScope


def merge_scopes(scopes: Iterable[ScopeMetrics]) -> list[ScopeMetrics]:
    """Return one entry per scope: of several that became equal the encoder would export the last and lose the others.

    Metrics of the same name and kind become one, and so do their equal points.
    """
    groups: dict[InstrumentationScope, list[ScopeMetrics]] = {}
    for found in scopes:
        groups.setdefault(found.scope, []).append(found)
    return [group[0] if len(group) == 1 else _one_scope(group) for group in groups.values()]


def _one_scope(group: list[ScopeMetrics]) -> ScopeMetrics:
    metrics: dict[tuple[str, type], list[Metric]] = {}
    for metric in (metric for found in group for metric in found.metrics):
        metrics.setdefault((metric.name, type(metric.data)), []).append(metric)
    joined = [_one_metric(found) for found in metrics.values()]
    return replace(group[0], metrics=[metric for metric in joined if metric.data.data_points])


def _one_metric(group: list[Metric]) -> Metric:
    data: Any = group[0].data
    points = [point for metric in group for point in metric.data.data_points]
    return replace(group[0], data=replace(data, data_points=merge_points(points, additive=not isinstance(data, Gauge))))


def merge_points(points: Sequence[Any], *, additive: bool = True) -> list[Any]:
    """Return one point per set of attributes.

    Args:
        points: Points of one metric.
        additive: Whether values may be added up; of a gauge they may not, and equal points are dropped.
    """
    groups: dict[frozenset[tuple[str, Any]], list[Any]] = {}
    for point in points:
        groups.setdefault(frozenset((point.attributes or {}).items()), []).append(point)
    merged = [group[0] if len(group) == 1 else _merge(group, additive=additive) for group in groups.values()]
    return [point for point in merged if point is not None]


def _merge(group: list[Any], *, additive: bool) -> Any:
    first = group[0]
    if additive and isinstance(first, NumberDataPoint):
        return replace(
            first,
            value=sum(point.value for point in group),
            start_time_unix_nano=min(point.start_time_unix_nano for point in group),
            exemplars=[],
        )
    if additive and isinstance(first, HistogramDataPoint):
        return _merge_histograms(group)
    return None


def _merge_histograms(group: list[HistogramDataPoint]) -> HistogramDataPoint | None:
    first = group[0]
    if any(tuple(point.explicit_bounds) != tuple(first.explicit_bounds) for point in group):
        return None
    return replace(
        first,
        count=sum(point.count for point in group),
        sum=sum(point.sum for point in group),
        bucket_counts=[sum(counts) for counts in zip(*(point.bucket_counts for point in group), strict=True)],
        min=min(point.min for point in group),
        max=max(point.max for point in group),
        start_time_unix_nano=min(point.start_time_unix_nano for point in group),
        exemplars=[],
    )
