"""What became of the answers of one version: counts by horizon, segment value and verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.explode._verdict import VERDICTS
from otel_clinical.drift.kernel._rows import SuggestionRow
from otel_clinical.semconv.enums import ReviewAction, ReviewAttention, ReviewHorizon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey

_KIND, _VERSION = "suggestions", 1
_MARKS: Final = len(VERDICTS) + 1  # 0 stands for a review that says nothing
_NOTHING: Final = np.zeros(_MARKS, np.int64)
_ACTIONS: Final = np.array([[action is one for one in ReviewAction] for action, _ in VERDICTS], np.int64)
_LOOKED: Final = np.array([[looked is one for one in ReviewAttention] for _, looked in VERDICTS], np.int64)
"""(verdicts, words): which verdict counts for which word."""


class Suggestions:
    """Terminal outcomes of one (model, version) since the state began.

    Args:
        plan: The model.
    """

    def __init__(self, plan: ModelPlan) -> None:
        self._plan = plan
        self._counts: dict[tuple[str, str, str], NDArray[np.int64]] = {}
        self._shown: dict[tuple[str, str, str], tuple[NDArray[np.int64], SuggestionRow]] = {}

    def count(self, horizon: ReviewHorizon, rows: NDArray[np.void]) -> None:
        """Count reviews that are the terminal outcome of their suggestion at `horizon`."""
        for segment, chosen in self._plan.split(rows):
            key = (horizon.value, *segment)
            found = np.bincount(rows["mark"][chosen], minlength=_MARKS)
            self._counts[key] = self._counts.get(key, 0) + found

    def rows(self, version: str) -> Iterator[SuggestionRow]:
        """Yield both horizons of every declared segment value, seen or not."""
        for key in self._plan.segments:
            for horizon in ReviewHorizon:
                yield self._kept_row(version, key, horizon)

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        counts = sorted([*key, found.tolist()] for key, found in self._counts.items())
        return pack(_KIND, _VERSION, {"counts": counts}, {})

    def loads(self, data: bytes) -> None:
        """Take over a state.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, _ = unpack(data, _KIND, _VERSION)
        for *key, found in meta["counts"]:
            counts = np.zeros(_MARKS, np.int64)
            counts[: len(found)] = found
            self._counts[key[0], key[1], key[2]] = counts

    def _kept_row(self, version: str, key: SegmentKey, horizon: ReviewHorizon) -> SuggestionRow:
        """Return the row made for these very counts: a scrape need not add up again what did not change."""
        place = (horizon.value, *key)
        counts = self._counts.get(place, _NOTHING)
        if place not in self._shown or self._shown[place][0] is not counts:
            self._shown[place] = counts, self._row(version, key, horizon)
        return self._shown[place][1]

    def _row(self, version: str, key: SegmentKey, horizon: ReviewHorizon) -> SuggestionRow:
        counts = self._counts.get((horizon.value, *key), _NOTHING)[1:]
        actions = dict(zip(ReviewAction, (counts @ _ACTIONS).tolist(), strict=True))
        attention = dict(zip(ReviewAttention, (counts @ _LOOKED).tolist(), strict=True))
        return SuggestionRow(self._plan.name, version, *key, horizon, actions, attention)
