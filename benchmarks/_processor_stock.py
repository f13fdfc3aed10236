"""The baseline: what everybody writes to read spans from OTLP. Prints microseconds per span, without receiving it."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks._processor_load import TRACES
from benchmarks._processor_send import PER_REQUEST, Feed, templates
from benchmarks._processor_site import FORTY, make_site, read_site

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

_ROUNDS: Final = 60


def decode(body: bytes) -> list[dict[str, Any]]:
    """Return ids, times and attributes of every span."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        {
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "start": span.start_time_unix_nano,
            "end": span.end_time_unix_nano,
            "name": span.name,
            **{pair.key: _value(pair.value) for pair in span.attributes},
        }
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def decode_logs(body: bytes) -> list[dict[str, Any]]:
    """Return times and attributes of every log record."""
    request = ExportLogsServiceRequest.FromString(body)
    return [
        {
            "trace_id": record.trace_id,
            "span_id": record.span_id,
            "time": record.time_unix_nano,
            "name": record.event_name,
            **{pair.key: _value(pair.value) for pair in record.attributes},
        }
        for group in request.resource_logs
        for scope in group.scope_logs
        for record in scope.log_records
    ]


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


def main() -> None:
    """Decode requests as the processor gets them, each with ids and times of its own, without statistics."""
    with tempfile.TemporaryDirectory() as folder:
        policy, _ = read_site(make_site(Path(folder), FORTY))
    feed = Feed(templates(policy))
    found = []
    while len(found) < _ROUNDS:
        template, body = next(feed)
        if template.path != TRACES:
            continue
        started = time.process_time()
        decode(body)
        found.append(time.process_time() - started)
    print(1e6 * statistics.median(found) / PER_REQUEST)


if __name__ == "__main__":
    main()
