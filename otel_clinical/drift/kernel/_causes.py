"""Put every drop that has reached a tier down to a cause, from what the rest of the kernel shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from otel_clinical.drift.kernel._attribution import InputShift, LabelHealth, Situation, attribute
from otel_clinical.drift.kernel._features import PREFIX
from otel_clinical.drift.kernel._rows import AttributionRow
from otel_clinical.drift.kernel._signals import INPUT_QUALITY
from otel_clinical.drift.kernel._tiers import decide_tier
from otel_clinical.policy import CONFIDENCE
from otel_clinical.semconv.enums import EscalationLevel, SegmentName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from otel_clinical.drift.kernel._attribution import Comparison
    from otel_clinical.drift.kernel._rows import CoverageRow, DriftRow, EvidenceRow, FeatureRow
    from otel_clinical.policy import Policy

_ENOUGH: Final = 50  # mature inferences below which their label coverage says nothing
_QUIET: Final = 100  # labels that a source system needs to count as unharmed
_FAR: Final = 1.0  # standard deviations between an input under one version and under those before it
_INPUTS: Final = frozenset({INPUT_QUALITY})
"""Signals of a `DriftRow` that speak of the input. Confidence does not: a worse version changes it as well."""

_SOURCE: Final = SegmentName.SOURCE_SYSTEM.value

VersionKey = tuple[str, str]
Place = tuple[str, str, str, str]
"""(model, version, segment, value)."""
Placed = TypeVar("Placed", "DriftRow", "FeatureRow")


@dataclass(frozen=True)
class Known:
    """What the kernel knows at one moment; times in Unix seconds.

    Attributes:
        evidence: Streams of the newest activations.
        drift: Detectors of the same.
        coverage: Label coverage by version.
        served: Time of the newest inference by (model, version) and activation.
        labels: Time of the newest outcome by model.
        newest: Time of the newest record; None before the first.
        features: Input features of the newest activations.
        compared: How another version does on the cases of (model, version, activation, segment value), None without
            such cases.
    """

    evidence: Sequence[EvidenceRow]
    drift: Sequence[DriftRow]
    coverage: Sequence[CoverageRow]
    served: Mapping[VersionKey, Mapping[int, float]]
    labels: Mapping[str, float]
    newest: float | None
    features: Sequence[FeatureRow] = ()
    compared: Callable[[str, str, int, tuple[str, str]], Comparison | None] = lambda *_: None

    @cached_property
    def inputs(self) -> Mapping[Place, Sequence[DriftRow]]:
        """Detectors that watch the input, by where."""
        return _by_place(row for row in self.drift if row.signal in _INPUTS)

    @cached_property
    def moved(self) -> Mapping[Place, Sequence[FeatureRow]]:
        """Features that are proved to have moved, by where.

        The confidence says nothing of the input: a worse version changes it as well.
        """
        return _by_place(row for row in self.features if row.proved is not None and row.feature != CONFIDENCE.name)


def attributions(policy: Policy, known: Known) -> Iterator[AttributionRow]:
    """Yield the verdict on every stream that has reached a tier, in the order of the evidence."""
    reached = [row for row in known.evidence if _reached(policy, row)]
    sources = {key: _source(known, key, reached) for key in dict.fromkeys(map(row_key, reached))}
    for row in reached:
        verdict = attribute(_situation(policy, known, row, reached, sources[row_key(row)]))
        yield AttributionRow(row.model, row.version, row.segment, row.value, verdict.cause, verdict.reasons)


def activated(served: Mapping[VersionKey, Mapping[int, float]], row: EvidenceRow, *, slack: float) -> float | None:
    """Return when the activation of `row` took over, None if nothing served before it or something serves beside it.

    The newest inference of whatever served before is the moment, to within the pause between two inferences.
    """
    mine = served.get((row.model, row.version), {}).get(row.activation)
    others = [
        time
        for (model, version), times in served.items()
        if model == row.model
        for ordinal, time in times.items()
        if (version, ordinal) != (row.version, row.activation)
    ]
    if mine is None or not others or max(others) >= mine - slack:
        return None
    return max(others)


def _reached(policy: Policy, row: EvidenceRow) -> bool:
    return decide_tier(row, policy.models[row.model].tiers) is not EscalationLevel.NONE


def _situation(
    policy: Policy, known: Known, row: EvidenceRow, reached: Sequence[EvidenceRow], source: str
) -> Situation:
    slack = policy.drift.slot + policy.drift.lateness
    began = activated(known.served, row, slack=slack)
    return Situation(
        change_point=row.change_point,
        activated=began,
        window=policy.models[row.model].rollback.attribution_window,
        slack=max(slack, 60.0),
        together=policy.drift.common_cause_within,
        labels=_labels(policy, known, row),
        shifts=tuple(_shifts(known, row, began)),
        models=tuple(_models(row, reached)),
        source=source if (row.segment, row.value) in {("all", "all"), (_SOURCE, source)} else "",
        comparison=known.compared(row.model, row.version, row.activation, (row.segment, row.value)),
    )


def _labels(policy: Policy, known: Known, row: EvidenceRow) -> LabelHealth:
    model = policy.models[row.model]
    coverage = next(
        (c.coverage for c in known.coverage if (c.model, c.version) == row_key(row) and c.eligible >= _ENOUGH), None
    )
    newest = known.labels.get(row.model)
    silent = None if newest is None or known.newest is None else max(known.newest - newest, 0.0)
    return LabelHealth(coverage, model.labels.minimum_coverage, silent, model.silence.outcomes)


def row_key(row: EvidenceRow) -> VersionKey:
    """Return (model, version)."""
    return row.model, row.version


def _shifts(known: Known, row: EvidenceRow, began: float | None) -> Iterator[InputShift]:
    """Yield changes of the input of the stream itself, or of the model as a whole.

    What changed together with the version is no change within its own stream, so no detector of it fires: there the
    level is compared with that under the other versions.
    """
    places = [(*row_key(row), *place) for place in sorted({(row.segment, row.value), ("all", "all")})]
    for found in (found for place in places for found in known.inputs.get(place, ())):
        if found.detected is not None:
            yield InputShift(found.signal, found.detected)
        elif began is not None and found.score <= _lowest_before(known, found) - _FAR:
            yield InputShift(found.signal, began)
    for feature in (feature for place in places for feature in known.moved.get(place, ())):
        if feature.proved is not None:
            yield InputShift(PREFIX + feature.feature, feature.proved)


def _lowest_before(known: Known, found: DriftRow) -> float:
    """Return the lowest level of the same signal and place under another version; infinitely low without one."""
    place = found.model, found.segment, found.value, found.signal
    others = (
        row
        for rows in known.inputs.values()
        for row in rows
        if (row.model, row.segment, row.value, row.signal) == place and row.version != found.version
    )
    return min((row.score for row in others), default=float("-inf"))


def _by_place(rows: Iterable[Placed]) -> Mapping[Place, Sequence[Placed]]:
    found: dict[Place, list[Placed]] = {}
    for row in rows:
        found.setdefault((row.model, row.version, row.segment, row.value), []).append(row)
    return found


def _models(row: EvidenceRow, reached: Sequence[EvidenceRow]) -> Iterator[tuple[str, float]]:
    """Yield the earliest change point of every other model that has reached a tier."""
    first: dict[str, float] = {}
    for other in reached:
        if other.model != row.model and other.change_point is not None:
            first[other.model] = min(first.get(other.model, other.change_point), other.change_point)
    yield from sorted(first.items())


def _source(known: Known, key: VersionKey, reached: Sequence[EvidenceRow]) -> str:
    """Return the one source system of a version that has reached a tier while another, well labelled, is unharmed."""
    down = {other.value for other in reached if row_key(other) == key and other.segment == _SOURCE}
    if len(down) != 1:
        return ""
    well = (
        other
        for other in known.evidence
        if row_key(other) == key and other.segment == _SOURCE and other.value not in down
    )
    return next(iter(down)) if any(other.labels >= _QUIET for other in well) else ""
