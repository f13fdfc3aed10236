"""The queue and its thread: bounded, never blocking, fork-safe, flushed at exit, bounded in time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from otel_clinical.instrument import inference, record_inference
from otel_clinical.instrument._worker import Worker
from otel_clinical.semconv import metrics
from otel_clinical.semconv.enums import TelemetryComponent

ROOT = Path(__file__).parents[2]
DEADLINE = 20.0


class Gate:
    """A record whose processing waits until the test lets it go."""

    def __init__(self):
        self.reached = threading.Event()
        self.open = threading.Event()

    def derive(self, _):
        self.reached.set()
        assert self.open.wait(DEADLINE)


def run_python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_records_are_processed_in_order_in_batches():
    seen = []
    worker = Worker(seen.extend)
    for number in range(2000):
        worker.put(number)
    assert worker.flush(DEADLINE)
    assert seen == list(range(2000))
    worker.close()


def test_a_full_queue_drops_and_counts_and_never_blocks(make_capture):
    found = make_capture(synchronous=False, queue_size=10)
    gate = Gate()
    found.telemetry.put(gate)
    assert gate.reached.wait(DEADLINE)
    started = time.perf_counter()
    for _ in range(50):
        record_inference(model="coding", version="7", telemetry=found.telemetry)
    assert time.perf_counter() - started < DEADLINE / 4
    gate.open.set()
    assert sum(found.points(metrics.INFERENCES).values()) == 10
    found.telemetry.worker.flush(DEADLINE)
    assert found.points(metrics.TELEMETRY_DROPPED) == {("queue",): 40}


def test_waiting_for_room_loses_nothing(make_capture):
    found = make_capture(synchronous=False, queue_size=8, when_full="wait")
    for _ in range(500):
        record_inference(model="coding", version="7", telemetry=found.telemetry)
    assert sum(found.points(metrics.INFERENCES).values()) == 500
    assert found.points(metrics.TELEMETRY_DROPPED) == {}


def test_flush_is_bounded_when_the_thread_is_stuck():
    gate = Gate()
    worker = Worker(lambda batch: [record.derive(None) for record in batch])
    worker.put(gate)
    assert gate.reached.wait(DEADLINE)
    assert not worker.flush(0.05)
    gate.open.set()
    assert worker.flush(DEADLINE)
    assert worker.close(DEADLINE)


def test_shutdown_processes_the_rest_ends_the_thread_and_takes_nothing_more(make_capture):
    found = make_capture(synchronous=False)
    for _ in range(100):
        record_inference(model="coding", version="7", telemetry=found.telemetry)
    thread = found.telemetry.worker._thread
    assert found.telemetry.shutdown(DEADLINE)
    assert not thread.is_alive()
    record_inference(model="coding", version="7", telemetry=found.telemetry)
    assert found.telemetry.shutdown(DEADLINE)
    assert sum(found.points(metrics.INFERENCES).values()) == 100


def test_flush_is_bounded_when_a_provider_hangs(make_capture):
    found = make_capture()
    release = threading.Event()

    class Hanging:
        def force_flush(self, _milliseconds):
            release.wait(DEADLINE)

    found.telemetry._providers = (Hanging(), found.meter_provider, found.logger_provider)
    started = time.monotonic()
    assert not found.telemetry.flush(0.2)
    assert time.monotonic() - started < DEADLINE / 4
    release.set()


def test_a_record_that_cannot_be_derived_does_not_take_the_others_with_it(make_capture):
    found = make_capture(synchronous=False)

    class Bad:
        def derive(self, _):
            raise RuntimeError("MRN 00123")

    record_inference(model="coding", version="7", telemetry=found.telemetry)
    found.telemetry.put(Bad())
    record_inference(model="coding", version="7", telemetry=found.telemetry)
    assert sum(found.points(metrics.INFERENCES).values()) == 2
    found.telemetry.worker.flush(DEADLINE)
    assert found.errors() == {("worker", "RuntimeError"): 1}


def test_no_thread_starts_before_the_first_record(make_capture):
    found = make_capture(synchronous=False)
    inference(model="coding", version="7", telemetry=found.telemetry)(lambda: 1)
    assert found.telemetry.worker._thread is None


def test_faults_are_reported_without_waiting_for_the_next_record(make_capture):
    found = make_capture(synchronous=False)
    record_inference(model="coding", version="7", telemetry=found.telemetry)
    assert found.telemetry.worker.flush(DEADLINE)
    found.telemetry.failed(TelemetryComponent.EXPORTER, "Broken")
    deadline = time.monotonic() + DEADLINE
    while found.telemetry._errors and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not found.telemetry._errors


@pytest.mark.parametrize("size", [0, -1])
def test_a_queue_without_room_is_refused(size):
    with pytest.raises(ValueError, match="expected 1 or more"):
        Worker(list, size=size)


SETUP = """
import os, sys
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otel_clinical.instrument import Telemetry, inference, set_telemetry, _worker
reader = InMemoryMetricReader()
provider = MeterProvider([reader], shutdown_on_exit=False)
telemetry = Telemetry(meter_provider=provider)
set_telemetry(telemetry)

@inference(model="coding", version="7")
def predict():
    return 1

def counted():
    data = reader.get_metrics_data()
    found = [m for rm in data.resource_metrics for sm in rm.scope_metrics for m in sm.metrics]
    return sum(p.value for m in found if m.name == "clinical_ai.inferences" for p in m.data.data_points)
"""


def test_a_forked_child_has_its_own_thread_and_repeats_nothing_of_the_parent():
    code = SETUP + (
        "predict(); telemetry.worker.flush(20); before = counted()\n"
        "for _ in range(5): predict()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    predict(); predict()\n"
        "    ok = telemetry.worker.flush(20) and counted() - before in (2, 7)\n"
        "    os._exit(0 if ok and telemetry.worker._thread.is_alive() else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "telemetry.worker.flush(20); print(counted())\n"
    )
    assert run_python(code).strip() == "6"


def test_what_is_queued_is_processed_when_the_process_exits():
    code = SETUP + (
        "import atexit\n"
        # Registered first, so that it runs last.
        "atexit._clear(); _worker._hooked = False\n"
        "atexit.register(lambda: print(counted()))\n"
        "telemetry = Telemetry(meter_provider=provider); set_telemetry(telemetry)\n"
        "for _ in range(300): predict()\n"
    )
    assert run_python(code).strip() == "300"


def test_exit_is_bounded_when_the_thread_is_stuck():
    code = SETUP + (
        "import threading\n"
        "_worker.EXIT_SECONDS = 0.2\n"
        "class Stuck:\n"
        "    def derive(self, sink): threading.Event().wait()\n"
        "telemetry.put(Stuck()); predict()\n"
    )
    started = time.monotonic()
    run_python(code)
    assert time.monotonic() - started < DEADLINE


def test_the_global_sdk_may_come_after_decoration_and_after_the_first_calls():
    code = """
from opentelemetry import metrics, trace, _logs
from otel_clinical import inference, register_version, flush, record_outcome, current_inference
@inference(model="coding", version="7")
def predict():
    return current_inference().receipt
register_version("coding", "7")
predict()
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
reader, spans, logs = InMemoryMetricReader(), InMemorySpanExporter(), InMemoryLogRecordExporter()
metrics.set_meter_provider(MeterProvider([reader]))
provider = TracerProvider(); provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
logger = LoggerProvider(); logger.add_log_record_processor(SimpleLogRecordProcessor(logs))
_logs.set_logger_provider(logger)
receipt = predict()
assert record_outcome(receipt.dumps(), result="correct")
assert flush(20)
assert len(spans.get_finished_spans()) == 1
assert len(logs.get_finished_logs()) == 1
found = {m.name: m for rm in reader.get_metrics_data().resource_metrics for s in rm.scope_metrics for m in s.metrics}
assert sum(p.value for p in found["clinical_ai.inferences"].data.data_points) == 1
assert len(found["clinical_ai.outcomes"].data.data_points) > 30, "the zeros of the registered version"
"""
    run_python(code)
