"""How much of a draft was changed, as one number: the texts stay where they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_CHARACTERS: Final = 200_000
"""Of each text."""
MOST_WORDS: Final = 10_000
"""Of each text between the common beginning and the common end: some 20 printed pages."""
# Numbers stay whole: 5.5 mg made 55 mg is one changed token. Spaces and line breaks are layout, not content.
_WORD: Final = r"\d+(?:[.,]\d+)*|\w+|[^\w\s]"


def edit_ratio(draft: str, final: str) -> float | None:
    """Return the share of a draft that the reviewer changed, from 0 (nothing) to 1 (everything).

    The Levenshtein distance between the words of both texts, divided by the number of words of the longer one. It
    is computed here and now, in this process, and nothing of either text is kept. Time is bounded to some 100 ms and
    memory to a few times the texts.

    Args:
        draft: What the model wrote.
        final: What was signed or sent.

    Returns:
        The ratio for `record_review(…, edit_ratio=…)`; None for texts too long to compare, which are never guessed.

    Raises:
        TypeError: One of them is no text.

    >>> edit_ratio("Give 5.5 mg twice daily.", "Give 55 mg twice daily.")
    0.16666666666666666
    >>> edit_ratio("same words", "same  words")
    0.0
    """
    if not all(isinstance(text, str) for text in (draft, final)):
        raise TypeError("edit_ratio compares two texts (str); decode bytes and join lists first")
    if max(str.__len__(draft), str.__len__(final)) > MOST_CHARACTERS:
        return None
    before, after = re.findall(_WORD, draft), re.findall(_WORD, final)
    longest = max(len(before), len(after))
    before, after = _without_common_ends(before, after)
    if max(len(before), len(after)) > MOST_WORDS:
        return None
    return _distance(before, after) / longest if longest else 0.0


def _without_common_ends(one: list[str], other: list[str]) -> tuple[list[str], list[str]]:
    """Cut off what both begin and end with: it is in every best alignment."""
    shorter = min(len(one), len(other))
    start = next((n for n in range(shorter) if one[n] != other[n]), shorter)
    rest = shorter - start
    end = next((n for n in range(rest) if one[-1 - n] != other[-1 - n]), rest)
    return one[start : len(one) - end], other[start : len(other) - end]


def _distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the Levenshtein distance between two sequences.

    Each column of the matrix is two integers of as many bits as `one` has tokens, up and down steps, so that a column
    costs a dozen operations on long integers instead of a loop (Myers, JACM 46, 1999; Hyyrö, 2003).
    """
    if not one or not other:
        return len(one) or len(other)
    every, last = (1 << len(one)) - 1, len(one) - 1
    places: dict[str, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    up, down, distance = every, 0, len(one)
    for token in other:
        equal = places.get(token, 0)
        diagonal = (((equal & up) + up) ^ up) | equal | down
        more, less = down | (every & ~(diagonal | up)), up & diagonal
        distance += (more >> last & 1) - (less >> last & 1)
        more, less = more << 1 | 1, less << 1
        up, down = (less | ~(diagonal | more)) & every, more & diagonal & every
    return distance
