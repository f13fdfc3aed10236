"""What a decorated call costs its caller, against a stock OpenTelemetry span of 20 attributes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NoOpTracerProvider

from benchmarks._rows import Row, row
from benchmarks._timing import interleaved
from otel_clinical.instrument import Telemetry, declare_segments, inference, record_inference, record_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RECORDS = 4000
RECORD: dict[str, object] = {"payer_code": "medicaid", "site": "h01", "dept": "cardiology", "ehr": "epic", "age": 40}
SEGMENTS: dict[str, str] = {"payer": "payer_code", "site": "site", "department": "dept", "source_system": "ehr"}
ATTRIBUTES = {f"app.attribute.{index}": (f"value-{index}" if index % 2 else index / 7) for index in range(20)}


class _Nowhere(SpanExporter):
    """Takes spans and forgets them: the caller's cost is what is measured."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 -- the SDK's signature
        return SpanExportResult.SUCCESS


def _answer(record: dict[str, object]) -> dict[str, object]:
    return {"probability": 0.9, "code": record["age"]}


def _tracer_provider() -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Nowhere(), max_queue_size=1 << 16))
    return provider


def _decorated(telemetry: Telemetry) -> Callable[[], object]:
    declare_segments(
        {"payer": ["medicaid"], "site": ["h01"], "department": ["cardiology"], "source_system": ["epic"]},
        telemetry=telemetry,
    )
    decorate = inference(model="coding", version="7", segments=SEGMENTS, confidence="probability", telemetry=telemetry)
    function = decorate(_answer)
    return lambda: function(RECORD)


def run() -> list[Row]:
    """Measure; every ratio is against a baseline of the same run."""
    provider, metrics = _tracer_provider(), MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    telemetry = Telemetry(tracer_provider=provider, meter_provider=metrics, queue_size=1 << 16)
    silent = Telemetry(tracer_provider=NoOpTracerProvider(), meter_provider=NoOpMeterProvider())
    silent._listening = False  # noqa: SLF001 -- as in a process without an SDK
    stock = provider.get_tracer("stock")
    meter = metrics.get_meter("stock")
    counters = [meter.create_counter(f"count.{index}") for index in range(4)]
    histograms = [meter.create_histogram(f"size.{index}") for index in range(4)]
    labels = {"model": "coding", "version": "7", "use_case": "coding", "role": "active", "status": "completed"}

    def stock_span() -> None:
        with stock.start_as_current_span("predict coding", attributes=ATTRIBUTES):
            _answer(RECORD)

    def stock_span_and_metrics() -> None:
        stock_span()
        for counter in counters:
            counter.add(1, labels)
        for histogram in histograms:
            histogram.record(0.5, labels)

    cost = interleaved(
        {
            "stock": stock_span,
            "stock with metrics": stock_span_and_metrics,
            "ours": _decorated(telemetry),
            "silent": _decorated(silent),
        },
        between=lambda: telemetry.worker.flush(30),
    )
    rate, dropped = _replay_rate()
    provider.shutdown()
    return [
        row("caller us: decorated call / stock 20-attribute span", cost["ours"], cost["stock"], "<= 2"),
        row("caller us: same / stock span with 8 metric points", cost["ours"], cost["stock with metrics"], "<= 0.7"),
        row("caller us: without an SDK / stock 20-attribute span", cost["silent"], cost["stock"], "<= 0.5"),
        row("replay: records per processor second / required 3,000", rate, 3000, ">= 1"),
        row("replay: records dropped + 1 / none + 1", dropped + 1, 1, "<= 1"),
    ]


def _replay_rate() -> tuple[float, int]:
    """Return records per processor second, all threads together, and how many records got lost."""
    provider = _tracer_provider()
    telemetry = Telemetry(
        tracer_provider=provider,
        meter_provider=MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False),
        logger_provider=LoggerProvider(shutdown_on_exit=False),
        when_full="wait",
        queue_size=1024,
    )
    declare_segments({"payer": ["medicaid"], "site": ["h01"]}, telemetry=telemetry)
    started = time.process_time()
    for index in range(RECORDS // 2):
        at = 1_600_000_000.0 + index
        receipt = record_inference(
            model="coding",
            version="7",
            segments={"payer": "medicaid", "site": "h01"},
            confidence=0.9,
            started_at=at,
            duration=0.1,
            telemetry=telemetry,
        )
        record_outcome(receipt, result="correct", source="claim", at=at + 86400, telemetry=telemetry)
    telemetry.worker.flush(60)
    seconds = time.process_time() - started
    provider.shutdown()
    return RECORDS / seconds, telemetry.worker.take_dropped()
