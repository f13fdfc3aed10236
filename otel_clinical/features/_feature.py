"""One declared input feature: which of its bins a value falls into."""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MOST_BINS: Final = 48
"""Bins of a feature, the last one of a categorical or format feature being everything undeclared."""
UNREADABLE_PLACE: Final = 50
"""Place of a value of the wrong type, or of an infinite one."""
MISSING_PLACE: Final = 51
"""Place of a value that is not there: no such field, None, NaN, blank text."""

_LONGEST_MASKED: Final = 64  # characters; longer text has no declared mask


class Kind(StrEnum):
    """What kind of values a feature has."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    FORMAT = "format"


@dataclass(frozen=True)
class Feature:
    """A feature and its frozen bins.

    Attributes:
        name: As the policy declares it.
        kind: What kind of values it has.
        edges: Of a numeric feature, rising: bin 0 lies below the first, the last bin from the last edge on.
        words: Of a categorical feature its values; of a format feature its masks, in which 9 stands for a digit,
            A for a capital and a for another letter.

    >>> age = Feature("age", Kind.NUMERIC, edges=(18.0, 65.0))
    >>> [age.place(value) for value in (17, 18, 80.5, None, "80")]
    [0, 1, 2, 51, 50]
    >>> code = Feature("zip", Kind.FORMAT, words=("99999", "99999-9999"))
    >>> [code.place(value) for value in ("12345", "1234", " ", 12345)]
    [0, 2, 51, 0]
    """

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    _places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {word: place for place, word in enumerate(self.words)})

    @property
    def bins(self) -> int:
        """Number of bins, without missing and unreadable."""
        return len(self.edges if self.kind is Kind.NUMERIC else self.words) + 1

    @property
    def digest(self) -> str:
        """Eight letters that differ when the bins do."""
        content = json.dumps([self.name, self.kind.value, self.edges, self.words], separators=(",", ":"))
        return letters(hashlib.blake2b(content.encode(), digest_size=4).hexdigest())

    def label(self, place: int) -> str:
        """Return a bin in words.

        >>> Feature("age", Kind.NUMERIC, edges=(18.0, 65.0)).label(1)
        '18 to 65'
        """
        if place in _SPECIAL:
            return _SPECIAL[place]
        if self.kind is not Kind.NUMERIC:
            return self.words[place] if place < len(self.words) else "undeclared"
        if place == 0:
            return f"below {self.edges[0]:g}"
        if place == len(self.edges):
            return f"from {self.edges[-1]:g}"
        return f"{self.edges[place - 1]:g} to {self.edges[place]:g}"

    def place(self, value: object) -> int:
        """Return the bin of a value; no method of the value runs but its conversion to a number."""
        if value is None:
            return MISSING_PLACE
        return self._numeric(value) if self.kind is Kind.NUMERIC else self._worded(value)

    def _numeric(self, value: object) -> int:
        if isinstance(value, bool | str | bytes | bytearray) or not hasattr(type(value), "__float__"):
            blank = isinstance(value, str) and not str.strip(value)
            return MISSING_PLACE if blank else UNREADABLE_PLACE
        try:
            number = float(value)  # type: ignore[arg-type]  # it has __float__
        except (TypeError, ValueError, OverflowError):
            return UNREADABLE_PLACE
        if math.isnan(number):
            return MISSING_PLACE
        return bisect_right(self.edges, number) if math.isfinite(number) else UNREADABLE_PLACE

    def _worded(self, value: object) -> int:
        if isinstance(value, str):
            text = str.__str__(value)
        elif isinstance(value, float) and math.isnan(value):
            return MISSING_PLACE
        elif isinstance(value, int) and not isinstance(value, bool):
            text = int.__str__(value)
        else:
            return UNREADABLE_PLACE
        if not text.strip():
            return MISSING_PLACE
        return self._places.get(text if self.kind is Kind.CATEGORICAL else mask(text), len(self.words))


_SPECIAL: Final = {UNREADABLE_PLACE: "unreadable", MISSING_PLACE: "missing"}


def mask(text: str) -> str:
    """Return the shape of a text, without its content; an over-long one has the empty shape.

    >>> mask("K35.2"), mask("2026-11-29")
    ('A99.9', '9999-99-99')
    """
    return "".join(map(_shape, text)) if len(text) <= _LONGEST_MASKED else ""


def _shape(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character


def letters(hexadecimal: str) -> str:
    """Write hexadecimal digits as the letters a to p, which no telephone or record number looks like."""
    return hexadecimal.translate(_LETTERS)


_LETTERS: Final = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
