"""A process ends soon and silently, whatever became of the receiver, and sends what was urgent before."""

from __future__ import annotations

import time

import pytest

from otel_clinical.semconv import attributes, events, metrics

# The promise is 5 s from the end of the program; the rest is for ending the interpreter on a busy machine.
BOUND = 5.0
SLACK = 2.0

PROGRAM = """
import atexit, os, signal, sys, threading, time
from otel_clinical import current_inference, flush, inference, record_deployment_change, record_safety_event
from otel_clinical.sdk import Exporters, configure

@inference(model="coding", version="7")
def predict():
    return current_inference().receipt

def say_end():
    print(time.monotonic(), flush=True)
"""

HTTP = """
handle = configure("coding-service", endpoint="http://127.0.0.1:" + sys.argv[1])
"""

GRPC = """
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
options = {"endpoint": "http://127.0.0.1:" + sys.argv[1], "insecure": True}
exporters = Exporters(OTLPSpanExporter(**options), OTLPLogExporter(**options), OTLPMetricExporter(**options))
handle = configure("coding-service", exporters=exporters)
"""

ENVIRONMENT = """
import os
os.environ |= {f"OTEL_{signal}_EXPORTER": "otlp_clinical" for signal in ("TRACES", "METRICS", "LOGS")}
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:" + sys.argv[1]
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()
"""

ENVIRONMENT_GRPC = 'import os\nos.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"\n' + ENVIRONMENT

STOCK = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
exporter = OTLPSpanExporter(endpoint="http://127.0.0.1:" + sys.argv[1] + "/v1/traces")
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(exporter))
"""

WORK = """
for _ in range(50):
    receipt = predict()
record_safety_event(receipt, severity="near_miss")
say_end()
"""


def seconds_to_end(done):
    """Return the time between the last line of a program and the end of its process, by the clock they share."""
    return time.monotonic() - float(done.stdout.split()[-1])


SETUPS = {"http": HTTP, "grpc": GRPC, "environment": ENVIRONMENT, "environment grpc": ENVIRONMENT_GRPC}


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
@pytest.mark.parametrize("receiver_is", ["refused", "black_hole"])
def test_a_dead_receiver_does_not_hold_up_the_end(run, request, setup, receiver_is):
    done = run(PROGRAM + setup + WORK, request.getfixturevalue(receiver_is))
    assert seconds_to_end(done) < BOUND + SLACK
    assert "Traceback" not in done.stderr


def test_the_stock_set_up_takes_longer(run, black_hole):
    """The control: the clock above sees the time that the SDK alone takes."""
    done = run(PROGRAM + STOCK + WORK, black_hole)
    assert seconds_to_end(done) > BOUND + SLACK


def test_a_stuck_background_thread_and_a_dead_receiver_share_the_time(run, black_hole):
    stuck = """
class Stuck:
    def derive(self, sink):
        threading.Event().wait()
predict()
handle.telemetry.put(Stuck())
"""
    done = run(PROGRAM + HTTP + stuck + WORK, black_hole)
    assert seconds_to_end(done) < BOUND + SLACK


@pytest.mark.parametrize("setup", [HTTP, ENVIRONMENT], ids=["http", "environment"])
def test_a_live_receiver_gets_everything_at_the_end(run, receiver, setup):
    run(PROGRAM + setup + WORK, receiver.url.rpartition(":")[2])
    assert receiver.total(metrics.INFERENCES.name) == 50
    assert len(receiver.spans()) == 50
    assert len([record for _, record, _ in receiver.events() if record.event_name == events.SAFETY_EVENT]) == 1


SLOW = """
handle = configure("coding-service", endpoint="http://127.0.0.1:" + sys.argv[1], metric_interval=600.0,
                   schedule_delay=600.0)
"""

OFF = """
import otel_clinical.instrument._urgent as urgent
urgent.UrgentFlush.request = lambda self: None
"""

URGENT = {
    "a safety event": 'record_safety_event(receipt, severity="severe_harm")',
    "a rollback": 'record_deployment_change("coding", from_version="7", to_version="6", type="rollback")',
}


@pytest.mark.parametrize("report", URGENT.values(), ids=URGENT)
@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"], ids=["_exit", "SIGKILL"])
def test_what_is_urgent_leaves_within_two_seconds_although_the_process_is_killed(run, receiver, report, end):
    work = f"receipt = predict()\nflush()\nsay_end()\n{report}\ntime.sleep(2)\n{end}\n"
    done = run(PROGRAM + SLOW + work, receiver.url.rpartition(":")[2], status=3 if "_exit" in end else -9)
    names = (events.SAFETY_EVENT, events.DEPLOYMENT_CHANGE)
    (at,) = [at for _, record, at in receiver.events() if record.event_name in names]
    assert at - float(done.stdout) < 2 + SLACK
    counted = (metrics.SAFETY_EVENTS.name, metrics.DEPLOYMENT_CHANGES.name)
    assert sum(receiver.total(name) for name in counted) == 1


@pytest.mark.parametrize("report", URGENT.values(), ids=URGENT)
def test_without_urgency_a_killed_process_sends_nothing(run, receiver, report):
    """The control: the export interval is long enough to tell."""
    work = f"receipt = predict()\nflush()\n{report}\ntime.sleep(2)\nos._exit(3)\n"
    run(PROGRAM + OFF + SLOW + work, receiver.url.rpartition(":")[2], status=3)
    assert receiver.events() == []


ROUTER = """
from pathlib import Path
from otel_clinical import ModelRouter
from otel_clinical.release import ReleasePointer, create_pointer, swap_pointer

pointer = Path("coding.json")
create_pointer(pointer, ReleasePointer(model="coding", version="7", activation=1, epoch=1))
router = ModelRouter("coding", pointer=pointer, versions={"6": lambda: 6, "7": lambda: 7}, refresh=0)
assert router() == 7
flush()
swap_pointer(pointer, 1, lambda found: found.activate("6", at=found.updated_at + 1, by="test"))
assert router() == 6
time.sleep(2)
os._exit(3)
"""


def serving(receiver):
    """Return the version whose status was last received as 1."""
    points = [point for _, point, _ in receiver.points(metrics.DEPLOYMENT_STATUS.name) if point.as_int == 1]
    labels = {pair.key: pair.value.string_value for pair in points[-1].attributes}
    return labels[attributes.MODEL_VERSION]


@pytest.mark.parametrize(("before", "expected"), [("", "6"), (OFF, "7")], ids=["urgent", "control"])
def test_a_rollback_that_a_router_sees_leaves_within_two_seconds(run, receiver, before, expected):
    run(PROGRAM + before + SLOW + ROUTER, receiver.url.rpartition(":")[2], status=3)
    assert serving(receiver) == expected
