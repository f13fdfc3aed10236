"""Totals are exact when a process forks: every call is counted once, by the process that made it."""

from __future__ import annotations

from otel_clinical.semconv import metrics

CALLS = metrics.INFERENCES.name

SETUP = """
import os, sys, threading
from otel_clinical import inference
from otel_clinical.sdk import configure

@inference(model="coding", version="7")
def predict():
    return 1

def call(times):
    for _ in range(times):
        predict()

def start(**options):
    return configure("coding-service", endpoint=sys.argv[1], metric_interval=600.0, **options)
"""

OURS = (
    SETUP
    + """
handle = start()
"""
)

STOCK = (
    SETUP
    + """
from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
exporter = OTLPMetricExporter(endpoint=sys.argv[1] + "/v1/metrics")
handle = MeterProvider([PeriodicExportingMetricReader(exporter, 600_000)])
metrics.set_meter_provider(handle)
"""
)

FORK = """
call(5)
from otel_clinical import flush
flush()
pid = os.fork()
if pid == 0:
    call(1)
else:
    call(10)
    os.waitpid(pid, 0)
"""


def test_a_call_is_counted_once_by_the_process_that_made_it(run, receiver):
    run(OURS + FORK, receiver.url)
    found = receiver.per_instance(CALLS)
    assert sorted(found.values()) == [1, 15]
    assert len(found) == 2, "each process is an instance of its own"
    assert "" not in found


def test_the_stock_sdk_counts_the_parents_calls_again(run, receiver):
    """The control: the check above finds the fault where it is."""
    run(STOCK + FORK, receiver.url)
    assert sorted(receiver.per_instance(CALLS).values()) == [6, 15]


def test_without_the_renewal_the_check_finds_the_fault(run, receiver):
    switched_off = "import otel_clinical.sdk._providers as p; p.count_from_zero = lambda provider: None\n"
    run(switched_off + OURS + FORK, receiver.url)
    assert sorted(receiver.per_instance(CALLS).values()) == [6, 15]
