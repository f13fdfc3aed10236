"""Look at Prometheus for one incident: independently of Alertmanager, and of what the alert says."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback.alerts import REVIEWS, Alert, Cause, alert_from_labels
from otel_clinical.rollback.events import Recovery
from otel_clinical.rollback.prometheus import Prometheus, PrometheusUnavailableError, selector
from otel_clinical.rollback.state import Comparison, Fellow, Incident, Processor, Sample, Stratum
from otel_clinical.semconv import attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import DeploymentState, EscalationLevel
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.release import ReleasePointer, Segment
    from otel_clinical.rollback.terms import Terms

MODEL: Final = prometheus_label(attributes.MODEL_NAME)
VERSION: Final = prometheus_label(attributes.MODEL_VERSION)
SEGMENT_NAME: Final = prometheus_label(attributes.SEGMENT_NAME)
SEGMENT_VALUE: Final = prometheus_label(attributes.SEGMENT_VALUE)
LEVEL: Final = prometheus_label(attributes.ESCALATION_LEVEL)
STATE: Final = prometheus_label(attributes.DEPLOYMENT_STATE)
CAUSE: Final = prometheus_label(attributes.ATTRIBUTION_CAUSE)
REASON: Final = prometheus_label(attributes.ATTRIBUTION_REASON)
BASELINE: Final = prometheus_label(attributes.BASELINE_HASH)
_AGGREGATE: Final = {SEGMENT_NAME: "all", SEGMENT_VALUE: "all"}
_MARKS: Final = {Cause.PERFORMANCE: {"tier": "rollback"}, Cause.INPUT: {"action": "hold"}}
_MARK: Final = {**_MARKS, **dict.fromkeys((Cause.RESTORED, Cause.ORDERED), _MARKS[Cause.PERFORMANCE])}


def look(prometheus: Prometheus, terms: Terms, incident: Incident, now: float, target: str | None = None) -> Sample:
    """Return one sample of everything the guards need; an unreachable Prometheus is a sample as well.

    `target` is the version to go back to: where it runs beside the serving one, the two are compared.
    """
    try:
        if incident.key.cause is Cause.INPUT:
            return _look_at_input(prometheus, terms, incident, now)
        sample = _look_at_performance(prometheus, incident, now)
        return replace(sample, **_company(prometheus, incident, target, sample.change_point))
    except PrometheusUnavailableError:
        return Sample(now, reachable=False)


def look_at_recovery(
    prometheus: Prometheus, segment: Segment, version: str, pointer: ReleasePointer, now: float
) -> Recovery:
    """Return how `version` does in `segment` since it serves again."""
    model = {MODEL: pointer.model}
    stream = {**model, VERSION: version, SEGMENT_NAME: segment.name, SEGMENT_VALUE: segment.value}
    try:
        return Recovery(
            taken_at=now,
            serving=_serving(prometheus, pointer.model),
            performance=_lowest(prometheus, selector(metrics.PERFORMANCE_RATIO.prometheus, stream)),
            samples=_count(prometheus, selector(metrics.PERFORMANCE_SAMPLES.prometheus, stream)),
            activation=_lowest(
                prometheus, selector(metrics.EVIDENCE_ACTIVATION.prometheus, {**model, VERSION: version})
            ),
            baseline=_lowest(prometheus, selector(metrics.BASELINE_RATIO.prometheus, stream)),
        )
    except PrometheusUnavailableError:
        return Recovery(now, reachable=False)


def labels_of(prometheus: Prometheus, model: str, version: str) -> float | None:
    """Return how many mature outcomes a version has under its activation; None where nobody says."""
    stream = {MODEL: model, VERSION: version, **_AGGREGATE}
    return _count(prometheus, selector(metrics.EVIDENCE_LABELS.prometheus, stream))


def firing_alerts(prometheus: Prometheus, terms: Mapping[str, Terms], now: float) -> list[Alert]:
    """Return every alert Prometheus shows firing that the controller may act on.

    A notification can be lost: silenced, routed away, or fired and resolved while nobody listened.
    """
    found = []
    reviews = [{"tier": tier, "category": "performance"} for tier in REVIEWS]
    # The highest tier first: it opens what the lower ones would only have people review.
    for mark in (*_MARKS.values(), *reversed(reviews)):
        for series in prometheus.query(selector("ALERTS", {"alertstate": "firing", **mark})):
            alert = alert_from_labels(series.labels, starts_at=now, terms=terms)
            if alert is not None:
                found.append(alert)
    return found


def ended_alerts(prometheus: Prometheus, terms: Terms, since: float, now: float) -> list[Alert]:
    """Return every alert of the rollback tier that fired after `since` and fires no more.

    Alertmanager never tells of an alert that began and ended while its receiver was away, not even that it ended.
    """
    mark = {"alertstate": "firing", **_MARKS[Cause.PERFORMANCE], MODEL: terms.model}
    fired = selector("ALERTS", mark)
    still = {_identity(series.labels) for series in prometheus.query(fired)}
    window = max(int(now - since), 1)
    ended = [
        alert_from_labels(series.labels, starts_at=now, terms={terms.model: terms})
        for series in prometheus.query(f"max_over_time({fired}[{window}s])")
        if _identity(series.labels) not in still
    ]
    return [alert for alert in ended if alert is not None]


def _identity(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name != "__name__")


def _look_at_performance(prometheus: Prometheus, incident: Incident, now: float) -> Sample:
    key = incident.key
    model = {MODEL: key.model}
    mine = {**model, VERSION: incident.version}
    stream = {**mine, SEGMENT_NAME: key.segment.name, SEGMENT_VALUE: key.segment.value}
    tier = {LEVEL: EscalationLevel.ROLLBACK.value}
    review = {**mine, **_AGGREGATE, LEVEL: EscalationLevel.GOVERNANCE_REVIEW.value}
    serving = _serving(prometheus, key.model)
    return Sample(
        taken_at=now,
        clock=prometheus.now(),
        evaluated_at=_evaluated_at(prometheus, {"alertname": incident.alert, **_MARK[key.cause], **stream}),
        evidence=_lowest(prometheus, selector(metrics.EVIDENCE.prometheus, {**stream, **tier})),
        samples=_count(prometheus, selector(metrics.EVIDENCE_SAMPLES.prometheus, stream)),
        drop=_lowest(prometheus, selector(metrics.DEGRADATION_RATIO.prometheus, stream)),
        change_point=_lowest(prometheus, selector(metrics.CHANGE_POINT_TIME.prometheus, stream)),
        activation=_lowest(prometheus, selector(metrics.EVIDENCE_ACTIVATION.prometheus, mine)),
        aggregate_evidence=_lowest(prometheus, selector(metrics.EVIDENCE.prometheus, review)),
        cause=_cause(prometheus, stream),
        reasons=_reasons(prometheus, stream),
        active_versions=tuple(sorted({version for _, version in serving})),
        instances=len({instance for instance, _ in serving}),
        lower=_lowest(prometheus, selector(metrics.DEGRADATION_LOWER_RATIO.prometheus, stream)),
        upper=_lowest(prometheus, selector(metrics.DEGRADATION_UPPER_RATIO.prometheus, stream)),
        coverage=_lowest(prometheus, selector(metrics.LABEL_COVERAGE_RATIO.prometheus, mine)),
        label_time=_lowest(prometheus, selector(metrics.LABEL_TIME.prometheus, model)),
        baseline_hashes=tuple(
            sorted(
                series.labels.get(BASELINE, "")
                for series in prometheus.query(selector(metrics.BASELINE_STATUS.prometheus, model))
                if series.value >= 1
            )
        ),
        processors=_processors(prometheus),
    )


def _company(prometheus: Prometheus, incident: Incident, target: str | None, since: float | None) -> dict[str, Any]:
    """Return what the drop is compared with: other models and versions, other segments, the version to go back to."""
    key = incident.key
    where = {SEGMENT_NAME: key.segment.name, SEGMENT_VALUE: key.segment.value}
    mine = {MODEL: key.model, VERSION: incident.version}
    strata = prometheus.query(selector(metrics.DEGRADATION_RATIO.prometheus, mine))
    arm = None
    if target is not None and _runs_beside(prometheus, key.model, target):
        pair = {MODEL: key.model, VERSION: target, **where}
        arm = replace(
            _comparison(prometheus, {MODEL: key.model, **where}, target),
            pairs=_count(prometheus, selector(metrics.PAIRING_CASES.prometheus, pair)),
            verdict=_lowest(prometheus, selector(metrics.PAIRING_VERDICT.prometheus, pair)),
        )
    return {
        "fellows": _fellows(prometheus, key.model, where, since),
        "strata": tuple(
            Stratum(series.labels.get(SEGMENT_NAME, ""), series.labels.get(SEGMENT_VALUE, ""), series.value)
            for series in strata
        ),
        "arm": arm,
        "current": _comparison(prometheus, {MODEL: key.model, **where}, incident.version) if arm else None,
    }


def _fellows(prometheus: Prometheus, model: str, where: Mapping[str, str], since: float | None) -> tuple[Fellow, ...]:
    """Return every model and version that is proved to have dropped by the tier of governance review.

    Of other models any segment counts, the one that began nearest to `since`: what models share need not have one
    name in both. Of the same model only the same segment does.
    """
    changed = {
        _stream(series.labels): series.value for series in prometheus.query(metrics.CHANGE_POINT_TIME.prometheus)
    }
    found: dict[tuple[str, str], Fellow] = {}
    tier = {LEVEL: EscalationLevel.GOVERNANCE_REVIEW.value}
    for series in prometheus.query(selector(metrics.EVIDENCE.prometheus, tier)):
        stream = _stream(series.labels)
        name = stream[:2]
        if series.value < 1 or (name[0] == model and stream[2:] != tuple(where.values())):
            continue
        fellow = Fellow(*name, series.value, changed.get(stream))
        found[name] = min(found.get(name, fellow), fellow, key=lambda one: _apart(one.change_point, since))
    return tuple(found[name] for name in sorted(found))


def _stream(labels: Mapping[str, str]) -> tuple[str, str, str, str]:
    model, version, segment, value = (labels.get(key, "") for key in (MODEL, VERSION, SEGMENT_NAME, SEGMENT_VALUE))
    return model, version, segment, value


def _apart(at: float | None, since: float | None) -> float:
    """Return how far two moments lie apart; one that is not known comes after every other."""
    return math.inf if at is None else abs(at - (since or 0.0))


def _runs_beside(prometheus: Prometheus, model: str, version: str) -> bool:
    """Tell whether services run a version for a part of the cases, or as a shadow whose answers nobody sees."""
    states = (DeploymentState.CANARY, DeploymentState.SHADOW)
    found = prometheus.query(selector(metrics.DEPLOYMENT_STATUS.prometheus, {MODEL: model, VERSION: version}))
    return any(series.value >= 1 and series.labels.get(STATE) in {s.value for s in states} for series in found)


def _comparison(prometheus: Prometheus, where: Mapping[str, str], version: str) -> Comparison:
    stream = {**where, VERSION: version}
    return Comparison(
        version,
        _lowest(prometheus, selector(metrics.PERFORMANCE_RATIO.prometheus, stream)),
        _count(prometheus, selector(metrics.PERFORMANCE_SAMPLES.prometheus, stream)),
    )


def _look_at_input(prometheus: Prometheus, terms: Terms, incident: Incident, now: float) -> Sample:
    key = incident.key
    source = {MODEL: key.model, SEGMENT_NAME: key.segment.name, SEGMENT_VALUE: key.segment.value}
    records = selector(metrics.SEGMENT_RECORDS.prometheus, source)
    window = max(int(terms.records_window), 1)
    return Sample(
        taken_at=now,
        clock=prometheus.now(),
        evaluated_at=_evaluated_at(prometheus, {"alertname": incident.alert, **_MARK[key.cause], **source}),
        samples=_count(prometheus, f"sum(increase({records}[{window}s]))"),
        active_versions=_active(prometheus, key.model),
    )


def _evaluated_at(prometheus: Prometheus, labels: Mapping[str, str]) -> float | None:
    """Return when Prometheus last evaluated the alert as firing: the time of its sample, not of the query."""
    firing = selector("ALERTS", {"alertstate": "firing", **labels})
    return max(prometheus.values(f"timestamp({firing})"), default=None)


def _lowest(prometheus: Prometheus, expression: str) -> float | None:
    """Return the lowest value of all instances that export it: the cautious one where two disagree."""
    return min(prometheus.values(expression), default=None)


def _count(prometheus: Prometheus, expression: str) -> float | None:
    """Return a count of outcomes or records; 0 below eleven, so that no small cell is ever stored, shown or told."""
    found = _lowest(prometheus, expression)
    return found if found is None or found >= SMALL_CELL else 0.0


def _cause(prometheus: Prometheus, stream: Mapping[str, str]) -> str:
    """Return what the drop of a stream is put down to; empty without one clear word."""
    found = prometheus.query(selector(metrics.ATTRIBUTION_STATUS.prometheus, stream))
    causes = {series.labels.get(CAUSE, "") for series in found if series.value >= 1}
    return causes.pop() if len(causes) == 1 else ""


def _reasons(prometheus: Prometheus, stream: Mapping[str, str]) -> tuple[str, ...]:
    """Return what speaks for that, in the words of the registry."""
    found = prometheus.query(selector(metrics.ATTRIBUTION_REASON_STATUS.prometheus, stream))
    return tuple(sorted({series.labels.get(REASON, "") for series in found if series.value >= 1} - {""}))


def _active(prometheus: Prometheus, model: str) -> tuple[str, ...]:
    return tuple(sorted({version for _, version in _serving(prometheus, model)}))


def instances_serving(prometheus: Prometheus, model: str) -> Counter[str]:
    """Return how many services report each version active."""
    return Counter(version for _, version in _serving(prometheus, model))


def _serving(prometheus: Prometheus, model: str) -> tuple[tuple[str, str], ...]:
    """Return (instance, version) for every service and version it reports active."""
    active = {MODEL: model, STATE: DeploymentState.ACTIVE.value}
    found = prometheus.query(selector(metrics.DEPLOYMENT_STATUS.prometheus, active))
    return tuple(
        sorted(
            (f"{series.labels.get('job', '')}/{series.labels.get('instance', '')}", series.labels.get(VERSION, ""))
            for series in found
            if series.value >= 1
        )
    )


def _processors(prometheus: Prometheus) -> tuple[Processor, ...]:
    """Return every drift processor that Prometheus knows, in a stable order."""
    found = {
        _target(series.labels): Processor(series.value, None, None, None)
        for series in prometheus.query(metrics.PROCESSOR_START_TIME.prometheus)
    }
    for series in prometheus.query(metrics.PROCESSOR_EVENT_TIME.prometheus):
        if (target := _target(series.labels)) in found:
            found[target] = replace(found[target], event_time=series.value)
    for series in prometheus.query(metrics.PROCESSOR_WATERMARK_TIME.prometheus):
        if (target := _target(series.labels)) in found:
            found[target] = replace(found[target], watermark=series.value)
    for series in prometheus.query("up"):
        if (target := _target(series.labels)) in found:
            found[target] = replace(found[target], up=series.value >= 1)
    return tuple(found[target] for target in sorted(found))


def _target(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get("job", ""), labels.get("instance", "")
