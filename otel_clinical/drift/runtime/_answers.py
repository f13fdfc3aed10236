"""The bytes of OTLP answers."""

from collections.abc import Mapping

from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime._refusals import RefusedError


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
    """Return the ``google.rpc.Status`` that OTLP/HTTP puts into the body of an error answer."""
    return bytes(Status(code=error.code, message=str(error)).SerializeToString())
