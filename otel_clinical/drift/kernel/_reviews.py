"""Reviews become terminal outcomes: one per suggestion and horizon, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._subject import SKEW
from otel_clinical.drift.kernel._corrections import Correction, corrections
from otel_clinical.drift.kernel._fed import Fed
from otel_clinical.drift.kernel._slots import PENDING, Slots, unpack_rows
from otel_clinical.drift.kernel._suggestions import Suggestions
from otel_clinical.semconv.enums import ReviewHorizon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._plan import ModelPlan
    from otel_clinical.drift.kernel._rows import SuggestionRow

VersionKey = tuple[str, str]
"""(model, version)."""

WAITING: Final = "resolving"
_COUNTS, _KNOWN = "suggestions", "reviewed"
KINDS: Final = frozenset({WAITING, _COUNTS, _KNOWN})
"""First part of the keys of saved states."""


@dataclass(frozen=True, eq=False)
class Sorted:
    """Reviews of a batch that were not there yet, with their effective time, and how many others there were.

    Attributes:
        new: Those to be used.
        late: How many came after their slot was closed, used or not.
        repeated: How many were there before.
        corrections: The late ones.
    """

    new: NDArray[np.void]
    late: int
    repeated: int
    corrections: tuple[Correction, ...] = ()


NO_REVIEWS: Final = Sorted(np.zeros(0, PENDING), 0, 0)
"""Of a batch without any."""


class Reviews:
    """State behind the two horizons.

    A review waits twice. In its own slot, with everything else, for the first word on its suggestion. And here, with
    all reviews of that suggestion, until it is resolved, for the last one; so repeats are known for as long as they
    can matter, and nothing of a resolved suggestion is kept but its count.

    Args:
        plans: By the number of the model's name.
        words: Every word by its number.
        width: Of a slot, microseconds.
    """

    def __init__(self, plans: Mapping[int, ModelPlan], words: tuple[str, ...], width: int) -> None:
        self._plans = plans
        self._by_name = {plan.name: plan for plan in plans.values()}
        self._words = words
        self._resolved = np.zeros(len(words), np.int64)
        for number, plan in plans.items():
            self._resolved[number] = plan.resolved
        self._longest = int(self._resolved.max(initial=0))
        self._waiting = Slots(width)
        self._reviewed = Fed()
        self._counts: dict[VersionKey, Suggestions] = {}
        self._dirty: set[VersionKey] = set()
        self._gone: list[tuple[str, ...]] = []

    def sort(self, rows: NDArray[np.void], bound: int) -> Sorted:
        """Let reviews wait for the last word on their suggestion; `bound` is the first slot that is not closed.

        A review whose slot is closed still counts for both horizons, as of now, while its suggestion is open. After
        that it is late and not used, as is a review that was made after the suggestion was resolved.
        """
        rows = rows.copy()
        rows["effective"] = self._due(rows)
        waits = (rows["time"] <= rows["effective"]) & (rows["effective"] // self._waiting.width >= bound)
        new = self._waiting.add(rows[waits]).copy()
        late = new["time"] // self._waiting.width < bound
        new["effective"] = np.where(late, bound * self._waiting.width, new["time"])
        waiting = int(waits.sum())
        told = np.concatenate((new[late], rows[~waits]))
        used = np.arange(len(told)) < int(late.sum())
        open_at = bound * self._waiting.width
        corrected = corrections(told, told["time"], used, self._words, open_at) if len(told) else ()
        return Sorted(new, int(late.sum()) + len(rows) - waiting, waiting - len(new), corrected)

    def begin(self, rows: NDArray[np.void], end: int) -> None:
        """Take the reviews of one closed slot that ended at `end` (microseconds): the first words on suggestions."""
        first = first_per_inference(said(rows[~self._reviewed.holds(rows["inference"])]))
        self._count(ReviewHorizon.IMMEDIATE, first)
        self._reviewed.add(first["inference"], end)
        # No review of a suggestion that was forgotten can be used: its clock may have been ahead by the skew.
        self._reviewed.forget(end - self._longest - SKEW)

    def resolve(self, bound: int) -> bool:
        """Close the suggestions that were resolved in slots before `bound`; say whether there were any."""
        slots = self._waiting.before(bound)
        for slot in slots:
            rows, _ = self._waiting.take(slot)
            self._count(ReviewHorizon.RESOLVED, last_per_inference(said(rows)))
        return bool(slots)

    def rows(self, versions: Iterable[VersionKey], *, batches: bool) -> Iterator[SuggestionRow]:
        """Yield both horizons of every declared segment value of each version."""
        for model, version in versions:
            plan = self._by_name.get(model)
            if plan is not None:
                yield from self._suggestions(model, version).rows(version, batches=batches)

    def dump_dirty(self) -> dict[tuple[str, ...], bytes]:
        """Return the states that changed, by parts of their key."""
        found: dict[tuple[str, ...], bytes] = dict.fromkeys(self._gone, b"")
        self._gone.clear()
        found |= {(_COUNTS, *key): self._counts[key].dumps() for key in self._dirty}
        self._dirty.clear()
        found |= {(_KNOWN, hour): data for hour, data in self._reviewed.dump_dirty().items()}
        found |= {(WAITING, *key.split("/")): data for key, data in self._waiting.dump_dirty().items()}
        return found

    def load(
        self,
        key: tuple[str, ...],
        data: bytes,
        translated: Callable[[NDArray[np.void]], NDArray[np.void]],
        *,
        moved: bool,
    ) -> str | None:
        """Take over a state; return why not if it cannot go on.

        Args:
            key: Parts of its key.
            data: What was dumped.
            translated: Gives the words of waiting records their present numbers.
            moved: Whether words or slots mean something else now.

        Raises:
            CodecError: `data` is damaged.
        """
        if key[0] == _KNOWN:
            self._reviewed.load(key[1], data)
            return None
        if key[0] == WAITING:
            rows = translated(unpack_rows(data))
            due = self._due(rows)
            moved = moved or bool((due != rows["effective"]).any())  # the policy resolves at another age
            rows["effective"] = due
            self._waiting.load("/".join(key[1:]), rows, moved=moved)
            return None
        if key[1] not in self._by_name:
            self._gone.append(key)
            return f"{' '.join(key)} begins anew: the policy no longer names the model"
        self._suggestions(key[1], key[2]).loads(data)
        return None

    def _due(self, rows: NDArray[np.void]) -> NDArray[np.int64]:
        """Return when the suggestion of each review is resolved, microseconds."""
        return np.asarray(rows["inferred"] + self._resolved[rows["model"]])

    def _count(self, horizon: ReviewHorizon, rows: NDArray[np.void]) -> None:
        for model, version in np.unique(rows[["model", "version"]]).tolist():
            plan = self._plans.get(model)
            if plan is not None:
                chosen = rows[(rows["model"] == model) & (rows["version"] == version)]
                key = plan.name, self._words[version]
                self._suggestions(*key).count(horizon, chosen)
                self._dirty.add(key)

    def _suggestions(self, model: str, version: str) -> Suggestions:
        return self._counts.setdefault((model, version), Suggestions(self._by_name[model]))


def said(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return the reviews that say what was done; older programs did not keep it."""
    return rows[rows["mark"] > 0]


def first_per_inference(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return the first review of each inference by (event time, event)."""
    return _one_per_inference(rows, 0)


def last_per_inference(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return the last review of each inference by (event time, event)."""
    return _one_per_inference(rows, -1)


def _one_per_inference(rows: NDArray[np.void], which: int) -> NDArray[np.void]:
    rows = rows[np.lexsort((rows["event"], rows["time"], rows["inference"]))]
    edge = np.ones(len(rows), np.bool_)
    if which:
        edge[:-1] = rows["inference"][1:] != rows["inference"][:-1]
    else:
        edge[1:] = rows["inference"][1:] != rows["inference"][:-1]
    return rows[edge]
