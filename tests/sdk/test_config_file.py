"""`OTEL_CONFIG_FILE` alone sets a process up, redacted, from the file that the documentation shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otel_clinical.semconv import metrics

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "recipes" / "otel.yaml"
CANARY = "canary-2c9d"
APPLICATION = f"""
from opentelemetry import metrics, trace
from otel_clinical import current_inference, flush, inference, record_outcome

@inference(model="coding", version="7", segments={{"payer": "payer"}})
def predict(encounter):
    with trace.get_tracer("library").start_as_current_span("GET", attributes={{"url.full": "{CANARY}"}}):
        return current_inference().receipt

record_outcome(predict({{"payer": "medicaid", "name": "{CANARY}"}}), result="correct")
metrics.get_meter("library").create_counter("calls").add(1, {{"mrn": "{CANARY}"}})
assert flush(20)
"""
CONFIGURATOR = "from opentelemetry.sdk._configuration import _OTelSDKConfigurator as C\nC().configure()\n"
DISTRO = "[opentelemetry_configurator]\nconfigurator = opentelemetry.sdk._configuration:_OTelSDKConfigurator\n"


def run(words, receiver, file=EXAMPLE, **more):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment |= {"OTEL_CONFIG_FILE": str(file), "COLLECTOR": receiver.url, **more}
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def prove(done, receiver):
    assert done.returncode == 0, done.stderr
    for path in ("/v1/traces", "/v1/metrics", "/v1/logs"):
        assert receiver.accepted(path), (path, done.stderr)
    assert all(CANARY.encode() not in body for body in receiver.bodies)
    assert any(b"predict coding" in body for body in receiver.accepted("/v1/traces"))
    assert any(metrics.OUTCOMES.name.encode() in body for body in receiver.accepted("/v1/metrics"))


def test_the_sdk_reads_the_file(receiver):
    prove(run([sys.executable, "-c", CONFIGURATOR + APPLICATION], receiver), receiver)


def test_opentelemetry_instrument_reads_the_file(receiver, tmp_path):
    """With a distribution of our own making, which names the SDK's configurator as `opentelemetry-distro` does."""
    information = tmp_path / "site" / "distro-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: distro\nVersion: 1\n", encoding="utf-8")
    (information / "entry_points.txt").write_text(DISTRO, encoding="utf-8")
    application = tmp_path / "app.py"
    application.write_text(APPLICATION, encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), str(ROOT), os.environ.get("PYTHONPATH")]))
    instrument = Path(sys.executable).parent / "opentelemetry-instrument"
    words = [str(instrument), "--clinical_policy", str(ROOT / "examples" / "policy.yaml")]
    prove(run([*words, sys.executable, str(application)], receiver, PYTHONPATH=path), receiver)
    assert any(b"medicaid" in body for body in receiver.accepted("/v1/traces"))


def test_the_stock_exporter_would_let_it_out(receiver, tmp_path):
    """Negative control: the same file with the stock name."""
    file = tmp_path / "otel.yaml"
    file.write_text(EXAMPLE.read_text(encoding="utf-8").replace("otlp_clinical:", "otlp_http:"), encoding="utf-8")
    done = run([sys.executable, "-c", CONFIGURATOR + APPLICATION], receiver, file)
    assert done.returncode == 0, done.stderr
    assert any(CANARY.encode() in body for body in receiver.bodies)


def test_metrics_leave_once_per_export_and_cumulative(receiver):
    """The exporter of the file is a reader elsewhere; here it must not collect by itself as well."""
    program = CONFIGURATOR + APPLICATION.replace("flush(20)", "flush(20) and flush(20)")
    done = run([sys.executable, "-c", program], receiver, OTEL_METRIC_EXPORT_INTERVAL="50")
    prove(done, receiver)
    found = [ExportMetricsServiceRequest.FromString(body) for body in receiver.accepted("/v1/metrics")]
    for export in found:
        (resource,) = export.resource_metrics
        named = [metric for scope in resource.scope_metrics for metric in scope.metrics]
        assert len({metric.name for metric in named}) == len(named)
        (outcomes,) = [metric for metric in named if metric.name == metrics.OUTCOMES.name]
        assert outcomes.sum.aggregation_temporality == 2
        assert sum(point.as_int for point in outcomes.sum.data_points) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [("otlp_clinical:\n            url: x", "no option 'url'"), ("otlp_klinical:", "'otlp_klinical' not found")],
)
def test_a_mistake_in_the_file_stops_the_set_up(receiver, tmp_path, change, message):
    file = tmp_path / "otel.yaml"
    text = EXAMPLE.read_text(encoding="utf-8").replace("/v1/traces", "/v1/traces\n", 1)
    file.write_text(text.replace("otlp_clinical:", change, 1), encoding="utf-8")
    done = run([sys.executable, "-c", CONFIGURATOR + APPLICATION], receiver, file)
    assert done.returncode == 1
    assert message in done.stderr
    assert receiver.requests == []


def test_the_file_can_expose_a_page_for_prometheus(receiver, tmp_path):
    file = tmp_path / "otel.yaml"
    file.write_text(
        'file_format: "1.0"\nmeter_provider:\n  readers:\n'
        "    - pull:\n        exporter:\n          prometheus_clinical:\n            port: 0\n",
        encoding="utf-8",
    )
    program = (
        CONFIGURATOR + APPLICATION + "import urllib.request\n"
        "(reader,) = metrics.get_meter_provider()._metric_readers\n"
        "host, port = reader.address\n"
        "print(urllib.request.urlopen(f'http://{host}:{port}/metrics').read().decode())\n"
    )
    done = run([sys.executable, "-c", program], receiver, file)
    assert done.returncode == 0, done.stderr
    assert metrics.OUTCOMES.prometheus in done.stdout
    assert CANARY not in done.stdout
