"""Compare many records with one mould."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._wire_bytes import WIDEST
from otel_clinical.drift.explode._wire_mould import BLOCK
from otel_clinical.drift.explode._wire_skeleton import LONGEST_VARINT, TEXT, Followed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from otel_clinical.drift.explode._wire_bytes import Bytes
    from otel_clinical.drift.explode._wire_mould import Loose, Mould, Run

    Places = NDArray[np.intp]
    Flags = NDArray[np.bool_]
    Words = NDArray[np.uint64]

_MORE: Final = 0x80  # set in every byte of a varint but the last, and of no ASCII
_WORD: Final = 8  # bytes
_SHORT: Final = 8  # words of a run that is compared row by row
_HIGH: Final = np.uint64(0x8080_8080_8080_8080)
"""The bits that no ASCII has."""
_LONGEST: Final = {TEXT: 512}
"""Bytes of the longest value of no fixed length; of a number it is `LONGEST_VARINT`."""


def cast(mould: Mould, body: Bytes, starts: Places, ends: Places) -> Followed:
    """Return which records from `starts` to `ends` fit a mould, and where their values are.

    As `follow`: no length is believed. All texts of records that fit are ASCII, or the same as in a record that
    protobuf has accepted.
    """
    at, matches = starts, np.ones(len(starts), np.bool_)
    alike: dict[int, Places] = {}  # lengths that are the same in all records, by what they are
    places: dict[str, Places] = {}
    lengths: dict[str, Places] = {}
    words: dict[str, Words] = {}
    for run in mould.runs:
        read = body.raw(at, len(run.mask) * _WORD).view("<u8").reshape(-1, len(run.mask))
        if not _all_fit(run, read):
            matches &= ((read & run.mask) == run.template).all(axis=1)
        for name, offset, size in run.values:
            places[name] = at + offset
            if size not in alike:
                alike[size] = np.full(len(at), size)
            lengths[name] = alike[size]
        at = at + run.size
        if run.loose is not None:
            length = _length(run.loose, read.view(np.uint8), matches)
            seen = _passed(run.loose, body, at, length, matches)
            if run.loose.name:
                places[run.loose.name], lengths[run.loose.name] = at, length
                if seen is not None:
                    words[run.loose.name] = seen
            at = at + length
        # Records that do not match may point anywhere.
        at = np.minimum(at, body.size)
    return Followed(matches & (at == ends), places, lengths, (), words)


def _all_fit(run: Run, read: Words) -> bool:
    """Say whether all rows have the bytes of a run, as nearly always.

    Of a long run that is asked of each bit of a block of rows, over all blocks: they are read twice and none written.
    """
    whole = len(read) - len(read) % BLOCK if len(run.mask) > _SHORT else 0
    if whole:
        mask, template = run.block
        blocks = read[:whole].reshape(-1, len(mask))
        for reduce in (np.bitwise_and.reduce, np.bitwise_or.reduce):
            if not ((reduce(blocks, axis=0) & mask) == template).all():
                return False
    return bool(((read[whole:] & run.mask) == run.template).all())


def _length(loose: Loose, read: NDArray[np.uint8], matches: Flags) -> Places:
    """Return the length of a value from the last of its lengths, all of which must agree."""
    offset, count, more = loose.lengths[-1]
    others = [(place, other, by - more) for place, other, by in loose.lengths[:-1]]
    if count == 1 and all(other == 1 and 0 <= by < _MORE for _, other, by in others):
        last = read[:, offset]
        matches &= last < _MORE - max([0, *(by for _, _, by in others)])  # so none of them takes two bytes
        for place, _, by in others:
            matches &= read[:, place] == last + np.uint8(by)
        return np.maximum(last.astype(np.intp) - more, 0)
    length = _number(read, offset, count, matches)
    for place, other, by in others:
        matches &= _number(read, place, other, matches) == length + by
    return np.maximum(length - more, 0)


def _number(read: NDArray[np.uint8], offset: int, count: int, matches: Flags) -> Places:
    low = read[:, offset].astype(np.intp)
    if count == 1:
        matches &= low < _MORE
        return low
    high = read[:, offset + 1].astype(np.intp)
    matches &= (low >= _MORE) & (high < _MORE)
    return (low & 0x7F) | (high & 0x7F) << 7


def _passed(loose: Loose, body: Bytes, at: Places, length: Places, matches: Flags) -> Words | None:
    """Check the bytes of a value: ASCII of a text, the form of a number; return those of a text that is short."""
    longest = _LONGEST.get(loose.kind, LONGEST_VARINT)
    matches &= length <= longest
    width = min(int(length.max(initial=0)), longest)
    if loose.kind == TEXT and width <= WIDEST:
        words = body.words(at, length, max(-(-width // _WORD), 1))
        if (words & _HIGH).any():
            matches &= ~(words & _HIGH).any(axis=1)
        return words
    if loose.kind != TEXT:
        matches &= length > 0
    if not width:
        return None
    more = body.raw(at, width).view(np.uint8).reshape(-1, width) >= _MORE
    place = np.arange(width)
    inside = place < length[:, None]
    expected = False if loose.kind == TEXT else place + 1 < length[:, None]
    matches &= ((more == expected) | ~inside).all(axis=1)
    return None
