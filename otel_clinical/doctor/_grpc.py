"""Send an empty export by OTLP/gRPC."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from otel_clinical.doctor._answer import Answer, Verdict

if TYPE_CHECKING:
    from otel_clinical.doctor._options import Options

_SERVICES: Final[dict[str, tuple[Any, Any]]] = {
    "traces": (TraceServiceStub, ExportTraceServiceRequest),
    "logs": (LogsServiceStub, ExportLogsServiceRequest),
    "metrics": (MetricsServiceStub, ExportMetricsServiceRequest),
}
_BY_CODE: Final = {
    grpc.StatusCode.UNAUTHENTICATED: Verdict.NO_TOKEN,
    grpc.StatusCode.PERMISSION_DENIED: Verdict.FORBIDDEN,
    grpc.StatusCode.UNIMPLEMENTED: Verdict.MISSING,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Verdict.BUSY,
    grpc.StatusCode.DEADLINE_EXCEEDED: Verdict.TIMEOUT,
}
_WORDS: Final = (
    (("WRONG_VERSION_NUMBER",), Verdict.NOT_TLS),
    (("CERTIFICATE_VERIFY_FAILED", "Peer name", "certificate"), Verdict.CERTIFICATE),
    (("Connection refused",), Verdict.REFUSED),
    (("resolving", "resolution"), Verdict.UNKNOWN_HOST),
    (("Timeout", "timed out"), Verdict.TIMEOUT),
)
"""Words by which gRPC tells why it could not connect; it has one status for all."""


def ask_grpc(url: str, signal: str, options: Options) -> Answer:
    """Return what the receiver answers to an export of nothing."""
    stub, request = _SERVICES[signal]
    try:
        with _channel(url, options) as channel:
            metadata = [(name.lower(), value) for name, value in options.headers.items()]
            stub(channel).Export(request(), timeout=options.timeout, metadata=metadata)
    except grpc.RpcError as error:
        return _refusal(error)
    return Answer(Verdict.ACCEPTED, "OK")


def _channel(url: str, options: Options) -> Any:
    parts = urlsplit(url)
    if parts.scheme == "http":
        return grpc.insecure_channel(parts.netloc)
    authority = Path(options.ca_file).read_bytes() if options.ca_file else None
    return grpc.secure_channel(parts.netloc, grpc.ssl_channel_credentials(authority))


def _refusal(error: Any) -> Answer:
    code, details = error.code(), error.details() or ""
    if code is not grpc.StatusCode.UNAVAILABLE:
        return Answer(_BY_CODE.get(code, Verdict.ODD), code.name)
    for words, verdict in _WORDS:
        if any(word in details for word in words):
            return Answer(verdict)
    return Answer(Verdict.NOT_SPOKEN)
