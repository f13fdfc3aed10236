"""Several outcomes of one encounter are one piece of news about a version: the first counts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift.explode._truth import UNCOUNTED
from otel_clinical.drift.kernel._fed import Fed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Encounters:
    """Which encounters of which version have counted; known for as long as the policy retains anything.

    Errors about one patient come together. Counted one by one they would be taken for as many patients, and the
    guarantee of the evidence, which is about each error given the past, would break.

    Args:
        words: Every word by its number.
    """

    def __init__(self, words: Sequence[str]) -> None:
        # By the word, not its number: another policy numbers the words anew.
        self._models, self._versions = (
            np.array([_salt(word, part) for word in words], np.uint64) for part in (b"model", b"version")
        )
        self.seen = Fed()

    def first(self, rows: NDArray[np.void], end: int) -> NDArray[np.void]:
        """Return the outcomes of one closed slot that count, in order; `end` is the end of the slot, microseconds.

        Outcomes without an encounter count each. What the metric of a model does not count takes no turn away from
        what it does.
        """
        known = rows["encounter"] != 0
        if not known.any():
            return rows
        keys = rows["encounter"] ^ self._models[rows["model"]] ^ self._versions[rows["version"]]
        keys ^= np.where(rows["mark"] & UNCOUNTED, np.uint64(UNCOUNTED), np.uint64(0))
        places = np.flatnonzero(known)
        _, first = np.unique(keys[places], return_index=True)
        new = np.sort(places[first])
        new = new[~self.seen.holds(keys[new])]
        self.seen.add(keys[new], end)
        counts: NDArray[np.bool_] = ~known
        counts[new] = True
        return rows[counts]


def _salt(word: str, part: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8, person=part).digest(), "little")
