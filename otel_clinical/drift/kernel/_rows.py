"""What comes out of the kernel: evidence, drift, coverage, and the moments at which they changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.drift.kernel._attribution import Reason
    from otel_clinical.drift.kernel._corrections import Correction
    from otel_clinical.semconv.enums import (
        AttributionCause,
        DriftDetector,
        EscalationLevel,
        EstimateValidity,
        InputAspect,
        ProcessorSignal,
        ReviewAction,
        ReviewAttention,
        ReviewHorizon,
    )


@dataclass(frozen=True)
class EvidenceRow:
    """What is known about one stream of outcomes of the newest activation of a version.

    Attributes:
        model: Declared model.
        version: Declared version, or `_OTHER`.
        activation: Ordinal of the activation that served the inferences.
        segment: Segment name, `all` for the aggregate.
        value: Declared segment value, `all` for the aggregate.
        labels: Outcomes fed since the activation began.
        samples: Outcomes since the estimated change point; 0 while there is none.
        drop: Drop since the change point, standardised to the baseline mix, in the policy's kind; 0 while there
            is none. Negative is better than the baseline.
        performance: Mean score over the display window; None without outcomes in it.
        performance_samples: Outcomes in the display window.
        baseline: The frozen reference performance.
        change_point: Unix seconds of the first inference after the estimated change; None while there is none.
        evidence: By tier, 1 or more means proved. Latched: once at 1 it stays at least 1 until the change is over,
            that is, until the labels speak against any drop going on.
        current: By tier, the value without the latch.
        latched: By tier, whether it has reached 1 since the change point.
        updated: Event time (Unix seconds) up to which outcomes were fed; None before the first.
        interval: Least and largest drop since the change point from what the baseline expects of these outcomes;
            at a confidence of 95 % both hold at all times together. None while there is no change point.
        amended: Outcomes that were amended after they were fed.
        withdrawn: Errors that amendments took back, less those that they added; a score that rises by 0.3 is 0.3.
    """

    model: str
    version: str
    activation: int
    segment: str
    value: str
    labels: int
    samples: int
    drop: float
    performance: float | None
    performance_samples: int
    baseline: float
    change_point: float | None
    evidence: Mapping[EscalationLevel, float]
    current: Mapping[EscalationLevel, float]
    latched: Mapping[EscalationLevel, bool]
    updated: float | None
    interval: tuple[float, float] | None = None
    amended: int = 0
    withdrawn: float = 0.0


@dataclass(frozen=True)
class DriftRow:
    """What one detector says about one signal.

    Attributes:
        model: Declared model.
        version: Declared version, or `_OTHER`.
        segment: Segment name, `all` for the aggregate.
        value: Declared segment value, `all` for the aggregate.
        signal: `performance`, `confidence`, `input_quality` or `segment_mix`.
        detector: Which detector.
        active: Whether a detection is more recent than the policy's `drift_hold`, in event time.
        score: Standard deviations between the recent mean and the baseline (ADWIN); log10 of the evidence over
            its threshold (e-detector).
        detections: Since the activation began.
        detected: Event time of the newest detection, Unix seconds; None before the first.
        small: Whether it is made of too few values to be shown.
    """

    model: str
    version: str
    segment: str
    value: str
    signal: str
    detector: DriftDetector
    active: bool
    score: float
    detections: int
    detected: float | None
    small: bool = False


@dataclass(frozen=True)
class CoverageRow:
    """How many of the inferences that are old enough have an outcome.

    Attributes:
        model: Declared model.
        version: Declared version, or `_OTHER`.
        coverage: Mature outcomes per eligible inference of the same cohorts, 0 to 1; None without eligible ones.
        eligible: Completed inferences of the cohorts that matured within the display window.
        labelled: Outcomes of the same cohorts.
        aged: Outcomes of the same cohorts whose age is known: all but those counted before ages were.
        age_median: Seconds from inference to outcome that half of them do not exceed; None without any.
        age_late: The same for nine in ten.
    """

    model: str
    version: str
    coverage: float | None
    eligible: int
    labelled: int
    aged: int = 0
    age_median: float | None = None
    age_late: float | None = None


@dataclass(frozen=True)
class ReliabilityBin:
    """Outcomes whose confidence lay from `low` to `high`: how many, their mean confidence, their mean score."""

    low: float
    high: float
    labels: int
    confidence: float
    score: float


@dataclass(frozen=True)
class CalibrationRow:
    """Whether the confidence of one stream means what it says: figures of the display window, its last half at least.

    Attributes:
        model: Declared model.
        version: Declared version, or `_OTHER`.
        segment: Segment name, `all` for the aggregate.
        value: Declared segment value, `all` for the aggregate.
        labels: Mature outcomes that carried a confidence, since the activation began.
        recent: Those of the display window, which bias, Brier score, error and bins are of.
        bias: Mean confidence minus mean score, -1 to 1: above 0 the model is too sure of itself.
        brier: Mean of (confidence - score)^2, 0 to 1.
        error: Binned calibration error, 0 to 1: mean distance of confidence and score over ten bins.
        overconfident: Evidence that the bias is above the policy's tolerance; 1 or more is proof.
        underconfident: Evidence that it is below minus the tolerance.
        bins: The bins that hold outcomes, rising; of the aggregate alone.
    """

    model: str
    version: str
    segment: str
    value: str
    labels: int
    recent: int
    bias: float
    brier: float
    error: float
    overconfident: float
    underconfident: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class EstimateRow:
    """Performance of one version as recent confidences without an outcome let expect it.

    Attributes:
        model: Declared model.
        version: Declared version, or `_OTHER`.
        performance: Expected mean score, 0 to 1; None without a curve in the baseline or without inferences.
        inferences: Inferences of the display window that carried a confidence and have no outcome yet.
        validity: Whether it may be believed, or the first reason why not.
    """

    model: str
    version: str
    performance: float | None
    inferences: int
    validity: EstimateValidity


@dataclass(frozen=True)
class SuggestionRow:
    """What was done with the answers of one version in one segment; each answer counts once.

    Attributes:
        model: Declared model.
        version: Declared version, or `_OTHER`.
        segment: Segment name, `all` for the aggregate.
        value: Declared segment value, `all` for the aggregate.
        horizon: By the first review of an answer, or by the last before it is resolved.
        actions: Answers by what was done with them, every action.
        attention: Accepted answers by how they were looked at, every kind.
    """

    model: str
    version: str
    segment: str
    value: str
    horizon: ReviewHorizon
    actions: Mapping[ReviewAction, int]
    attention: Mapping[ReviewAttention, int]


@dataclass(frozen=True)
class DiscoveryRow:
    """Which segments of one version are worse than the guard of one tier, all of them looked at together.

    Attributes:
        model: Declared model.
        version: Declared version, or `_OTHER`.
        level: The tier.
        evidence: That at least one segment is worse; 1 or more is proof.
        named: (segment, value) of those that are named, sorted; of the named the policy's share is expected to be
            named wrongly, whatever the dependence between the segments.
    """

    model: str
    version: str
    level: EscalationLevel
    evidence: float
    named: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AttributionRow:
    """What the drop of one stream that has reached a tier is put down to.

    Attributes:
        model: Declared model.
        version: Declared version, or `_OTHER`.
        segment: Segment name, `all` for the aggregate.
        value: Declared segment value, `all` for the aggregate.
        cause: The verdict.
        reasons: The facts that speak for it, strongest first.
    """

    model: str
    version: str
    segment: str
    value: str
    cause: AttributionCause
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Applied:
    """What applying a batch did.

    Attributes:
        events: Records used, by signal.
        late: Records whose slot was already closed. Late outcomes are fed at the watermark, and so are late reviews
            of suggestions that are not resolved; others are not used.
        duplicates: Records seen before, including those found while closing slots since the previous batch.
        corrections: The late records, for whoever keeps them.
    """

    events: Mapping[ProcessorSignal, int]
    late: int
    duplicates: int
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True)
class TierChange:
    """A stream moved to another tier when the slot that ended at `at` (event time, Unix seconds) was closed."""

    at: float
    level: EscalationLevel
    previous: EscalationLevel
    row: EvidenceRow


@dataclass(frozen=True)
class DriftDetected:
    """A detector fired when the slot that ended at `at` (event time, Unix seconds) was closed."""

    at: float
    row: DriftRow


@dataclass(frozen=True)
class FeatureRow:
    """How far one input feature moved in one stream.

    Attributes:
        model: Declared model.
        version: Declared version, or `_OTHER`.
        segment: Segment name, `all` for the aggregate.
        value: Declared segment value, `all` for the aggregate.
        feature: Declared feature, or `confidence`.
        tested: Whether the baseline holds enough of it; without, nothing is ever proved.
        evidence: By aspect, 1 or more means that it is proved to be beyond the policy's tolerance.
        moved: Share of the inputs in other bins than in the baseline, beyond what chance explains; at the last look.
        psi: Population stability index beyond what chance explains; at the last look.
        shift: Of a numeric feature, mean in standard deviations from the baseline; at the last look.
        inferences: Of the last look; 0 before the first.
        proved: Event time (Unix seconds) since which it is proved; None while it is not.
    """

    model: str
    version: str
    segment: str
    value: str
    feature: str
    tested: bool
    evidence: Mapping[InputAspect, float]
    moved: float
    psi: float
    shift: float
    inferences: int
    proved: float | None


@dataclass(frozen=True)
class FeatureMoved:
    """A feature was proved to have moved when the slot that ended at `at` (event time, Unix seconds) was closed."""

    at: float
    row: FeatureRow


@dataclass(frozen=True)
class VolumeRow:
    """Inferences of a model or of one of its sources against the same hour of the weeks before.

    Attributes:
        model: Declared model.
        segment: Segment that names the source, `all` for the model as a whole.
        value: Declared source, `all` for the model as a whole.
        count: Inferences of the last full hour; None before the second.
        expected: Mean of the same hour of the weeks before; None while fewer than two are known.
        silence: Evidence that there are fewer than tolerated; 1 or more is proof.
        surge: Evidence that there are more than tolerated.
    """

    model: str
    segment: str
    value: str
    count: int | None
    expected: float | None
    silence: float
    surge: float


@dataclass(frozen=True)
class SafetyRow:
    """Safety events of a model.

    Attributes:
        model: Declared model.
        events: All that were reported.
        recent: Mean time between the newest five, seconds; None before the second.
        evidence: That they have become more frequent than tolerated; 1 or more is proof.
    """

    model: str
    events: int
    recent: float | None
    evidence: float


Transition = TierChange | DriftDetected | FeatureMoved
