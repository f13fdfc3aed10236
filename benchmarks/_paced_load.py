"""One process under a steady load: `python -m benchmarks._paced_load SETUP PORT [unfrozen]` prints what a call cost.

Set-ups: `none` is the pace alone, `stock` a span of 20 attributes and 8 instruments exported by stock OTLP/HTTP, `ours`
a decorated inference with confidence, quality and four segments, exported by `otel_clinical.sdk.configure`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 2000
SECONDS = 10.0
WARM_UP = 1000
SPAN_SECONDS = 1.0
METRIC_SECONDS = 2.0
RECORD: dict[str, object] = {"payer_code": "medicaid", "site": "h01", "dept": "cardiology", "ehr": "epic", "age": 40}

Call = tuple["Callable[[], object]", "Callable[[], object]"]
"""What is called at the pace, and what flushes it."""


def _answer(record: dict[str, object]) -> dict[str, object]:
    return {"probability": 0.9, "code": record["age"]}


def none(_: str) -> Call:
    """Call the bare function."""
    return lambda: _answer(RECORD), lambda: None


def stock(url: str) -> Call:
    """Call it in a span of 20 attributes and record 4 counters and 4 histograms, with the SDK as it comes."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    spans = OTLPSpanExporter(endpoint=f"{url}/v1/traces")
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(spans, max_queue_size=8192, schedule_delay_millis=SPAN_SECONDS * 1e3))
    points = OTLPMetricExporter(endpoint=f"{url}/v1/metrics")
    meters = MeterProvider([PeriodicExportingMetricReader(points, METRIC_SECONDS * 1e3)], shutdown_on_exit=False)
    tracer, meter = tracers.get_tracer("stock"), meters.get_meter("stock")
    counters = [meter.create_counter(f"count.{index}") for index in range(4)]
    histograms = [meter.create_histogram(f"size.{index}") for index in range(4)]
    attributes = {f"app.attribute.{index}": (f"value-{index}" if index % 2 else index / 7) for index in range(20)}
    labels = {"model": "coding", "version": "7", "use_case": "coding", "role": "active", "status": "completed"}

    def call() -> object:
        with tracer.start_as_current_span("predict coding", attributes=attributes):
            answer = _answer(RECORD)
            for counter in counters:
                counter.add(1, labels)
            for histogram in histograms:
                histogram.record(0.5, labels)
            return answer

    return call, lambda: (tracers.force_flush(), meters.force_flush())


def ours(url: str) -> Call:
    """Call it decorated, with everything on."""
    from otel_clinical import declare_segments, inference  # noqa: PLC0415
    from otel_clinical.quality import QualityProfile  # noqa: PLC0415
    from otel_clinical.sdk import configure  # noqa: PLC0415

    handle = configure("bench", endpoint=url, schedule_delay=SPAN_SECONDS, metric_interval=METRIC_SECONDS)
    declare_segments({"payer": ["medicaid"], "site": ["h01"], "department": ["cardiology"], "source_system": ["epic"]})
    segments = {"payer": "payer_code", "site": "site", "department": "dept", "source_system": "ehr"}
    quality = QualityProfile(required=("payer_code", "site", "age"))
    decorate = inference(model="coding", version="7", segments=segments, confidence="probability", quality=quality)
    function = decorate(_answer)
    return lambda: function(RECORD), lambda: handle.flush(30)


def measure(call: Callable[[], object], flush: Callable[[], object], *, freeze: bool = True) -> dict[str, float]:
    """Call at a steady pace; return microseconds: processor time per call, all threads, and times of single calls.

    `late` is the longest time from the moment a call was due to its answer: a call that waits for the interpreter
    before it begins is late without being slow. `held` is the same less the time in which the caller waited for a
    processor since it last slept, which no telemetry decides.
    """
    for _ in range(WARM_UP):
        call()
    flush()
    if freeze:
        gc.collect()
        gc.freeze()
    count, clock = int(RATE * SECONDS), time.perf_counter
    took, late, held = [0.0] * count, [0.0] * count, [0.0] * count
    queued = _queued()
    now = slept = queued()
    used, started = time.process_time(), clock()
    for index in range(count):
        due = started + index / RATE
        ahead = due - clock()
        if ahead > 0:
            slept = now
            time.sleep(ahead)
        before = clock()
        call()
        after = clock()
        took[index], late[index] = after - before, after - due
        now = queued()
        held[index] = late[index] - (now - slept)
    flush()
    used = time.process_time() - used
    took.sort()
    return {
        "cpu": used / count * 1e6,
        "p50": took[count // 2] * 1e6,
        "p99": took[count * 99 // 100] * 1e6,
        "p999": took[count * 999 // 1000] * 1e6,
        "max": took[-1] * 1e6,
        "late": max(late) * 1e6,
        "held": max(held) * 1e6,
    }


def _queued() -> Callable[[], float]:
    """Return what tells how many seconds this thread has waited for a processor; always 0 where nobody counts that."""
    try:
        file = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
    except OSError:
        return lambda: 0.0
    return lambda: int(os.pread(file, 100, 0).split()[1]) / 1e9


SETUPS = {"none": none, "stock": stock, "ours": ours}


def main(setup: str, port: str, *options: str) -> None:
    """Measure one set-up and print the figures as JSON."""
    call, flush = SETUPS[setup](f"http://127.0.0.1:{port}")
    print(json.dumps(measure(call, flush, freeze=options != ("unfrozen",))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
