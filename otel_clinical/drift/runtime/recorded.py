"""A baseline from what a processor recorded: weeks of one version in its state directory, added up."""

import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from otel_clinical.drift.explode import MICRO
from otel_clinical.drift.kernel import CodecError
from otel_clinical.drift.kernel._clock import Clock
from otel_clinical.drift.kernel._feature_design import watched
from otel_clinical.drift.kernel._reference import BINS, MONDAY, WEEK, Layout, Reference
from otel_clinical.drift.kernel._reference_hours import REFERENCE_HOURS, load_hour
from otel_clinical.drift.kernel._references import REFERENCE
from otel_clinical.drift.runtime._lock import StateDirectoryError
from otel_clinical.drift.runtime._schema import SchemaError, require_known
from otel_clinical.drift.runtime._trouble import trouble
from otel_clinical.drift.runtime.store import DATABASE
from otel_clinical.features import MISSING_PLACE, UNREADABLE_PLACE
from otel_clinical.policy import (
    HOURS,
    LABEL_EDGES,
    Baseline,
    Cell,
    FeatureReference,
    LabelReference,
    ModelPolicy,
    Spread,
    merged_hours,
)

Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
SegmentKey = tuple[str, str]

_WEEK_SECONDS = WEEK // MICRO
_MONDAY_SECONDS = MONDAY // MICRO
_DAY_SECONDS = 86_400
_CLOCK = "clock"


class RecordedError(ValueError):
    """The record does not hold such a baseline; the text says what it holds."""


@dataclass(frozen=True)
class Record:
    """What a state directory has recorded of one model, under the segments and features that the policy has now.

    Attributes:
        weeks: Counts by (version, number of the week).
        others: Weeks that were recorded under other segments or features; they cannot be added.
        watermark: Unix seconds up to which everything is counted.
        served: Time of the newest inference of each version, Unix seconds.
        hours: Saved counts of features by (version, number of the week), each with its hour of the week.
    """

    weeks: Mapping[tuple[str, int], Reference]
    others: int
    watermark: float
    served: Mapping[str, float]
    hours: Mapping[tuple[str, int], Sequence[tuple[int, bytes]]] = field(default_factory=dict)

    @property
    def serving(self) -> tuple[str, ...]:
        """The versions, the one that served last first."""
        return tuple(sorted(self.served, key=lambda version: (-self.served[version], version)))


@dataclass(frozen=True)
class Recorded:
    """A baseline, and what is known of the record that it was made of.

    Attributes:
        baseline: Ready to be saved.
        first: Unix seconds at which the first week begins.
        last: Unix seconds at which the last one ends.
        inferences: How many should have an outcome.
        outcomes: How many had one.
    """

    baseline: Baseline
    first: float
    last: float
    inferences: int
    outcomes: int

    @property
    def coverage(self) -> float:
        """Share of the inferences that had an outcome."""
        return min(self.outcomes / self.inferences, 1.0) if self.inferences else 1.0


def week_of(time: float) -> int:
    """Return the number of the week of a time in Unix seconds; weeks begin on Monday, 00:00 UTC."""
    return math.floor((time - _MONDAY_SECONDS) / _WEEK_SECONDS)


def start_of(week: int) -> float:
    """Return when a week begins, Unix seconds."""
    return float(week * _WEEK_SECONDS + _MONDAY_SECONDS)


def read_record(directory: Path, name: str, model: ModelPolicy) -> Record:
    """Return what was recorded of a model up to the last checkpoint; the processor may run.

    Raises:
        RecordedError: There is nothing yet.
        StateDirectoryError: There is no state that can be read.
    """
    path = directory / DATABASE
    if not path.exists():
        raise StateDirectoryError(f"{directory}: no {DATABASE} here; is it the --state of a processor?")
    query = "SELECT key, blob FROM state WHERE key = ? OR key LIKE ? OR key LIKE ?"
    kinds = f"{REFERENCE}/%", f"{REFERENCE_HOURS}/%"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            require_known(connection)
            found = {key: blob for key, blob in connection.execute(query, (_CLOCK, *kinds)) if blob}
        clock = Clock(0)
        if _CLOCK in found:
            clock.loads(found[_CLOCK])
        weeks, others = _weeks(found, name, Layout.of(model).digest)
        hours = _hours(found, name, Layout.of(model).digest)
    except CodecError as error:
        raise StateDirectoryError(f"{path}: cannot be read ({error})") from error
    except (sqlite3.Error, SchemaError) as error:
        raise StateDirectoryError(trouble(path, error)) from error
    served = {version: max(times.values()) / 1e6 for (of, version), times in clock.served.items() if of == name}
    return Record(weeks, others, (clock.watermark or 0) / 1e6, served, hours)


def freeze_recorded(
    record: Record, name: str, model: ModelPolicy, version: str, *, first: float, last: float, kind: str
) -> Recorded:
    """Add up the weeks from the one of `first` to the one of `last`, Unix seconds.

    Raises:
        RecordedError: They hold no outcome, or some of their inferences are not mature yet.
    """
    begin, end = week_of(first), week_of(last)
    chosen = [part for (of, week), part in sorted(record.weeks.items()) if of == version and begin <= week <= end]
    total = Reference()
    for part in chosen:
        total.add(part)
    if not total.span:
        raise RecordedError(f"no outcome of version {version} is recorded in that time; {_held(record)}")
    hours = [one for week in range(begin, end + 1) for one in record.hours.get((version, week), ())]
    features = _features(total, model, _added(hours))
    made = _built(total, name, model, version, created_at=round(record.watermark, 3), kind=kind)
    baseline = replace(made, features=features)
    return Recorded(baseline, start_of(begin), start_of(end + 1), total.totals[2][0], total.totals[2][1])


def last_mature_week(record: Record, model: ModelPolicy) -> int:
    """Return the newest week whose inferences are all old enough to have their outcome."""
    return week_of(record.watermark - model.labels.maturity) - 1


def _weeks(found: Mapping[str, bytes], name: str, digest: str) -> tuple[dict[tuple[str, int], Reference], int]:
    weeks, others = {}, 0
    for key, blob in found.items():
        if not key.startswith(f"{REFERENCE}/"):
            continue
        _, of, version, week, layout = map(unquote, key.split("/"))
        if of == name and layout == digest:
            weeks[version, int(week)] = Reference.loads(blob)
        elif of == name:
            others += 1
    return weeks, others


def _hours(found: Mapping[str, bytes], name: str, digest: str) -> dict[tuple[str, int], list[tuple[int, bytes]]]:
    hours: dict[tuple[str, int], list[tuple[int, bytes]]] = {}
    for key, blob in found.items():
        if key.startswith(f"{REFERENCE_HOURS}/"):
            _, of, version, number, layout = map(unquote, key.split("/"))
            if of == name and layout == digest:
                week, hour = divmod(int(number), HOURS)
                hours.setdefault((version, week), []).append((hour, blob))
    return hours


def _added(hours: Iterable[tuple[int, bytes]]) -> dict[SegmentKey, dict[int, Ints]]:
    """Return (f, PLACES) counts by segment value and hour of the week."""
    found: dict[SegmentKey, dict[int, Ints]] = {}
    for hour, blob in hours:
        for key, counts in load_hour(blob).items():
            known = found.setdefault(key, {})
            known[hour] = known[hour] + counts if hour in known else counts
    return found


def _held(record: Record) -> str:
    versions: dict[str, list[int]] = {}
    for (version, week), part in record.weeks.items():
        if part.span:
            versions.setdefault(version, []).append(week)
    spans = (f"{version} in {len(weeks)} weeks" for version, weeks in sorted(versions.items()))
    return f"the record holds {', '.join(spans) or 'no outcome at all'}"


def _built(total: Reference, name: str, model: ModelPolicy, version: str, *, created_at: float, kind: str) -> Baseline:
    layout = Layout.of(model)
    first, last = (time / 1e6 for time in total.span)
    counts, sums = total.histogram.tolist()
    edges = [place / BINS for place in range(BINS + 1)]
    histogram = {"edges": edges, "counts": [float(n) for n in counts], "sums": [one / MICRO for one in sums]}
    days = (last - first) / _DAY_SECONDS
    delays = tuple(total.delays.tolist())
    return Baseline(
        model=name,
        version=version,
        metric=model.metric.name,
        cells={layout.key(number): Cell(n, score / MICRO) for number, (n, score) in sorted(total.cells.items()) if n},
        created_at=created_at,
        since=first,
        until=last,
        confidence=_spread(total.totals[0]),
        quality=_spread(total.totals[1]),
        reference={"confidence": histogram} if sum(counts) else {},
        labels=LabelReference(round(sum(delays) / days, 6), LABEL_EDGES, delays) if days >= 1 and any(delays) else None,
        kind=kind,
    )


def _spread(totals: Sequence[int]) -> Spread | None:
    n, total, squares = totals
    if n < 2:  # noqa: PLR2004  -- one value has no spread
        return None
    # In whole numbers to the end: a difference of large sums of floats would be noise.
    variance = (n * squares - total * total) / (n * (n - 1))
    return Spread(total / n / MICRO, math.sqrt(max(variance, 0.0)) / MICRO)


def _features(
    total: Reference, model: ModelPolicy, hours: Mapping[SegmentKey, Mapping[int, Ints]]
) -> dict[str, FeatureReference]:
    found = {}
    for place, feature in enumerate(watched(model)):
        columns = [*range(feature.bins), UNREADABLE_PLACE, MISSING_PLACE]
        cells = {key: _tuple(counts[place, columns]) for key, counts in sorted(total.features.items())}
        cells = {key: counts for key, counts in cells.items() if sum(counts)}
        if cells:
            blocks = {
                key: merged_hours(
                    {hour: _tuple(counts[place, columns]) for hour, counts in known.items()}, feature.bins
                )
                for key, known in sorted(hours.items())
            }
            blocks = {key: merged for key, merged in blocks.items() if merged}
            found[feature.name] = FeatureReference(feature.digest, cells, blocks)
    return dict(sorted(found.items()))


def _tuple(counts: Iterable[np.int64]) -> tuple[int, ...]:
    return tuple(int(count) for count in counts)
