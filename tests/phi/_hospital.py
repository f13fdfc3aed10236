"""A clinical service as one would write it, with patient data wherever a service has data: run it as a program.

FastAPI in front, SQLAlchemy and `requests` behind, all three with their auto-instrumentation, our decorators in the
middle. It calls itself over a real socket, writes what it knows to the folder it is given, and ends.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import uvicorn
from fastapi import FastAPI, Request
from opentelemetry import baggage, context, metrics, trace
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from sqlalchemy import create_engine, text

from otel_clinical import QualityProfile, current_inference, inference, record_outcome, record_review, task
from otel_clinical.sdk import Exporters, configure
from tests.phi._marker import NUMBER, marker, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import Span

POLICY = Path(__file__).parents[2] / "examples" / "policy.yaml"
PROFILE = QualityProfile(required=("age", "payer"), ranges={"age": (0, 120)}, critical=("age",))
SAMPLED = f"00-{'1f' * 16}-{'2e' * 8}-01"
TIMEOUT = 30


def exporters() -> Exporters:
    """Return the stock exporters of the protocol that the environment names."""
    if os.environ["HOSPITAL_PROTOCOL"] == "grpc":
        return Exporters(GrpcSpans(insecure=True), GrpcLogs(insecure=True), GrpcMetrics(insecure=True))
    return Exporters(OTLPSpanExporter(), OTLPLogExporter(), OTLPMetricExporter())


class BaggageToAttributes(SpanProcessor):
    """Copy baggage to the attributes of every span, as a processor that is often installed does."""

    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
        for key, value in baggage.get_all(parent_context).items():
            span.set_attribute(key, str(value))


@contextmanager
def redacted() -> Iterator[dict[str, Any]]:
    """Set up by `configure`; hand on the page of metrics where there is one."""
    page = os.environ["HOSPITAL_METRICS"]
    with configure("coding", policy=POLICY, exporters=exporters(), metrics=page) as handle:
        handle.tracer_provider.add_span_processor(BaggageToAttributes())
        yield {"page": handle.metrics_address, "problem": handle.problem, "flush": handle.flush}


@contextmanager
def plain() -> Iterator[dict[str, Any]]:
    """Set up the SDK as its own documentation says: nothing of ours is between the API and the exporters."""
    out = exporters()
    tracer = TracerProvider()
    tracer.add_span_processor(BaggageToAttributes())
    tracer.add_span_processor(BatchSpanProcessor(out.spans))
    logger = LoggerProvider()
    logger.add_log_record_processor(BatchLogRecordProcessor(out.events))
    meter = MeterProvider([PeriodicExportingMetricReader(out.metrics, 3_600_000)])
    trace.set_tracer_provider(tracer)
    metrics.set_meter_provider(meter)
    from opentelemetry import _logs  # noqa: PLC0415 -- only this set-up needs it

    _logs.set_logger_provider(logger)
    yield {"page": None, "problem": None, "flush": lambda: None}
    for provider in (tracer, logger, meter):
        provider.shutdown()


def make_app(folder: Path, database: Any) -> FastAPI:
    """Return the service."""
    app = FastAPI()
    log = logging.getLogger(f"ehr.{marker('logger')}")

    @inference(
        model="coding",
        version="7",
        use_case="revenue_cycle",
        segments={"payer": "payer", "site": lambda arguments: arguments.record["site"]},
        confidence="confidence",
        quality=PROFILE,
    )
    def code(record: dict[str, Any]) -> dict[str, Any]:
        current = current_inference()
        current.set_segment("department", record)
        log.info("coding %s of %s", marker("message"), record, extra={"patient": marker("extra")})
        trace.get_current_span().add_event(marker("event"), {"note": marker("note")})
        with database.connect() as connection:
            connection.execute(text(f"SELECT '{marker('literal')}', :mrn"), {"mrn": marker("parameter")})
        if record.get("fail"):
            error = ValueError(marker("exception"), record)
            error.add_note(marker("note"))
            raise error from KeyError(marker("cause"))
        (folder / "receipt").write_text(current.receipt.dumps())
        return {"confidence": record["confidence"], "answer": record, "receipt": current.receipt}

    @app.get("/patients/{mrn}")
    def lookup(mrn: str) -> dict[str, str]:
        """Stand for the record system that the service asks."""
        return {"mrn": mrn, "name": marker("answer")}

    @app.post("/code/{mrn}")
    def endpoint(mrn: str, record: dict[str, Any], request: Request) -> dict[str, str]:
        base = str(request.base_url)
        found = requests.get(f"{base}patients/{mrn}?q={percent(marker('query'))}", timeout=TIMEOUT).json()
        with suppress(requests.RequestException), task("coding"):
            requests.get(f"http://127.0.0.1:1/{marker('refused')}", timeout=1)
        answer = code(record | {"found": found})
        record_review(answer["receipt"], action="edited", edit_ratio=0.25, reason=record["note"])
        record_outcome(answer["receipt"].dumps(), result="correct", source=record["note"])
        return {"ok": marker("response")}

    return app


def call(port: int) -> None:
    """Be the client: once for an answer, once for an error, once for an address that does not exist."""
    headers = {
        "traceparent": SAMPLED,
        "tracestate": f"vendor={marker('tracestate')}",
        "baggage": f"patient={marker('baggage')},{marker('baggage-key')}=1",
        "cookie": f"session={marker('cookie')}",
        "user-agent": marker("agent"),
        "x-patient": marker("header"),
        "content-type": "application/json",
    }
    record = {
        "payer": marker("payer"),
        "site": marker("site"),
        "age": NUMBER,
        "confidence": marker("confidence"),
        "note": marker("note"),
        "nested": {marker("key"): [marker("leaf"), {"mrn": NUMBER}]},
    }
    paths = (f"/code/{marker('path')}?name={percent(marker('query'))}", f"/{marker('missing')}")
    for path in paths:
        for body in (record, record | {"fail": True}):
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
            with suppress(OSError):
                urllib.request.urlopen(request, timeout=TIMEOUT).close()


def serve(app: FastAPI) -> None:
    """Serve on a free port until the client is done; the thread is named after a patient, as nothing forbids."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run, name=marker("thread"), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    client = threading.Thread(target=call, args=(port,), name=marker("client"))
    client.start()
    client.join()
    server.should_exit = True
    thread.join(TIMEOUT)


def main(folder: Path) -> None:
    """Run the service once."""
    setup = plain if os.environ.get("HOSPITAL_PLAIN") else redacted
    with setup() as made:
        logging.basicConfig(level=logging.INFO, handlers=[LoggingHandler(), logging.FileHandler(folder / "app.log")])
        logging.getLogger("otel_clinical").addHandler(logging.FileHandler(folder / "telemetry.log"))
        database = create_engine(f"sqlite:///{folder / marker('file')}.db")
        SQLAlchemyInstrumentor().instrument(engine=database, enable_commenter=True, skip_dep_check=True)
        RequestsInstrumentor().instrument()
        app = make_app(folder, database)
        FastAPIInstrumentor.instrument_app(app)
        serve(app)
        database.dispose()
        made["flush"]()
        if made["page"] is not None:
            host, port = made["page"]
            with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=TIMEOUT) as page:
                (folder / "page.txt").write_bytes(page.read())
        (folder / "problem").write_text(str(made["problem"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
