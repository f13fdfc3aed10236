"""Take OTLP requests apart: every usable record becomes a row, everything else a counted rejection."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, TypeVar

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
    from collections.abc import Callable

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
    work = _Work(scope, received)
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        return work.salvage(body, Span, work.span)
    for resource_spans in request.resource_spans:
        shared = pick(resource_spans.resource.attributes, SUBJECT_KEYS)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                work.span(span, shared)
    return work.done()


def explode_logs(body: bytes, received: float, scope: PolicyIndex) -> Exploded:
    """Return the outcomes, reviews and deployment changes in a serialised `ExportLogsServiceRequest`.

    Args:
        body: Protobuf bytes, already decompressed.
        received: Unix seconds at which it arrived; times more than 5 minutes later are refused.
        scope: The declared words.
    """
    work = _Work(scope, received)
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        return work.salvage(body, LogRecord, work.log)
    for resource_logs in request.resource_logs:
        shared = pick(resource_logs.resource.attributes, SUBJECT_KEYS)
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                work.log(record, shared)
    return work.done()


class _Work:
    """Rows and rejections of one request while it is taken apart."""

    def __init__(self, scope: PolicyIndex, received: float) -> None:
        self._reader = Reader(scope, round(received * 1e6))
        self._rows: list[Row] = []
        self._rejections: list[Rejection] = []
        self._refused = self._ignored = 0

    def span(self, span: Span, shared: dict[str, AnyValue]) -> None:
        """Take one span."""
        values = {**shared, **pick(span.attributes, SPAN_KEYS)}
        if not is_inference(values):
            self._ignored += 1
            return
        try:
            self._keep(inference_row(self._reader, span, values))
        except RefusedError as refused:
            self._refuse(refused, span)

    def log(self, record: LogRecord, shared: dict[str, AnyValue]) -> None:
        """Take one log record."""
        kind = kind_of(record)
        if kind is None:
            self._ignored += 1
            return
        try:
            self._keep(event_row(self._reader, kind, record, {**shared, **pick(record.attributes, LOG_KEYS)}))
        except RefusedError as refused:
            self._refuse(refused, record)

    def salvage(
        self, body: bytes, kind: type[_Record], take: Callable[[_Record, dict[str, AnyValue]], None]
    ) -> Exploded:
        """Take the records that can be decoded one by one out of a `body` that cannot be decoded as a whole."""
        try:
            found = list(salvage(body))
        except DecodeError:
            found = []
        if not found:
            return _undecodable(body)
        for resource, data in found:
            record = kind()
            try:
                record.ParseFromString(data)
            except DecodeError:
                self._rejections.append(_unreadable(data))
            else:
                take(record, pick(resource.attributes, SUBJECT_KEYS))
        return self.done()

    def done(self) -> Exploded:
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
