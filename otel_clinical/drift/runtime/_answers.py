"""The bytes of OTLP answers."""

import math
from collections.abc import Mapping

from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime._refusals import RateLimitedError, RefusedError


def accepted(signal: Signal, rejections: Mapping[str, int]) -> bytes:
    """Return the answer to a request that is durable, naming what was refused inside it and why.

    Args:
        signal: The service that answers.
        rejections: Records refused, by reason; none is a plain success.
    """
    if not any(rejections.values()):
        return b""
    count = sum(rejections.values())
    reasons = ", ".join(f"{reason}={number}" for reason, number in sorted(rejections.items()) if number)
    message = f"{count} records were not used: {reasons}"
    if signal is Signal.TRACES:
        traces = ExportTraceServiceResponse()
        traces.partial_success.rejected_spans = count
        traces.partial_success.error_message = message
        return traces.SerializeToString()
    logs = ExportLogsServiceResponse()
    logs.partial_success.rejected_log_records = count
    logs.partial_success.error_message = message
    return logs.SerializeToString()


def refused(error: RefusedError) -> bytes:
    """Return the ``google.rpc.Status`` of an error answer: the body on OTLP/HTTP, a trailer on OTLP/gRPC.

    Without `RetryInfo` in it, OTLP takes an exhausted resource for a permanent error.
    """
    status = Status(code=error.code, message=str(error))
    if isinstance(error, RateLimitedError):
        status.details.add().Pack(RetryInfo(retry_delay=_duration(error.wait)))
    return bytes(status.SerializeToString())


def _duration(seconds: float) -> Duration:
    found = Duration()
    found.FromNanoseconds(math.ceil(seconds * 1e9))
    return found
