"""Count in Prometheus what the degraded version served between the change point and the change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_clinical.report import Exposure
from otel_clinical.report.evidence import telling
from otel_clinical.rollback.confirm import MODEL, SEGMENT_NAME, SEGMENT_VALUE, VERSION
from otel_clinical.rollback.prometheus import Prometheus, PrometheusUnavailableError, selector
from otel_clinical.semconv import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PERFORMANCE: Final = "performance"


def exposure_of(
    prometheus: Prometheus | None, incident: Mapping[str, Any], *, now: float, said: Callable[[float], str]
) -> Exposure | None:
    """Return what was served by the degraded version; None where no drop is known, or not since when.

    Args:
        prometheus: Who is asked; None where nobody is at hand.
        incident: As the store describes it.
        now: Unix seconds: the end for an incident about which nothing was done yet.
        said: Turns Unix seconds into text.
    """
    key, since = incident["key"], telling(incident).get("change_point")
    if key["cause"] != _PERFORMANCE or not isinstance(since, int | float):
        return None
    end, what = _end(incident, now)
    segment = key["segment"]
    where = "all segments together" if segment["name"] == "all" else f"{segment['name']} = {segment['value']}"
    count, problem = _count(prometheus, incident, since, end)
    return Exposure(incident["version"], where, said(since), said(end), what, count, problem)


def _end(incident: Mapping[str, Any], now: float) -> tuple[float, str]:
    if incident.get("acted_at"):
        return incident["acted_at"], "change made"
    if incident.get("closed_at"):
        return incident["closed_at"], "incident closed, nothing changed"
    return now, "now: nothing is changed yet"


def _count(
    prometheus: Prometheus | None, incident: Mapping[str, Any], since: float, end: float
) -> tuple[float | None, str]:
    if prometheus is None:
        return None, "Prometheus was not asked; name it with --prometheus"
    segment = incident["key"]["segment"]
    stream = {MODEL: incident["key"]["model"], VERSION: incident["version"]}
    family = metrics.INFERENCES
    if segment["name"] != "all":
        family = metrics.SEGMENT_INFERENCES
        stream |= {SEGMENT_NAME: segment["name"], SEGMENT_VALUE: segment["value"]}
    expression = f"sum(increase({selector(family.prometheus, stream)}[{max(int(end - since), 1)}s]))"
    try:
        found = prometheus.history(expression, end, end, 60.0)
    except PrometheusUnavailableError as error:
        return None, f"Prometheus did not answer ({error})"
    return (found[-1][1], "") if found else (None, "Prometheus holds no counts of that time")
