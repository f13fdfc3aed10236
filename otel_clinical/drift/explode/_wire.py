"""Take the clean records of a request in columns, without looking at one alone.

Records that are not written exactly like others of the same request, and records of which anything is to be refused
or set aside, are left to protobuf and the general reader, one by one. Where every record was followed to its end and
all texts are ASCII, protobuf would accept the request, and need not be asked. So both routes give the same rows; that
is a property test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_clinical.drift.explode._batch import Kind
from otel_clinical.drift.explode._records import KINDS, LOG_KEYS, SPAN_KEYS, is_inference
from otel_clinical.drift.explode._subject import SUBJECT_KEYS
from otel_clinical.drift.explode._wire_bytes import Bytes
from otel_clinical.drift.explode._wire_cast import cast
from otel_clinical.drift.explode._wire_columns import Columns
from otel_clinical.drift.explode._wire_follow import follow
from otel_clinical.drift.explode._wire_frames import groups
from otel_clinical.drift.explode._wire_recent import Recent
from otel_clinical.drift.explode._wire_rows import SPAN, START, TIME, inference_rows, outcome_rows, review_rows
from otel_clinical.drift.explode._wire_skeleton import Layout, UnusualError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.message import Message
    from numpy.typing import NDArray
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

    from otel_clinical.drift.explode._subject import Reader
    from otel_clinical.drift.explode._wire_frames import Frame, Group
    from otel_clinical.drift.explode._wire_recent import Known
    from otel_clinical.drift.explode._wire_skeleton import Followed, Skeleton

    Rows = NDArray[np.void]
    Places = NDArray[np.intp]
    Build = Callable[[Reader, Columns], Rows]

SPANS: Final = Layout(
    attributes=0x4A,
    wanted=frozenset(key.encode() for key in SPAN_KEYS),
    fields={0x12: SPAN, 0x39: START},
    texts=frozenset({0x1A, 0x2A}),
    raw=frozenset({0x0A, 0x12, 0x22}),
)
"""Of `opentelemetry.proto.trace.v1.Span`: attributes are field 9, the span id 2, the start 7, the name 5."""
EVENTS: Final = Layout(
    attributes=0x32,
    wanted=frozenset(key.encode() for key in LOG_KEYS),
    fields={0x09: TIME},
    texts=frozenset({0x1A}),
    raw=frozenset({0x4A, 0x52}),
    literal=0x62,
)
"""Of `opentelemetry.proto.logs.v1.LogRecord`: attributes are field 6, the time 1, the event name 12."""
FEWEST: Final = 24
"""Records of one skeleton below which one by one is faster."""
_MOST_SKELETONS: Final = 16
_MOST_LEARNT: Final = 64
"""Skeletons that are learnt from one request: each takes as long as some records read one by one."""
_TAG_AND_SIZE: Final = 5  # bytes before a record: its tag, and its length in at most four
_RECENT: Final = {layout.attributes: Recent() for layout in (SPANS, EVENTS)}
_BUILD: Final[Mapping[Kind, Build]] = {Kind.OUTCOME: outcome_rows, Kind.REVIEW: review_rows}


@dataclass(frozen=True, eq=False)
class Gathered:
    """What could be taken of one scope.

    Attributes:
        rows: Rows.
        places: Which record of the scope each row is.
        count: Records of the scope.
        ignored: Records that are not about clinical AI.
        rest: The records that are left, in order.
        sound: Whether protobuf accepts every record of the scope; if not, only protobuf itself can tell.
    """

    rows: list[Rows]
    places: list[Places]
    count: int
    ignored: int
    rest: list[int]
    sound: bool


class Wire:
    """The bytes of one request, not looked at by protobuf yet.

    Args:
        body: The request.
        layout: `SPANS` or `EVENTS`.
        record: Message of one record.
        fewest: Records of one skeleton below which they are left to the general reader.

    Attributes:
        raw: The request.
        layout: `SPANS` or `EVENTS`.
        record: Message of one record.
        fewest: Records of one skeleton that are worth it.

    Raises:
        UnusualError: Its frame is not as every exporter writes it, or is broken.
    """

    def __init__(self, body: bytes, layout: Layout, record: type[Message], fewest: int) -> None:
        self.raw = body
        self.layout, self.record = layout, record
        self.fewest = max(fewest, 1)
        self._learnt = 0
        self._groups = groups(body)
        worth = any(len(frame.starts) >= self.fewest for group in self._groups for frame in group.frames)
        self._body = Bytes(body) if worth else None

    def gather(self, reader: Reader) -> dict[tuple[int, int], Gathered]:
        """Take what can be taken, by ordinal of the resource and of the scope in it."""
        if self._body is None:
            return {}
        try:
            shared = [self._shared(group, reader) for group in self._groups]
        except (DecodeError, UnicodeDecodeError):
            return {}
        return {
            (frame.group, frame.scope): _Scope(self, self._body, frame, (reader, values)).gather()
            for group, values in zip(self._groups, shared, strict=True)
            for frame in group.frames
        }

    def learn(self, record: bytes) -> Known:
        """Return the skeleton of a record.

        Raises:
            UnusualError: It cannot serve as one, or as many were learnt from this request as may be.
            DecodeError: It is no such message.
        """
        self._learnt += 1
        if self._learnt > _MOST_LEARNT:
            raise UnusualError
        return _RECENT[self.layout.attributes].made(record, self.layout, self.record)

    def _shared(self, group: Group, reader: Reader) -> Mapping[str, AnyValue]:
        """Return what a resource says about all its records, after a look at everything around them."""
        resource = Resource()
        for start, end in group.resource:
            resource.ParseFromString(self.raw[start:end])
        for frame in group.frames:
            for start, end in frame.around:
                InstrumentationScope.FromString(self.raw[start:end])
        for start, end in (*group.schemas, *(one for frame in group.frames for one in frame.schemas)):
            self.raw[start:end].decode()
        return reader.pick(resource.attributes, SUBJECT_KEYS)


class _Scope:
    """The records of one scope while they are taken."""

    def __init__(self, wire: Wire, body: Bytes, frame: Frame, read: tuple[Reader, Mapping[str, AnyValue]]) -> None:
        self._wire, self._body = wire, body
        self._reader, self._shared = read
        self._starts, self._ends = np.array(frame.starts, np.intp), np.array(frame.ends, np.intp)
        self._rows: list[Rows] = []
        self._places: list[Places] = []
        self._ignored = 0
        self._rest: list[Places] = []
        self._proved: list[Places] = []
        self._seen = 0
        self._binary: list[tuple[Places, int]] = []

    def gather(self) -> Gathered:
        """Try the skeleton of the first record that is left on all that are left, until few are."""
        left = np.arange(len(self._starts))
        for _ in range(_MOST_SKELETONS):
            if len(left) < self._wire.fewest:
                break
            left = self._follow(left)
        self._rest.append(left)
        rest: list[int] = np.sort(np.concatenate(self._rest)).tolist()
        return Gathered(self._rows, self._places, len(self._starts), self._ignored, rest, self._sound())

    def _sound(self) -> bool:
        """Say whether every record has a skeleton that looks at everything, and its texts are ASCII."""
        proved = sum(map(len, self._proved))
        if proved + self._seen < len(self._starts):
            return False
        if not len(self._starts):
            return True
        gaps = self._starts[1:] - self._ends[:-1]
        if (gaps > _TAG_AND_SIZE).any():
            return False  # something stands between the records
        if not self._seen:
            return True
        between = [(self._starts[1:][gaps >= width] - width + 1, 1) for width in range(2, _TAG_AND_SIZE + 1)]
        passed = [(self._starts[places], self._ends[places]) for places in self._proved]
        start, end = int(self._starts[0]), int(self._ends[-1])
        return self._body.ascii(start, end, (*self._binary, *between), passed)

    def _follow(self, left: Places) -> Places:
        """Take the records that are like the first of those `left`; return the others."""
        try:
            known = self._known(left)
            if known.mould is not None:
                followed = cast(known.mould, self._body, self._starts[left], self._ends[left])
                taken = self._matching(known.skeleton, followed, left, known.mould.same)
                self._proved.append(taken)
                left, tried = left[~followed.matches], known
                if len(left) < self._wire.fewest:
                    return left
                known = self._known(left)
                if known is not tried:
                    return left  # it may have a mould of its own
            followed = follow(known.skeleton, self._body, self._starts[left], self._ends[left])
            if not followed.matches[0]:  # it resembled a recent one, and is another: that would be tried for ever
                known = self._wire.learn(self._first(left))
                followed = follow(known.skeleton, self._body, self._starts[left], self._ends[left])
        except (UnusualError, DecodeError):
            self._rest.append(left[:1])
            return left[1:]
        taken = self._matching(known.skeleton, followed, left, {})
        if known.skeleton.sound:
            self._seen += len(taken)
            self._binary += [(places[followed.matches], width) for places, width in followed.binary]
        if len(taken) >= self._wire.fewest:
            known.learn(self._wire.raw, self._starts[taken], self._ends[taken])
        return left[~followed.matches]

    def _known(self, left: Places) -> Known:
        record = self._first(left)
        return _RECENT[self._wire.layout.attributes].like(record) or self._wire.learn(record)

    def _first(self, left: Places) -> bytes:
        first = int(left[0])
        return self._wire.raw[self._starts[first] : self._ends[first]]

    def _matching(self, skeleton: Skeleton, followed: Followed, left: Places, same: Mapping[str, str]) -> Places:
        """Make rows of the records that were followed; return which those are."""
        if followed.matches.all():
            places, lengths, words, matching = followed.places, followed.lengths, followed.words, left
        else:
            chosen = np.flatnonzero(followed.matches)
            places = {name: found[chosen] for name, found in followed.places.items()}
            lengths = {name: found[chosen] for name, found in followed.lengths.items()}
            words = {name: found[chosen] for name, found in followed.words.items()}
            matching = left[chosen]
        clean = np.ones(len(matching), np.bool_)
        columns = Columns(self._body, places, lengths, words, skeleton.kinds, self._shared, same, clean)
        self._take(skeleton, columns, matching)
        return matching

    def _take(self, skeleton: Skeleton, columns: Columns, places: Places) -> None:
        build, ours = _builder(skeleton, self._wire.layout)
        if not ours:
            self._ignored += len(places)
        elif build is None:
            self._rest.append(places)
        elif len(places):
            rows = build(self._reader, columns)
            if columns.clean.all():
                self._rows.append(rows)
                self._places.append(places)
                return
            self._rows.append(rows[columns.clean])
            self._places.append(places[columns.clean])
            self._rest.append(places[~columns.clean])


def _builder(skeleton: Skeleton, layout: Layout) -> tuple[Build | None, bool]:
    """Return what makes rows of records with this skeleton, and whether they are about clinical AI at all."""
    if layout is SPANS:
        return inference_rows, is_inference(skeleton.kinds)
    kind = KINDS.get(skeleton.literal.decode())
    return None if kind is None else _BUILD.get(kind), kind is not None
