"""Values of many records with one skeleton, as columns; and which records are clean."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._batch import ABSENT, MICRO
from otel_clinical.drift.explode._subject import SKEW
from otel_clinical.drift.explode._wire_skeleton import REAL, TEXT, WHOLE
from otel_clinical.drift.explode._wire_tables import NO_PLACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

    from otel_clinical.drift.explode._wire_bytes import Bytes
    from otel_clinical.drift.explode._wire_tables import Letters
    from otel_clinical.drift.explode._wire_texts import Texts

    Places = NDArray[np.intp]
    Flags = NDArray[np.bool_]
    Ints = NDArray[np.int64]

_LONGEST_TEXT: Final = 256
_DIGITS, _USED = 32, 16
_HEXADECIMAL: Final = np.full(256, NO_PLACE, np.int16)
"""Value of each byte that is a lower-case hexadecimal digit."""
_HEXADECIMAL[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
_NONE: Final = np.zeros((1, 0), np.uint8)


@dataclass(eq=False)
class Columns:
    """Records of one skeleton.

    What a column cannot say for a record makes the record unclean: it is left to the general reader, which knows
    what to do with anything. So nothing here is ever refused, set aside or guessed.

    Attributes:
        body: The request.
        places: Where each value begins, by name.
        lengths: Bytes of each text.
        words: What stands in some of the texts, as `Bytes.words` reads it.
        kinds: Tag of each attribute's value.
        shared: Attributes of the resource, for keys that the records do not have.
        same: Texts that all records have in common.
        clean: (n,) which records every column asked for could be read of.
    """

    body: Bytes
    places: Mapping[str, Places]
    lengths: Mapping[str, Places]
    words: Mapping[str, NDArray[np.uint64]]
    kinds: Mapping[str, int]
    shared: Mapping[str, AnyValue]
    same: Mapping[str, str]
    clean: Flags

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.clean)

    def at(self, chosen: Places) -> Columns:
        """Return the records at the places `chosen`, in order."""
        if len(chosen) == len(self):
            return self
        return Columns(
            self.body,
            {name: values[chosen] for name, values in self.places.items()},
            {name: values[chosen] for name, values in self.lengths.items()},
            {name: values[chosen] for name, values in self.words.items()},
            self.kinds,
            self.shared,
            self.same,
            self.clean[chosen],
        )

    def require(self, condition: Flags) -> None:
        """Call the records unclean for which `condition` does not hold."""
        self.clean &= condition

    def spoil(self) -> None:
        """Call all records unclean."""
        self.clean[:] = False

    def known(self, key: str, table: Texts) -> Places:
        """Return the place of a required text in `table`."""
        if key not in self.same and self.kinds.get(key) == TEXT:
            found, same = table.find(self.body, self.places[key], self.lengths[key], self.words.get(key))
            self.require(same)
            return found
        word = self.same[key] if key in self.same else self._shared_text(key)
        if word not in table.known:
            self.spoil()
            return np.zeros(len(self), np.intp)
        return np.full(len(self), table.known.index(word), np.intp)

    def has(self, key: str) -> bool:
        """Say whether the records have an attribute."""
        return key in self.kinds or key in self.shared

    def number(self, key: str) -> NDArray[np.float64] | None:
        """Return numbers that may be infinite or none at all; None if the records do not have it."""
        kind = self.kinds.get(key)
        if kind == REAL:
            return self.body.doubles(self.places[key])
        if kind == WHOLE:
            return self._whole(key).astype(np.float64)
        if key in self.kinds or key in self.shared:
            self.spoil()
        return None

    def share(self, key: str) -> Ints:
        """Return optional numbers from 0 to 1 in millionths, `ABSENT` where they are not there."""
        found = self.number(key)
        if found is None:
            return np.full(len(self), ABSENT, np.int64)
        inside = (found >= 0.0) & (found <= 1.0)
        if not inside.all():
            self.require(inside)
            found = np.where(inside, found, 0.0)
        return np.asarray(np.rint(found * MICRO), np.int64)

    def ordinal(self, key: str) -> Ints:
        """Return optional counts, 0 where they are not there."""
        if self.kinds.get(key) == WHOLE:
            return self._whole(key)
        if self.has(key):
            self.spoil()
        return np.zeros(len(self), np.int64)

    def identifiers(self, key: str) -> bool:
        """Call the records unclean that have no identifier; say whether there are any others."""
        if self.kinds.get(key) != TEXT:
            self.spoil()
            return False
        self.require((self.lengths[key] > 0) & (self.lengths[key] <= _LONGEST_TEXT))
        return True

    def identity(self, key: str) -> NDArray[np.uint64]:
        """Return 64 bits that stand for a required identifier; of clean records only."""
        found = np.zeros(len(self), np.uint64)
        if not self.identifiers(key):
            return found
        sizes = self.lengths[key]
        texts = self.body.texts(self.places[key][self.clean], sizes[self.clean])
        found[self.clean] = np.frombuffer(b"".join([blake2b(t, digest_size=8).digest() for t in texts]), "<u8")
        return found

    def keyed(self, key: str) -> NDArray[np.uint64]:
        """Return 64 bits, never 0, that stand for an optional keyed hash; 0 where there is none."""
        found = np.zeros(len(self), np.uint64)
        if key not in self.kinds:
            return found
        if self.kinds[key] != TEXT:
            self.spoil()
            return found
        self.require(self.lengths[key] == _DIGITS)
        if not self.clean.any():
            return found
        texts = self.body.texts(self.places[key][self.clean], self.lengths[key][self.clean])
        digits = _HEXADECIMAL[np.frombuffer(b"".join(texts), np.uint8).reshape(-1, _DIGITS)]
        fine = (digits != NO_PLACE).all(axis=1)
        number = np.zeros(len(digits), np.uint64)
        for column in digits[:, :_USED].T:
            number = number << np.uint64(4) | (column & 0xF).astype(np.uint64)
        found[self.clean] = np.maximum(number, np.uint64(1))
        self.clean[self.clean] = fine
        return found

    def letters(self, key: str, table: Letters) -> NDArray[np.uint8] | None:
        """Return (n, features) places of the input features; None if the records do not say them."""
        if key not in self.kinds:
            return None
        count, head = len(table.places), len(table.head)
        if self.kinds[key] != TEXT:
            self.spoil()
            return None
        begin = self.places[key]
        self.require((self.lengths[key] == head + count) & self.body.same(begin, table.head))
        written = self.body.raw(begin + head, count).view(np.uint8).reshape(-1, count) if count else _NONE[begin * 0]
        places = table.places[np.arange(count), written]
        self.require((places != NO_PLACE).all(axis=1))
        return places.astype(np.uint8)

    def time(self, name: str) -> Ints:
        """Return the time in a field, in microseconds."""
        if name not in self.places:
            self.spoil()
            return np.zeros(len(self), np.int64)
        return (self.body.integers(self.places[name]) // np.uint64(1000)).astype(np.int64)

    def require_time(self, time: Ints, age_of: Ints, received: int, retention: float) -> None:
        """Call the records unclean whose time cannot be; as `check_time`."""
        self.require((time > 0) & (time <= received + SKEW) & (received - age_of <= retention * 1e6))

    def _whole(self, key: str) -> Ints:
        """Return whole numbers of one or two bytes, as the skeleton has them."""
        low = self.body.byte(self.places[key])
        if not (low >= 0x80).any():  # noqa: PLR2004 -- the bit that says that another byte follows
            return low.astype(np.int64)
        return ((low & 0x7F) | self.body.byte(self.places[key] + 1) << 7).astype(np.int64)

    def _shared_text(self, key: str) -> str:
        if key in self.kinds or key not in self.shared:
            return ""
        return self.shared[key].string_value  # empty for other types
