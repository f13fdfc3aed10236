"""How the inputs lay over time: the share of each bin of a feature, and of each value of a segment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from otel_clinical.backtest._fires import segment_label
from otel_clinical.backtest._witnesses import moved_inputs, witnesses
from otel_clinical.drift.kernel import SEGMENT_MIX
from otel_clinical.features import MISSING_PLACE, UNREADABLE_PLACE
from otel_clinical.semconv import AGGREGATE
from otel_clinical.semconv.small_cells import enough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from otel_clinical.backtest._encounters import Encounter
    from otel_clinical.backtest._run import Backtest
    from otel_clinical.features import Feature

PERIODS: Final = 30
_FEWEST: Final = 100
"""Encounters of a period on average; a short history has fewer periods."""
_MOST: Final = 5
"""Lines of one drawing: those that moved most."""


@dataclass(frozen=True)
class Share:
    """How large a part of the encounters one bin held.

    Attributes:
        name: Of the bin or segment value.
        baseline: Share in the baseline; None where it does not say.
        points: (middle of the period, share), without periods in which the bin held one to ten encounters.
    """

    name: str
    baseline: float | None
    points: tuple[tuple[float, float], ...]

    @property
    def moved(self) -> float:
        """The largest distance of a period from the baseline, or from the first period."""
        if not self.points:
            return 0.0
        origin = self.points[0][1] if self.baseline is None else self.baseline
        return max(abs(share - origin) for _, share in self.points)


@dataclass(frozen=True)
class Course:
    """One feature or one segment over time.

    Attributes:
        name: Of the feature or segment.
        kind: `input` or `segment`.
        shares: Of the bins that moved most, largest in the end first.
        left_out: How many bins are not shown.
        proved: Event time (unix seconds) at which a change was proved or detected for the whole first; None if never.
    """

    name: str
    kind: str
    shares: tuple[Share, ...]
    left_out: int
    proved: float | None


def courses(test: Backtest) -> list[Course]:
    """Return the mapped features, then the mapped segments whose column is not a feature already."""
    columns = {spec.column for spec in test.mapping.features.values()}
    mapped = {name.value for name, spec in test.mapping.segments.items() if spec.column not in columns}
    return [*_features(test), *(course for course in _segments(test) if course.name in mapped)]


def _features(test: Backtest) -> Iterator[Course]:
    proved = {
        one.feature: one.first
        for one in moved_inputs(test.replayed.transitions, test.timeline)
        if one.segment == AGGREGATE
    }
    for feature in test.model.feature_set.features:
        name = feature.name
        if name in test.mapping.features:
            reference = _reference(test, feature)
            place = _place(feature)
            yield _course(test.encounters, (name, "input"), place, reference, proved.get(name))


def _place(feature: Feature) -> Callable[[Encounter], str]:
    return lambda encounter: feature.label(feature.place(encounter.features.get(feature.name)))


def _reference(test: Backtest, feature: Feature) -> dict[str, float]:
    """Return the share of every bin in the baseline; empty where it holds none of the feature."""
    found = test.used.baseline.features.get(feature.name)
    counts = () if found is None else found.cells.get((AGGREGATE, AGGREGATE), ())
    if not sum(counts):
        return {}
    places = [*range(feature.bins), UNREADABLE_PLACE, MISSING_PLACE]
    return {feature.label(place): n / sum(counts) for place, n in zip(places, counts, strict=True)}


def _segments(test: Backtest) -> Iterator[Course]:
    seen = [one for one in witnesses(test.replayed.transitions, test.timeline) if one.signal == SEGMENT_MIX]
    whole = test.used.baseline.n()
    for segment, values in test.model.segments.items():
        name = segment.value
        labels = {segment_label(name, value) for value in values}
        proved = min((one.first for one in seen if one.segment in labels), default=None)
        reference = {value: test.used.baseline.n(name, value) / whole for value in values} if whole else {}
        place = partial(_value, name)
        yield _course(test.encounters, (name, "segment"), place, reference, proved)


def _value(name: str, encounter: Encounter) -> str:
    return encounter.segments[name]


def _course(
    encounters: Sequence[Encounter],
    what: tuple[str, str],
    place: Callable[[Encounter], str],
    reference: Mapping[str, float],
    proved: float | None,
) -> Course:
    """Count the encounters by period; `what` is the name and the kind, `place` names the bin of one."""
    start, end = encounters[0].time, encounters[-1].time
    periods = max(min(PERIODS, len(encounters) // _FEWEST), 1)
    width = (end - start) / periods or 1.0
    counts = [Counter[str]() for _ in range(periods)]
    for encounter in encounters:
        counts[min(int((encounter.time - start) / width), periods - 1)][place(encounter)] += 1
    names = dict.fromkeys(word for count in counts for word in count)
    shares = [
        Share(
            word,
            reference.get(word, 0.0) if reference else None,
            tuple(
                (start + (period + 0.5) * width, count[word] / count.total())
                for period, count in enumerate(counts)
                if count.total() and (enough(count[word]) or not count[word])
            ),
        )
        for word in names
    ]
    kept = sorted(shares, key=lambda share: (-share.moved, share.name))[:_MOST]
    kept.sort(key=lambda share: (-share.points[-1][1] if share.points else 0.0, share.name))
    return Course(*what, tuple(kept), len(shares) - len(kept), proved)
