"""An application that writes patient data wherever the OpenTelemetry API takes a text, under any scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, StatusCode, TraceFlags, TraceState

from otel_clinical.semconv import SCOPE_NAME, allowlist, attributes, events, metrics
from tests.phi._marker import NUMBER, marker

if TYPE_CHECKING:
    from tests.phi._pipes import Pipe

OURS = "ours"
THEIRS = "theirs"


def resource() -> Resource:
    """Return a resource with patient data in everything but the service's own name."""
    return Resource({
        "service.name": "coding",
        "host.name": marker("host"),
        "process.command_args": [marker("argument"), "--patient", marker("argument")],
        "process.executable.path": f"/srv/{marker('path')}/bin",
        "patient": marker("resource"),
        marker("resource-key"): marker("resource"),
    })  # fmt: skip


def views() -> list[View]:
    """Return views that keep one attribute and leave the others to the exemplars, and one with a name of its own."""
    return [
        View(instrument_name="*.duration", attribute_keys={"http.request.method"}, description=marker("view")),
        View(instrument_name="renamed", name=marker("view-name")),
    ]


def write_everything(pipe: Pipe) -> None:
    """Write to every signal under a scope of their own, and again under ours."""
    for scope in (marker("scope"), SCOPE_NAME):
        _write_spans(pipe, scope)
        _write_logs(pipe, scope)
        _write_metrics(pipe, scope)


def _leaky(scope: str) -> dict[str, object]:
    foreign = {
        "exception.message": marker("message"),
        "exception.stacktrace": marker("stack"),
        "db.query.text": f"patients of {marker('query')}",
        "db.statement": marker("statement"),
        "url.full": f"https://ehr/{marker('url')}",
        "url.query": marker("query"),
        "http.route": marker("route"),
        "http.request.body": marker("body"),
        "http.request.header.x_patient": [marker("header")],
        "http.request.method": marker("method"),
        "http.response.status_code": NUMBER,
        "error.type": marker("error"),
        "url.scheme": marker("scheme"),
        "network.protocol.version": marker("version"),
        "gen_ai.input.messages": marker("prompt"),
        "gen_ai.usage.input_tokens": NUMBER,
        "server.address": marker("server"),
        "enduser.id": marker("user"),
        "number": NUMBER,
        "ratio": float(NUMBER),
        marker("key"): marker("value"),
    }
    return foreign if scope != SCOPE_NAME else foreign | _ours()


def _ours() -> dict[str, object]:
    """Return a marker, or a record number, in every attribute of the registry."""
    values: dict[str, object] = {}
    for key, rule in allowlist.ATTRIBUTES.items():
        if rule.type in {"int", "double"}:
            values[key] = NUMBER
        else:
            values[key] = marker("ours")
    return values


def _name(scope: str) -> str:
    return f"predict {marker('name')}" if scope == SCOPE_NAME else f"GET /patients/{marker('name')}"


def _remote() -> SpanContext:
    state = TraceState([("vendor", marker("state"))])
    return SpanContext(7, 7, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)


def _write_spans(pipe: Pipe, scope: str) -> None:
    tracer = pipe.tracer_provider.get_tracer(scope, marker("version"), f"https://{marker('schema')}", _attributes())
    parent = trace.set_span_in_context(NonRecordingSpan(_remote()))
    link = Link(_remote(), {marker("link-key"): marker("link"), attributes.LINK_RELATION: marker("relation")})
    for name in (_name(scope), marker("verb"), f"SELECT {marker('table')}"):
        span = tracer.start_span(name, parent, attributes=_leaky(scope), links=[link])
        span.add_link(_remote(), {"patient": marker("later link")})
        span.add_event(marker("event"), {"text": marker("event"), marker("event-key"): [marker("list")]})
        span.record_exception(_error(), {"note": marker("note")})
        span.set_status(StatusCode.ERROR, marker("status"))
        span.end()


def _write_logs(pipe: Pipe, scope: str) -> None:
    logger = pipe.logger_provider.get_logger(scope, marker("version"), f"https://{marker('schema')}", _attributes())
    names = [events.OUTCOME, f"clinical_ai.{marker('event').lower()}"] if scope == SCOPE_NAME else [marker("event")]
    for name in names:
        logger.emit(
            LogRecord(
                timestamp=1,
                severity_text=marker("severity"),
                severity_number=SeverityNumber.ERROR,
                body={"note": marker("body"), marker("body-key"): [marker("body")]},
                attributes=_leaky(scope) | {"nested": {"deep": [marker("deep")]}},
                event_name=name,
                exception=_error(),
            )
        )


def _write_metrics(pipe: Pipe, scope: str) -> None:
    meter = pipe.meter_provider.get_meter(scope, marker("version"), f"https://{marker('schema')}", _attributes())
    sampled = SpanContext(7, 7, is_remote=False, trace_flags=TraceFlags(1))
    context = trace.set_span_in_context(NonRecordingSpan(sampled))
    ours = scope == SCOPE_NAME
    for name in ("http.client.request.duration", "http.server.duration", marker("metric").lower(), "renamed"):
        unit = marker("unit")[:14]
        meter.create_histogram(name, unit, marker("description")).record(0.5, _leaky(scope), context=context)
    if ours:
        for metric in metrics.ALL:
            if metric.instrument == "counter":
                counter = meter.create_counter(metric.name, metric.unit, marker("description"))
                counter.add(1, _leaky(scope), context=context)


def _attributes() -> dict[str, str]:
    return {"ward": marker("scope"), marker("scope-key"): marker("scope")}


def _error() -> Exception:
    try:
        _raise()
    except ValueError as error:
        error.add_note(marker("note"))
        return error
    raise AssertionError


def _raise() -> None:
    try:
        dict[str, str]()[marker("cause")]
    except KeyError as cause:
        raise ValueError(marker("exception")) from cause
