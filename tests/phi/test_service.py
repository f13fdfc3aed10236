"""The canary service: patient data in everything a service handles, and none in anything that leaves it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.phi._marker import NUMBER, find, hits, marker
from tests.phi._receivers import GrpcReceiver, HttpReceiver, sinks

ROOT = Path(__file__).parents[2]
SIGNALS = {"traces", "logs", "metrics"}
FOLDER = marker("folder")


class Run:
    """One run of the service.

    Attributes:
        receiver: Everything that was exported.
        out: What the process wrote to its folder and to the terminal.
    """

    def __init__(self, folder, protocol, *, compression="", metrics="otlp", plain=False):
        self.receiver = GrpcReceiver() if protocol == "grpc" else HttpReceiver()
        self.folder = folder / FOLDER
        self.folder.mkdir()
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "HOSPITAL_PROTOCOL": protocol,
            "HOSPITAL_METRICS": metrics,
            "HOSPITAL_PLAIN": "1" if plain else "",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.endpoint,
            **({"OTEL_EXPORTER_OTLP_COMPRESSION": compression} if compression else {}),
            "OTEL_METRICS_EXEMPLAR_FILTER": "always_on",
            "OTEL_RESOURCE_ATTRIBUTES": f"patient={marker('resource')},host.name={marker('host')}",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": ".*",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": ".*",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup,database/dup",
        }
        command = [sys.executable, "-m", "tests.phi._hospital", str(self.folder), "--patient", marker("argument")]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
        self.receiver.close()
        assert done.returncode == 0, done.stderr.decode()[-4000:]
        self.terminal = {"stdout": done.stdout, "stderr": done.stderr}

    def file(self, name):
        return (self.folder / name).read_bytes()

    @property
    def signals(self):
        return {request.signal for request in self.receiver.requests}


@pytest.fixture(scope="module", params=["http", "http gzip", "grpc", "grpc gzip"])
def run(request, tmp_path_factory):
    protocol, _, compression = request.param.partition(" ")
    return Run(tmp_path_factory.mktemp("hospital"), protocol, compression=compression)


@pytest.fixture(scope="module")
def page_run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("hospital"), "http", metrics="prometheus:0")


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("hospital"), "http", compression="gzip", plain=True)


def test_no_marker_is_in_anything_that_was_exported(run):
    assert run.file("problem") == b"None"
    assert run.signals == SIGNALS
    assert hits(sinks(run.receiver)) == {}


def test_no_marker_is_in_what_telemetry_logs_or_prints(run):
    assert run.file("telemetry.log")
    assert hits(run.terminal | {"telemetry.log": run.file("telemetry.log")}) == {}


def test_no_marker_is_in_the_receipt_that_is_stored_beside_the_answer(run):
    assert find(run.file("receipt")) == set()


def test_the_service_did_handle_patient_data(run):
    """Negative control: the application's own log, which is the application's, is full of it."""
    log = run.file("app.log")
    assert find(log) >= {"raw", "number"}
    assert b"exception" in log
    assert str(NUMBER).encode() in log


def test_spans_of_every_library_left_without_their_texts(run):
    bodies = b"".join(request.body for request in run.receiver.requests if request.signal == "traces")
    if run.receiver.requests[0].compressed:
        return
    for scope in ("otel_clinical", "instrumentation.fastapi", "instrumentation.requests", "instrumentation.sqlalchemy"):
        assert scope.encode() in bodies


def test_no_marker_is_on_the_page_for_prometheus(page_run):
    page = page_run.file("page.txt")
    assert b"clinical_ai_inferences_total" in page
    assert b"http_server_request_duration" in page
    assert hits({"page": page} | sinks(page_run.receiver)) == {}


def test_without_the_redaction_markers_leave_by_every_signal_and_library(plain_run):
    """Negative control: the same service with the set-up of the SDK's own documentation, compressed bodies searched."""
    assert plain_run.receiver.requests[0].compressed
    found = hits({name: data for name, data in sinks(plain_run.receiver).items() if not name.startswith("head")})
    assert {name.split()[0] for name in found} >= {"traces", "logs"}
    assert all("in compressed data" in form for forms in found.values() for form in forms)
