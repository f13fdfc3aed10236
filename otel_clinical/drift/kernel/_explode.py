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

from otel_clinical.drift.kernel._batch import RECORD, Batch
from otel_clinical.drift.kernel._exploded import Exploded, Rejection
from otel_clinical.drift.kernel._records import (
    LOG_KEYS,
    SPAN_KEYS,
    Row,
    event_row,
    inference_row,
    is_inference,
    kind_of,
)
from otel_clinical.drift.kernel._salvage import salvage
from otel_clinical.drift.kernel._subject import SUBJECT_KEYS, Reader
from otel_clinical.drift.kernel._values import RefusedError, pick
from otel_clinical.semconv.enums import ProcessorRejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

    from otel_clinical.drift.kernel._index import PolicyIndex

_Record = TypeVar("_Record", Span, LogRecord)
_DIGESTS: Final = 100  # rejected records of one request that get a digest: a hostile one shall not cost more


def explode_traces(body: bytes, received: float, scope: PolicyIndex) -> Exploded:
    """Return the inferences in a serialised `ExportTraceServiceRequest`.

    Args:
        body: Protobuf bytes, already decompressed.
        received: Unix seconds at which it arrived; times more than 5 minutes later are refused.
        scope: The declared words.
    """
    return _Work(_TRACES, scope, received).walk(body)


def explode_logs(body: bytes, received: float, scope: PolicyIndex) -> Exploded:
    """Return the outcomes, reviews and deployment changes in a serialised `ExportLogsServiceRequest`.

    Args:
        body: Protobuf bytes, already decompressed.
        received: Unix seconds at which it arrived; times more than 5 minutes later are refused.
        scope: The declared words.
    """
    return _Work(_LOGS, scope, received).walk(body)


def _span_row(reader: Reader, span: Span, shared: dict[str, AnyValue]) -> Row | None:
    values = {**shared, **pick(span.attributes, SPAN_KEYS)}
    return inference_row(reader, span, values) if is_inference(values) else None


def _log_row(reader: Reader, record: LogRecord, shared: dict[str, AnyValue]) -> Row | None:
    kind = kind_of(record)
    return None if kind is None else event_row(reader, kind, record, {**shared, **pick(record.attributes, LOG_KEYS)})


@dataclass(frozen=True)
class _Shape(Generic[_Record]):
    """What tells the two kinds of request apart.

    Attributes:
        request: The message.
        record: What it carries.
        fields: Names of its resources, of their scopes, and of the scopes' records.
        row: Reads one record with the attributes of its resource; None if it is not about clinical AI. Raises
            `RefusedError`.
    """

    request: type[Message]
    record: type[_Record]
    fields: tuple[str, str, str]
    row: Callable[[Reader, _Record, dict[str, AnyValue]], Row | None]

    def records(self, request: Message) -> Iterator[tuple[_Record, dict[str, AnyValue]]]:
        """Yield the records of a request, each with what its resource says about all of them."""
        resources, scopes, records = self.fields
        for group in getattr(request, resources):
            shared = pick(group.resource.attributes, SUBJECT_KEYS)
            for scope in getattr(group, scopes):
                for record in getattr(scope, records):
                    yield record, shared


_TRACES: Final = _Shape(ExportTraceServiceRequest, Span, ("resource_spans", "scope_spans", "spans"), _span_row)
_LOGS: Final = _Shape(ExportLogsServiceRequest, LogRecord, ("resource_logs", "scope_logs", "log_records"), _log_row)


class _Work(Generic[_Record]):
    """Rows and rejections of one request while it is taken apart."""

    def __init__(self, shape: _Shape[_Record], scope: PolicyIndex, received: float) -> None:
        self._shape: _Shape[_Record] = shape
        self._reader = Reader(scope, round(received * 1e6))
        self._rows: list[Row] = []
        self._rejections: list[Rejection] = []
        self._refused = self._ignored = 0

    def walk(self, body: bytes) -> Exploded:
        """Take every record, or every one that can be decoded by itself."""
        request = self._shape.request()
        try:
            request.ParseFromString(body)
        except DecodeError:
            return self._salvage(body)
        for record, shared in self._shape.records(request):
            self._take(record, shared)
        return self._done()

    def _take(self, record: _Record, shared: dict[str, AnyValue]) -> None:
        try:
            row = self._shape.row(self._reader, record, shared)
        except RefusedError as refused:
            self._refuse(refused, record)
            return
        if row is None:
            self._ignored += 1
        else:
            self._keep(row)

    def _salvage(self, body: bytes) -> Exploded:
        """Take the records that can be decoded one by one out of a `body` that cannot be decoded as a whole."""
        try:
            found = list(salvage(body))
        except DecodeError:
            found = []
        if not found:
            return _undecodable(body)
        for resource, data in found:
            record = self._shape.record()
            try:
                record.ParseFromString(data)
            except DecodeError:
                self._rejections.append(_unreadable(data))
            else:
                self._take(record, pick(resource.attributes, SUBJECT_KEYS))
        return self._done()

    def _done(self) -> Exploded:
        """Return the result."""
        batch = Batch(np.array(self._rows, RECORD), tuple(self._reader.words), self._reader.received)
        return Exploded(batch, tuple(self._rejections), self._ignored)

    def _keep(self, row: Row) -> None:
        self._rows.append(row)
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
