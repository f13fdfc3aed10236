"""What the input features of a model are tested against: frozen bins, tolerances and the false-alarm budget."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.detectors import share_bets
from otel_clinical.drift.kernel._feature_hours import PLACES, HourReference, placed
from otel_clinical.features import MISSING_PLACE, MOST_BINS, UNREADABLE_PLACE, Kind
from otel_clinical.policy import ALL, CONFIDENCE, SAME_HOUR
from otel_clinical.semconv.enums import InputAspect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from otel_clinical.features import Feature
    from otel_clinical.policy import Baseline, FeatureReference, InputDrift, ModelPolicy, Policy

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Key = tuple[str, str]

ASPECTS: Final = tuple(InputAspect)
SPECIAL: Final = {InputAspect.UNREADABLE: UNREADABLE_PLACE, InputAspect.MISSING: MISSING_PLACE}
ENOUGH: Final = 200
"""Inferences of the reference below which a feature is not tested."""
_YEAR: Final = 365.25 * 86_400.0
_TINY: Final = 1e-12
_NARROWEST: Final = 0.1  # of an hour in which nearly all values are in one bin


@dataclass(frozen=True, eq=False)
class FeatureDesign:
    """The tests of one (model, segment, value), for each feature f of the model.

    Attributes:
        features: In the order of the wire, the confidence last.
        limits: Of the policy.
        reference: (f, PLACES) inferences of the reference.
        tested: (f,) whether the reference holds enough of the feature.
        numeric: (f,) whether it is numeric.
        cells: (c, 2) feature and place of every share that is bet on.
        bets: (c, bets) log likelihood ratios of one value in the place, and of one elsewhere.
        scores: (f, PLACES) standardised normal score of each bin of a numeric feature, 0 elsewhere.
        log_threshold: Logarithm of the evidence of one aspect that is proof.
        hours: What the features are like by hour of the week; None where the whole baseline is the band.
        centre: (f,) mean of the scores that the reference expects; 0 of the whole baseline.
        spread: (f,) their standard deviation; 1 of the whole baseline.
        digest: Of all of this but the threshold. A saved state goes on only under the same digest.
    """

    features: tuple[Feature, ...]
    limits: InputDrift
    reference: Floats
    tested: NDArray[np.bool_]
    numeric: NDArray[np.bool_]
    cells: Ints
    bets: tuple[Floats, Floats]
    scores: Floats
    log_threshold: float
    hours: HourReference | None
    centre: Floats
    spread: Floats
    digest: str

    def against(self, shares: Floats, sizes: Floats) -> FeatureDesign:
        """Return the same tests against other shares (f, PLACES), known as well as (f,) inferences tell them."""
        rows, places = self.cells[:, 0], self.cells[:, 1]
        values = shares[:, :MOST_BINS] / np.maximum(shares[:, :MOST_BINS].sum(axis=1, keepdims=True), _TINY)
        scores = self.scores[:, :MOST_BINS]
        centre = (values * scores).sum(axis=1)
        variance = (values * scores**2).sum(axis=1) - centre**2
        return replace(
            self,
            reference=shares * sizes[:, None],
            bets=share_bets(shares[rows, places], sizes[rows], self.limits.tolerance),
            centre=centre,
            spread=np.sqrt(np.maximum(variance, _NARROWEST**2)),
        )


def feature_threshold(policy: Policy) -> dict[str, float]:
    """Return by model the evidence that is proof: years of its budget times looks of every stream in a year.

    A stream is looked at once per `window` at most, whatever the number of inferences.
    """
    yearly = sum(
        len(watched(model)) * len(ASPECTS) * (1 + sum(map(len, model.segments.values()))) * _YEAR / limits.window
        for model in policy.models.values()
        for limits in (model.input_drift,)
    )
    return {name: max(model.input_drift.false_alarms.years * yearly, 1.0) for name, model in policy.models.items()}


def watched(model: ModelPolicy) -> tuple[Feature, ...]:
    """Return the features of a model in the order of the wire, the confidence last."""
    return (*model.feature_set.features, CONFIDENCE)


def design_features(model: ModelPolicy, baseline: Baseline, key: Key, threshold: float) -> FeatureDesign:
    """Return the tests of the features of one segment value, or of the aggregate."""
    features, limits = watched(model), model.input_drift
    reference = np.array([_reference(baseline, feature, key) for feature in features], np.float64)
    totals = reference.sum(axis=1)
    tested = totals >= ENOUGH
    numeric = np.array([feature.kind is Kind.NUMERIC for feature in features])
    cells = np.array([cell for f, feature in enumerate(features) if tested[f] for cell in _cells(f, feature)], np.int64)
    cells = cells.reshape(-1, 2)
    rows, places = cells[:, 0], cells[:, 1]
    shares = reference[rows, places] / np.maximum(totals[rows], 1.0)
    bets = share_bets(shares, totals[rows], limits.tolerance)
    digest = hashlib.blake2b(repr([feature.digest for feature in features]).encode(), digest_size=16)
    digest.update(np.array([limits.tolerance, limits.psi]).tobytes() + reference.tobytes())
    frozen = [_frozen(baseline, feature) for feature in features]
    hours = HourReference(frozen, key, reference) if limits.reference == SAME_HOUR else None
    if hours is not None:
        digest.update(hours.digest)
    return FeatureDesign(
        features=features,
        limits=limits,
        reference=reference,
        tested=tested,
        numeric=numeric,
        cells=cells,
        bets=bets,
        scores=np.where(numeric[:, None], _scores(reference), 0.0),
        log_threshold=math.log(threshold),
        hours=hours,
        centre=np.zeros(len(features)),
        spread=np.ones(len(features)),
        digest=digest.hexdigest(),
    )


def _cells(row: int, feature: Feature) -> list[tuple[int, int]]:
    """Return the shares that are bet on: of a numeric feature only those of no value."""
    bins = () if feature.kind is Kind.NUMERIC else range(feature.bins)
    return [(row, place) for place in (*bins, *SPECIAL.values())]


def _reference(baseline: Baseline, feature: Feature, key: Key) -> Ints:
    """Return the frozen counts of a feature by place; none where the baseline does not hold its bins."""
    found = np.zeros(PLACES, np.int64)
    frozen = _frozen(baseline, feature)
    if frozen is not None:
        found = placed(frozen.cells.get(key, (0,) * (feature.bins + 2)))
    elif feature is CONFIDENCE and key == (ALL, ALL):
        # A baseline of before holds the histogram of the confidence of all segments together.
        counts = tuple(int(n) for n in _histogram(baseline.reference.get(feature.name, {})))
        found[: len(counts)] = counts
    return found


def _frozen(baseline: Baseline, feature: Feature) -> FeatureReference | None:
    found = baseline.features.get(feature.name)
    return found if found is not None and found.fits(feature) else None


def _histogram(histogram: Mapping[str, list[float]]) -> list[float]:
    edges = tuple(histogram.get("edges", ())[1:-1])
    return histogram["counts"] if len(edges) == len(CONFIDENCE.edges) and np.allclose(edges, CONFIDENCE.edges) else []


def _scores(reference: Floats) -> Floats:
    """Return the normal score of the middle rank of each bin, standardised over the reference.

    Values are never seen, only bins: the score is what a value of the bin is worth in standard deviations, whatever
    the distribution, and no outlier is further than its bin.
    """
    counts = reference[:, :MOST_BINS]
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    ranks = (np.cumsum(counts, axis=1) - counts / 2.0) / total
    normal = NormalDist()
    raw = np.array([[normal.inv_cdf(min(max(rank, 1e-3), 1 - 1e-3)) for rank in row] for row in ranks.tolist()])
    mean = (raw * counts).sum(axis=1, keepdims=True) / total
    sd = np.sqrt(((raw - mean) ** 2 * counts).sum(axis=1, keepdims=True) / total)
    scores = np.zeros_like(reference)
    scores[:, :MOST_BINS] = (raw - mean) / np.maximum(sd, 1e-3)
    return scores
