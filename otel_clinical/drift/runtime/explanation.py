"""Why a segment is where it is: its figures beside what each tier of the policy asks for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from prometheus_client.core import Metric

from otel_clinical._spelling import did_you_mean
from otel_clinical.drift.runtime._page import LEVEL, STREAM, Page
from otel_clinical.drift.runtime.status import StatusError
from otel_clinical.policy import ModelPolicy, Policy, Tier
from otel_clinical.semconv import AGGREGATE, MetricDef, attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import EscalationLevel
from otel_clinical.semconv.small_cells import SMALL_CELL

_CAUSE = prometheus_label(attributes.ATTRIBUTION_CAUSE)
_REASON = prometheus_label(attributes.ATTRIBUTION_REASON)
_FEATURE, _ASPECT = (prometheus_label(key) for key in (attributes.INPUT_FEATURE, attributes.INPUT_ASPECT))
_WITNESS = tuple(prometheus_label(key) for key in (attributes.DRIFT_SIGNAL, attributes.DRIFT_DETECTOR))


@dataclass(frozen=True)
class TierGap:
    """What one tier asks for, beside what there is.

    Attributes:
        level: The tier.
        evidence: Present evidence, latched; 1 or more means proved.
        drop: Drop that the tier asks for.
        guard: Drop that its evidence refutes.
        minimum_labels: Labels since the change that it asks for.
        missing: One clause per condition that does not hold; empty when the tier is reached.
        named: Whether the segment is among those named worse than the guard, all segments looked at together.
    """

    level: EscalationLevel
    evidence: float
    drop: float
    guard: float
    minimum_labels: int
    missing: tuple[str, ...]
    named: bool = False


@dataclass(frozen=True)
class Witness:
    """One detector of the segment: its name, the signal it watches, its score, whether it fired lately."""

    signal: str
    detector: str
    score: float
    active: bool


@dataclass(frozen=True)
class FeatureShift:
    """One input feature of the segment.

    Attributes:
        name: As declared.
        moved: Share of the inputs in other bins than in the baseline, beyond chance; None before the first look.
        psi: Population stability index beyond chance; None before the first look.
        evidence: By aspect, 1 or more means proved.
    """

    name: str
    moved: float | None
    psi: float | None
    evidence: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Explanation:
    """One segment of one model version.

    Attributes:
        model: Model name.
        version: Model version.
        segment: ``name=value``, or ``all``.
        baseline: Reference performance.
        performance: Recent performance; None when too few outcomes are recent.
        recent: Outcomes in the recent performance; None when too few to show.
        labels: Mature outcomes counted since the activation began; 0 below eleven.
        activation: Ordinal of the activation they belong to; None when not known.
        waiting: Outcomes of the version whose inference is not mature; None below eleven.
        samples: Outcomes since the estimated change; 0 without one, or below eleven.
        change_point: Unix seconds of the first inference after the estimated change; None without one.
        drop: Drop since the estimated change; 0 without one.
        interval: Least and largest drop at a confidence of 95 %, at all times together; None without a change.
        causes: What the drop is put down to, one word per verdict; empty below every tier.
        reasons: What speaks for that, in the words of the registry, sorted.
        coverage: Share of mature inferences of the version that have an outcome; None when not known.
        tiers: Mildest first.
        witnesses: Sorted by signal and detector.
        features: Those that the baseline holds, the one that moved most first.
        amended: Share of the counted outcomes that were amended later, and errors taken back by counted outcome; None
            while fewer than eleven were.
        delays: Seconds within which half, and nine in ten, of the outcomes of the version came; None if not known.
    """

    model: str
    version: str
    segment: str
    baseline: float
    performance: float | None
    recent: int | None
    labels: int
    activation: int | None
    waiting: int | None
    samples: int
    change_point: float | None
    drop: float
    interval: tuple[float, float] | None
    causes: tuple[str, ...]
    coverage: float | None
    tiers: tuple[TierGap, ...]
    witnesses: tuple[Witness, ...]
    features: tuple[FeatureShift, ...] = ()
    delays: tuple[float, float] | None = None
    amended: tuple[float, float] | None = None
    reasons: tuple[str, ...] = ()


def explain(
    found: Iterable[Metric], policy: Policy, segment: str, *, model: str | None = None, version: str | None = None
) -> tuple[Explanation, ...]:
    """Explain a segment, ``all`` or ``name=value``, of every model version that has been seen.

    Args:
        found: Metric families of a processor, from `scrape` or `replay`.
        policy: The policy it runs with.
        segment: Which segment.
        model: Only this model.
        version: Only this version.

    Raises:
        StatusError: Nothing is known of such a segment; the message says what is.
    """
    page = Page(found)
    name, _, value = segment.partition("=")
    wanted = (AGGREGATE, AGGREGATE) if segment == AGGREGATE else (name, value)
    streams = sorted(stream for stream, _ in page.by(metrics.BASELINE_RATIO, STREAM) if stream[0] in policy.models)
    chosen = [
        stream
        for stream in streams
        if stream[2:] == wanted and model in {None, stream[0]} and version in {None, stream[1]}
    ]
    if not chosen:
        raise StatusError(_nothing(segment, streams))
    return tuple(_explain(page, stream, policy.models[stream[0]]) for stream in chosen)


def _nothing(segment: str, streams: list[tuple[str, ...]]) -> str:
    if not streams:
        return "no outcome has been received yet: nothing can be explained"
    known = dict.fromkeys(name if name == AGGREGATE else f"{name}={value}" for _, _, name, value in streams)
    models = dict.fromkeys(f"{model} {version}" for model, version, _, _ in streams)
    meant = _meant(segment, known)
    return f"nothing is known of {segment!r}{meant}; segments: {', '.join(known)}; models: {', '.join(models)}"


def _meant(segment: str, known: Iterable[str]) -> str:
    """Return the question for the segment that was meant: the one of that value alone, or the one most like it."""
    for one in known:
        if one.partition("=")[2].casefold() == segment.casefold():
            return f', did you mean "{one}"?'
    return did_you_mean(segment, known)


def _explain(page: Page, stream: tuple[str, ...], model: ModelPolicy) -> Explanation:
    def of(metric: MetricDef, key: tuple[str, ...] = stream, labels: tuple[str, ...] = STREAM) -> float | None:
        return dict(page.by(metric, labels)).get(key)

    name, value = stream[2:]
    samples, drop = int(of(metrics.EVIDENCE_SAMPLES) or 0), of(metrics.DEGRADATION_RATIO) or 0.0
    evidence = {key[-1]: found for key, found in page.by(metrics.EVIDENCE, (*STREAM, LEVEL)) if key[:-1] == stream}
    recent = of(metrics.PERFORMANCE_SAMPLES)
    least, largest = of(metrics.DEGRADATION_LOWER_RATIO), of(metrics.DEGRADATION_UPPER_RATIO)
    withdrawn = of(metrics.LABEL_WITHDRAWN_RATIO)
    half, most = (
        of(metric, stream[:2], STREAM[:2]) for metric in (metrics.LABEL_MEDIAN_DELAY, metrics.LABEL_P90_DELAY)
    )
    return Explanation(
        model=stream[0],
        version=stream[1],
        segment=name if name == AGGREGATE else f"{name}={value}",
        baseline=of(metrics.BASELINE_RATIO) or 0.0,
        performance=of(metrics.PERFORMANCE_RATIO),
        recent=_whole(recent),
        labels=int(of(metrics.EVIDENCE_LABELS) or 0),
        activation=_whole(of(metrics.EVIDENCE_ACTIVATION, stream[:2], STREAM[:2])),
        waiting=_whole(of(metrics.LABEL_WAITING, stream[:2], STREAM[:2])) or None,
        samples=samples,
        change_point=of(metrics.CHANGE_POINT_TIME),
        drop=drop,
        interval=None if least is None or largest is None else (least, largest),
        causes=tuple(_states(page, stream, metrics.ATTRIBUTION_STATUS, _CAUSE)),
        reasons=tuple(sorted(_states(page, stream, metrics.ATTRIBUTION_REASON_STATUS, _REASON))),
        coverage=of(metrics.LABEL_COVERAGE_RATIO, stream[:2], STREAM[:2]),
        tiers=tuple(
            replace(
                _gap(level, model.tiers[level], evidence.get(str(level), 0.0), samples, drop),
                named=of(metrics.DISCOVERY_STATUS, (*stream, str(level)), (*STREAM, LEVEL)) == 1.0,
            )
            for level in EscalationLevel
            if level in model.tiers
        ),
        witnesses=tuple(_witnesses(page, stream)),
        features=tuple(sorted(_features(page, stream), key=lambda one: (-(one.moved or 0.0), one.name))),
        delays=None if half is None or most is None else (half, most),
        amended=None if withdrawn is None else (of(metrics.LABEL_AMENDED_RATIO) or 0.0, withdrawn),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _states(page: Page, stream: tuple[str, ...], metric: MetricDef, label: str) -> Iterator[str]:
    """Yield the words of a state gauge that are 1 for the stream."""
    for key, value in page.by(metric, (*STREAM, label)):
        if key[:-1] == stream and value >= 1.0:
            yield key[-1]


def _gap(level: EscalationLevel, tier: Tier, evidence: float, samples: int, drop: float) -> TierGap:
    missing = []
    if evidence < 1.0:
        missing.append(f"proof of more than {tier.guard:.1%} ({evidence:.2g} of 1)")
    if drop < tier.drop:
        missing.append(f"an estimated drop of {tier.drop:.0%} (now {drop:.1%})")
    if samples < tier.minimum_labels:
        have = str(samples) if samples else f"no change, or fewer than {SMALL_CELL}"
        missing.append(f"{tier.minimum_labels} labels since the change ({have})")
    return TierGap(level, evidence, tier.drop, tier.guard, tier.minimum_labels, tuple(missing))


def _witnesses(page: Page, stream: tuple[str, ...]) -> Iterator[Witness]:
    labels = (*STREAM, *_WITNESS)
    scores = dict(page.by(metrics.DRIFT_SCORE, labels))
    for key, active in sorted(page.by(metrics.DRIFT_STATUS, labels)):
        if key[: len(STREAM)] == stream:
            yield Witness(key[-2], key[-1], scores.get(key, 0.0), active >= 1.0)


def _features(page: Page, stream: tuple[str, ...]) -> Iterator[FeatureShift]:
    evidence: dict[str, list[tuple[str, float]]] = {}
    for key, value in page.by(metrics.INPUT_FEATURE_EVIDENCE, (*STREAM, _FEATURE, _ASPECT)):
        if key[: len(STREAM)] == stream:
            evidence.setdefault(key[-2], []).append((key[-1], value))
    moved, psi = (
        dict(page.by(metric, (*STREAM, _FEATURE)))
        for metric in (metrics.INPUT_FEATURE_SHIFT_RATIO, metrics.INPUT_FEATURE_PSI)
    )
    for name, found in evidence.items():
        yield FeatureShift(name, moved.get((*stream, name)), psi.get((*stream, name)), tuple(sorted(found)))
