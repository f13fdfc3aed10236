"""How each library is set up: as its quick start says, with spans kept in memory and every phone-home switched off."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from benchmarks.peers._careless import CARELESS
from benchmarks.peers._library import Kept, Library, fresh_provider

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET: Final = {
    "TRACELOOP_TELEMETRY": "false",
    "TRACELOOP_METRICS_ENABLED": "false",
    "TRACELOOP_LOGGING_ENABLED": "false",
    "OPENLIT_TELEMETRY": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "LOGFIRE_CONSOLE": "false",
    "LANGFUSE_PUBLIC_KEY": "pk-lf-probe",
    "LANGFUSE_SECRET_KEY": "sk-lf-probe",
    "LANGFUSE_BASE_URL": "http://127.0.0.1:9",
    "LANGFUSE_MEDIA_UPLOAD_ENABLED": "false",
}
"""Environment in which nothing is sent anywhere, whatever a library would do by itself."""


def _load(name: str) -> Any:
    # By name: each library is installed in its own environment only.
    return importlib.import_module(name)


def _global_provider() -> Kept:
    provider, kept = fresh_provider()
    trace.set_tracer_provider(provider)
    return kept


def ours(*, sdk: bool = True) -> Library:
    """Return `@inference` as its documentation shows it."""
    from otel_clinical.instrument import Telemetry, inference  # noqa: PLC0415 -- installed only where ours is probed

    provider, kept = fresh_provider()
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    telemetry = Telemetry(tracer_provider=provider, meter_provider=meters) if sdk else Telemetry()
    return Library("otel-clinical", inference(model="coding", version="7", telemetry=telemetry), kept)


def traceloop(*, sdk: bool = True) -> Library:
    """Return traceloop-sdk's `@task`."""
    kept = Kept()
    if sdk:
        _load("traceloop.sdk").Traceloop.init(
            app_name="probe", processor=SimpleSpanProcessor(kept), telemetry_enabled=False, instruments=set()
        )
    return Library("traceloop-sdk", _load("traceloop.sdk.decorators").task(name="probe"), kept)


def openinference(*, sdk: bool = True) -> Library:
    """Return OpenInference's `@tracer.llm`."""
    package = _load("openinference.instrumentation")
    kept = Kept()
    if not sdk:
        tracer = package.OITracer(trace.get_tracer("probe"), config=package.TraceConfig())
        return Library("OpenInference", tracer.llm, kept)
    provider = package.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return Library("OpenInference", provider.get_tracer("probe").llm, kept)


def openlit(*, sdk: bool = True) -> Library:
    """Return OpenLIT's `@openlit.trace`."""
    kept = _global_provider() if sdk else Kept()
    return Library("OpenLIT", _load("openlit").trace, kept)


def mlflow(*, sdk: bool = True) -> Library:
    """Return `@mlflow.trace`, which has a provider and a context of its own and exports by OTLP."""
    kept = Kept()
    package = _load("mlflow")
    if not sdk:
        package.tracing.disable()
        return Library("mlflow-tracing", package.trace, kept)
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://127.0.0.1:9/v1/traces"
    os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
    exporter = _load("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter
    exporter.export = lambda _, spans: kept.export(spans)
    package.set_tracking_uri("http://127.0.0.1:9")
    own = _load("mlflow.tracing.provider")

    def current() -> int:
        span = own.get_current_otel_span()
        context = None if span is None else span.get_span_context()
        return 0 if context is None else context.span_id

    def flush() -> None:
        found = own.provider.get()
        if found is not None:
            found.force_flush()

    return Library("mlflow-tracing", package.trace, kept, current, flush)


def logfire(*, sdk: bool = True) -> Library:
    """Return logfire's `@logfire.instrument`."""
    package, kept = _load("logfire"), Kept()
    if not sdk:
        warnings.simplefilter("ignore")
        return Library("logfire", package.instrument("probe"), kept)
    package.configure(
        send_to_logfire=False, console=False, metrics=False, additional_span_processors=[SimpleSpanProcessor(kept)]
    )
    return Library("logfire", package.instrument("probe"), kept)


def langfuse(*, sdk: bool = True) -> Library:
    """Return langfuse's `@observe`."""
    package = _load("langfuse")
    provider, kept = fresh_provider()
    if sdk:
        package.Langfuse(
            public_key=os.environ["LANGFUSE_PUBLIC_KEY"],
            secret_key=os.environ["LANGFUSE_SECRET_KEY"],
            tracer_provider=provider,
            span_exporter=Kept(),
        )
    else:
        for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"):
            os.environ.pop(name, None)
    return Library("langfuse", package.observe(), kept)


ADAPTERS: Final[dict[str, Callable[..., Library]]] = {
    "ours": ours,
    "traceloop": traceloop,
    "openinference": openinference,
    "openlit": openlit,
    "mlflow": mlflow,
    "logfire": logfire,
    "langfuse": langfuse,
    **CARELESS,
}
"""Each library by the name of its requirements file; the careless ones have none."""
