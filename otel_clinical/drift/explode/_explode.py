"""Take OTLP requests apart: every usable record becomes a row, everything else a counted rejection."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_clinical.drift.explode._batch import RECORD, Batch
from otel_clinical.drift.explode._bounds import is_dense, weigh
from otel_clinical.drift.explode._exploded import Exploded, Rejection
from otel_clinical.drift.explode._records import (
    LOG_KEYS,
    SPAN_KEYS,
    Row,
    event_row,
    inference_row,
    is_inference,
    is_shadow,
    kind_of,
)
from otel_clinical.drift.explode._salvage import salvage
from otel_clinical.drift.explode._subject import SUBJECT_KEYS, Reader
from otel_clinical.drift.explode._values import RefusedError
from otel_clinical.drift.explode._wire import EVENTS, FEWEST, SPANS, Wire
from otel_clinical.drift.explode._wire_skeleton import UnusualError
from otel_clinical.semconv.enums import ProcessorRejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from google.protobuf.message import Message
    from numpy.typing import NDArray
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

    from otel_clinical.drift.explode._index import PolicyIndex
    from otel_clinical.drift.explode._wire import Gathered
    from otel_clinical.drift.explode._wire_skeleton import Layout

_Record = TypeVar("_Record", Span, LogRecord)
_DIGESTS: Final = 100  # rejected records of one request that get a digest: a hostile one shall not cost more


def explode_traces(body: bytes, received: float, scope: PolicyIndex, *, fewest: int = FEWEST) -> Exploded:
    """Return the inferences in a serialised `ExportTraceServiceRequest`.

    Args:
        body: Protobuf bytes, already decompressed.
        received: Unix seconds at which it arrived; times more than 5 minutes later are refused.
        scope: The declared words.
        fewest: Records alike below which they are read one by one; the result is the same.

    Raises:
        TooMuchError: It is made of more than a request may be.
    """
    return _Work(_TRACES, scope, received, fewest).walk(body)


def explode_logs(body: bytes, received: float, scope: PolicyIndex, *, fewest: int = FEWEST) -> Exploded:
    """Return the outcomes, reviews and deployment changes in a serialised `ExportLogsServiceRequest`.

    Args:
        body: Protobuf bytes, already decompressed.
        received: Unix seconds at which it arrived; times more than 5 minutes later are refused.
        scope: The declared words.
        fewest: Records alike below which they are read one by one; the result is the same.

    Raises:
        TooMuchError: It is made of more than a request may be.
    """
    return _Work(_LOGS, scope, received, fewest).walk(body)


def _span_row(reader: Reader, span: Span, shared: Mapping[str, AnyValue]) -> Row | None:
    values = {**shared, **reader.pick(span.attributes, SPAN_KEYS)}
    return inference_row(reader, span, values) if is_inference(values) and not is_shadow(values) else None


def _log_row(reader: Reader, record: LogRecord, shared: Mapping[str, AnyValue]) -> Row | None:
    kind = kind_of(record)
    if kind is None:
        return None
    return event_row(reader, kind, record, {**shared, **reader.pick(record.attributes, LOG_KEYS)})


@dataclass(frozen=True)
class _Shape(Generic[_Record]):
    """What tells the two kinds of request apart.

    Attributes:
        request: The message.
        record: What it carries.
        fields: Names of its resources, of their scopes, and of the scopes' records.
        row: Reads one record with the attributes of its resource; None if it is not about clinical AI. Raises
            `RefusedError`.
        layout: What to read of many records at once.
    """

    request: type[Message]
    record: type[_Record]
    fields: tuple[str, str, str]
    row: Callable[[Reader, _Record, Mapping[str, AnyValue]], Row | None]
    layout: Layout

    def scopes(
        self, request: Message, reader: Reader
    ) -> Iterator[tuple[tuple[int, int], Sequence[_Record], Mapping[str, AnyValue]]]:
        """Yield (resource and scope, records, what the resource says about all of them)."""
        resources, scopes, records = self.fields
        for place, group in enumerate(getattr(request, resources)):
            shared = reader.pick(group.resource.attributes, SUBJECT_KEYS)
            for ordinal, scope in enumerate(getattr(group, scopes)):
                yield (place, ordinal), getattr(scope, records), shared


_TRACES: Final = _Shape(ExportTraceServiceRequest, Span, ("resource_spans", "scope_spans", "spans"), _span_row, SPANS)
_LOGS: Final = _Shape(
    ExportLogsServiceRequest, LogRecord, ("resource_logs", "scope_logs", "log_records"), _log_row, EVENTS
)


class _Work(Generic[_Record]):
    """Rows and rejections of one request while it is taken apart."""

    def __init__(self, shape: _Shape[_Record], scope: PolicyIndex, received: float, fewest: int) -> None:
        self._shape: _Shape[_Record] = shape
        self._reader = Reader(scope, round(received * 1e6))
        self._fewest = fewest
        self._rows: list[Row] = []
        self._places: list[int] = []  # of each row in the request
        self._columns: list[tuple[NDArray[np.intp], NDArray[np.void]]] = []  # the same of rows made together
        self._count = 0
        self._rejections: list[Rejection] = []
        self._refused = self._ignored = 0

    def walk(self, body: bytes) -> Exploded:
        """Take every record, or every one that can be decoded by itself."""
        gathered = self._gather(body)
        if gathered and all(found.sound and not found.rest for found in gathered.values()):
            for found in gathered.values():
                self._add(found)
            return self._done()
        if not weigh(body):
            return _undecodable(body)
        if is_dense(body):
            return self._salvage(body)
        request = self._shape.request()
        try:
            request.ParseFromString(body)
        except DecodeError:
            return self._salvage(body)
        for place, records, shared in self._shape.scopes(request, self._reader):
            first = self._count
            rest: Iterable[int] = range(len(records))
            if place in gathered:
                rest = gathered[place].rest
                self._add(gathered[place])
            else:
                self._count += len(records)
            for number in rest:
                self._take(records[number], shared, first + number)
        return self._done()

    def _gather(self, body: bytes) -> Mapping[tuple[int, int], Gathered]:
        """Return what can be taken in columns, by resource and scope."""
        try:
            return Wire(body, self._shape.layout, self._shape.record, self._fewest).gather(self._reader)
        except UnusualError:
            return {}

    def _add(self, found: Gathered) -> None:
        self._columns += [(self._count + at, rows) for at, rows in zip(found.places, found.rows, strict=True)]
        self._ignored += found.ignored
        self._count += found.count

    def _take(self, record: _Record, shared: Mapping[str, AnyValue], place: int) -> None:
        try:
            row = self._shape.row(self._reader, record, shared)
        except RefusedError as refused:
            self._refuse(refused, record)
            return
        if row is None:
            self._ignored += 1
        else:
            self._keep(row, place)

    def _salvage(self, body: bytes) -> Exploded:
        """Take the records that can be decoded one by one out of a `body` that cannot be decoded as a whole."""
        try:
            found = list(salvage(body))
        except DecodeError:
            found = []
        if not found:
            return _undecodable(body)
        said: tuple[Resource, Mapping[str, AnyValue]] | None = None
        for place, (resource, data) in enumerate(found):
            if said is None or said[0] is not resource:
                said = resource, self._reader.pick(resource.attributes, SUBJECT_KEYS)
            record = self._shape.record()
            try:
                record.ParseFromString(data)
            except DecodeError:
                self._rejections.append(_unreadable(data))
            else:
                self._take(record, said[1], place)
        return self._done()

    def _done(self) -> Exploded:
        """Return the result, rows in the order of the request."""
        if not self._rows and len(self._columns) == 1:
            ((_, rows),) = self._columns
        else:
            rows = np.array(self._rows, RECORD)
        if (self._columns and self._rows) or len(self._columns) > 1:
            rows = np.concatenate([rows, *(made for _, made in self._columns)])
            places = np.concatenate([np.array(self._places, np.intp), *(at for at, _ in self._columns)])
            rows = rows if (places[1:] > places[:-1]).all() else rows[np.argsort(places)]
        batch = Batch(rows, self._reader.scope.words, self._reader.received)
        return Exploded(batch, tuple(self._rejections), self._ignored)

    def _keep(self, row: Row, place: int) -> None:
        self._rows.append(row)
        self._places.append(place)
        if self._reader.aside:
            self._rejections += [Rejection(reason, detail, kept=True) for reason, detail in self._reader.aside]
            self._reader.aside.clear()

    def _refuse(self, refused: RefusedError, record: Span | LogRecord) -> None:
        self._reader.aside.clear()
        self._refused += 1
        digest = ""
        if self._refused <= _DIGESTS:
            digest = hashlib.sha256(record.SerializeToString(deterministic=True)).hexdigest()
        self._rejections.append(Rejection(refused.reason, refused.detail, size=record.ByteSize(), digest=digest))


def _unreadable(record: bytes) -> Rejection:
    detail = "record is no protobuf, or a text in it is no UTF-8"
    digest = hashlib.sha256(record).hexdigest()
    return Rejection(ProcessorRejection.UNDECODABLE, detail, size=len(record), digest=digest)


def _undecodable(body: bytes) -> Exploded:
    detail = "body is not a protobuf export request of this signal"
    digest = hashlib.sha256(body).hexdigest()
    rejection = Rejection(ProcessorRejection.UNDECODABLE, detail, size=len(body), digest=digest)
    return Exploded(Batch.empty(), (rejection,), undecodable=True)
