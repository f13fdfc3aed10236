"""The canary service: patient data in everything a service handles, and none in anything that leaves it."""

from __future__ import annotations

import pytest

from tests._receivers import sinks
from tests.phi._marker import NUMBER, find, hits
from tests.phi._runs import Run

SIGNALS = {"traces", "logs", "metrics"}


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
