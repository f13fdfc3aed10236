"""Turn rows into encounters: when, which segments, how sure, how right. No identifier is kept."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from otel_clinical.backtest._rows import HistoryError, RawRow
from otel_clinical.backtest._words import DAY, BadRowError, moment, number
from otel_clinical.features import Kind
from otel_clinical.semconv import OTHER
from otel_clinical.semconv.enums import OutcomeClass, ReviewAction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.backtest._mapping import Mapping
    from otel_clinical.policy import Metric, ModelPolicy

_EXAMPLES = 5
_CELLS = {
    (True, True): OutcomeClass.TRUE_POSITIVE,
    (True, False): OutcomeClass.FALSE_POSITIVE,
    (False, False): OutcomeClass.TRUE_NEGATIVE,
    (False, True): OutcomeClass.FALSE_NEGATIVE,
}
"""By what the model said and what was true."""
_DECIDED = {ReviewAction.ACCEPTED: 1.0, ReviewAction.EDITED: 0.0, ReviewAction.REJECTED: 0.0}
"""Score of a review; ignored and escalated answers were not decided on."""


@dataclass(frozen=True, slots=True)
class Encounter:
    """One inference of the past and, where known, how right it was.

    Attributes:
        row: Row number, from 1, in the original file.
        key: 32 hexadecimal digits that stand for the encounter in this replay only.
        time: When the inference happened, unix seconds.
        known: When its truth was known; equal to `time` where the history does not say.
        version: Declared version.
        segments: Declared value per segment, `_OTHER` for undeclared ones.
        confidence: 0 to 1, or None.
        quality: 0 to 1, or None.
        score: 0 to 1, 1 = right; None where the truth is missing.
        cell: Cell of the confusion matrix; None where the history has no truth and prediction.
        features: Value of each mapped input feature, None for a missing one; a number where it is numeric.
        review: What a reviewer did; None where the history holds outcomes.
    """

    row: int
    key: str
    time: float
    known: float
    version: str
    segments: dict[str, str]
    confidence: float | None
    quality: float | None
    score: float | None
    cell: OutcomeClass | None = None
    features: dict[str, float | str | None] = field(default_factory=dict)
    review: ReviewAction | None = None

    @property
    def labelled(self) -> bool:
        """Whether anybody said anything about the answer."""
        return self.score is not None or self.review is not None

    def value_of(self, name: str) -> str:
        """Return the value of a segment, or of a pair, `payer,department`."""
        return ",".join(self.segments.get(part, OTHER) for part in name.split(","))

    def counts(self, metric: Metric) -> bool:
        """Return whether the metric counts the outcome of this encounter."""
        return self.score is not None and (metric.counted is None or self.cell in metric.counted)


@dataclass(slots=True)
class Tally:
    """What was read, what was set aside and why; problems name columns, never values."""

    rows: int = 0
    used: int = 0
    unlabelled: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    undeclared: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    def reject(self, where: str, problem: str) -> None:
        """Count a rejected row; the first few are kept as examples with their line."""
        if self.rejected[problem] < _EXAMPLES:
            self.examples.append(f"{where}: {problem}")
        self.rejected[problem] += 1


class Reader:
    """Apply a mapping to rows. `model` says which values are declared."""

    def __init__(self, mapping: Mapping, model: ModelPolicy, file: str) -> None:
        self.mapping = mapping
        self.file = file
        self.versions = frozenset(model.versions)
        self.open = frozenset(name.value for name in model.open_segments)
        self.declared = {name.value: frozenset(values) for name, values in model.segments.items()}
        self.missing = frozenset(mapping.missing)
        self.numeric = {f.name for f in model.feature_set.features if f.kind is Kind.NUMERIC}
        self.tally = Tally()
        self.seen: dict[str, int] = {}
        self.columns: set[str] = set()
        self.maturity = model.labels.maturity
        self.groups: dict[int, str] = {}

    def read(self, rows: Iterable[RawRow]) -> list[Encounter]:
        """Return the usable encounters in order of time; count the rest.

        Raises:
            HistoryError: a mapped column does not exist, or no row at all can be used.
        """
        encounters = []
        for raw in rows:
            self.tally.rows += 1
            self.columns |= raw.columns.keys()
            try:
                encounters.append(self._encounter(raw, self.tally.rows))
            except BadRowError as problem:
                self.tally.reject(f"{self.file}:{raw.line}", str(problem))
        self._check_columns()
        self.tally.used = len(encounters)
        if not encounters:
            shown = "".join(f"\n  {example}" for example in self.tally.examples[:_EXAMPLES])
            raise HistoryError(f"{self.file}: none of {self.tally.rows} rows can be used{shown}")
        encounters = self._once(encounters)
        encounters.sort(key=lambda encounter: (encounter.time, encounter.row))
        return encounters

    def _once(self, encounters: list[Encounter]) -> list[Encounter]:
        """Leave each encounter of a version its first outcome to count, as the processor does."""
        if self.mapping.encounter is None:
            return encounters
        found, seen = [], set()
        for one in sorted(encounters, key=lambda one: (max(one.known, one.time + self.maturity), one.row)):
            group = one.version, self.groups.get(one.row)
            again = one.score is not None and group[1] is not None and group in seen
            if one.score is not None:
                seen.add(group)
            self.tally.repeated += again
            found.append(replace(one, score=None, cell=None, review=None) if again else one)
        return found

    def _check_columns(self) -> None:
        missing = sorted(set(_columns(self.mapping)) - self.columns)
        if missing and self.columns:
            known = ", ".join(sorted(self.columns)[:60])
            raise HistoryError(f"{self.file}: no column {', '.join(missing)}; the file has {known}")

    def _encounter(self, raw: RawRow, position: int) -> Encounter:
        if raw.problem:
            raise BadRowError(raw.problem)
        mapping = self.mapping
        row = position if mapping.row is None else self._row(raw, mapping.row)
        time = self._time(raw, row)
        probability = self._probability(raw)
        self._group(raw, row)
        review = self._review(raw)
        score = self._score(raw, probability) if review is None else _DECIDED.get(review)
        if score is None:
            self.tally.unlabelled += 1
        return Encounter(
            row=row,
            key=self._key(raw, row),
            time=time,
            known=self._known(raw, time),
            version=self._version(raw),
            segments={name.value: self._segment(raw, name.value) for name in mapping.segments},
            confidence=self._confidence(raw, probability),
            quality=self._quality(raw),
            score=score,
            cell=self._cell(raw, probability),
            features={name: self._feature(raw, name, spec.column) for name, spec in mapping.features.items()},
            review=review,
        )

    def text(self, raw: RawRow, column: str) -> str | None:
        """Return the word in a column, or None where it is missing."""
        word = raw.columns.get(column, "").strip()
        return None if word in self.missing or not word else word

    def unit(self, raw: RawRow, column: str) -> float | None:
        """Return a number from 0 to 1, or None where it is missing."""
        word = self.text(raw, column)
        if word is None:
            return None
        value = number(word, column)
        if not 0.0 <= value <= 1.0:
            raise BadRowError(f"column {column} is outside 0 to 1")
        return value

    def _time(self, raw: RawRow, row: int) -> float:
        clock = self.mapping.time
        if clock.start is not None and clock.per_day is not None:
            return clock.start + (row - 1) * DAY / clock.per_day
        word = self.text(raw, clock.column or "")
        if word is None:
            raise BadRowError(f"column {clock.column} is missing")
        return moment(word, clock, clock.column or "")

    def _row(self, raw: RawRow, column: str) -> int:
        word = self.text(raw, column)
        if word is None or not word.isascii() or not word.isdigit() or int(word) < 1:
            raise BadRowError(f"column {column} holds no row number from 1")
        return int(word)

    def _key(self, raw: RawRow, row: int) -> str:
        column = self.mapping.id
        word = str(row) if column is None else self.text(raw, column)
        if word is None:
            raise BadRowError(f"column {column} is missing")
        # Equal ids meet again as equal keys; the replay keeps only this digest, and only in memory.
        key = hashlib.sha256(f"{self.mapping.model}\0{word}".encode()).hexdigest()[:32]
        first = self.seen.setdefault(key, raw.line)
        if first != raw.line:
            raise BadRowError("repeats the id of an earlier row")
        return key

    def _group(self, raw: RawRow, row: int) -> None:
        word = None if self.mapping.encounter is None else self.text(raw, self.mapping.encounter)
        if word is not None:
            self.groups[row] = hashlib.sha256(word.encode()).hexdigest()[:32]

    def _version(self, raw: RawRow) -> str:
        column = self.mapping.version_column
        version = self.mapping.version if column is None else self.text(raw, column)
        if version is None or version not in self.versions:
            raise BadRowError("the version is not declared in the policy")
        return version

    def _segment(self, raw: RawRow, name: str) -> str:
        spec = next(segment for key, segment in self.mapping.segments.items() if key.value == name)
        word = self.text(raw, spec.column)
        value = spec.missing_as if word is None else spec.values.get(word, word)
        if value in self.declared.get(name, frozenset()) or (name in self.open and value is not None):
            return str(value)
        self.tally.undeclared[name] += 1
        return OTHER

    def _feature(self, raw: RawRow, name: str, column: str) -> float | str | None:
        """Return a feature's value; text in place of a number stays text, and is unreadable like in production."""
        word = self.text(raw, column)
        if word is None or name not in self.numeric:
            return word
        try:
            return number(word, column)
        except BadRowError:
            return word

    def _probability(self, raw: RawRow) -> float | None:
        prediction = self.mapping.outcome.prediction
        if prediction is None:
            return None
        probability = self.unit(raw, prediction.probability)
        if probability is None:
            raise BadRowError(f"column {prediction.probability} is missing")
        return probability

    def _score(self, raw: RawRow, probability: float | None) -> float | None:
        outcome = self.mapping.outcome
        if outcome.score is not None:
            return self.unit(raw, outcome.score)
        if outcome.error is not None:
            error = self.unit(raw, outcome.error)
            return None if error is None else 1.0 - error
        if outcome.truth is None or outcome.prediction is None or probability is None:
            return None
        word = self.text(raw, outcome.truth.column)
        if word is None:
            return None
        if word not in outcome.truth.positive and word not in outcome.truth.negative:
            raise BadRowError(f"column {outcome.truth.column} holds a word that is neither positive nor negative")
        return float((probability >= outcome.prediction.threshold) == (word in outcome.truth.positive))

    def _review(self, raw: RawRow) -> ReviewAction | None:
        review = self.mapping.outcome.review
        word = None if review is None else self.text(raw, review.column)
        if review is None or word is None:
            return None
        if word not in review.actions:
            raise BadRowError(f"column {review.column} holds a word that is in no list of outcome.review")
        return review.actions[word]

    def _cell(self, raw: RawRow, probability: float | None) -> OutcomeClass | None:
        outcome = self.mapping.outcome
        if outcome.truth is None or outcome.prediction is None or probability is None:
            return None
        word = self.text(raw, outcome.truth.column)
        return (
            None
            if word is None
            else _CELLS[probability >= outcome.prediction.threshold, word in outcome.truth.positive]
        )

    def _confidence(self, raw: RawRow, probability: float | None) -> float | None:
        if self.mapping.confidence is not None:
            return self.unit(raw, self.mapping.confidence.column)
        return None if probability is None else max(probability, 1.0 - probability)

    def _quality(self, raw: RawRow) -> float | None:
        quality = self.mapping.quality
        if quality is None:
            return None
        if quality.column is not None:
            return self.unit(raw, quality.column)
        present = sum(self.text(raw, column) is not None for column in quality.complete)
        return present / len(quality.complete)

    def _known(self, raw: RawRow, time: float) -> float:
        column = self.mapping.outcome.time
        if column is None:
            return time
        word = self.text(raw, column)
        if word is None:
            return time
        known = moment(word, self.mapping.time, column)
        if known < time:
            raise BadRowError(f"column {column} is before the inference")
        return known


def _columns(mapping: Mapping) -> list[str]:
    outcome, quality = mapping.outcome, mapping.quality
    optional = [
        mapping.id,
        mapping.encounter,
        mapping.row,
        mapping.version_column,
        mapping.time.column,
        outcome.score,
        outcome.error,
        outcome.time,
        None if outcome.truth is None else outcome.truth.column,
        None if outcome.review is None else outcome.review.column,
        None if outcome.prediction is None else outcome.prediction.probability,
        None if mapping.confidence is None else mapping.confidence.column,
        None if quality is None else quality.column,
    ]
    columns = [column for column in optional if column is not None]
    columns += [segment.column for segment in mapping.segments.values()]
    columns += [feature.column for feature in mapping.features.values()]
    return columns + list(quality.complete if quality is not None else ())
