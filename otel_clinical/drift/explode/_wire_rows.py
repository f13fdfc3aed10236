"""Rows of many clean records at once; the same rows that `_records` makes of each alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._batch import ABSENT, MICRO, NO_FEATURES, RECORD, Kind
from otel_clinical.drift.explode._records import LATEST_SECONDS, SPAN_ID_BYTES
from otel_clinical.drift.explode._subject import SKEW
from otel_clinical.drift.explode._truth import RIGHT, SCORES, UNCOUNTED
from otel_clinical.drift.explode._verdict import VERDICTS
from otel_clinical.drift.explode._wire_tables import ACTIONS, CLASSES, RESULTS, ROLES, STATUSES
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import DeploymentRole, InferenceStatus, OutcomeResult, ReviewAction, ReviewAttention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from otel_clinical.drift.explode._subject import Reader
    from otel_clinical.drift.explode._wire_columns import Columns
    from otel_clinical.drift.explode._wire_tables import ModelTables

    Rows = NDArray[np.void]
    Places = NDArray[np.intp]

START, SPAN, TIME = "start", "span", "time"
"""Names of the fields that are read."""
_SHADOW: Final = ROLES.known.index(DeploymentRole.SHADOW.value)
_COMPLETED: Final = STATUSES.known.index(InferenceStatus.COMPLETED.value)
_GIVEN: Final = np.array([SCORES[result] for result in RESULTS.known])
_RIGHT: Final = np.array([MICRO if cell in RIGHT else 0 for cell in CLASSES.known])
_INDETERMINATE: Final = RESULTS.known.index(OutcomeResult.INDETERMINATE.value)
_ACCEPTED: Final = ACTIONS.known.index(ReviewAction.ACCEPTED.value)
_MARKS: Final = {verdict: place + 1 for place, verdict in enumerate(VERDICTS)}
_PLAIN_MARKS: Final = np.array([_MARKS.get((ReviewAction(action), None), 0) for action in ACTIONS.known], np.uint8)
_UNKNOWN, _BRIEF, _CONSIDERED = (
    _MARKS[ReviewAction.ACCEPTED, attention]
    for attention in (ReviewAttention.UNKNOWN, ReviewAttention.BRIEF, ReviewAttention.CONSIDERED)
)


def inference_rows(reader: Reader, columns: Columns) -> Rows:
    """Return the rows of inference spans; only those of clean records count."""
    rows = np.zeros(len(columns), RECORD)
    time = columns.time(START)
    columns.require_time(time, time, reader.received, reader.scope.retention)
    if SPAN not in columns.places:
        columns.spoil()
        return rows
    event = columns.body.integers(columns.places[SPAN])
    columns.require((columns.lengths[SPAN] == SPAN_ID_BYTES) & (event != 0))
    rows["mark"] = columns.known(attributes.INFERENCE_STATUS, STATUSES) == _COMPLETED
    rows["kind"], rows["score"] = Kind.INFERENCE, ABSENT
    rows["confidence"] = columns.share(attributes.CONFIDENCE_SCORE)
    rows["quality"] = columns.share(attributes.INPUT_QUALITY_SCORE)
    rows["time"] = rows["inferred"] = time
    rows["event"] = event
    rows["features"] = NO_FEATURES

    def look(of_model: Columns, tables: ModelTables, chosen: Places) -> None:
        letters = of_model.letters(attributes.INPUT_FEATURES, tables.features)
        if letters is not None:
            rows["features"][chosen, : letters.shape[1]] = letters

    if attributes.DEPLOYMENT_ROLE in columns.kinds:  # a shadow makes no row: the general reader passes it over
        columns.require(columns.known(attributes.DEPLOYMENT_ROLE, ROLES) != _SHADOW)
    columns.identifiers(attributes.INFERENCE_ID)  # it must have one, but its span is what it is known by
    _subject(reader, columns, rows, look)
    return rows


def outcome_rows(reader: Reader, columns: Columns) -> Rows:
    """Return the rows of outcomes; only those of clean records count."""
    rows = _event_rows(reader, columns, Kind.OUTCOME)
    result = columns.known(attributes.OUTCOME_RESULT, RESULTS)
    given = columns.share(attributes.OUTCOME_SCORE)
    rows["score"] = np.where((result == _INDETERMINATE) | (given == ABSENT), _GIVEN[result], given)

    def count(of_model: Columns, tables: ModelTables, chosen: Places) -> None:
        if tables.counted is None:
            return
        cell, score = of_model.known(attributes.OUTCOME_CLASS, CLASSES), rows["score"][chosen]
        counted = tables.counted[cell]
        rows["mark"][chosen] = np.where(counted | (score == ABSENT), 0, UNCOUNTED)
        rows["score"][chosen] = np.where(counted & (score != ABSENT), _RIGHT[cell], score)

    _subject(reader, columns, rows, count)
    rows["encounter"] = columns.keyed(attributes.ENCOUNTER_KEY)
    return _identified(columns, rows)


def review_rows(reader: Reader, columns: Columns) -> Rows:
    """Return the rows of reviews; only those of clean records count."""
    rows = _event_rows(reader, columns, Kind.REVIEW)
    action = columns.known(attributes.REVIEW_ACTION, ACTIONS)
    rows["mark"] = _PLAIN_MARKS[action]
    accepted = action == _ACCEPTED
    edited = columns.share(attributes.REVIEW_EDIT_RATIO)
    seconds = columns.number(attributes.REVIEW_DURATION)
    if seconds is not None:
        columns.require(np.isfinite(seconds) & (seconds >= 0.0))

    def look(_of_model: Columns, tables: ModelTables, chosen: Places) -> None:
        looked = np.full(len(chosen), _UNKNOWN)
        if seconds is not None:
            looked = np.where(seconds[chosen] < tables.minimum_review, _BRIEF, _CONSIDERED)
        looked = np.where(edited[chosen] > 0, _CONSIDERED, looked)
        rows["mark"][chosen] = np.where(accepted[chosen], looked, rows["mark"][chosen])

    _subject(reader, columns, rows, look)
    return _identified(columns, rows)


def _event_rows(reader: Reader, columns: Columns, kind: Kind) -> Rows:
    """Return the rows with everything that all events about an inference have."""
    rows = np.zeros(len(columns), RECORD)
    time = columns.time(TIME)
    seconds = columns.number(attributes.INFERENCE_TIME)
    if seconds is None:
        columns.spoil()
        return rows
    within = (seconds > 0) & (seconds < LATEST_SECONDS)
    columns.require(within)
    inferred = np.rint(np.where(within, seconds, 0.0) * 1e6).astype(np.int64)
    columns.require_time(time, inferred, reader.received, reader.scope.retention)
    columns.require(inferred <= time + SKEW)
    rows["kind"], rows["score"], rows["quality"], rows["features"] = kind, ABSENT, ABSENT, NO_FEATURES
    rows["confidence"] = columns.share(attributes.CONFIDENCE_SCORE)
    rows["time"], rows["inferred"] = time, inferred
    return rows


def _identified(columns: Columns, rows: Rows) -> Rows:
    """Fill in the identities, last: they are the dearest, and only clean records need them."""
    rows["event"] = columns.identity(attributes.EVENT_ID)
    rows["inference"] = columns.identity(attributes.INFERENCE_ID)
    return rows


def _subject(
    reader: Reader, columns: Columns, rows: Rows, look: Callable[[Columns, ModelTables, Places], None] | None = None
) -> None:
    """Fill in model, version, segments and activation; `look` is told the tables of each model."""
    tables = reader.scope.tables
    rows["activation"] = columns.ordinal(attributes.DEPLOYMENT_ACTIVATION)
    model = columns.known(attributes.MODEL_NAME, tables.names)
    for place, chosen in _alike(model, columns.clean):
        of_model, name = columns.at(chosen), tables.names.known[place]
        rows["model"][chosen] = reader.scope.numbers[name]
        own = tables.models[name]
        version = of_model.known(attributes.MODEL_VERSION, own.versions.texts)
        found = [
            (column, words.numbers, of_model.known(key, words.texts))
            for column, key, words in own.segments
            if of_model.has(key)
        ]
        if look is not None:
            look(of_model, own, chosen)
        columns.clean[chosen] = of_model.clean
        rows["version"][chosen] = own.versions.numbers.take(version)
        for column, numbers, segment in found:
            rows["segments"][chosen, column] = numbers.take(segment)


def _alike(model: Places, clean: NDArray[np.bool_]) -> Iterator[tuple[int, Places]]:
    """Yield each model and where the clean records of it are."""
    if len(model) and bool(((model == model[0]) & clean).all()):
        yield int(model[0]), np.arange(len(model))  # nearly always
        return
    for place in np.unique(model[clean]).tolist():
        yield place, np.flatnonzero(clean & (model == place))
