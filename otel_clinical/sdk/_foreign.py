"""What signals of other libraries may say: names that this module lists and values of closed sets.

A library of somebody else fills names, units and values with whatever its callers give it: a logger named after a
patient becomes a scope, a metric may be named after a ward. So nothing is judged by its looks.
"""

from __future__ import annotations

import builtins
from http import HTTPMethod
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv import OTHER, AttributeRule

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIRST_STATUS, _LAST_STATUS = 100, 599


def _closed(*values: str) -> AttributeRule:
    return AttributeRule("string", "none", "required", None, frozenset(values))


_NUMBER: Final = AttributeRule("int", "none", "required", None, None)
_EXCEPTIONS = (
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)

FOREIGN: Final[Mapping[str, AttributeRule]] = {
    "http.request.method": _closed(*HTTPMethod, "QUERY", OTHER),
    "http.response.status_code": _NUMBER,
    "network.protocol.version": _closed("1.0", "1.1", "2", "3"),
    "url.scheme": _closed("http", "https"),
    "error.type": _closed(*_EXCEPTIONS, *map(str, range(_FIRST_STATUS, _LAST_STATUS + 1)), OTHER),
    "gen_ai.operation.name": _closed(
        "chat", "create_agent", "embeddings", "execute_tool", "generate_content", "invoke_agent", OTHER
    ),
    "gen_ai.usage.input_tokens": _NUMBER,
    "gen_ai.usage.output_tokens": _NUMBER,
}
"""Attributes that may leave: nothing that a library fills with text, paths, hosts or identifiers."""

OVERFLOW: Final = "otel.metric.overflow"
"""The SDK's own mark, true or absent, on the point into which it adds the series for which it has no room."""

OVERFLOWN: Final = {OVERFLOW: AttributeRule("boolean", "none", "required", None, None)}
"""What every point of a metric may carry besides its own attributes."""

FOREIGN_POINT: Final = {**FOREIGN, **OVERFLOWN}
"""Attributes that a point of a metric may carry."""

METRICS: Final = frozenset({
    *("http.client.duration", "http.client.request.duration", "http.client.active_requests"),
    *("http.client.request.size", "http.client.request.body.size"),
    *("http.client.response.size", "http.client.response.body.size"),
    *("http.server.duration", "http.server.request.duration", "http.server.active_requests"),
    *("http.server.request.size", "http.server.request.body.size"),
    *("http.server.response.size", "http.server.response.body.size"),
    *("db.client.operation.duration", "db.client.connections.usage", "db.client.connection.count"),
    *("messaging.client.operation.duration", "messaging.process.duration"),
    *("rpc.client.duration", "rpc.server.duration", "rpc.client.call.duration", "rpc.server.call.duration"),
    *("gen_ai.client.operation.duration", "gen_ai.client.token.usage", "gen_ai.server.request.duration"),
    *("process.cpu.time", "process.memory.usage", "process.thread.count"),
    *("otel.sdk.span.started", "otel.sdk.span.live", "otel.sdk.log.created"),
    *("otel.sdk.processor.span.processed", "otel.sdk.processor.span.queue.size"),
    *("otel.sdk.processor.log.processed", "otel.sdk.processor.log.queue.size"),
    *("otel.sdk.exporter.span.exported", "otel.sdk.exporter.span.inflight"),
    *("otel.sdk.exporter.log.exported", "otel.sdk.exporter.log.inflight"),
    *("otel.sdk.exporter.metric_data_point.exported", "otel.sdk.exporter.metric_data_point.inflight"),
    *("otel.sdk.exporter.operation.duration", "otel.sdk.metric_reader.collection.duration"),
})  # fmt: skip
"""Metrics of the OpenTelemetry conventions that may leave; a name that is not here may be made of anything."""

UNITS: Final = frozenset({
    *("", "1", "%", "s", "ms", "By", "{request}", "{connection}", "{token}", "{span}", "{log_record}"),
    *("{data_point}", "{thread}", "{message}"),
})  # fmt: skip
