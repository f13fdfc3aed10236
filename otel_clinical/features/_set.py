"""The declared features of one model, and their places as one short text."""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_clinical.features._feature import MISSING_PLACE, UNREADABLE_PLACE, Feature, letters

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_FEATURES: Final = 16
ABSENT: Final = 255
"""Stands for the place of a feature of which nothing was said at all."""

_ALPHABET: Final = string.ascii_letters
_PLACES: Final = {letter: place for place, letter in enumerate(_ALPHABET)}
_SEPARATOR: Final = "."


class WireError(ValueError):
    """A text that is not the places of these features; the message never holds it."""


@dataclass(frozen=True)
class FeatureSet:
    """Features in the order of the wire, which is that of their names.

    The text begins with a digest of all bins, so that places counted with other bins are never mixed in.

    >>> from otel_clinical.features import Kind
    >>> known = FeatureSet((Feature("sex", Kind.CATEGORICAL, words=("f", "m")),))
    >>> text = known.write({"sex": "m"}.get)
    >>> text[8:], known.read(text)
    ('.b', (1,))
    """

    features: tuple[Feature, ...]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.features, key=lambda feature: feature.name))
        object.__setattr__(self, "features", ordered)
        content = " ".join(feature.digest for feature in ordered)
        object.__setattr__(self, "digest", letters(hashlib.blake2b(content.encode(), digest_size=4).hexdigest()))

    def write(self, read: Callable[[str], object]) -> str:
        """Return the places of the values that `read` finds by name; a value that raises is unreadable."""
        return self.written([_place(feature, read) for feature in self.features])

    def written(self, places: list[int]) -> str:
        """Return places as text."""
        return f"{self.digest}{_SEPARATOR}{''.join([_ALPHABET[place] for place in places])}"

    def read(self, text: str) -> tuple[int, ...]:
        """Return the places that `write` wrote.

        Raises:
            WireError: It was written with other features, or by something else.
        """
        head, _, body = text.partition(_SEPARATOR)
        if head != self.digest or len(body) != len(self.features):
            raise WireError("was written with other features or bins than the policy declares")
        try:
            places = tuple(_PLACES[letter] for letter in body)
        except KeyError:
            raise WireError("holds something other than letters") from None
        if any(p >= f.bins and p not in _OUTSIDE for p, f in zip(places, self.features, strict=True)):
            raise WireError("names a bin that its feature does not have")
        return places


_OUTSIDE: Final = frozenset({UNREADABLE_PLACE, MISSING_PLACE})


def _place(feature: Feature, read: Callable[[str], object]) -> int:
    try:
        return feature.place(read(feature.name))
    except Exception:  # noqa: BLE001 -- the user's own type may raise anything, and is counted as unreadable
        return UNREADABLE_PLACE
