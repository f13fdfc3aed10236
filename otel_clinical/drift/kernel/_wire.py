"""Take the clean records of a request in columns, without looking at one alone.

Protobuf has accepted the whole request already: what remains is to find the values. Records that are not written
exactly like others of the same request, and records of which anything is to be refused or set aside, are left to the
general reader, one by one. So both routes give the same rows; that is a property test.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.kernel._batch import Kind
from otel_clinical.drift.kernel._records import KINDS, LOG_KEYS, SPAN_KEYS, is_inference
from otel_clinical.drift.kernel._wire_bytes import Bytes
from otel_clinical.drift.kernel._wire_columns import Columns
from otel_clinical.drift.kernel._wire_follow import follow
from otel_clinical.drift.kernel._wire_frames import frames
from otel_clinical.drift.kernel._wire_rows import SPAN, START, TIME, inference_rows, outcome_rows, review_rows
from otel_clinical.drift.kernel._wire_skeleton import Layout, Skeleton, UnusualError, resembles, skeleton_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

    from otel_clinical.drift.kernel._subject import Reader
    from otel_clinical.drift.kernel._wire_frames import Frame

    Rows = NDArray[np.void]
    Places = NDArray[np.intp]
    Build = Callable[[Reader, Columns], Rows]

SPANS: Final = Layout(0x4A, frozenset(key.encode() for key in SPAN_KEYS), {0x12: SPAN, 0x39: START})
"""Of `opentelemetry.proto.trace.v1.Span`: attributes are field 9, the span id 2, the start 7."""
EVENTS: Final = Layout(0x32, frozenset(key.encode() for key in LOG_KEYS), {0x09: TIME}, literal=0x62)
"""Of `opentelemetry.proto.logs.v1.LogRecord`: attributes are field 6, the time 1, the event name 12."""
FEWEST: Final = 24
"""Records of one skeleton below which one by one is faster."""
_MOST_SKELETONS: Final = 12
_RECENT: Final = {layout.attributes: deque[Skeleton](maxlen=4) for layout in (SPANS, EVENTS)}
"""The last skeletons by layout. Only a short cut: whichever is tried, every byte is compared."""
_BUILD: Final[Mapping[Kind, Build]] = {Kind.OUTCOME: outcome_rows, Kind.REVIEW: review_rows}


@dataclass(frozen=True, eq=False)
class Gathered:
    """What could be taken of one scope.

    Attributes:
        rows: Rows.
        places: Which record of the scope each row is.
        ignored: Records that are not about clinical AI.
        rest: The records that are left, in order.
    """

    rows: list[Rows]
    places: list[Places]
    ignored: int
    rest: list[int]


class Wire:
    """The bytes of one accepted request.

    Args:
        body: The request.
        layout: `SPANS` or `EVENTS`.
        fewest: Records of one skeleton below which they are left to the general reader.

    Raises:
        UnusualError: Its frame is not as every exporter writes it.
    """

    def __init__(self, body: bytes, layout: Layout, fewest: int) -> None:
        self._raw = body
        self._layout = layout
        self._fewest = max(fewest, 1)
        found = frames(body)
        self._frames = {(frame.group, frame.scope): frame for frame in found}
        self._body = Bytes(body) if any(len(frame.starts) >= self._fewest for frame in found) else None

    def gather(self, group: int, scope: int, reader: Reader, shared: Mapping[str, AnyValue]) -> Gathered | None:
        """Take what can be taken of one scope; None if nothing is worth it."""
        frame = self._frames.get((group, scope))
        if self._body is None or frame is None or len(frame.starts) < self._fewest:
            return None
        return _Scope(self._body, self._raw, frame, self._layout).gather(reader, shared, self._fewest)


class _Scope:
    """The records of one scope while they are taken."""

    def __init__(self, body: Bytes, raw: bytes, frame: Frame, layout: Layout) -> None:
        self._body, self._raw, self._layout = body, raw, layout
        self._starts, self._ends = np.array(frame.starts, np.intp), np.array(frame.ends, np.intp)
        self._rows: list[Rows] = []
        self._places: list[Places] = []
        self._ignored = 0
        self._rest: list[Places] = []

    def gather(self, reader: Reader, shared: Mapping[str, AnyValue], fewest: int) -> Gathered:
        """Try the skeleton of the first record that is left on all that are left, until few are."""
        left = np.arange(len(self._starts))
        for _ in range(_MOST_SKELETONS):
            if len(left) < fewest:
                break
            left = self._follow(left, reader, shared)
        self._rest.append(left)
        rest: list[int] = np.sort(np.concatenate(self._rest)).tolist()
        return Gathered(self._rows, self._places, self._ignored, rest)

    def _follow(self, left: Places, reader: Reader, shared: Mapping[str, AnyValue]) -> Places:
        """Take the records of one skeleton; return those that have another."""
        first = int(left[0])
        try:
            skeleton = _skeleton(self._raw[self._starts[first] : self._ends[first]], self._layout)
        except UnusualError:
            self._rest.append(left[:1])
            return left[1:]
        followed = follow(skeleton, self._body, self._starts[left], self._ends[left])
        same = np.flatnonzero(followed.matches)
        columns = Columns(
            self._body,
            {name: places[same] for name, places in followed.places.items()},
            {name: lengths[same] for name, lengths in followed.lengths.items()},
            skeleton.kinds,
            shared,
            np.ones(len(same), np.bool_),
        )
        self._take(skeleton, columns, left[same], reader)
        return left[~followed.matches]

    def _take(self, skeleton: Skeleton, columns: Columns, places: Places, reader: Reader) -> None:
        build, ours = _builder(skeleton, self._layout)
        if not ours:
            self._ignored += len(places)
        elif build is None:
            self._rest.append(places)
        else:
            rows = build(reader, columns)
            self._rows.append(rows[columns.clean])
            self._places.append(places[columns.clean])
            self._rest.append(places[~columns.clean])


def _skeleton(record: bytes, layout: Layout) -> Skeleton:
    """Return the skeleton of a record, one of the last few if it is that: exporters go on as they began.

    Raises:
        UnusualError: It cannot serve as one.
    """
    recent = _RECENT[layout.attributes]
    for skeleton in tuple(recent):
        if resembles(record, skeleton):
            return skeleton
    made = skeleton_of(record, layout)
    recent.append(made)
    return made


def _builder(skeleton: Skeleton, layout: Layout) -> tuple[Build | None, bool]:
    """Return what makes rows of records with this skeleton, and whether they are about clinical AI at all."""
    if layout is SPANS:
        return inference_rows, is_inference(skeleton.kinds)
    kind = KINDS.get(skeleton.literal.decode())
    return None if kind is None else _BUILD.get(kind), kind is not None
