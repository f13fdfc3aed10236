"""What the canary service exported goes on: into the drift processor, into the controller, into a report."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from otel_clinical.rollback import activate_version
from tests.drift.runtime._harness import PROTOBUF, running
from tests.drift.runtime.conftest import write_policy
from tests.phi._marker import ENCODERS, files, find, hits, marker
from tests.phi._runs import ROOT, Run
from tests.rollback._controller import Controller, alert, notification, terms_of
from tests.rollback._prometheus import FakePrometheus, degraded, recovered


def cli(*arguments):
    """Run a command and return what it prints."""
    command = [sys.executable, "-m", "otel_clinical.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module", params=[False, True], ids=["redacted", "not redacted"])
def processed(request, tmp_path_factory):
    """Return everything a processor keeps and shows after it took what the service exported.

    The second time nothing was redacted on the way: the processor keeps nothing of it either.
    """
    folder = tmp_path_factory.mktemp("processor")
    run = Run(tmp_path_factory.mktemp("hospital"), "http", plain=request.param)
    policy = write_policy(folder)
    with running(folder, policy) as processor:
        for sent in run.receiver.requests:
            if sent.signal != "metrics":
                assert processor.post(f"/v1/{sent.signal}", sent.body, PROTOBUF).status == 200
        refused = processor.post("/v1/traces", marker("no-protobuf").encode(), PROTOBUF)
        processor.settle()
        shown = {
            "metrics": processor.get("/metrics").body,
            "refusal": refused.body,
            "status": cli("processor", "status", "--url", f"http://{processor.where['metrics']}/metrics"),
        }
        taken = processor.counter("clinical_ai_processor_events_total")
        kept = files(processor.state)
    return {"plain": request.param, "taken": taken, "sinks": shown | kept | files(folder / "state")}


def test_no_marker_is_in_what_the_processor_keeps_or_shows(processed):
    assert any(name.endswith((".db", ".db-wal")) for name in processed["sinks"])
    assert hits(processed["sinks"]) == {}


def test_the_processor_took_the_inferences(processed):
    """Negative control: it is not empty because nothing arrived."""
    assert processed["taken"] or b"clinical_ai_processor" in processed["sinks"]["metrics"]
    assert b"coding" in processed["sinks"]["metrics"]


@pytest.mark.parametrize("encoding", sorted(set(ENCODERS) - {"deflate"}))
def test_a_marker_planted_in_what_the_processor_keeps_is_found(processed, encoding):
    planted = ENCODERS[encoding](marker("planted").encode())
    for name, data in processed["sinks"].items():
        assert find(data + b" " + planted + b" "), name


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory):
    """Return what a controller keeps and shows after an alert made it act, with markers around the alert."""
    folder = tmp_path_factory.mktemp("controller")
    terms = terms_of(folder)
    now = time.time()
    activate_version(terms, "7", by="tests", at=now - 86_400)
    activate_version(terms, "8", by="tests", at=now - 60)
    prometheus = FakePrometheus()
    controller = Controller(folder, prometheus.url)
    controller.start()
    try:
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=now - 30)
        assert controller.post(notification(alert(labels))).status_code == 202
        answers = _hostile(controller, labels)
        controller.wait_state("converging")
        recovered(prometheus)
        incident = controller.wait_state("rolled_back")
        shown = {path: repr(controller.get(path)).encode() for path in ("/v1/incidents", "/v1/audit", "/v1/releases")}
        report = folder / "report.html"
        cli("rollback", "report", incident["id"], "--state", folder / "state", "--out", report)
        cli(
            "rollback", "report", incident["id"], "--state", folder / "state", "--out", folder / "report.json", "--json"
        )
        shown["status"] = cli("rollback", "status", "--policy", folder / "policy.yaml", "--state", folder / "state")
        return {"incident": incident, "sinks": shown | answers | files(folder)}
    finally:
        controller.process.stop()
        prometheus.close()


def _hostile(controller, labels):
    """Post alerts with markers in every place that Alertmanager leaves to others."""
    around = {
        "receiver": marker("receiver"),
        "groupKey": marker("group"),
        "groupLabels": {"patient": marker("label")},
        "commonLabels": {marker("key"): marker("label")},
        "commonAnnotations": {"summary": marker("annotation")},
        "externalURL": f"http://{marker('url')}",
        marker("field"): [marker("value")],
    }
    one = alert(labels | {"patient": marker("label"), marker("label-key"): "x"})
    one["annotations"] = {"description": marker("annotation")}
    one["generatorURL"] = one["fingerprint"] = marker("alert")
    # The name of an alert is a rule's, which is written by whoever writes the rules.
    others = [alert(labels | {key: marker("word")}) for key in labels if key != "alertname"]
    bodies = [notification(one, **around), *(notification(other) for other in others), marker("body").encode()]
    answers = [controller.post(body, **{"x-patient": marker("header")}) for body in bodies]
    return {f"answer {index}": answer.content for index, answer in enumerate(answers)}


def test_no_marker_is_in_incidents_audit_report_or_alert_store(rolled_back):
    assert rolled_back["incident"]["decision"] == "rollback"
    assert {"report.html", "report.json", "controller.log"} <= {name.split("/", 1)[-1] for name in rolled_back["sinks"]}
    assert hits(rolled_back["sinks"]) == {}


@pytest.mark.parametrize("encoding", sorted(set(ENCODERS) - {"deflate"}))
def test_a_marker_planted_in_what_the_controller_keeps_is_found(rolled_back, encoding):
    planted = ENCODERS[encoding](marker("planted").encode())
    for name, data in rolled_back["sinks"].items():
        assert find(data + b" " + planted + b" "), name
