"""What became of the answers of one version: counts by horizon, segment value and verdict.

What leaves are whole batches of eleven answers, in the order in which they were counted. So two pages differ by nobody
or by eleven, every number is known to within ten, at both horizons alike, and the ratio of overrides is still that of
real answers: of all but the newest ten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.explode._verdict import VERDICTS
from otel_clinical.drift.kernel._rows import SuggestionRow
from otel_clinical.semconv.enums import ReviewAction, ReviewAttention, ReviewHorizon
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey

    Counts = dict[tuple[str, str, str], NDArray[np.int64]]

_KIND, _VERSION = "suggestions", 1
_MARKS: Final = len(VERDICTS) + 1  # 0 stands for a review that says nothing
_NOTHING: Final = np.zeros(_MARKS, np.int64)
_ACTION_WORDS: Final = tuple(sorted(ReviewAction))
_LOOK_WORDS: Final = tuple(sorted(ReviewAttention))
"""In the order in which they are shown."""
_HORIZONS: Final = tuple(ReviewHorizon)
_ACTIONS: Final = np.array([[action is one for one in _ACTION_WORDS] for action, _ in VERDICTS], np.int64)
_LOOKED: Final = np.array([[looked is one for one in _LOOK_WORDS] for _, looked in VERDICTS], np.int64)
"""(verdicts, words): which verdict counts for which word."""


class Suggestions:
    """Terminal outcomes of one (model, version) since the state began.

    Args:
        plan: The model.
    """

    def __init__(self, plan: ModelPlan) -> None:
        self._plan = plan
        self._counts: Counts = {}
        self._batches: Counts = {}
        self._shown: dict[tuple[str, str, str], tuple[NDArray[np.int64], SuggestionRow]] = {}

    def count(self, horizon: ReviewHorizon, rows: NDArray[np.void]) -> None:
        """Count reviews that are the terminal outcome of their suggestion at `horizon`."""
        for segment, chosen in self._plan.split(rows):
            key = (horizon.value, *segment)
            marks, before = rows["mark"][chosen], self._counts.get(key, _NOTHING)
            total = int(before.sum())
            whole = total + len(marks) - (total + len(marks)) % SMALL_CELL
            if whole > total:
                self._batches[key] = before + np.bincount(marks[: whole - total], minlength=_MARKS)
            self._counts[key] = before + np.bincount(marks, minlength=_MARKS)

    def rows(self, version: str, *, batches: bool = False) -> Iterator[SuggestionRow]:
        """Yield both horizons of every declared segment value, seen or not; of whole `batches` what may leave."""
        for key in self._plan.segments:
            for horizon in _HORIZONS:
                if batches:
                    yield self._kept_row(version, key, horizon)
                else:
                    yield self._row(version, key, horizon, self._counts)

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        return pack(_KIND, _VERSION, {"counts": _listed(self._counts), "batches": _listed(self._batches)}, {})

    def loads(self, data: bytes) -> None:
        """Take over a state.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, _ = unpack(data, _KIND, _VERSION)
        self._counts = _by_key(meta["counts"])
        # A state of before has shown all of it, and no counter may go back.
        self._batches = _by_key(meta.get("batches", meta["counts"]))

    def _kept_row(self, version: str, key: SegmentKey, horizon: ReviewHorizon) -> SuggestionRow:
        """Return the row made for these very counts: a scrape need not add up again what did not change."""
        place = (horizon.value, *key)
        counts = self._batches.get(place, _NOTHING)
        if place not in self._shown or self._shown[place][0] is not counts:
            self._shown[place] = counts, self._row(version, key, horizon, self._batches)
        return self._shown[place][1]

    def _row(self, version: str, key: SegmentKey, horizon: ReviewHorizon, kept: Counts) -> SuggestionRow:
        counts = kept.get((horizon.value, *key), _NOTHING)[1:]
        actions = dict(zip(_ACTION_WORDS, (counts @ _ACTIONS).tolist(), strict=True))
        attention = dict(zip(_LOOK_WORDS, (counts @ _LOOKED).tolist(), strict=True))
        return SuggestionRow(self._plan.name, version, *key, horizon, actions, attention)


def _listed(kept: Counts) -> list[list[Any]]:
    if not kept:
        return []
    keys = sorted(kept)
    return [[*key, numbers] for key, numbers in zip(keys, np.stack([kept[key] for key in keys]).tolist(), strict=True)]


def _by_key(kept: list[list[Any]]) -> Counts:
    found: Counts = {}
    for horizon, segment, value, numbers in kept:
        counts = np.zeros(_MARKS, np.int64)
        counts[: len(numbers)] = numbers
        found[horizon, segment, value] = counts
    return found
