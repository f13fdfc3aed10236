"""What an export itself logs is not exported, however loud the root logger is; and cut texts make no noise."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_clinical.sdk import Exporters, configure

PROGRAM = """
import logging, os, sys, warnings
warnings.simplefilter("ignore")  # the SDK's handler is deprecated, and what many have
"""

OURS = """
from otel_clinical.sdk import configure
configure("coding-service", endpoint=sys.argv[1], schedule_delay=0.05, metric_interval=0.05)
"""

ENVIRONMENT = """
os.environ |= {f"OTEL_{signal}_EXPORTER": "otlp_clinical" for signal in ("TRACES", "METRICS", "LOGS")}
os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": sys.argv[1], "OTEL_METRIC_EXPORT_INTERVAL": "50"}
os.environ |= {"OTEL_BLRP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()
"""

CALLS = """
from opentelemetry.sdk._logs import LoggingHandler
from otel_clinical import flush, inference
logging.basicConfig(level=logging.DEBUG, handlers=[LoggingHandler()], force=True)

@inference(model="coding", version="7")
def predict():
    logging.getLogger("app").debug("of the application")

for _ in range(3):
    predict()
    assert flush(5), "the flush hit its limit"
"""

SWITCHED_OFF = """
import otel_clinical.sdk._own_noise as noise
noise.exporting = lambda: False
"""


def foreign(receiver):
    """Return how many records of other libraries came."""
    return sum(not record.event_name for _, record, _ in receiver.events())


@pytest.mark.parametrize("setup", [OURS, ENVIRONMENT], ids=["configure", "environment"])
def test_lines_about_our_own_exports_are_not_exported(run, receiver, setup):
    run(PROGRAM + setup + CALLS, receiver.url)
    assert foreign(receiver) == 3


@pytest.mark.parametrize("setup", [OURS, ENVIRONMENT], ids=["configure", "environment"])
def test_without_the_check_they_are(run, receiver, setup):
    run(PROGRAM + SWITCHED_OFF + setup + CALLS.replace("assert flush(5)", "flush(0.2) or True"), receiver.url)
    assert foreign(receiver) > 3


def test_an_exception_in_a_span_of_somebody_else_makes_no_noise_and_leaves_nothing(caplog):
    memory = InMemorySpanExporter()
    with configure("coding-service", exporters=Exporters(spans=memory), set_global=False) as handle:
        tracer = handle.tracer_provider.get_tracer("app")
        with pytest.raises(ValueError, match="Jane"), tracer.start_as_current_span("GET"):
            raise ValueError("Jane Roe " * 100)
        handle.flush()
    (span,) = memory.get_finished_spans()
    assert "Jane" not in span.to_json()
    assert caplog.messages == []
    # The control: a limit that is not ours.
    logging.getLogger("opentelemetry.attributes").warning(
        "String attribute value exceeds max length of %d, truncating.", 64
    )
    assert len(caplog.messages) == 1
