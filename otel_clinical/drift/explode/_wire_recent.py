"""The last few skeletons with their moulds: exporters go on as they began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._wire_mould import mould_of
from otel_clinical.drift.explode._wire_skeleton import resembles, skeleton_of

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from numpy.typing import NDArray

    from otel_clinical.drift.explode._wire_mould import Mould
    from otel_clinical.drift.explode._wire_skeleton import Layout, Skeleton

_KEPT: Final = 32
"""Kinds of record that are known at a time: each program and version of an SDK may have one of its own."""
_SAMPLE: Final = 16
"""Records that a mould is learnt from."""


class Known:
    """A skeleton and what its records were found to have in common. Only a short cut: every byte is compared.

    Attributes:
        skeleton: The skeleton.
        mould: None if none is worth trying.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self.mould: Mould | None = None
        self._settled = False

    def learn(self, body: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> None:
        """Look at some of the records from `starts` to `ends` that have the skeleton and do not fit the mould."""
        if self._settled:
            return
        chosen = np.unique(np.linspace(0, len(starts) - 1, _SAMPLE).astype(np.intp))
        records = [body[start:end] for start, end in zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True)]
        made = mould_of(self.skeleton, records, self.mould)
        if made is None or (self.mould is not None and made.levels == self.mould.levels):
            self._settled = True  # it cannot be made to fit them
        else:
            self.mould = made


class Recent:
    """The skeletons of one kind of record that were seen last."""

    def __init__(self) -> None:
        self._kept: tuple[Known, ...] = ()  # newest first; replaced as a whole, since several threads use it

    def like(self, record: bytes) -> Known | None:
        """Return the one that a record resembles."""
        kept = self._kept
        found = next((one for one in kept if resembles(record, one.skeleton)), None)
        if found is not None and found is not kept[0]:
            self._put(found)
        return found

    def made(self, record: bytes, layout: Layout, message: type[Message]) -> Known:
        """Return the skeleton of a record.

        Raises:
            UnusualError: It cannot serve as one.
            DecodeError: It is no such message.
        """
        message().ParseFromString(record)
        made = Known(skeleton_of(record, layout))
        self._put(made)
        return made

    def forget(self) -> None:
        """Begin anew."""
        self._kept = ()

    def _put(self, one: Known) -> None:
        self._kept = (one, *(other for other in self._kept if other is not one))[:_KEPT]
