"""One call sets a service up; what leaves it is redacted, bounded and on time."""

from __future__ import annotations

import errno
import logging
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics import Histogram
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from otel_clinical.instrument import record_inference, record_risk_event, record_task
from otel_clinical.policy import PolicyErrors
from otel_clinical.sdk import ConfigurationError, Exporters, configure
from otel_clinical.semconv import SCOPE_NAME, attributes, metrics

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "examples" / "policy.yaml"
CANARY = "canary-7f3a"


@pytest.fixture
def memory():
    return Exporters(spans=InMemorySpanExporter(), events=InMemoryLogRecordExporter())


@pytest.fixture
def setup(memory):
    """Configure with exporters in memory and shut down afterwards."""
    handles = []

    def start(**arguments):
        wanted = {"exporters": memory, "metrics": None, "set_global": False, **arguments}
        handles.append(configure("coding-service", **wanted))
        return handles[-1]

    yield start
    for handle in handles:
        handle.shutdown()


def record_span(handle, name="classify coding", **found):
    with handle.tracer_provider.get_tracer(SCOPE_NAME).start_as_current_span(name) as span:
        for key, value in found.items():
            span.set_attribute(key.replace("__", "."), value)


def page(handle):
    host, port = handle.metrics_address
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def samples(text):
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def test_spans_leave_redacted(setup, memory):
    handle = setup()
    record_span(handle, patient__name=CANARY, clinical_ai__model__name="coding")
    assert handle.flush()
    (span,) = memory.spans.get_finished_spans()
    assert span.attributes == {attributes.MODEL_NAME: "coding"}


def test_the_resource_names_the_service_and_not_the_host(setup, memory, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"host.name={CANARY},patient={CANARY},service.namespace=ward")
    handle = setup(version="1.2", environment="test")
    record_span(handle)
    handle.flush()
    found = memory.spans.get_finished_spans()[0].resource.attributes
    assert CANARY not in found.values()
    assert found["service.name"] == "coding-service"
    assert found["service.version"] == "1.2"
    assert found["deployment.environment.name"] == "test"
    assert found["service.namespace"] == "ward"


def test_values_are_cut_in_the_recorder_already(setup):
    handle = setup()
    span = handle.tracer_provider.get_tracer("library").start_span("x", attributes={"k": "v" * 1000})
    assert len(span.attributes["k"]) == 256
    span.end()


def test_the_policy_declares_segment_values(setup, memory):
    handle = setup(policy=POLICY)
    record_span(handle, clinical_ai__segment__payer="medicaid", clinical_ai__segment__site="Jane")
    handle.flush()
    found = memory.spans.get_finished_spans()[0].attributes
    assert found == {attributes.SEGMENT_PAYER: "medicaid", attributes.SEGMENT_SITE: "_OTHER"}


def test_a_version_that_the_policy_does_not_declare_is_said_once_and_leaves_as_other(setup, memory, caplog):
    handle = setup(policy=POLICY)
    for _ in range(2):
        receipt = record_inference(model="coding", version="9", telemetry=handle.telemetry)
    handle.flush()
    sent = [dict(span.attributes) for span in memory.spans.get_finished_spans()]
    assert [(one[attributes.MODEL_NAME], one[attributes.MODEL_VERSION]) for one in sent] == [("coding", "_OTHER")] * 2
    assert receipt.version == "9"  # what is reported when the policy has caught up is charged to it
    (record,) = caplog.records
    assert "a version of model coding that the policy does not declare (declared: 7, 8)" in record.getMessage()


def test_the_vocabulary_of_the_policy_declares_tasks_and_categories(setup):
    handle = setup(policy=POLICY, metrics="prometheus:0")
    for word in ("chart_review", "MRN00123456"):
        record_task(word, 3.0, telemetry=handle.telemetry)
    for word in ("denial", "MRN00123456"):
        record_risk_event(use_case="imaging", category=word, telemetry=handle.telemetry)
    handle.flush()
    text = page(handle)
    assert 'clinical_ai_task_name="chart_review"' in text
    assert 'clinical_ai_business_category="denial"' in text
    assert "MRN00123456" not in text


def test_the_policys_versions_start_at_zero_on_the_page(setup, eventually):
    """Rules cannot see a counter that is born at 1, so the zeros come before anything is recorded."""
    handle = setup(policy=str(POLICY), metrics="prometheus:0")

    def zeros():
        found = [s for s in samples(page(handle)) if s.name == metrics.OUTCOMES.prometheus]
        return {sample.labels["clinical_ai_model_version"]: sample.value for sample in found}

    eventually(lambda: zeros() == {"7": 0.0, "8": 0.0})


def test_the_page_is_on_the_loopback_and_has_no_scope_labels(setup):
    handle = setup(metrics="prometheus:0")
    handle.meter_provider.get_meter(SCOPE_NAME, "9.9").create_counter(metrics.OUTCOMES.name).add(1)
    assert handle.metrics_address[0] == "127.0.0.1"
    (sample,) = [s for s in samples(page(handle)) if s.name == metrics.OUTCOMES.prometheus]
    assert sample.labels == {}


def test_the_page_is_redacted_whatever_library_recorded(setup):
    handle = setup(metrics="prometheus:0")
    for scope in (SCOPE_NAME, "library"):
        meter = handle.meter_provider.get_meter(scope)
        for name in (f"{CANARY}.calls", "ward.north.calls", f"http.{CANARY.replace('-', '_')}"):
            meter.create_counter(name, description=CANARY).add(1, {"patient": CANARY})
        meter.create_counter("http.client.active_requests", description=CANARY).add(
            1, {"patient": CANARY, "url.scheme": "http"}
        )
        meter.create_counter("http.client.active_requests", description=CANARY).add(
            2, {"patient": "Jane", "url.scheme": "http"}
        )
    text = page(handle)
    assert CANARY not in text
    assert "Jane" not in text
    assert "north" not in text
    found = [s for s in samples(text) if s.name == "http_client_active_requests_total"]
    assert [(sample.labels, sample.value) for sample in found] == [({"url_scheme": "http"}, 3.0)]


def test_more_series_than_the_sdks_default_limit_stay_apart(setup):
    handle = setup(metrics="prometheus:0")
    handle.telemetry.declared.declare(attributes.SEGMENT_SITE, [f"s{n}" for n in range(100)])
    handle.telemetry.models.declare("coding", map(str, range(30)))
    counter = handle.meter_provider.get_meter(SCOPE_NAME).create_counter(metrics.SEGMENT_OUTCOMES.name)
    for version in range(30):
        for site in range(100):
            counter.add(1, {attributes.MODEL_VERSION: str(version), attributes.SEGMENT_VALUE: f"s{site}"})
    text = page(handle)
    assert "otel_metric_overflow" not in text
    assert len([s for s in samples(text) if s.name == metrics.SEGMENT_OUTCOMES.prometheus]) == 3000


def test_flushing_does_not_repeat_series_on_the_page(setup):
    handle = setup(metrics="prometheus:0")
    handle.meter_provider.get_meter(SCOPE_NAME).create_counter(metrics.OUTCOMES.name).add(1)
    handle.flush()
    handle.flush()
    assert len([s for s in samples(page(handle)) if s.name == metrics.OUTCOMES.prometheus]) == 1


def test_what_is_withheld_is_counted_on_the_page(setup):
    handle = setup(metrics="prometheus:0")
    record_span(handle, patient__name=CANARY)
    handle.tracer_provider.force_flush()
    handle.flush()
    found = {
        s.labels["clinical_ai_telemetry_redaction_reason"]: s.value
        for s in samples(page(handle))
        if s.name == metrics.TELEMETRY_REDACTIONS.prometheus
    }
    assert found == {"not_allowed": 1.0}


def test_spans_leave_within_the_schedule_delay(setup, memory, eventually):
    handle = setup(schedule_delay=0.05)
    record_span(handle)
    eventually(memory.spans.get_finished_spans, seconds=5)


def test_a_failed_self_test_keeps_everything_inside(setup, memory, monkeypatch, caplog):
    monkeypatch.setattr(
        "otel_clinical.sdk._configure.self_test", lambda _: "the redaction of spans let a marker through"
    )
    with caplog.at_level(logging.ERROR):
        handle = setup(metrics="prometheus:0")
    record_span(handle)
    assert handle.shutdown()
    assert memory.spans.get_finished_spans() == ()
    assert handle.metrics_address is None
    assert handle.problem == "the redaction of spans let a marker through"
    assert "nothing is exported" in caplog.text


def test_shutting_down_exports_what_is_left_and_frees_the_port(setup, memory):
    handle = setup(metrics="prometheus:0", schedule_delay=60.0)
    record_span(handle)
    assert handle.shutdown()
    assert handle.shutdown()
    assert len(memory.spans.get_finished_spans()) == 1
    with pytest.raises(OSError, match="refused"):
        page(handle)


def test_a_handle_is_a_context_manager(memory):
    with configure("coding-service", metrics=None, exporters=memory, schedule_delay=60.0, set_global=False) as handle:
        record_span(handle)
    assert len(memory.spans.get_finished_spans()) == 1


def test_a_taken_port_is_an_error_before_anything_starts(setup):
    first = setup(metrics="prometheus:0")
    port = first.metrics_address[1]
    with pytest.raises(OSError, match=rf"in use: .*127\.0\.0\.1:{port}; choose another port") as refused:
        setup(metrics=f"prometheus:{port}")
    assert refused.value.errno == errno.EADDRINUSE


def test_a_bad_policy_is_an_error(setup, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("nonsense: 1\n", encoding="utf-8")
    with pytest.raises(PolicyErrors):
        setup(policy=policy)


GLOBAL = """
import sys, time
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otel_clinical.sdk import ConfigurationError, Exporters, configure
tracer = trace.get_tracer("library")
memory = InMemorySpanExporter()
handle = configure("coding-service", metrics=None, exporters=Exporters(spans=memory), schedule_delay=60.0)
tracer.start_span("GET /patients/123").end()
try:
    configure("coding-service", metrics=None)
except ConfigurationError as error:
    print(error)
handle.shutdown()
print([span.name for span in memory.get_finished_spans()])
"""


def test_the_global_providers_are_set_once():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", GLOBAL], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("the global tracer, meter, logger provider is already set: call configure once")
    assert second == "['GET']"


FORK = """
import os, sys
from otel_clinical.sdk import Exporters, configure
from opentelemetry.sdk.trace.export import ConsoleSpanExporter
out = Exporters(spans=ConsoleSpanExporter(formatter=lambda span: f"{os.getpid()} {span.name}\\n"))
handle = configure("coding-service", metrics=None, exporters=out, schedule_delay=60.0)
pid = os.fork()
handle.tracer_provider.get_tracer("library").start_span("GET").end()
ok = handle.shutdown(5.0)
sys.stdout.flush()
if pid:
    os.waitpid(pid, 0)
    print("children", pid)
os._exit(0 if ok else 1)
"""


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_worker_exports_and_shuts_down_by_itself():
    done = subprocess.run(
        [sys.executable, "-c", FORK], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert len({line for line in done.stdout.splitlines() if line.endswith(" GET")}) == 2


def test_configuring_after_another_setup_is_refused(monkeypatch, setup):
    handle = setup()
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: handle.tracer_provider)
    with pytest.raises(ConfigurationError, match="the global tracer provider is already set"):
        configure("coding-service", metrics=None)


EXIT = """
import sys, time
from otel_clinical.sdk import configure
handle = configure("coding-service", metrics="otlp", endpoint=sys.argv[1])
handle.tracer_provider.get_tracer("library").start_span("GET").end()
print(time.monotonic())
"""


def test_a_dead_receiver_does_not_hold_the_exit_up(receiver):
    """The SDK alone takes more than ten seconds here."""
    receiver.hold.clear()
    done = subprocess.run(
        [sys.executable, "-c", EXIT, receiver.url], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - float(done.stdout) < 9  # one clock for both processes; starting Python is not the exit
    assert "given up" in done.stderr


def test_a_view_shapes_what_another_library_measures(setup):
    name = "http.server.request.duration"
    buckets = ExplicitBucketHistogramAggregation((1.0, 2.0))
    handle = setup(metrics="prometheus:0", views=[View(instrument_name=name, aggregation=buckets)])
    handle.meter_provider.get_meter("other").create_histogram(name, "s").record(1.5)
    bounds = {
        sample.labels["le"] for sample in samples(page(handle)) if sample.name.endswith("duration_seconds_bucket")
    }
    assert bounds == {"1.0", "2.0", "+Inf"}


@pytest.mark.parametrize(
    "view",
    [
        View(instrument_name="*"),
        View(instrument_name="clinical_ai.*"),
        View(instrument_name=metrics.INFERENCES.name),
        View(meter_name=SCOPE_NAME),
        View(instrument_type=Histogram),
    ],
)
def test_a_view_that_reaches_our_instruments_is_refused(setup, view):
    with pytest.raises(ConfigurationError, match="name the meter or the instruments of the other library"):
        setup(views=[view])


def test_a_view_of_another_meter_may_take_every_instrument_of_it(setup):
    assert setup(views=[View(meter_name="other", instrument_name="*")]).problem is None
