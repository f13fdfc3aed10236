"""Read from Prometheus which tier every stream is in, and which streams are watched at all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_clinical.release import Segment
from otel_clinical.rollback.confirm import MODEL, SEGMENT_NAME, SEGMENT_VALUE, STATE, VERSION
from otel_clinical.rollback.prometheus import Prometheus, PrometheusUnavailableError, selector
from otel_clinical.semconv import metrics
from otel_clinical.semconv.enums import DeploymentState

if TYPE_CHECKING:
    from collections.abc import Mapping

TIER_LABELS: Final = ("engineering", "governance", "rollback")
"""Values of the alerts' `tier`, the mildest first."""
_FIRING: Final = 'ALERTS{alertstate="firing",tier=~"engineering|governance|rollback"}'
_HELD: Final = 'ALERTS{alertstate="firing",action="hold"}'


@dataclass(frozen=True, slots=True)
class Picture:
    """What Prometheus shows now. `problem` is empty where it answered; without an answer nothing else is known.

    `tiers` is 1 to 3 by (model, segment) of what fires; `watched` are the streams with evidence; `versions` how many
    services report which version, by model.
    """

    tiers: Mapping[tuple[str, Segment], int] = field(default_factory=dict)
    alerts: Mapping[tuple[str, Segment], tuple[str, ...]] = field(default_factory=dict)
    watched: frozenset[tuple[str, Segment]] = frozenset()
    versions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    problem: str = ""


def look_at_tiers(prometheus: Prometheus) -> Picture:
    """Return the picture; one that says why where Prometheus does not answer."""
    try:
        firing = [*prometheus.query(_FIRING), *prometheus.query(_HELD)]
        evidence = prometheus.query(metrics.EVIDENCE_LABELS.prometheus)
        active = selector(metrics.DEPLOYMENT_STATUS.prometheus, {STATE: DeploymentState.ACTIVE.value})
        serving = prometheus.query(active)
    except PrometheusUnavailableError as error:
        return Picture(problem=str(error))
    tiers: dict[tuple[str, Segment], int] = {}
    alerts: defaultdict[tuple[str, Segment], set[str]] = defaultdict(set)
    for series in firing:
        where = _stream(series.labels)
        label = series.labels.get("tier", "")
        tier = TIER_LABELS.index(label) + 1 if label in TIER_LABELS else 0
        tiers[where] = max(tiers.get(where, 0), tier)
        alerts[where].add(series.labels.get("alertname", ""))
    versions: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for series in serving:
        if series.value >= 1:
            versions[series.labels.get(MODEL, "")][series.labels.get(VERSION, "")] += 1
    return Picture(
        tiers,
        {where: tuple(sorted(names)) for where, names in alerts.items()},
        frozenset(_stream(series.labels) for series in evidence),
        {model: dict(found) for model, found in versions.items()},
    )


def _stream(labels: Mapping[str, str]) -> tuple[str, Segment]:
    """Return model and segment; an alert that names no segment is about the whole model."""
    segment = Segment(labels.get(SEGMENT_NAME, "all"), labels.get(SEGMENT_VALUE, "all"))
    return labels.get(MODEL, ""), segment
