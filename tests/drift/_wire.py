"""Build OTLP requests as the instrumentation sends them, and as nobody should."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_clinical.semconv import SCOPE_NAME, attributes, events, segment_attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NANO = 1_000_000_000
START = 1_790_000_000.0
"""An arbitrary Monday in the life of the simulated hospital; tests that run in real time pass their own."""

_SEGMENTS: Mapping[str, str] = {
    "site": "h01",
    "department": "medicine",
    "payer": "medicare",
    "source_system": "ehr-a",
}


def identifier(number: int, kind: str = "inference") -> str:
    """Return 32 hexadecimal digits that are always the same for a number."""
    return hashlib.blake2b(f"{kind}-{number}".encode(), digest_size=16).hexdigest()


def span(number: int, at: float = START, *, drop: Iterable[str] = (), **overrides: Any) -> Span:
    """Return the span of one inference.

    Args:
        number: Which inference; its ids follow from it.
        at: Unix seconds at which it started.
        drop: Attribute keys to leave out.
        overrides: ``model``, ``version``, ``activation``, ``confidence``, ``quality``, ``status``, ``segments``
            (a mapping), and ``extra`` (attributes by key, of any OTLP type).
    """
    found = _subject(overrides) | {
        attributes.INFERENCE_ID: identifier(number),
        attributes.OPERATION_NAME: "classify",
        attributes.INFERENCE_STATUS: overrides.get("status", "completed"),
        attributes.CONFIDENCE_SCORE: overrides.get("confidence", 0.85),
        attributes.INPUT_QUALITY_SCORE: overrides.get("quality", 0.95),
        attributes.ROUTING_LEVEL: "standard",
    }
    made = Span(
        trace_id=bytes.fromhex(identifier(number, "trace")),
        span_id=bytes.fromhex(identifier(number, "span")[:16]),
        name="classify coding",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=round(at * NANO),
        end_time_unix_nano=round((at + 0.02) * NANO),
    )
    made.attributes.extend(pairs(found | overrides.get("extra", {}), drop))
    return made


def outcome(
    number: int, at: float = START, *, result: str = "correct", drop: Iterable[str] = (), **overrides: Any
) -> LogRecord:
    """Return the outcome event of one inference.

    Args:
        number: Which inference.
        at: Unix seconds at which the outcome was recorded.
        result: A value of ``OutcomeResult``, or not.
        drop: Attribute keys to leave out.
        overrides: As for `span`, and ``inferred`` (when the inference started), ``score``, ``source``,
            ``event`` (event id).
    """
    found = _event(number, at, overrides) | {
        attributes.OUTCOME_RESULT: result,
        attributes.OUTCOME_SOURCE: overrides.get("source", "coding_audit"),
    }
    if "score" in overrides:
        found[attributes.OUTCOME_SCORE] = overrides["score"]
    return _record(events.OUTCOME, number, at, found | overrides.get("extra", {}), drop)


def review(
    number: int, at: float = START, *, action: str = "accepted", drop: Iterable[str] = (), **overrides: Any
) -> LogRecord:
    """Return the review event of one inference; arguments as for `outcome`."""
    found = _event(number, at, overrides, "review") | {attributes.REVIEW_ACTION: action}
    return _record(events.REVIEW, number, at, found | overrides.get("extra", {}), drop)


def change(number: int, at: float = START, **overrides: Any) -> LogRecord:
    """Return a deployment change event."""
    found = {
        attributes.EVENT_ID: identifier(number, "change"),
        attributes.MODEL_NAME: overrides.get("model", "coding"),
        attributes.MODEL_VERSION: overrides.get("version", "8"),
        attributes.DEPLOYMENT_ACTIVATION: overrides.get("activation", 2),
    }
    return _record(events.DEPLOYMENT_CHANGE, number, at, found, ())


def traces(spans: Iterable[Span]) -> bytes:
    """Return a serialised trace request."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = SCOPE_NAME
    scope.spans.extend(spans)
    return request.SerializeToString()


def logs(records: Iterable[LogRecord]) -> bytes:
    """Return a serialised logs request."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    scope.scope.name = SCOPE_NAME
    scope.log_records.extend(records)
    return request.SerializeToString()


def pairs(values: Mapping[str, Any], drop: Iterable[str] = ()) -> list[KeyValue]:
    """Return attributes; None and the keys in `drop` are left out."""
    gone = set(drop)
    return [KeyValue(key=key, value=any_value(v)) for key, v in values.items() if v is not None and key not in gone]


def any_value(value: Any) -> AnyValue:
    """Return a Python value as OTLP's."""
    if isinstance(value, AnyValue):
        return value
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    return AnyValue(string_value=str(value))


def chunks(items: Iterable[Any], size: int) -> list[list[Any]]:
    """Cut `items` into lists of `size`."""
    iterator = iter(items)
    return list(iter(lambda: list(itertools.islice(iterator, size)), []))


def _subject(overrides: Mapping[str, Any]) -> dict[str, Any]:
    segments = {**_SEGMENTS, **overrides.get("segments", {})}
    return {
        attributes.MODEL_NAME: overrides.get("model", "coding"),
        attributes.MODEL_VERSION: overrides.get("version", "7"),
        attributes.DEPLOYMENT_ACTIVATION: overrides.get("activation", 1),
        attributes.USE_CASE: "revenue_cycle",
        **{segment_attribute(name): value for name, value in segments.items()},
    }


def _event(number: int, at: float, overrides: Mapping[str, Any], kind: str = "outcome") -> dict[str, Any]:
    return _subject(overrides) | {
        attributes.EVENT_ID: overrides.get("event", identifier(number, kind)),
        attributes.INFERENCE_ID: identifier(number),
        attributes.INFERENCE_TIME: overrides.get("inferred", at),
        attributes.CONFIDENCE_SCORE: overrides.get("confidence", 0.85),
    }


def _record(event: str, number: int, at: float, found: Mapping[str, Any], drop: Iterable[str]) -> LogRecord:
    made = LogRecord(
        time_unix_nano=round(at * NANO),
        observed_time_unix_nano=round(at * NANO),
        event_name=event,
        trace_id=bytes.fromhex(identifier(number, "trace")),
    )
    made.attributes.extend(pairs(found, drop))
    return made
