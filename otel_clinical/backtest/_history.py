"""A hospital's history, read: its encounters, what was set aside, and the identity of the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_clinical.backtest._encounters import Encounter, Reader, Tally
from otel_clinical.backtest._rows import HistoryError, read_rows
from otel_clinical.policy import BaselineBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.backtest._mapping import Mapping
    from otel_clinical.policy import Baseline, ModelPolicy


@dataclass(frozen=True)
class History:
    """Encounters in order of time, the tally of the rows, and the sha256 of the file."""

    file: str
    sha256: str
    encounters: list[Encounter]
    tally: Tally


def read_history(path: Path, mapping: Mapping, model: ModelPolicy) -> History:
    """Read the history at `path`.

    Raises:
        HistoryError: the file cannot be read, lacks a mapped column, or has no usable row.
    """
    reader = Reader(mapping, model, path.name)
    encounters = reader.read(read_rows(path, mapping.delimiter))
    return History(path.name, _digest(path), encounters, reader.tally)


def freeze_baseline(encounters: list[Encounter], mapping: Mapping, model: ModelPolicy) -> Baseline:
    """Count the outcomes of the rows that the mapping names into a baseline.

    Raises:
        HistoryError: the mapping names no rows, or none of them has an outcome.
    """
    check_metric(mapping, model)
    rows = mapping.baseline
    if rows is None:
        raise HistoryError("the mapping names no rows to freeze a baseline from; add baseline: {from_row, to_row}")
    builder = BaselineBuilder.for_model(mapping.model, model, version=mapping.version)
    until = 0.0
    for encounter in encounters:
        if encounter.row in rows and encounter.score is not None:
            until = max(until, encounter.time)
            builder.add(
                encounter.segments,
                encounter.score,
                confidence=encounter.confidence,
                quality=encounter.quality,
                at=encounter.time,
                known=None if mapping.outcome.time is None else encounter.known,
                counts=encounter.counts(model.metric),
                features=encounter.features,
            )
    try:
        return builder.build(created_at=until)
    except ValueError:
        raise HistoryError(f"rows {rows.from_row} to {rows.to_row} of the baseline hold no outcome") from None


def check_metric(mapping: Mapping, model: ModelPolicy) -> None:
    """Raise `HistoryError` unless the mapping's columns can say what the policy's metric counts."""
    metric = model.metric
    if metric.of_reviews and mapping.outcome.review is None:
        raise HistoryError(f"the metric {metric.name} is made of reviews: the mapping needs outcome.review")
    if mapping.outcome.review is not None and not metric.of_reviews:
        raise HistoryError(
            f"the mapping's outcome.review holds reviews, and the metric {metric.name} is made of outcomes; "
            "map score, error, or truth and prediction, or let the policy's metric be override_ratio"
        )
    if metric.counted is not None and mapping.outcome.truth is None:
        raise HistoryError(f"the metric {metric.name} counts classes: the mapping needs outcome.truth and .prediction")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
