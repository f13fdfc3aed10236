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
    from collections.abc import Set as AbstractSet

TIER_LABELS: Final = ("engineering", "governance", "rollback")
"""Values of the alerts' `tier`, the mildest first."""
_FIRING: Final = 'ALERTS{alertstate="firing",tier=~"engineering|governance|rollback"}'
_HELD: Final = 'ALERTS{alertstate="firing",action="hold"}'


@dataclass(frozen=True, slots=True)
class Picture:
    """What Prometheus shows now. `problem` is empty where it answered; without an answer nothing else is known.

    `tiers` is 1 to 3 by (model, segment) of what fires about a version that serves; `past` are the versions, by model,
    about which an alert still fires and which serve no longer; `watched` are the streams with evidence; `versions` how
    many services report which version, by model.
    """

    tiers: Mapping[tuple[str, Segment], int] = field(default_factory=dict)
    alerts: Mapping[tuple[str, Segment], tuple[str, ...]] = field(default_factory=dict)
    watched: frozenset[tuple[str, Segment]] = frozenset()
    versions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    problem: str = ""
    past: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def look_at_tiers(prometheus: Prometheus, pointed: Mapping[str, AbstractSet[str]]) -> Picture:
    """Return the picture; one that says why where Prometheus does not answer.

    `pointed` are the versions that the release pointer of a model gives to anybody.
    """
    try:
        firing = [*prometheus.query(_FIRING), *prometheus.query(_HELD)]
        evidence = prometheus.query(metrics.EVIDENCE_LABELS.prometheus)
        active = selector(metrics.DEPLOYMENT_STATUS.prometheus, {STATE: DeploymentState.ACTIVE.value})
        serving = prometheus.query(active)
    except PrometheusUnavailableError as error:
        return Picture(problem=str(error))
    versions: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for series in serving:
        if series.value >= 1:
            versions[series.labels.get(MODEL, "")][series.labels.get(VERSION, "")] += 1
    tiers: dict[tuple[str, Segment], int] = {}
    alerts: defaultdict[tuple[str, Segment], set[str]] = defaultdict(set)
    past: defaultdict[str, set[str]] = defaultdict(set)
    for series in firing:
        where, version = _stream(series.labels), series.labels.get(VERSION)
        # An alert goes on for a while after its version was replaced, and says nothing about what serves now.
        if version is not None and where[0] in pointed and version not in {*pointed[where[0]], *versions[where[0]]}:
            past[where[0]].add(version)
            continue
        label = series.labels.get("tier", "")
        tier = TIER_LABELS.index(label) + 1 if label in TIER_LABELS else 0
        tiers[where] = max(tiers.get(where, 0), tier)
        alerts[where].add(series.labels.get("alertname", ""))
    return Picture(
        tiers,
        {where: tuple(sorted(names)) for where, names in alerts.items()},
        frozenset(_stream(series.labels) for series in evidence),
        {model: dict(found) for model, found in versions.items() if found},
        past={model: tuple(sorted(found)) for model, found in past.items()},
    )


def _stream(labels: Mapping[str, str]) -> tuple[str, Segment]:
    """Return model and segment; an alert that names no segment is about the whole model."""
    segment = Segment(labels.get(SEGMENT_NAME, "all"), labels.get(SEGMENT_VALUE, "all"))
    return labels.get(MODEL, ""), segment
