"""The mapping file: which column of a hospital's history is what."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from otel_clinical.policy.document import (
    MetricName,
    ModelName,
    Percent,
    Section,
    SegmentValue,
    Version,
    mistake,
    read_document,
)
from otel_clinical.semconv.enums import OutcomeSource, ReviewAction, SegmentName

if TYPE_CHECKING:
    import pathlib

_DATE_ALLOWED = "a day or moment with time zone, such as 1999-01-01 or 2024-05-01T08:00:00Z"


def _moment(value: object) -> float:
    """Return unix seconds from `1999-01-01`; a day begins at midnight UTC."""
    if isinstance(value, str):
        try:
            if len(value) == len("2000-01-01"):
                day = date.fromisoformat(value)
                return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment.timestamp()
    raise mistake(f'"{value}" is no moment', _DATE_ALLOWED)


def _column(value: object) -> str:
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        raise mistake(f'"{value}" is no column name', "the name of a column in the header")
    return value


def _marker(value: object) -> str:
    # YAML reads NA as text, but ~ as nothing and 9 as a number: all of them mark missing values somewhere.
    if isinstance(value, bool):
        raise mistake("unquoted text that YAML reads as a boolean", "unquoted")
    return "" if value is None else str(value)


Column = Annotated[str, BeforeValidator(_column), WithJsonSchema({"type": "string", "minLength": 1})]
Moment = Annotated[float, BeforeValidator(_moment), WithJsonSchema({"type": "string"})]
Marker = Annotated[str, BeforeValidator(_marker), WithJsonSchema({"type": ["string", "number", "null"]})]
RowNumber = Annotated[int, Field(strict=True, ge=1)]


class Clock(Section):
    """When an inference happened: a column, or the order of the rows at a declared rate."""

    column: Column | None = Field(default=None, description="Column that holds the time.")
    format: str = Field(default="iso8601", description="iso8601, unix, or a strptime format such as %d.%m.%Y %H:%M.")
    utc_offset: Annotated[str, Field(pattern=r"^[+-](0\d|1[0-4]):[0-5]\d$")] = Field(
        default="+00:00", description="Offset of times that carry none."
    )
    start: Moment | None = Field(default=None, description="Time of row 1, when rows are in order of time.")
    per_day: Annotated[float, Field(gt=0, le=1e8)] | None = Field(default=None, description="Rows per day.")

    @model_validator(mode="after")
    def _one_way(self) -> Clock:
        by_rate = self.start is not None and self.per_day is not None
        if (self.column is None) == by_rate and (self.start is None) == (self.per_day is None):
            return self
        raise mistake("names neither or both ways to know the time", "column, or start and per_day")


class Truth(Section):
    """What turned out to be true, and which words say so."""

    column: Column
    positive: Annotated[tuple[Marker, ...], Field(min_length=1)]
    negative: Annotated[tuple[Marker, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _disjoint(self) -> Truth:
        both = sorted(set(self.positive) & set(self.negative))
        if both:
            raise mistake(f"{', '.join(both)} is both positive and negative", "each word on one side")
        return self


class Prediction(Section):
    """What the model said: a probability of the positive word, cut at the threshold."""

    probability: Column
    threshold: Percent = Field(default=0.5)


class Review(Section):
    """What reviewers did with the answers, and which words say so; a word of no list is set aside."""

    column: Column
    accepted: Annotated[tuple[Marker, ...], Field(min_length=1)]
    edited: tuple[Marker, ...] = ()
    rejected: tuple[Marker, ...] = ()
    ignored: tuple[Marker, ...] = ()
    escalated: tuple[Marker, ...] = ()

    @model_validator(mode="after")
    def _disjoint(self) -> Review:
        words = [word for _, given in self.lists for word in given]
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise mistake(f"{', '.join(twice)} is in two lists", "each word in one list")
        if not self.edited and not self.rejected:
            raise mistake("names no word for an override", "edited, rejected or both")
        return self

    @property
    def lists(self) -> tuple[tuple[ReviewAction, tuple[str, ...]], ...]:
        """The words by what they say."""
        return (
            (ReviewAction.ACCEPTED, self.accepted),
            (ReviewAction.EDITED, self.edited),
            (ReviewAction.REJECTED, self.rejected),
            (ReviewAction.IGNORED, self.ignored),
            (ReviewAction.ESCALATED, self.escalated),
        )

    @property
    def actions(self) -> dict[str, ReviewAction]:
        """What each word says."""
        return {word: action for action, words in self.lists for word in words}


class Outcome(Section):
    """How right an answer was: a score or error of its own column, truth against prediction, or what reviewers did."""

    score: Column | None = Field(default=None, description="Column with a score from 0 to 1, 1 = right.")
    error: Column | None = Field(default=None, description="Column with an error from 0 to 1, 0 = right.")
    truth: Truth | None = None
    prediction: Prediction | None = None
    review: Review | None = Field(default=None, description="What reviewers did; the labels of override_ratio.")
    time: Column | None = Field(default=None, description="Column with the time at which the truth was known.")
    source: OutcomeSource = OutcomeSource.REGISTRY

    @model_validator(mode="after")
    def _one_way(self) -> Outcome:
        by_truth = self.truth is not None and self.prediction is not None
        ways = [self.score is not None, self.error is not None, self.review is not None, by_truth]
        if sum(ways) == 1 and (self.truth is None) == (self.prediction is None):
            return self
        allowed = "score, error, review, or truth and prediction"
        raise mistake("names neither or both ways to know what was right", allowed)


class Confidence(Section):
    """How sure the model was that it is right; by default what follows from the prediction's probability."""

    column: Column


class Quality(Section):
    """How complete the input was: a column, or the share of listed columns that are not missing."""

    column: Column | None = None
    complete: tuple[Column, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Quality:
        if (self.column is None) != bool(self.complete):
            raise mistake("names neither or both ways to know the quality", "column, or complete")
        return self


class Segment(Section):
    """Which column names a segment's value, and what its words are called in the policy."""

    column: Column
    missing_as: SegmentValue | None = Field(default=None, description="Declared value of a missing word.")
    values: dict[str, SegmentValue] = Field(default={}, description="Declared value per word of the column.")


class FeatureColumn(Section):
    """Where an input feature that the policy declares is."""

    column: Column


class Rows(Section):
    """A range of row numbers, both ends included."""

    from_row: RowNumber
    to_row: RowNumber

    @model_validator(mode="after")
    def _order(self) -> Rows:
        if self.to_row < self.from_row:
            raise mistake(f"ends at row {self.to_row}, before it begins at {self.from_row}", "from_row <= to_row")
        return self

    def __contains__(self, row: int) -> bool:
        return self.from_row <= row <= self.to_row


class Mapping(Section):
    """The whole mapping file."""

    schema_: Literal["otel-clinical/mapping/v1"] = Field(alias="schema", description="otel-clinical/mapping/v1.")
    model: ModelName = Field(description="Model of the policy whose history this is.")
    version: Version | None = Field(default=None, description="Version that gave every answer.")
    version_column: Column | None = Field(default=None, description="Column with the version.")
    id: Column | None = Field(default=None, description="Column with a unique id; it never leaves the process.")
    encounter: Column | None = Field(
        default=None, description="Column with the encounter; of its rows the first outcome counts."
    )
    row: Column | None = Field(default=None, description="Column with the row number of the original file.")
    time: Clock
    outcome: Outcome
    confidence: Confidence | None = None
    quality: Quality | None = None
    segments: dict[SegmentName, Segment] = Field(default={})
    features: dict[MetricName, FeatureColumn] = Field(
        default={}, description="Column of each input feature that the policy declares."
    )
    missing: tuple[Marker, ...] = Field(default=("",), description="Words that mean: nothing was entered.")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = Field(default=",")
    baseline: Rows | None = Field(default=None, description="Rows to freeze a baseline from, if there is none.")

    @model_validator(mode="after")
    def _one_version(self) -> Mapping:
        if (self.version is None) == (self.version_column is None):
            raise mistake("names neither or both ways to know the version", "version or version_column")
        return self


def read_mapping(path: pathlib.Path) -> Mapping:
    """Read the mapping at `path`; raise `PolicyErrors` with every mistake at its line."""
    return read_document(path, Mapping)
