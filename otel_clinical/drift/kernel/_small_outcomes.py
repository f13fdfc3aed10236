"""Feed small streams of outcomes side by side: each becomes what it becomes when it is fed alone, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift.detectors import all_highest_log_sums, sr_paths
from otel_clinical.drift.kernel._outcomes import standardised
from otel_clinical.drift.kernel._small_changes import feed_changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_clinical.drift.kernel._outcomes import Outcomes, OutcomeStream
    from otel_clinical.drift.kernel._side_by_side import Table


def feed_outcomes(streams: Sequence[OutcomeStream], every: Outcomes, table: Table, end: int) -> list[bool]:
    """Do what `OutcomeStream.feed` does for several streams whose designs have one form.

    Args:
        streams: One for each line of the table.
        every: Outcomes of the slot.
        table: Which of them each stream takes.
        end: End of the slot, microseconds.

    Returns:
        By stream, whether its witness saw the errors become more.
    """
    outcomes = every.at(table.places)
    _bet(streams, outcomes, table)
    feed_changes([stream.change for stream in streams], [stream.design for stream in streams], outcomes, table)
    _remember(streams, outcomes, table)
    expected = table.looked_up([stream.design.expected for stream in streams], outcomes.strata)
    clip = np.array([stream.witness.clip for stream in streams])[:, None]
    z = np.minimum(np.maximum(standardised(outcomes.errors, expected), -clip), clip)
    updated = outcomes.effective[table.lines, table.last].tolist()
    return [
        stream.conclude(size, time, z[line, :size], end)
        for line, (stream, size, time) in enumerate(zip(streams, table.sizes.tolist(), updated, strict=True))
    ]


def _bet(streams: Sequence[OutcomeStream], outcomes: Outcomes, table: Table) -> None:
    null = table.looked_up([stream.design.null for stream in streams], outcomes.strata)
    growth = table.looked_up([stream.design.bets for stream in streams], outcomes.strata)
    growth *= np.subtract(outcomes.errors[:, :, None], null, out=null)
    np.log1p(growth, out=growth)
    growth[~table.there] = 0.0
    path, near = sr_paths(np.array([stream.log_s for stream in streams]), growth, table.there)
    highest = all_highest_log_sums(path, list(streams[0].design.cells.values()))
    latest, grown = path[table.lines, table.last], growth.sum(axis=1)
    for line, stream in enumerate(streams):
        if near[line]:
            stream.raise_stakes(latest[line].copy(), grown[line], highest[line])
        else:
            stream.bet(outcomes.line(line, int(table.sizes[line])))


def _remember(streams: Sequence[OutcomeStream], outcomes: Outcomes, table: Table) -> None:
    width = streams[0].width
    starts = outcomes.effective[table.there] // width
    first = int(starts[0])
    if not (starts == first).all():
        for line, stream in enumerate(streams):
            stream.remember(outcomes.line(line, int(table.sizes[line])))
        return
    totals = np.where(table.there, outcomes.scores, 0).sum(axis=1).tolist()
    for stream, size, total in zip(streams, table.sizes.tolist(), totals, strict=True):
        stream.count(first * width, size, total)
