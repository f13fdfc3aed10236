"""The micro-batch: what is left of a request when only numbers and declared words are kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift._codec import encode, pack_encoded, unpack_any
from otel_clinical.drift.explode._squeezed import spread, squeeze
from otel_clinical.features import ABSENT as NO_PLACE
from otel_clinical.features import MOST_FEATURES
from otel_clinical.semconv.enums import SegmentName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SEGMENTS: Final = tuple(SegmentName)
"""Order of the columns of `segments`."""
ABSENT: Final = -1
"""A score that was not given."""
MICRO: Final = 1_000_000
"""Scores are integers in millionths, times integers in microseconds: sums are exact in any order."""


class Kind(IntEnum):
    """What a record is."""

    INFERENCE = 1
    OUTCOME = 2
    REVIEW = 3
    CHANGE = 4
    SAFETY = 5


RECORD: Final = np.dtype(
    [
        ("kind", "<u1"),
        ("mark", "<u1"),  # of an inference 1 if an outcome is expected; of others see `_verdict` and `_truth`
        ("model", "<u2"),
        ("version", "<u2"),
        ("segments", "<u2", (len(SEGMENTS),)),
        ("activation", "<i4"),
        ("score", "<i4"),
        ("confidence", "<i4"),
        ("quality", "<i4"),
        ("time", "<i8"),  # of the record itself: start of the inference, or when the event was recorded
        ("inferred", "<i8"),  # start of the inference it is about
        ("event", "<u8"),  # hash of span id or event id
        ("inference", "<u8"),  # hash of the inference id an event is about; 0 for an inference, whose event says it
        ("features", "<u1", (MOST_FEATURES,)),  # of an inference: places of its features in the order of the policy
        ("encounter", "<u8"),  # of an outcome: hash of its encounter, 0 if that is not known
    ]
)
"""One row. Words are positions in `Batch.words`; position 0 is the empty word and means absent."""

_WHOLE: Final = np.dtype((np.void, RECORD.itemsize))
"""A row as bytes, which are copied without a look at its columns."""

NO_FEATURES: Final = (NO_PLACE,) * MOST_FEATURES
"""Column `features` of a record that says nothing about them."""

_WORDS_PER_ROW: Final = 2
"""Declared words for each record up to which all are written: to find out which occur takes longer."""
_COLUMNS: Final = ("model", "version", "segments")

LATEST: Final = 2**62
"""Microseconds; later than any clock."""

_KIND, _VERSIONS = "batch", (4, 3, 2, 1)
_ADDED: Final = {1: {"features", "encounter"}, 2: {"encounter"}}
"""Columns that a version of the codec did not have yet."""


PLAIN: Final = frozenset({1, 2, 3})
"""Versions of the codec, and of that of waiting records, that had whole rows."""


def layouts(row: np.dtype[np.void]) -> dict[int, np.dtype[np.void]]:
    """Return the layout of a row in earlier versions of the codec."""
    return {
        version: np.dtype([(name, row[name]) for name in (row.names or ()) if name not in added])
        for version, added in _ADDED.items()
    }


_BEFORE: Final = layouts(RECORD)


@dataclass(frozen=True, eq=False)
class Batch:
    """Records of one request, columnar.

    Attributes:
        rows: One-dimensional array of `RECORD`.
        words: Models, versions and segment values that the rows point into, whether they occur or not; `words[0]` is
            empty.
        received: When the request arrived, microseconds. A sender whose clock is ahead cannot push event time
            past it.
    """

    rows: NDArray[np.void]
    words: tuple[str, ...] = ("",)
    received: int = LATEST

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.rows)

    @classmethod
    def empty(cls) -> Batch:
        """Return a batch without records."""
        return cls(np.zeros(0, RECORD))

    @classmethod
    def concat(cls, batches: Sequence[Batch]) -> Batch:
        """Return one batch with the records of all `batches`, in their order."""
        rows = np.empty(sum(map(len, batches)), RECORD)
        first = batches[0].words if batches else ("",)
        words = dict(zip(first, range(len(first)), strict=True))
        end = 0
        for batch in batches:
            begin, end = end, end + len(batch)
            rows[begin:end].view(_WHOLE)[:] = batch.rows.view(_WHOLE)
            if batch.words != first:  # never, while one policy reads them
                to_ours(rows[begin:end], np.array([words.setdefault(one, len(words)) for one in batch.words], "<u2"))
        received = max((batch.received for batch in batches), default=LATEST)
        return cls(rows, first if len(words) == len(first) else tuple(words), received)

    def take(self, chosen: NDArray[np.intp] | Sequence[int]) -> Batch:
        """Return the records at the positions `chosen`, in that order, repeats included."""
        return Batch(self.rows[np.asarray(chosen, np.intp)], self.words, self.received)

    def to_bytes(self) -> bytes:
        """Return the journal form: versioned, with a checksum, never a pickle."""
        rows, words = self.rows, self.words
        if len(words) > _WORDS_PER_ROW * len(rows):
            rows, words = _fewer_words(rows, words)
        meta = b'{"received":%d,"words":%b}' % (self.received, _encoded(words))
        return pack_encoded(_KIND, _VERSIONS[0], meta, squeeze(rows))

    @classmethod
    def from_bytes(cls, data: bytes) -> Batch:
        """Return the batch that `to_bytes` wrote.

        Raises:
            CodecError: `data` is damaged, or of another kind or version.
        """
        version, meta, arrays = unpack_any(data, _KIND, _VERSIONS)
        words = tuple(str(word) for word in meta["words"])
        raw = arrays["rows"] if version in PLAIN else spread(arrays, RECORD)
        rows = as_rows(raw, _BEFORE.get(version, RECORD), RECORD)
        return cls(checked(rows, len(words)), words, meta["received"])


def _fewer_words(rows: NDArray[np.void], words: tuple[str, ...]) -> tuple[NDArray[np.void], tuple[str, ...]]:
    """Return the same records with those words alone that occur in them."""
    occur = np.zeros(len(words), np.bool_)
    occur[0] = True
    for column in _COLUMNS:
        occur[rows[column]] = True
    places = np.flatnonzero(occur)
    return translate(rows, (occur.cumsum() - 1).astype("<u2")), tuple([words[place] for place in places.tolist()])


@lru_cache(16)
def _encoded(words: tuple[str, ...]) -> bytes:
    """Return words as they are written; mostly they are those of the policy."""
    return encode(words)


def translate(rows: NDArray[np.void], table: NDArray[np.uint16]) -> NDArray[np.void]:
    """Return a copy of `rows` with every word position `p` replaced by `table[p]`."""
    moved = rows.copy()
    to_ours(moved, table)
    return moved


def to_ours(rows: NDArray[np.void], table: NDArray[np.uint16]) -> None:
    """Replace every word position `p` in `rows` by `table[p]`."""
    for column in _COLUMNS:
        rows[column] = table.take(rows[column])


def as_rows(raw: NDArray[np.uint8], written: np.dtype[np.void], wanted: np.dtype[np.void]) -> NDArray[np.void]:
    """Return the bytes of rows of one layout as rows of a later one, which has said nothing of its new columns.

    Raises:
        ValueError: They are not whole rows.
    """
    if raw.size % written.itemsize:
        raise ValueError(f"{raw.size} bytes are not whole records of {written.itemsize} bytes")
    old = raw.view(written)
    again = (old["kind"] == Kind.INFERENCE) & (old["inference"] != 0)
    if written == wanted and not again.any():
        return old
    rows = np.zeros(len(old), wanted)
    rows["features"] = NO_PLACE
    for name in written.names or ():
        rows[name] = old[name]
    rows["inference"][again] = 0  # an inference that was sent before and after an update is the same to the byte
    return rows


def checked(rows: NDArray[np.void], words: int) -> NDArray[np.void]:
    """Return `rows`.

    Raises:
        ValueError: They point past the `words`.
    """
    if len(rows) and max(int(rows[column].max()) for column in _COLUMNS) >= words:
        raise ValueError(f"a record points past the {words} words of its batch")
    return rows
