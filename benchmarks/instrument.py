"""What a decorated call costs its caller: beside a stock OpenTelemetry span, without an SDK, and to import.

How each row is measured was fixed before it was looked at:

- caller: processor time of the calling thread over blocks of 500 calls, three kinds in turns, 27 blocks of each, the
  queue flushed untimed between blocks; the median block of each kind;
- without an SDK: the median of 3 blocks of 2,000 calls, in each of 5 processes; the least of them;
- imports: processor time of 5 processes with compiled files, above `opentelemetry.trace`; the least of them;
- at a pace: see `benchmarks._paced`.

`scripts/bench instrument --json FILE` measures them all in about seven minutes. The table in docs/instrumentation.md
has the column `ratio` of one run on a machine that does nothing else.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from benchmarks import _alone
from benchmarks._calls import ATTRIBUTES, RECORD, answer, full_call
from benchmarks._paced import paced_rows
from benchmarks._rows import Row, row
from benchmarks._timing import interleaved
from otel_clinical.instrument import Telemetry, declare_segments, record_inference, record_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RECORDS = 4000
ROUNDS = 3
BLOCKS = 9
"""Blocks of calls of each kind in one round, taken in turns."""


class _Nowhere(SpanExporter):
    """Takes spans and forgets them: the caller's cost is what is measured."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 -- the SDK's signature
        return SpanExportResult.SUCCESS


def run() -> list[Row]:
    """Measure; every ratio is against a baseline of the same run."""
    return [*_caller(), *_without_sdk(), *_imports(), *_replay(), *paced_rows()]


def _tracer_provider() -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Nowhere(), max_queue_size=1 << 16))
    return provider


def _caller() -> list[Row]:
    """Compare the caller's processor time with that of stock spans and instruments."""
    provider, metrics = _tracer_provider(), MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    telemetry = Telemetry(tracer_provider=provider, meter_provider=metrics, queue_size=1 << 16)
    stock_span, stock_metrics = _stock(provider, metrics)

    def both() -> None:
        stock_span()
        stock_metrics()

    cost = interleaved(
        {"span": stock_span, "span and metrics": both, "ours": full_call(telemetry)},
        calls=500,
        rounds=ROUNDS * BLOCKS,
        between=lambda: telemetry.flush(30),
    )
    telemetry.shutdown(30)
    provider.shutdown()
    return [
        row("caller us: decorated call / stock span of 20 attributes", cost["ours"], cost["span"], "<= 1.3"),
        row("caller us: the same / stock span and 8 instruments", cost["ours"], cost["span and metrics"], "<= 0.4"),
    ]


def _stock(provider: TracerProvider, metrics: MeterProvider) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what a service writes that uses OpenTelemetry as it comes: a span, and eight instruments."""
    tracer, meter = provider.get_tracer("stock"), metrics.get_meter("stock")
    counters = [meter.create_counter(f"count.{index}") for index in range(4)]
    histograms = [meter.create_histogram(f"size.{index}") for index in range(4)]
    labels = {"model": "coding", "version": "7", "use_case": "coding", "role": "active", "status": "completed"}

    def span() -> None:
        with tracer.start_as_current_span("predict coding", attributes=ATTRIBUTES):
            answer(RECORD)

    def points() -> None:
        for counter in counters:
            counter.add(1, labels)
        for histogram in histograms:
            histogram.record(0.5, labels)

    return span, points


def _without_sdk() -> list[Row]:
    cost = _alone.without_sdk()
    return [
        row("caller us: decorated call without an SDK / 1 us", cost["full"], 1, "<= 4"),
        row("caller us: the least decorated call without an SDK / 1 us", cost["plain"], 1, "<= 4"),
    ]


def _imports() -> list[Row]:
    cost = _alone.imports()
    return [
        row("import otel_clinical above opentelemetry.trace, ms / 1 ms", cost["import"], 1, "<= 30"),
        row("from otel_clinical import inference, the same way", cost["use"], 1, "<= 30"),
        row("numpy or SDK loaded by that, + 1 / none + 1", cost["loaded"] + 1, 1, "<= 1"),
    ]


def _replay() -> list[Row]:
    rate, dropped = _replay_rate()
    return [
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
