"""The policy file as types: what a hospital decides, once, for every part that acts on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, PrivateAttr

from otel_clinical.policy._detectors import Detectors  # noqa: TC001 -- pydantic resolves it at run time
from otel_clinical.policy._features import Features, InputDrift, feature_set
from otel_clinical.policy._names import (
    FilePath,
    MetricName,
    ModelName,
    SegmentValue,
    Team,
    TierLevel,
    Version,
    VocabularyWord,
    WebAddress,
)
from otel_clinical.policy._quantities import SECONDS, Budget, Duration, FalseAlarms, Percent
from otel_clinical.policy._rollback import Rollback  # noqa: TC001 -- pydantic resolves it at run time
from otel_clinical.policy._scale import DropKind, Scale
from otel_clinical.policy._section import Positive, PositiveDuration, Section, Tolerated
from otel_clinical.semconv.enums import OutcomeClass, RoutingLevel, SegmentName, UseCase

if TYPE_CHECKING:
    from otel_clinical.features import FeatureSet

_MINUTE, _HOUR, _DAY = SECONDS["m"], SECONDS["h"], SECONDS["d"]

OVERRIDE_RATIO: Final = "override_ratio"
"""Metric of the reviews: edited or rejected answers among the decided ones; lower is better."""
_COUNTED: Final = {
    "sensitivity": frozenset({OutcomeClass.TRUE_POSITIVE, OutcomeClass.FALSE_NEGATIVE}),
    "specificity": frozenset({OutcomeClass.TRUE_NEGATIVE, OutcomeClass.FALSE_POSITIVE}),
    "ppv": frozenset({OutcomeClass.TRUE_POSITIVE, OutcomeClass.FALSE_POSITIVE}),
    "npv": frozenset({OutcomeClass.TRUE_NEGATIVE, OutcomeClass.FALSE_NEGATIVE}),
}


class Fleet(Section):
    """Who runs the models, and where the pages that alerts link to live."""

    name: ModelName = Field(description="Name of the hospital or health system, as metric label.")
    runbooks: WebAddress = Field(description="Address in front of every runbook's file name.")
    dashboards: WebAddress = Field(description="Address in front of every dashboard's id.")


class Drift(Section):
    """How the drift processor slices time."""

    slot: PositiveDuration = Field(default=30.0, description="Event-time slot that is closed as a whole.")
    lateness: Duration = Field(default=120.0, description="How much later than its neighbours a record may arrive.")
    window: PositiveDuration = Field(default=_DAY, description="Display window of the recent performance.")
    retention: PositiveDuration = Field(default=90 * _DAY, description="How long duplicates and receipts are known.")
    amendable: Annotated[int, Field(strict=True, ge=1, le=50_000_000)] = Field(
        default=1_000_000,
        description="How many counted outcomes, the newest within the retention, can still be amended; 24 bytes each.",
    )
    drift_hold: Duration = Field(default=_HOUR, description="How long a drift detection is shown as recent.")
    common_cause_within: Duration = Field(
        default=_DAY, description="How far apart two changes may begin and still count as one: both are estimates."
    )


class Metric(Section):
    """The performance that the tiers guard."""

    name: MetricName = Field(
        default="accuracy",
        description="Mean of a score in 0 to 1; sensitivity, specificity, ppv and npv count only outcomes of their "
        "classes, override_ratio counts reviews.",
    )
    drop: DropKind = Field(
        default="relative",
        description="relative: (baseline - now) / baseline; points: baseline - now; skill: (baseline - now) / "
        "(baseline - chance); error_ratio: 1 - odds of an error before / now, so 50% is twice the odds.",
    )
    better: Literal["higher", "lower"] = Field(
        default="higher", description="lower: the metric is 1 minus the score, and a drop is its rise."
    )
    chance: Annotated[Percent, Field(lt=1)] | None = Field(
        default=None, description="Metric of guessing, for drop: skill."
    )

    @property
    def counted(self) -> frozenset[OutcomeClass] | None:
        """Classes of outcome that the metric counts; None for every outcome."""
        return _COUNTED.get(self.name)

    @property
    def of_reviews(self) -> bool:
        """Whether reviews are the labels."""
        return self.name == OVERRIDE_RATIO

    @property
    def of_every_score(self) -> bool:
        """Whether the metric is the mean of the scores of all outcomes."""
        return self.counted is None and not self.of_reviews

    @property
    def scale(self) -> Scale:
        """How drops of this metric are counted."""
        lower = self.better == "lower" or self.of_reviews
        chance = 0.0 if self.chance is None else self.chance
        return Scale(self.drop, lower, 1.0 - chance if lower and self.drop == "skill" else chance)


class Labels(Section):
    """How the truth arrives."""

    maturity: Duration = Field(description="Age at which an inference's outcome counts, early or not.")
    per_day: Positive = Field(description="Expected outcomes per day of this model, over all sites.")
    minimum_coverage: Percent = Field(default=0.8, description="Share of mature inferences that must have a label.")
    maximum_amended: Annotated[Percent, Field(gt=0)] = Field(
        default=0.05, description="Share of the counted outcomes that may be amended after they counted."
    )


class BaselineFile(Section):
    """Where the frozen reference performance is."""

    file: FilePath = Field(description="JSON file, relative to the policy file.")
    hash: str | None = Field(
        default=None,
        pattern=r"^sha256:[0-9a-f]{64}$",
        description="Pin: the baseline must have exactly this hash.",
    )
    kind: Literal["fixed", "previous_version", "same_season"] = Field(
        default="fixed",
        description="What the performance is held against: an accepted period, the version that served before, or the "
        "same season of the last year. The file must be of this kind.",
    )
    maximum_age: PositiveDuration | None = Field(
        default=None,
        description="Time after its last inference from which the baseline is out of date, which is an alert; a year "
        "for previous_version, never for fixed unless set. That of same_season ends 52 weeks later at most.",
    )


class Tier(Section):
    """One escalation level: how much worse, how sure, on how many labels."""

    drop: Annotated[Percent, Field(gt=0, lt=1)] = Field(description="Estimated drop that reaches the tier.")
    guard: Annotated[Percent, Field(lt=1)] = Field(
        description="Drop that is tolerated for ever; the evidence refutes it."
    )
    minimum_labels: Positive = Field(description="Labels since the change point below which nothing fires.")
    false_alarms: FalseAlarms = Field(
        description="Accepted false alarms at this tier, over every model and segment of the policy together."
    )


class Hold(Section):
    """How Prometheus holds the tier alerts."""

    for_: Duration = Field(default=0.0, alias="for", description="Prometheus `for`.")
    keep_firing: Duration = Field(default=15 * _MINUTE, description="Prometheus `keep_firing_for`.")


class Confidence(Section):
    """When the model should rather abstain."""

    refuse_below: Percent = Field(default=0.0, description="Confidence below which the result is withheld.")


class Calibration(Section):
    """How far the confidence may be from the truth, on average."""

    tolerance: Annotated[Percent, Field(gt=0, lt=1)] = Field(
        default=0.05, description="Mean confidence minus mean score, either way, that is tolerated for ever."
    )
    minimum_labels: Positive = Field(
        default=200, description="Outcomes with a confidence below which nothing fires and no estimate is valid."
    )
    false_alarms: FalseAlarms = Field(
        default=Budget(1.0, SECONDS["y"]),
        description="Accepted false alarms of the calibration, over every model and segment.",
    )


class InputQuality(Section):
    """When the records of one source are too poor to be used unattended."""

    minimum: Percent = Field(default=0.7, description="Score below which a record is low.")
    maximum_low_share: Annotated[Percent, Field(gt=0)] = Field(default=0.2, description="Share of low records allowed.")
    minimum_records: Positive = Field(default=50, description="Records in the window below which nothing fires.")
    window: PositiveDuration = Field(default=_HOUR, description="Window of the share.")
    on_breach: Tolerated = Field(default=RoutingLevel.ASSISTED, description="Route of the source while it is low.")
    by: SegmentName = Field(default=SegmentName.SOURCE_SYSTEM, description="Declared segment that names the source.")


class Overrides(Section):
    """When clinicians correct the model too often."""

    maximum_ratio: Annotated[Percent, Field(gt=0)] = Field(default=0.3, description="Overrides per review allowed.")
    minimum_ratio: Annotated[Percent, Field(lt=1)] = Field(
        default=0.02, description="Overrides per review below which agreement is too good to be true; 0% for never."
    )
    minimum_reviews: Positive = Field(default=100, description="Reviews in the window below which nothing fires.")
    window: PositiveDuration = Field(default=_DAY, description="Window of the ratio.")
    resolved_after: PositiveDuration = Field(
        default=_DAY, description="Age of an inference at which its last review is final; later ones are not used."
    )


class RubberStamps(Section):
    """When clinicians accept the model's answers without looking."""

    minimum_review: PositiveDuration = Field(
        default=5.0, description="Active review time below which an unedited acceptance is a rubber stamp."
    )
    maximum_ratio: Annotated[Percent, Field(gt=0)] = Field(
        default=0.5, description="Rubber stamps per acceptance with a measured time allowed."
    )
    minimum_accepted: Positive = Field(
        default=100, description="Acceptances with a measured time in the window below which nothing fires."
    )
    window: PositiveDuration = Field(default=_DAY, description="Window of the ratio.")


class Volume(Section):
    """How far the number of inferences may be from that of the same hour of the weeks before."""

    minimum_ratio: Annotated[Percent, Field(gt=0, lt=1)] = Field(
        default=0.5, description="Share of the ordinary number that is tolerated for ever."
    )
    maximum_ratio: Annotated[float, Field(gt=1, le=100)] = Field(
        default=2.0, description="Multiple of the ordinary number that is tolerated for ever."
    )
    false_alarms: FalseAlarms = Field(
        default=Budget(1.0, SECONDS["y"]),
        description="Accepted false alarms of the volume, over every model and source.",
    )


class Safety(Section):
    """How often safety events may be reported."""

    tolerated_gap: PositiveDuration = Field(
        default=30 * _DAY, description="Mean time between safety events of the model that is tolerated for ever."
    )
    false_alarms: FalseAlarms = Field(
        default=Budget(1.0, 10 * SECONDS["y"]),
        description="Accepted false alarms of their frequency, over every model.",
    )


class Silence(Section):
    """How long nothing may be heard before the monitor calls itself blind."""

    inferences: PositiveDuration = Field(default=15 * _MINUTE, description="Longest gap between inferences.")
    outcomes: PositiveDuration = Field(default=_DAY, description="Longest gap between outcomes.")


SegmentValues = Annotated[tuple[SegmentValue, ...], Field(min_length=1, max_length=200)]


class OpenSegment(Section):
    """A segment whose values nobody lists: those that the baseline saw most are watched, the rest is `_OTHER`."""

    top: Annotated[int, Field(strict=True, ge=1, le=200)] = Field(description="How many values are watched at most.")


SegmentPair = Annotated[tuple[SegmentName, ...], Field(min_length=2, max_length=2)]


class ModelPolicy(Section):
    """Everything decided about one model."""

    use_case: UseCase = Field(description="What the model is for.")
    owner: Team = Field(description="Team that alerts go to.")
    description: str = Field(default="", max_length=500, description="What the model does, for people.")
    versions: Annotated[tuple[Version, ...], Field(min_length=1, max_length=20)] = Field(
        description="Versions that may serve; others are rejected and counted."
    )
    metric: Metric = Field(default=Metric())
    labels: Labels
    segments: dict[SegmentName, SegmentValues] = Field(
        default={}, description="Declared values per segment; everything else becomes _OTHER."
    )
    open_segments: dict[SegmentName, OpenSegment] = Field(
        default={}, description="Segments without declared values: the baseline's most frequent ones are watched."
    )
    pairs: Annotated[tuple[SegmentPair, ...], Field(max_length=10)] = Field(
        default=(), description="Pairs of declared segments whose values are watched together as well."
    )
    standardise_by: SegmentName | None = Field(
        default=None, description="Segment whose mix may move without counting as a drop."
    )
    baseline: BaselineFile
    tiers: dict[TierLevel, Tier]
    false_discoveries: Annotated[Percent, Field(gt=0, lt=1)] = Field(
        default=0.1, description="Expected share of segments that are named wrongly, among those that are named worse."
    )
    hold: Hold = Field(default=Hold())
    confidence: Confidence = Field(default=Confidence())
    calibration: Calibration = Field(default=Calibration())
    input_quality: InputQuality = Field(default=InputQuality())
    features: Features = Field(default={}, description="Input features whose distribution is watched, at most 16.")
    input_drift: InputDrift = Field(default=InputDrift())
    overrides: Overrides = Field(default=Overrides())
    rubber_stamps: RubberStamps = Field(default=RubberStamps())
    silence: Silence = Field(default=Silence())
    detectors: Detectors = Field(
        default=(), description="Further detectors, your own by entry point otel_clinical.detectors; flags, no proof."
    )
    volume: Volume = Field(default=Volume())
    safety: Safety = Field(default=Safety())
    rollback: Rollback

    @property
    def feature_set(self) -> FeatureSet:
        """Return the declared features in the order of the wire."""
        return feature_set(self.features)

    @property
    def pair_names(self) -> tuple[str, ...]:
        """Names of the pairs as they stand in labels: a comma joins them, which no name and no value holds."""
        return tuple(f"{one.value},{other.value}" for one, other in self.pairs)


Words = Annotated[tuple[VocabularyWord, ...], Field(max_length=200)]


class Vocabulary(Section):
    """Names that reports use beside those of models: everything else leaves as _OTHER."""

    tasks: Words = Field(default=(), description="Units of work that are timed.")
    categories: Words = Field(default=(), description="Kinds of cost and of risk events.")


class TaskTime(Section):
    """When the model no longer saves people time."""

    maximum_ratio: Annotated[Percent, Field(gt=0)] = Field(
        default=1.0, description="Mean time of a task with the model, over that without it, allowed."
    )
    minimum_tasks: Positive = Field(
        default=100, description="Tasks with the model, and without it, in the window below which nothing fires."
    )
    window: PositiveDuration = Field(default=7 * _DAY, description="Window of the means.")


class Policy(Section):
    """The whole file. `path` is where it was read; `hash` identifies its content."""

    schema_: Literal["otel-clinical/policy/v1"] = Field(alias="schema", description="otel-clinical/policy/v1.")
    fleet: Fleet
    drift: Drift = Field(default=Drift())
    vocabulary: Vocabulary = Field(default=Vocabulary())
    task_time: TaskTime = Field(default=TaskTime())
    models: Annotated[dict[ModelName, ModelPolicy], Field(min_length=1, max_length=50)]
    _path: Path = PrivateAttr(Path())
    _hash: str = PrivateAttr("")

    @property
    def path(self) -> Path:
        """Return the absolute path of the policy file."""
        return self._path

    @property
    def hash(self) -> str:
        """Return `sha256:…` of the canonical content: formatting and comments do not change it."""
        return self._hash
