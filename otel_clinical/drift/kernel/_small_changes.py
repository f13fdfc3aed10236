"""Feed the change points of small streams side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift.kernel._change import NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._change import ChangePoint
    from otel_clinical.drift.kernel._design import StreamDesign
    from otel_clinical.drift.kernel._outcomes import Outcomes
    from otel_clinical.drift.kernel._side_by_side import Table

    Ints = NDArray[np.int64]


def feed_changes(
    changes: Sequence[ChangePoint], designs: Sequence[StreamDesign], outcomes: Outcomes, table: Table
) -> None:
    """Do what `ChangePoint.feed` does for several streams.

    Args:
        changes: One for each line of the table.
        designs: Of the streams, all of one form.
        outcomes: Each (s, l), as in the table.
        table: Which of them there are.
    """
    null = table.looked_up([design.change_null for design in designs], outcomes.strata)
    growth = table.looked_up([design.change_bets for design in designs], outcomes.strata)
    growth *= (outcomes.errors - null)[:, :, None]
    np.log1p(growth, out=growth)
    walk = growth.cumsum(axis=1, out=growth)
    walk += np.array([change.cusum for change in changes])[:, None]
    floor = np.minimum(np.minimum.accumulate(walk, axis=1), 0.0)
    zero = (walk <= floor) & table.there[:, :, None]
    length = zero.shape[1]
    last = np.where(zero.any(axis=1), length - 1 - zero[:, ::-1].argmax(axis=1), -1)
    counts, totals = _after(last, outcomes, table, len(designs[0].strata))
    first = outcomes.inferred[table.lines[:, None], np.minimum(last + 1, table.last[:, None])]
    begun = np.where(last < table.last[:, None], first, NEVER)
    zeros = outcomes.effective[table.lines[:, None], last]
    cusum = (walk - floor)[table.lines, table.last]
    for line, change in enumerate(changes):
        change.restart(last[line] < 0, counts[line], totals[line], begun[line], zeros[line])
        change.cusum = cusum[line].copy()


def _after(last: NDArray[np.intp], outcomes: Outcomes, table: Table, width: int) -> tuple[Ints, Ints]:
    """Return (s, alternatives, strata) numbers and sums of scores of the outcomes after the `last` of each."""
    streams, alternatives = last.shape
    after = (np.arange(table.there.shape[1]) > last[:, :, None]) & table.there[:, None]
    lines = width * np.arange(streams * alternatives).reshape(streams, alternatives, 1)
    cells = (outcomes.strata[:, None] + lines)[after]
    shape, size = (streams, alternatives, width), streams * alternatives * width
    counts = np.bincount(cells, minlength=size)
    # Whole numbers, however they are added, as long as they are far below 2**53.
    scores = np.broadcast_to(outcomes.scores[:, None], after.shape)[after]
    totals = np.bincount(cells, scores, size).astype(np.int64)
    return counts.reshape(shape), totals.reshape(shape)
