"""Decorated code works with no SDK, a disabled one, one that comes late, and one that is replaced."""

from __future__ import annotations

import pytest

from otel_clinical.semconv import metrics

CALLS = """
import asyncio
from otel_clinical import current_inference, declare_segments, flush, inference, record_outcome, review, shutdown

declare_segments({"payer": ["medicaid"]})

@inference(model="coding", version="7", segments={"payer": "payer"}, confidence="confidence")
def predict(payer):
    return {"confidence": 0.9, "receipt": current_inference().receipt}

@inference(model="coding", version="7")
def stream():
    yield 1
    yield 2

@inference(model="coding", version="7")
async def answer():
    return 1

def everything():
    receipt = predict("medicaid")["receipt"]
    assert list(stream()) == [1, 2]
    assert asyncio.run(answer()) == 1
    with inference(model="coding", version="7") as current:
        current.set_confidence(0.5)
    return record_outcome(receipt, result="correct")
"""

NO_SDK = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("opentelemetry.sdk"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


def test_without_an_sdk_everything_works_and_nothing_is_said(run):
    code = (
        NO_SDK
        + CALLS
        + "everything()\nassert flush(5)\nassert shutdown(5)\nassert 'opentelemetry.sdk' not in sys.modules\n"
    )
    done = run(code)
    assert (done.stdout, done.stderr) == ("", "")


def test_the_import_of_an_absent_sdk_fails(run):
    """The control: the program above runs without one."""
    done = run(NO_SDK + "import opentelemetry.sdk.trace\n", status=1)
    assert "No module named 'opentelemetry.sdk" in done.stderr


SDK = """
import sys
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

def set_up(url):
    exporter = OTLPMetricExporter(endpoint=url + "/v1/metrics")
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(exporter, 600_000)]))
    trace.set_tracer_provider(TracerProvider())
    trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url + "/v1/traces")))
"""


@pytest.mark.parametrize(("disabled", "expected"), [("true", 0), ("false", 4)], ids=["disabled", "control"])
def test_a_disabled_sdk_takes_nothing_and_nothing_fails(run, receiver, disabled, expected):
    code = SDK + CALLS + "set_up(sys.argv[1])\neverything()\nassert flush(20)\n"
    done = run(code, receiver.url, OTEL_SDK_DISABLED=disabled)
    assert (receiver.total(metrics.INFERENCES.name), len(receiver.spans())) == (expected, expected)
    assert done.stderr == ""


def test_configure_under_a_disabled_sdk_sends_nothing(run, receiver):
    code = "import sys\nfrom otel_clinical.sdk import configure\n" + CALLS
    code += "handle = configure('coding', endpoint=sys.argv[1])\neverything()\nhandle.shutdown()\n"
    run(code, receiver.url, OTEL_SDK_DISABLED="true")
    assert receiver.bodies == []


def test_a_provider_that_comes_late_gets_every_call_from_then_on(run, receiver):
    code = SDK + CALLS + "everything()\nset_up(sys.argv[1])\n" + "everything()\n" * 3 + "assert flush(20)\n"
    done = run(code, receiver.url)
    assert (receiver.total(metrics.INFERENCES.name), len(receiver.spans())) == (12, 12)
    assert done.stderr == ""


def test_a_replaced_set_up_gets_every_call_from_then_on(run, receiver):
    """The API keeps the first global provider; what can be replaced is where our telemetry goes."""
    code = (
        SDK
        + CALLS
        + """
from otel_clinical.instrument import Telemetry, set_telemetry

class Name:
    def __init__(self, name):
        from opentelemetry.sdk.resources import Resource
        self.resource = Resource({"service.instance.id": name})
        exporter = OTLPMetricExporter(endpoint=sys.argv[1] + "/v1/metrics")
        self.meter = MeterProvider([PeriodicExportingMetricReader(exporter, 600_000)], resource=self.resource)
        self.tracer = TracerProvider(resource=self.resource)
        self.tracer.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[1] + "/v1/traces")))
        self.telemetry = Telemetry(tracer_provider=self.tracer, meter_provider=self.meter)
        declare_segments({"payer": ["medicaid"]}, telemetry=self.telemetry)

first, second = Name("first"), Name("second")
set_telemetry(first.telemetry)
everything()
assert first.telemetry.shutdown(20)
first.meter.shutdown()
first.tracer.shutdown()
set_telemetry(second.telemetry)
everything()
everything()
assert second.telemetry.flush(20)
"""
    )
    done = run(code, receiver.url)
    assert receiver.per_instance(metrics.INFERENCES.name) == {"first": 4, "second": 8}
    assert [instance for instance, _, _ in receiver.spans()].count("second") == 8
    assert done.stderr == ""
