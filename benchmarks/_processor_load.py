"""Requests as the SDK encodes them, without end: templates whose ids and times are rewritten in place.

Encoding a span costs the SDK more than decoding it costs the processor. So a few hundred requests' worth of records is
recorded by our own instrumentation and encoded by the SDK once, and every request sent is one of those, with the bytes
of its ids and times replaced: all of them have a fixed width on the wire.
"""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_clinical.instrument import (
    QualityResult,
    Receipt,
    Telemetry,
    declare_segments,
    record_inference,
    record_outcome,
    record_review,
)
from otel_clinical.semconv.enums import ConfidenceMethod, InputQualityAction, OutcomeResult, ReviewAction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from opentelemetry.context import Context
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanRecord

    from otel_clinical.policy import ModelPolicy

TRACES, LOGS = "/v1/traces", "/v1/logs"
START: Final = 1_790_000_000.0  # of the templates: any time that is nobody's
DAY: Final = 86_400.0
OUTCOME_AGE: Final = 31 * DAY
"""Age of an inference when its outcome arrives: past the maturity of the policy."""
REVIEW_AGE: Final = 1800.0
_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_OWN: Final = {
    "http.route": "/v1/encounters/{id}/codes",
    "server.address": "coding.internal",
    "gen_ai.request.model": "coder-large",
}
"""What the application's own processor puts on every span and event, to make twenty attributes."""


class _OwnSpans(SpanProcessor):
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 -- the SDK's
        span.set_attributes(_OWN)


class _OwnEvents(LogRecordProcessor):
    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        log_record.log_record.attributes = {**(log_record.log_record.attributes or {}), **_OWN}

    def shutdown(self) -> None:
        """Nothing to end."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 -- the SDK's
        return True


@dataclass(frozen=True, eq=False)
class Template:
    """One encoded request and where in it the bytes are that differ from request to request.

    Attributes:
        path: Where it is posted.
        body: The bytes.
        ids: (records, k) offsets of 8 raw bytes.
        names: (records, k) offsets of 32 hexadecimal digits; all of one record get different ones.
        times: (records, k) offsets of nanoseconds in 8 bytes.
        seconds: (records, 1 or 0) offsets of the inference's time, seconds as a double.
        age: Seconds by which the inference is older than the record.
    """

    path: str
    body: bytes
    ids: NDArray[np.intp]
    names: NDArray[np.intp]
    times: NDArray[np.intp]
    seconds: NDArray[np.intp]
    age: float

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.ids)

    def fresh(self, draw: np.random.Generator, start: float, step: float) -> bytes:
        """Return the request with ids of its own, its first record at `start` and one every `step` seconds."""
        count = len(self)
        body = np.frombuffer(self.body, np.uint8).copy()
        _put(body, self.ids, draw.bytes(self.ids.size * 8), 8)
        digits = _HEX[draw.integers(0, 16, self.names.size * 32, np.uint8)]
        _put(body, self.names, digits.tobytes(), 32)
        when = start + step * np.arange(count)
        nanos = np.repeat(np.rint(when * 1e6).astype("<u8") * 1000, self.times.shape[1])
        _put(body, self.times, nanos.tobytes(), 8)
        _put(body, self.seconds, (np.rint((when - self.age) * 1e6) / 1e6).astype("<f8").tobytes(), 8)
        return body.tobytes()


def _put(body: NDArray[np.uint8], places: NDArray[np.intp], data: bytes, width: int) -> None:
    """Overwrite `width` bytes at each of `places`."""
    if places.size:
        body[places.reshape(-1, 1) + np.arange(width)] = np.frombuffer(data, np.uint8).reshape(-1, width)


class Recorder:
    """Records through the instrumentation and a real SDK.

    Args:
        model: Policy of the model that is recorded.
        name: Its name.
    """

    def __init__(self, name: str, model: ModelPolicy) -> None:
        self._name, self._model = name, model
        self._draw = random.Random(20_261_129)  # noqa: S311 -- the same every time
        self._spans, self._events = InMemorySpanExporter(), InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        tracers, loggers = TracerProvider(), LoggerProvider()
        tracers.add_span_processor(_OwnSpans())
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        loggers.add_log_record_processor(_OwnEvents())
        loggers.add_log_record_processor(SimpleLogRecordProcessor(self._events))
        self._providers = (tracers, loggers)
        self._telemetry = Telemetry(
            tracer_provider=tracers,
            meter_provider=NoOpMeterProvider(),
            logger_provider=loggers,
            synchronous=True,
        )
        declare_segments({name.value: values for name, values in model.segments.items()}, telemetry=self._telemetry)

    def spans(self, count: int) -> Template:
        """Return a request of `count` inferences."""
        for _ in range(count):
            self._inference()
        body = encode_spans(self._spans.get_finished_spans()).SerializeToString()
        self._forget()
        return _traces(body)

    def outcomes(self, count: int) -> Template:
        """Return a request of `count` outcomes."""
        for _ in range(count):
            right = self._draw.random() < 0.9
            result = OutcomeResult.CORRECT if right else OutcomeResult.INCORRECT
            record_outcome(self._inference(), result=result, score=float(right), at=START, telemetry=self._telemetry)
        return self._logs(OUTCOME_AGE)

    def reviews(self, count: int) -> Template:
        """Return a request of `count` reviews."""
        for _ in range(count):
            action = self._draw.choice((ReviewAction.ACCEPTED, ReviewAction.ACCEPTED, ReviewAction.EDITED))
            record_review(self._inference(), action=action, duration=12.0, at=START, telemetry=self._telemetry)
        return self._logs(REVIEW_AGE)

    def close(self) -> None:
        """Stop the SDK."""
        self._telemetry.shutdown()
        for provider in self._providers:
            provider.shutdown()

    def _inference(self) -> Receipt:
        draw = self._draw
        quality = round(min(max(draw.gauss(0.95, 0.04), 0.0), 1.0), 4)
        return record_inference(
            model=self._name,
            version="7",
            use_case=self._model.use_case,
            segments={name.value: draw.choice(values) for name, values in self._model.segments.items()},
            confidence=round(min(max(draw.gauss(0.85, 0.1), 0.0), 1.0), 4),
            confidence_method=ConfidenceMethod.CALIBRATED,
            quality=QualityResult(quality, InputQualityAction.PASS),
            started_at=START,
            duration=0.0,
            activation=1,
            telemetry=self._telemetry,
        )

    def _logs(self, age: float) -> Template:
        body = encode_logs(self._events.get_finished_logs()).SerializeToString()
        self._forget()
        return _events(body, age)

    def _forget(self) -> None:
        self._spans.clear()
        self._events.clear()


def _traces(body: bytes) -> Template:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 -- only to make templates
        ExportTraceServiceRequest,
    )

    request = ExportTraceServiceRequest.FromString(body)
    spans: Sequence[SpanRecord] = request.resource_spans[0].scope_spans[0].spans
    return _template(TRACES, body, spans, 0.0, (b"\x39", b"\x41"))


def _events(body: bytes, age: float) -> Template:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415 -- only to make templates
        ExportLogsServiceRequest,
    )

    request = ExportLogsServiceRequest.FromString(body)
    records: Sequence[LogRecord] = request.resource_logs[0].scope_logs[0].log_records
    return _template(LOGS, body, records, age, (b"\x09", b"\x59"))


def _template(
    path: str, body: bytes, records: Sequence[SpanRecord | LogRecord], age: float, time_tags: tuple[bytes, bytes]
) -> Template:
    """Find the bytes to rewrite, record by record: each record's ids are random, so they occur nowhere else."""
    ids, names, times, seconds, start = [], [], [], [], 0
    for record in records:
        raw = record.SerializeToString()
        start = body.index(raw, start)
        ids.append([start + raw.index(record.trace_id), start + raw.index(record.trace_id) + 8])
        ids[-1].append(start + raw.index(record.span_id))
        texts = {pair.key: pair.value for pair in record.attributes}
        names.append([start + raw.index(texts[key].string_value.encode()) for key in _names(texts)])
        times.append([start + _after(raw, tag, record) for tag in time_tags])
        seconds.append([start + raw.index(b"\x21" + _double(texts[key].double_value)) + 1 for key in _seconds(texts)])
        start += len(raw)
    return Template(path, body, _places(ids), _places(names), _places(times), _places(seconds), age)


def _places(found: list[list[int]]) -> NDArray[np.intp]:
    return np.array(found, np.intp)


def _after(raw: bytes, tag: bytes, record: SpanRecord | LogRecord) -> int:
    """Return where the 8 bytes after `tag` stand that hold one of the record's times."""
    values = [getattr(record, name) for name in _TIMES if hasattr(record, name)]
    return next(raw.index(key) + 1 for key in (tag + value.to_bytes(8, "little") for value in values) if key in raw)


_TIMES: Final = ("start_time_unix_nano", "end_time_unix_nano", "time_unix_nano", "observed_time_unix_nano")


def _names(values: Mapping[str, object]) -> list[str]:
    return [key for key in values if key.endswith((".event.id", ".inference.id"))]


def _seconds(values: Mapping[str, object]) -> list[str]:
    return [key for key in values if key.endswith(".inference.time")]


def _double(value: float) -> bytes:
    return np.float64(value).tobytes()


def seed() -> int:
    """Return a seed that no earlier run had: the processor must not know the ids."""
    return secrets.randbits(63)
