"""A real Prometheus that scrapes a real page is examined; then the page goes wrong, name by name."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from otel_clinical.doctor import Level, options_of
from otel_clinical.doctor._examine import prometheus
from otel_clinical.doctor._health import judge_counters, judge_reached
from otel_clinical.doctor._prometheus import QUERIES, Snapshot, ask_prometheus
from otel_clinical.instrument import ModelRouter, record_inference, record_outcome
from otel_clinical.release import ReleasePointer, create_pointer
from otel_clinical.sdk import Exporters, configure
from otel_clinical.semconv import metrics
from otel_clinical.simulate._ports import free_ports
from otel_clinical.simulate._servers import prometheus_server


def findings(url, level=None):
    found = prometheus(options_of(endpoint="http://127.0.0.1:1", prometheus=url, timeout=20.0))
    return [finding.said for finding in found if level is None or finding.level is level]


class Page:
    """A page that a Prometheus scrapes; what it shows may be changed."""

    def __init__(self, show):
        self.show = show
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = page.show().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def scraped(tmp_path):
    """Return a function that starts a Prometheus which scrapes the given text and returns its URL."""
    running = []

    def start(target):
        config = tmp_path / "prometheus.yml"
        job = {"job_name": "services", "static_configs": [{"targets": [target]}]}
        document = {"global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"}, "scrape_configs": [job]}
        config.write_text(json.dumps(document), encoding="utf-8")
        server = prometheus_server(tmp_path, config, free_ports(1)[0])
        running.append(server)
        server.start()
        return server.url

    yield start
    for server in running:
        server.stop()


def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition never held"
        threading.Event().wait(0.1)
    return found


@pytest.mark.stack
def test_a_sound_service_has_no_findings(scraped, tmp_path):
    exporters, pointer = Exporters(), tmp_path / "coding.json"
    create_pointer(pointer, ReleasePointer(model="coding", version="7", activation=1, epoch=1))
    with configure("coding-service", metrics="prometheus:0", exporters=exporters, set_global=False) as handle:
        router = ModelRouter("coding", pointer=pointer, versions={"7": str}, telemetry=handle.telemetry)
        assert router.pointer is not None
        done = record_inference(model="coding", version="7", telemetry=handle.telemetry)
        record_outcome(done, result="correct", telemetry=handle.telemetry)
        handle.flush()
        url = scraped("{}:{}".format(*handle.metrics_address))
        until(lambda: ask_prometheus(url, 20.0).names)
        assert findings(url, Level.PROBLEM) == []
        said = findings(url, Level.OK)
        assert any("families have the registry's exact names" in line for line in said)
        assert any("the clock of Prometheus agrees" in line for line in said)
        assert "nothing was dropped and nothing failed" in said


WRONG = """# TYPE clinical_ai_outcomes counter
clinical_ai_outcomes 3
# TYPE clinical_ai_inferences_total counter
clinical_ai_inferences_total{clinical_ai_patient="1"} 3
# TYPE clinical_ai_telemetry_dropped_total counter
clinical_ai_telemetry_dropped_total{clinical_ai_telemetry_component="queue"} 12
# TYPE clinical_ai_telemetry_errors_total counter
clinical_ai_telemetry_errors_total{clinical_ai_telemetry_component="config",error_type="X"} 2
# TYPE clinical_ai_telemetry_redactions_total counter
clinical_ai_telemetry_redactions_total{clinical_ai_telemetry_redaction_reason="pattern"} 4
# TYPE otel_sdk_processor_span_processed_total counter
otel_sdk_processor_span_processed_total{error_type="queue_full"} 9
"""


USED = """# TYPE clinical_ai_inferences_total counter
clinical_ai_inferences_total{clinical_ai_model_name="coding"} 3
clinical_ai_inferences_total{clinical_ai_model_name="sepsis"} 3
clinical_ai_inferences_total{clinical_ai_model_name="_OTHER"} 3
# TYPE clinical_ai_deployment_status gauge
clinical_ai_deployment_status{clinical_ai_model_name="sepsis",clinical_ai_deployment_state="active"} 1
clinical_ai_deployment_status{clinical_ai_model_name="coding",clinical_ai_deployment_state="active"} SERVES
"""


@pytest.mark.stack
def test_a_model_of_which_no_version_is_reported_as_serving_is_found_until_one_is(scraped):
    """Without it no tier alert of that model can fire."""
    serves = "0"
    page = Page(lambda: USED.replace("SERVES", serves))
    url = scraped(f"127.0.0.1:{page.server.server_port}")
    until(lambda: findings(url, Level.PROBLEM) == ["coding is used, and no version of it is reported as serving"])
    serves = "1"
    until(lambda: findings(url, Level.PROBLEM) == [])
    page.server.shutdown()
    page.server.server_close()


@pytest.mark.stack
def test_everything_that_is_wrong_is_found_and_has_advice(scraped):
    page = Page(lambda: WRONG)
    url = scraped(f"127.0.0.1:{page.server.server_port}")
    until(lambda: len(ask_prometheus(url, 20.0).names) == 5)
    assert set(findings(url, Level.PROBLEM)) == {
        "clinical_ai_outcomes: suffixes are missing",
        "clinical_ai_patient on clinical_ai_inferences_total is not in the registry",
        "12 records dropped (queue)",
        "2 faults of telemetry (config)",
        "9 spans lost by the SDK (queue_full)",
        "series without a model: points were folded together",
    }
    assert "4 values were withheld (pattern)" in findings(url, Level.HINT)
    page.server.shutdown()
    page.server.server_close()


@pytest.mark.stack
def test_counters_that_start_again_and_again_are_no_cumulative_ones(scraped):
    """What delta points that somebody exposes as they are look like."""
    values = iter(range(10**9))
    page = Page(lambda: f'clinical_ai_inferences_total{{clinical_ai_model_name="c"}} {next(values) % 2}\n')
    url = scraped(f"127.0.0.1:{page.server.server_port}")
    until(lambda: "counters start again every few minutes" in findings(url))
    page.server.shutdown()
    page.server.server_close()


def test_an_empty_prometheus_is_a_finding():
    assert "Prometheus knows no series of clinical AI" in [
        finding.said for finding in prometheus_findings_of(Snapshot(version="2.53.0"))
    ]


def prometheus_findings_of(snapshot):
    from otel_clinical.doctor._names import judge_names  # noqa: PLC0415 -- beside its only use

    return [judge_reached("http://p", snapshot), *judge_names(snapshot.names), *judge_counters(snapshot.samples)]


def test_nobody_listens(closed):
    assert findings(closed) == [f"{closed} refuses the connection"]


def test_a_server_that_is_no_prometheus(serve):
    url = serve(method="GET", body=b'{"hello": 1}')
    assert findings(url) == [f"{url} does not answer like Prometheus"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": null}', b'{"data": {"result": "x"}}'])
def test_odd_answers_are_no_traceback(serve, body):
    url = serve(method="GET", body=body)
    assert findings(url) == [f"{url} does not answer like Prometheus"]


def test_a_prometheus_that_wants_a_password(serve):
    url = serve(lambda _path: 401, method="GET")
    assert findings(url) == [f"{url} answered 401"]


def test_a_prometheus_that_is_too_old():
    finding = judge_reached("http://p", Snapshot(version="2.41.0"))
    assert (finding.said, finding.level) == ("http://p is version 2.41.0", Level.PROBLEM)
    assert judge_reached("http://p", Snapshot(version="2.42.0+ds")).level is Level.OK


def test_no_prometheus_is_no_problem():
    (finding,) = prometheus(options_of(endpoint="http://127.0.0.1:1"))
    assert finding.level is Level.SKIPPED


def test_the_queries_use_the_registrys_names():
    assert metrics.TELEMETRY_DROPPED.prometheus in QUERIES["dropped"]
    assert metrics.TELEMETRY_ERRORS.prometheus in QUERIES["errors"]
