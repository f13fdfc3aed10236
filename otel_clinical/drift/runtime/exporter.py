"""The processor's gauges and counters for Prometheus, named by the registry and by nothing else."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from otel_clinical.drift.kernel import AttributionRow, CoverageRow, EvidenceRow, SuggestionRow, decide_tier
from otel_clinical.drift.runtime._cells import at_least, at_most, blurred, stepped
from otel_clinical.drift.runtime._confidence import confidence_families
from otel_clinical.drift.runtime._detections import detection_labels, directions
from otel_clinical.drift.runtime._families import Family, Sample, counter, gauge
from otel_clinical.drift.runtime._features import feature_families
from otel_clinical.drift.runtime._heartbeat import heartbeat_families
from otel_clinical.drift.runtime._segments import segment_families
from otel_clinical.drift.runtime._tally import Key
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.drift.runtime.store import Corrections
from otel_clinical.policy import Policy
from otel_clinical.semconv import AGGREGATE, MetricDef, metrics
from otel_clinical.semconv.enums import AttributionCause, EscalationLevel
from otel_clinical.semconv.small_cells import SMALL_CELL

_NONE = Corrections(0, 0)

__all__ = ["Exposition", "families", "registry"]


@dataclass(frozen=True)
class Exposition:
    """What one scrape shows.

    Attributes:
        kernel: What the kernel knows.
        counters: Durable counters by (Prometheus family, label values).
        pending: Journal entries that no checkpoint covers yet.
        started: Unix seconds at which this process started.
        baselines: Baseline hash by model.
        corrections: How much of the record of late events is in use.
        ends: Unix seconds from which a baseline is out of date, by model, where there is such a time.
        accepting: Whether telemetry is accepted now.
    """

    kernel: KernelView
    counters: Mapping[Key, int]
    pending: int
    started: float
    baselines: Mapping[str, str]
    corrections: Corrections = _NONE
    ends: Mapping[str, float] = field(default_factory=dict)
    accepting: bool = True


def registry(expose: Callable[[], Exposition], policy: Policy) -> CollectorRegistry:
    """Return a registry whose every scrape calls `expose` once."""

    class _Scrape(Collector):
        def collect(self) -> Iterable[Metric]:
            return families(expose(), policy)

        def describe(self) -> Iterable[Metric]:
            return ()

    result = CollectorRegistry(auto_describe=False)
    result.register(_Scrape())
    return result


def families(shown: Exposition, policy: Policy) -> Iterator[Metric]:
    """Yield every family of the processor, label values in the registry's order."""
    yield from _evidence(shown.kernel.evidence)
    yield from segment_families(shown.kernel)
    yield from _models(shown, policy)
    yield from confidence_families(shown.kernel)
    yield from feature_families(shown.kernel)
    yield from heartbeat_families(shown.kernel)
    yield from _suggestions(shown.kernel.suggestions)
    yield from _drift(shown)
    yield from _processor(shown)


def _evidence(rows: Iterable[EvidenceRow]) -> Iterator[Metric]:
    """Yield the gauges of each stream, without those of streams too small to show.

    Below `SMALL_CELL` outcomes the evidence reads 0 (not proved) and the counts, the drop and the performance are
    absent or 0: the series a rule compares exist, and say nothing about anybody. Above, counts go up in steps and
    means are rounded, the drop and its bounds never towards a tier.
    """
    rows = list(rows)
    since = [row for row in rows if row.samples >= SMALL_CELL]
    recent = [(row, row.performance) for row in rows if row.performance_samples >= SMALL_CELL]
    yield gauge(metrics.EVIDENCE, (sample for row in rows for sample in _tiers(row)))
    yield gauge(metrics.EVIDENCE_SAMPLES, ((_stream(row), stepped(row.samples)) for row in rows))
    yield gauge(metrics.EVIDENCE_LABELS, ((_stream(row), stepped(row.labels)) for row in rows))
    yield gauge(
        metrics.DEGRADATION_RATIO,
        ((_stream(row), at_least(row.drop) if row.samples >= SMALL_CELL else 0.0) for row in rows),
    )
    bounds = [(_stream(row), row.interval) for row in since if row.interval is not None]
    yield gauge(metrics.DEGRADATION_LOWER_RATIO, ((stream, at_least(least)) for stream, (least, _) in bounds))
    yield gauge(metrics.DEGRADATION_UPPER_RATIO, ((stream, at_most(largest)) for stream, (_, largest) in bounds))
    yield gauge(metrics.CHANGE_POINT_TIME, ((_stream(r), r.change_point) for r in since if r.change_point is not None))
    yield gauge(
        metrics.PERFORMANCE_RATIO, ((_stream(row), blurred(value)) for row, value in recent if value is not None)
    )
    yield gauge(metrics.PERFORMANCE_SAMPLES, ((_stream(row), stepped(row.performance_samples)) for row, _ in recent))
    yield gauge(metrics.BASELINE_RATIO, ((_stream(row), row.baseline) for row in rows))
    yield from _amended(rows)


def _amended(rows: Iterable[EvidenceRow]) -> Iterator[Metric]:
    """Yield how many outcomes were amended after they had counted, where they are many; 0 for the whole of a model."""
    many = [row for row in rows if row.amended >= SMALL_CELL]
    zeros: dict[tuple[str, ...], float] = {_stream(row): 0.0 for row in rows if row.segment == AGGREGATE}
    shares = zeros | {_stream(row): blurred(min(row.amended / row.labels, 1.0)) for row in many}
    yield gauge(metrics.LABEL_AMENDED_RATIO, shares.items())
    yield gauge(metrics.LABEL_WITHDRAWN_RATIO, ((_stream(row), blurred(row.withdrawn / row.labels)) for row in many))


def _stream(row: EvidenceRow) -> tuple[str, ...]:
    return row.model, row.version, row.segment, row.value


def _tiers(row: EvidenceRow) -> Iterator[Sample]:
    for level, value in row.evidence.items():
        yield (*_stream(row), str(level)), value if row.labels >= SMALL_CELL else 0.0


def _models(shown: Exposition, policy: Policy) -> Iterator[Metric]:
    kernel = shown.kernel
    yield gauge(metrics.EVIDENCE_ACTIVATION, ((mv, float(ordinal)) for mv, ordinal in kernel.activations.items()))
    yield gauge(metrics.BASELINE_STATUS, (((model, digest), 1.0) for model, digest in shown.baselines.items()))
    yield gauge(metrics.BASELINE_END_TIME, (((model,), end) for model, end in shown.ends.items()))
    yield gauge(
        metrics.LABEL_COVERAGE_RATIO,
        (
            ((row.model, row.version), blurred(row.coverage))
            for row in kernel.coverage
            if row.coverage is not None and row.eligible >= SMALL_CELL
        ),
    )
    yield from _label_ages(kernel.coverage)
    yield gauge(metrics.LABEL_WAITING, ((mv, stepped(count)) for mv, count in kernel.waiting.items()))
    yield gauge(metrics.LABEL_TIME, (((model,), when) for model, when in kernel.label_times.items()))
    yield gauge(metrics.ESCALATION_STATUS, _escalation(kernel, policy))
    yield gauge(metrics.ATTRIBUTION_STATUS, _causes(kernel))
    yield gauge(metrics.ATTRIBUTION_REASON_STATUS, _reasons(kernel))
    paired = {(r.model, r.version, r.segment, r.value): r for r in kernel.pairings if r.cases >= SMALL_CELL}
    yield gauge(metrics.PAIRING_CASES, ((stream, stepped(row.cases)) for stream, row in paired.items()))
    yield gauge(metrics.PAIRING_VERDICT, ((stream, float(r.better) - r.no_better) for stream, r in paired.items()))


def _label_ages(rows: Iterable[CoverageRow]) -> Iterator[Metric]:
    """Yield how long labels take, where there are enough of them to say so."""
    many = [((row.model, row.version), row) for row in rows if row.aged >= SMALL_CELL]
    medians = ((key, row.age_median) for key, row in many)
    lates = ((key, row.age_late) for key, row in many)
    yield gauge(metrics.LABEL_MEDIAN_DELAY, ((key, age) for key, age in medians if age is not None))
    yield gauge(metrics.LABEL_P90_DELAY, ((key, age) for key, age in lates if age is not None))


def _escalation(kernel: KernelView, policy: Policy) -> Iterator[Sample]:
    """Yield 1 for the severest tier that a stream of the serving version reaches, 0 for the others."""
    order = list(EscalationLevel)
    for name, model in policy.models.items():
        serving = max((a for (m, _), a in kernel.activations.items() if m == name), default=None)
        reached = [
            decide_tier(row, model.tiers) for row in kernel.evidence if row.model == name and row.activation == serving
        ]
        severest = max(reached, key=order.index, default=EscalationLevel.NONE)
        yield from (((name, str(level)), float(level is severest)) for level in order)


def _causes(kernel: KernelView) -> Iterator[Sample]:
    """Yield 1 for the cause of each drop that has reached a tier, 0 for the others; nothing where it is too small."""
    for stream, row in _attributed(kernel):
        yield from (((*stream, str(cause)), float(cause is row.cause)) for cause in AttributionCause)


def _reasons(kernel: KernelView) -> Iterator[Sample]:
    """Yield 1 for each kind of reason for these causes."""
    for stream, row in _attributed(kernel):
        yield from (((*stream, str(kind)), 1.0) for kind in dict.fromkeys(reason.kind for reason in row.reasons))


def _attributed(kernel: KernelView) -> Iterator[tuple[tuple[str, ...], AttributionRow]]:
    small = {_stream(row) for row in kernel.evidence if row.samples < SMALL_CELL}
    for row in kernel.attributions:
        stream = row.model, row.version, row.segment, row.value
        if stream not in small:
            yield stream, row


def _suggestions(rows: Iterable[SuggestionRow]) -> Iterator[Metric]:
    """Yield what was done with the answers; a stream too small to show reads 0 until it is large enough.

    Every counter exists from the start, so that its first increase can be seen as one.
    """
    actions: list[Sample] = []
    attention: list[Sample] = []
    for row in rows:
        key = row.model, row.version, row.segment, row.value, str(row.horizon)
        grown = sum(row.actions.values()) >= SMALL_CELL
        actions += [((*key, str(action)), count if grown else 0) for action, count in row.actions.items()]
        attention += [((*key, str(looked)), count if grown else 0) for looked, count in row.attention.items()]
    yield Family(metrics.SUGGESTIONS, "counter", sorted(actions))
    yield Family(metrics.ACCEPTANCES, "counter", sorted(attention))


def _drift(shown: Exposition) -> Iterator[Metric]:
    rows = shown.kernel.drift
    keys = [(r.model, r.version, r.segment, r.value, r.signal, str(r.detector)) for r in rows]
    # A detector that has seen few values would give them away.
    states = (float(row.active and not row.small) for row in rows)
    scores = (0.0 if row.small else row.score for row in rows)
    yield gauge(metrics.DRIFT_STATUS, zip(keys, states, strict=True))
    yield gauge(metrics.DRIFT_SCORE, zip(keys, scores, strict=True))
    counted = _counted(metrics.DRIFT_DETECTIONS, shown.counters)
    possible = [detection_labels(row, which) for row in rows for which in directions(row)]
    seen = [(labels, counted.pop(labels, 0)) for labels in possible] if counted else [(each, 0) for each in possible]
    yield Family(metrics.DRIFT_DETECTIONS, "counter", sorted([*seen, *counted.items()]))


def _processor(shown: Exposition) -> Iterator[Metric]:
    for total in (metrics.PROCESSOR_EVENTS, metrics.PROCESSOR_REJECTIONS):
        yield counter(total, _counted(total, shown.counters))
    kernel = shown.kernel
    yield gauge(metrics.PROCESSOR_EVENT_TIME, _single(kernel.newest))
    yield gauge(metrics.PROCESSOR_WATERMARK_TIME, _single(kernel.watermark))
    yield gauge(metrics.PROCESSOR_JOURNAL_PENDING, _single(float(shown.pending)))
    yield gauge(metrics.PROCESSOR_ACCEPT_STATUS, _single(float(shown.accepting)))
    yield gauge(metrics.PROCESSOR_CORRECTION_USED_RATIO, _single(shown.corrections.used))
    yield counter(metrics.PROCESSOR_CORRECTION_DROPS, {(): shown.corrections.dropped})
    yield gauge(metrics.PROCESSOR_START_TIME, _single(shown.started))


def _single(value: float | None) -> list[Sample]:
    return [] if value is None else [((), value)]


def _counted(metric: MetricDef, counters: Mapping[Key, int]) -> dict[tuple[str, ...], int]:
    return {labels: value for (name, labels), value in counters.items() if name == metric.prometheus}
