"""Expose what the controller decides and does, under the registry's names."""

from __future__ import annotations

import bisect
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from otel_clinical.rollback._blind import BLIND
from otel_clinical.rollback._ordered import disarmed
from otel_clinical.rollback.alerts import AGGREGATE
from otel_clinical.rollback.ledger import way_back
from otel_clinical.rollback.orders import POLICY_CHANGED, OrderKind
from otel_clinical.rollback.state import UNDECIDED, WATCHING, WORKING, ModelState
from otel_clinical.semconv import MetricDef, metrics, prometheus_label
from otel_clinical.semconv.enums import (
    DeploymentChangeReason,
    DeploymentChangeTrigger,
    DeploymentChangeType,
    RollbackAccessRefusal,
    RollbackDecision,
    RollbackGuardName,
    RollbackGuardResult,
    RollbackState,
    RoutingLevel,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback._records import Record
    from otel_clinical.rollback.audit import Checkpoint
    from otel_clinical.rollback.state import Incident
    from otel_clinical.rollback.terms import Terms

CODES: Final = (202, 400, 401, 403, 408, 413, 415, 503)
_OPEN: Final = UNDECIDED | WORKING | WATCHING
_DURATION_BUCKETS: Final = metrics.ROLLBACK_DURATION.buckets or ()


class Counters:
    """Count decisions, guard results, requests and changes since the process started. Thread-safe."""

    def __init__(self, models: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._durations: dict[str, list[float]] = {model: [] for model in models}
        # A series that is born at 1 is invisible to increase().
        for code in CODES:
            self._counts[metrics.ROLLBACK_WEBHOOKS.name, (str(code),)] = 0
        for refusal in RollbackAccessRefusal:
            self._counts[metrics.ROLLBACK_ACCESS_REFUSALS.name, (refusal,)] = 0
        for guard in RollbackGuardName:
            for result in RollbackGuardResult:
                self._counts[metrics.ROLLBACK_GUARD_RESULTS.name, (guard, result)] = 0
        for model in self._durations:
            for decision in RollbackDecision:
                self._counts[metrics.ROLLBACK_DECISIONS.name, (model, decision)] = 0

    def webhook(self, code: int) -> None:
        """Count one answered request."""
        self._add(metrics.ROLLBACK_WEBHOOKS, str(code))

    def refusal(self, what: RollbackAccessRefusal) -> None:
        """Count one request that was not believed or not allowed."""
        self._add(metrics.ROLLBACK_ACCESS_REFUSALS, what)

    def records(self, model: str, records: Iterable[Record]) -> None:
        """Count the decisions, and the orders that were refused, among audit records."""
        for record in records:
            action, _, decision = record.action.partition(".")
            if action == "decision" or record.action in {"alert.stale", "incident.stale"}:
                self._add(metrics.ROLLBACK_DECISIONS, model, decision)
            if record.action == "order.refused":
                self.refusal(RollbackAccessRefusal.ORDER)

    def guards(self, incident: Incident) -> None:
        """Count the results of one evaluation of the guards."""
        for report in incident.guards:
            self._add(metrics.ROLLBACK_GUARD_RESULTS, report.guard, report.result)

    def change(
        self, model: str, kind: DeploymentChangeType, trigger: DeploymentChangeTrigger, reason: DeploymentChangeReason
    ) -> None:
        """Count one change of the serving version."""
        self._add(metrics.DEPLOYMENT_CHANGES, model, kind, trigger, reason)

    def duration(self, model: str, seconds: float) -> None:
        """Note how long it took from the alert to the swap."""
        with self._lock:
            self._durations[model].append(max(seconds, 0.0))

    def of(self, metric: MetricDef) -> dict[tuple[str, ...], int]:
        """Return the counts of one metric by its label values."""
        with self._lock:
            return {labels: count for (name, labels), count in self._counts.items() if name == metric.name}

    def durations(self) -> dict[str, list[float]]:
        """Return the durations noted, by model."""
        with self._lock:
            return {model: list(values) for model, values in self._durations.items()}

    def _add(self, metric: MetricDef, *labels: str) -> None:
        with self._lock:
            self._counts[metric.name, labels] += 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the collector shows: states and pointers by model, heartbeat, last answer of Prometheus, head of the audit.

    `now` is the controller's clock: what people ordered may have ended by it. `stored`: the last write was committed.
    """

    states: Mapping[str, ModelState]
    pointers: Mapping[str, ReleasePointer]
    heartbeat: float | None
    confirmation: float | None
    audit: Checkpoint
    now: float
    stored: bool = True


class ControllerCollector(Collector):
    """Collect the controller's metrics from counters and a snapshot of its state."""

    def __init__(
        self,
        terms: Mapping[str, Terms],
        counters: Counters,
        snapshot: Callable[[], Snapshot],
    ) -> None:
        self._terms = terms
        self._counters = counters
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield every family of the registry whose source is the controller."""
        seen = self._snapshot()
        yield _gauge(metrics.ROLLBACK_STATE, _states(seen, self._terms))
        yield _gauge(metrics.ROLLBACK_MODE, (((t.model, t.mode), 1) for t in self._terms.values()))
        for counter in (
            metrics.ROLLBACK_DECISIONS,
            metrics.ROLLBACK_GUARD_RESULTS,
            metrics.ROLLBACK_WEBHOOKS,
            metrics.ROLLBACK_ACCESS_REFUSALS,
            metrics.DEPLOYMENT_CHANGES,
        ):
            yield _counter(counter, self._counters.of(counter))
        yield _histogram(metrics.ROLLBACK_DURATION, self._counters.durations())
        yield _gauge(metrics.ROLLBACK_HEARTBEAT_TIME, _once(seen.heartbeat))
        yield _gauge(metrics.ROLLBACK_CONFIRMATION_TIME, _once(seen.confirmation))
        yield _gauge(metrics.ROLLBACK_STORE_STATUS, [((), float(seen.stored))])
        yield _gauge(metrics.ROLLBACK_AUDIT_SEQUENCE, [((), seen.audit.seq)])
        yield _gauge(metrics.ROLLBACK_AUDIT_DIGEST, [((), seen.audit.digest)])
        unapproved = (((model,), float(POLICY_CHANGED in state.standing)) for model, state in seen.states.items())
        yield _gauge(metrics.ROLLBACK_POLICY_UNAPPROVED, unapproved)
        yield _gauge(metrics.ROLLBACK_WAY_BACK, _ways_back(seen, self._terms))
        yield _gauge(metrics.RELEASE_EPOCH, (((p.model,), p.epoch) for p in seen.pointers.values()))
        yield _gauge(metrics.RELEASE_STATUS, (((p.model, p.version), 1) for p in seen.pointers.values()))
        yield _gauge(metrics.RELEASE_SEGMENT_STATUS, (point for p in seen.pointers.values() for point in _given(p)))


def _ways_back(seen: Snapshot, terms: Mapping[str, Terms]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield whether each model has a version to go back to: by day, and not when it is needed."""
    for model, pointer in seen.pointers.items():
        version, _ = way_back(terms[model], seen.states[model], pointer, seen.now)
        yield (model,), float(version is not None)


def _once(time: float | None) -> list[tuple[tuple[str, ...], float]]:
    """Return one point, or none for what has not happened."""
    return [] if time is None else [((), time)]


def _states(seen: Snapshot, models: Iterable[str]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield the state of every model and of each of its segments that is not healthy."""
    for model in models:
        state = seen.states.get(model, ModelState())
        found = {}
        for incident in sorted(state.incidents.values(), key=lambda i: (i.state in _OPEN, i.opened_at)):
            if in_force(incident, state, seen.pointers.get(model)):
                found[incident.key.segment] = incident.state
        found.setdefault(AGGREGATE, RollbackState.HEALTHY)
        for segment, shown in found.items():
            yield (model, segment.name, segment.value, shown), 1
        for overlay in _overlays(state, seen.now):
            yield (model, AGGREGATE.name, AGGREGATE.value, overlay), 1


def _overlays(state: ModelState, now: float) -> Iterator[RollbackState]:
    """Yield what holds of a model beside its incidents: people keep the controller from acting, or it hears nothing."""
    order = disarmed(state, now)
    if order is not None:
        yield RollbackState.OVERRIDDEN if order.kind == OrderKind.OVERRIDE else RollbackState.DISARMED
    if BLIND in state.standing:
        yield RollbackState.BLIND


def _given(pointer: ReleasePointer) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield the segments that rules give another version, with that version."""
    for segment in dict.fromkeys(rule.segment for rule in pointer.rules):
        version = pointer.resolve(segment.parts).version
        if version != pointer.version:
            yield (pointer.model, version, segment.name, segment.value), 1


def in_force(incident: Incident, state: ModelState, pointer: ReleasePointer | None) -> bool:
    """Tell whether an incident still says something about what serves now.

    An open one does. A closed one does while its change stands: until people lift its rule or route, or activate
    another version.
    """
    if incident.state in _OPEN or pointer is None:
        return incident.state is not RollbackState.STALE
    change = state.applied(incident.id)
    if change is None:
        return incident.state is not RollbackState.STALE and incident.key.activation == pointer.activation
    if change.change.segment is not None:
        return any(rule.marker == change.id for rule in pointer.rules)
    if change.change.version is None and pointer.route == RoutingLevel.STANDARD:
        return False
    return change.new_activation == pointer.activation


def _labels(metric: MetricDef, count: int) -> list[str]:
    return [prometheus_label(key) for key in metric.attributes][:count]


def _gauge(metric: MetricDef, points: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    return _filled(GaugeMetricFamily, metric, metric.prometheus, list(points))


def _counter(metric: MetricDef, points: Mapping[tuple[str, ...], float]) -> Metric:
    return _filled(CounterMetricFamily, metric, metric.prometheus.removesuffix("_total"), list(points.items()))


def _filled(family: Any, metric: MetricDef, name: str, points: list[tuple[tuple[str, ...], float]]) -> Metric:
    width = len(points[0][0]) if points else 0
    made: Any = family(name, metric.description, labels=_labels(metric, width))
    for labels, value in points:
        made.add_metric([str(label) for label in labels], value)
    result: Metric = made
    return result


def _histogram(metric: MetricDef, durations: Mapping[str, list[float]]) -> Metric:
    family = HistogramMetricFamily(metric.prometheus, metric.description, labels=_labels(metric, 1))
    for model, values in durations.items():
        ordered = sorted(values)
        buckets = [(str(bound), float(bisect.bisect_right(ordered, bound))) for bound in _DURATION_BUCKETS]
        family.add_metric([model], [*buckets, ("+Inf", float(len(ordered)))], sum_value=sum(ordered))
    return family
