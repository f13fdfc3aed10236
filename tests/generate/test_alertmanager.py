"""Alertmanager accepts the tree, and every alert reaches the machine and the people that it should."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from otel_clinical.generate import alertmanager, rules
from otel_clinical.generate.alertmanager import (
    ENGINEERING,
    GOVERNANCE,
    HEARTBEAT,
    ONCALL,
    PEOPLE,
    PLATFORM,
    SAFETY,
    WEBHOOK,
)
from otel_clinical.semconv import attributes, prometheus_label
from otel_clinical.simulate.stack import alertmanager_server, binary, free_ports, wait_until

MODEL, VERSION, SEGMENT, VALUE = (
    prometheus_label(key)
    for key in (
        attributes.MODEL_NAME,
        attributes.MODEL_VERSION,
        attributes.SEGMENT_NAME,
        attributes.SEGMENT_VALUE,
    )
)


def amtool(*arguments):
    done = subprocess.run(
        [binary("amtool"), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def config(policy, tmp_path_factory):
    path = tmp_path_factory.mktemp("alertmanager") / "alertmanager.yaml"
    (text,) = alertmanager.render(policy).values()
    path.write_text(text)
    return path


def test_the_shipped_tree_is_valid(config):
    code, output = amtool("check-config", config)
    assert code == 0, output
    assert "7 receivers" in output


def test_a_tree_of_seconds_without_people_is_valid(policy, tmp_path):
    (text,) = alertmanager.render(
        policy,
        webhook_url="http://127.0.0.1:1/v1/alertmanager",
        credentials_file="token",
        group_wait=0.0,
        group_interval=1.0,
        repeat_interval=3.0,
        machine_interval=1.0,
        receivers={name: {} for name in PEOPLE},
    ).values()
    path = tmp_path / "alertmanager.yaml"
    path.write_text(text)
    code, output = amtool("check-config", path)
    assert code == 0, output
    assert "example.org" not in json.dumps(yaml.safe_load(text)["receivers"])


def test_amtool_notices_a_broken_tree(config, tmp_path):
    """Negative control of the two tests above."""
    path = tmp_path / "alertmanager.yaml"
    path.write_text(config.read_text().replace("receiver: engineering", "receiver: nobody", 1))
    assert amtool("check-config", path)[0] != 0


TIER_3 = (WEBHOOK, ONCALL, GOVERNANCE, ENGINEERING)
ROUTES = {
    "ClinicalAIPerformanceDropRollback": TIER_3,
    "ClinicalAIPerformanceDropGovernance": (GOVERNANCE, ENGINEERING),
    "ClinicalAIPerformanceDropEngineering": (ENGINEERING,),
    "ClinicalAIPerformanceDropGovernanceFromCounters": (GOVERNANCE, ENGINEERING),
    "ClinicalAIInputQualityLow": (WEBHOOK, ENGINEERING),
    "ClinicalAIOverrideRatioHigh": (ENGINEERING,),
    "ClinicalAIAutomationBias": (ENGINEERING,),
    "ClinicalAICalibrationOff": (ENGINEERING,),
    "ClinicalAISegmentsWorse": (ENGINEERING,),
    "ClinicalAIModelsDropTogether": (ENGINEERING,),
    "ClinicalAIEstimatedPerformanceLow": (ENGINEERING,),
    "ClinicalAIDriftDetected": (ENGINEERING,),
    "ClinicalAISafetyEvent": (SAFETY, ONCALL, GOVERNANCE, ENGINEERING),
    "ClinicalAINoInferences": (ONCALL, ENGINEERING),
    "ClinicalAINoOutcomes": (ENGINEERING,),
    "ClinicalAIRollbackExecuted": (ENGINEERING,),
    "ClinicalAIRollbackInconclusive": (ONCALL, ENGINEERING),
    "ClinicalAIProcessorDown": (ONCALL,),
    "ClinicalAIControllerDown": (ONCALL,),
    "ClinicalAITelemetryErrors": (PLATFORM,),
    "ClinicalAIWatchdog": (HEARTBEAT,),
}


@pytest.mark.parametrize("name", ROUTES)
def test_an_alert_reaches_whom_it_should(policy, config, name):
    alert = next(alert for alert in rules.alerts(policy) if alert.name == name)
    labels = [f"{key}={value}" for key, value in {"alertname": name, **alert.labels}.items()]
    wanted = ",".join(ROUTES[name])
    code, output = amtool(
        "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={wanted}", *labels
    )
    assert code == 0, output


def test_the_machine_comes_first_and_is_never_the_last(config):
    routes = yaml.safe_load(config.read_text())["route"]["routes"]
    machine = [route for route in routes if route["receiver"] == WEBHOOK]
    assert routes[: len(machine)] == machine
    drill, *real = machine
    assert drill["matchers"] == ['drill!=""', 'tier="rollback"']
    assert "continue" not in drill, "a drill wakes nobody"
    for route in real:
        assert route["continue"] is True
    for route in machine:
        assert route["group_by"] == ["..."]
        assert route["group_wait"] == "0s"


def test_nothing_the_machine_must_hear_and_no_safety_event_is_ever_inhibited(config):
    for rule in yaml.safe_load(config.read_text())["inhibit_rules"]:
        assert {'category!="safety"', 'action!="hold"'} <= set(rule["target_matchers"])
        assert not any("rollback" in matcher for matcher in rule["target_matchers"])


def test_webhooks_do_not_follow_redirects_and_carry_the_token(config):
    receivers = yaml.safe_load(config.read_text())["receivers"]
    for receiver in receivers:
        for webhook in receiver.get("webhook_configs", []):
            assert webhook["http_config"]["follow_redirects"] is False
            assert webhook["http_config"]["authorization"]["credentials_file"]


class Listener:
    """Takes what Alertmanager sends, by path."""

    def __init__(self):
        self.heard = defaultdict(set)
        self.tokens = set()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                listener.tokens.add((self.path, self.headers.get("Authorization")))
                for alert in body["alerts"]:
                    listener.heard[self.path].add(alert["labels"]["alertname"])
                self.send_response(202)
                self.end_headers()

            def log_message(self, *arguments):
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def server(policy, tmp_path, listener):
    token = tmp_path / "token"
    token.write_text("s3cret")
    (text,) = alertmanager.render(
        policy,
        webhook_url=f"{listener.url}/v1/alertmanager",
        credentials_file=str(token),
        group_wait=0.0,
        group_interval=1.0,
        machine_interval=1.0,
        receivers={name: {"webhook_configs": [{"url": f"{listener.url}/{name}"}]} for name in PEOPLE},
    ).values()
    config = tmp_path / "alertmanager.yaml"
    config.write_text(text)
    process = alertmanager_server(tmp_path, config, free_ports(1)[0])
    process.start()
    process.wait_ready()
    yield process
    process.stop()


def post(url, alerts):
    body = json.dumps([{"labels": labels} for labels in alerts]).encode()
    request = urllib.request.Request(f"{url}/api/v2/alerts", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def suppressed(url):
    """Return alert name and segment value of everything that another alert silences."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=10) as answer:
        alerts = json.load(answer)
    return {(a["labels"]["alertname"], a["labels"].get(VALUE)) for a in alerts if a["status"]["inhibitedBy"]}


@pytest.mark.stack
def test_a_real_alertmanager_tells_the_machine_and_silences_only_lower_tiers(policy, server, listener):
    """Tier 3 everywhere, lower tiers there and in a segment, a poor source, a safety event, another model."""
    static = {alert.name: {"alertname": alert.name, **alert.labels} for alert in rules.alerts(policy)}
    everywhere = {VERSION: "8", SEGMENT: "all", VALUE: "all"}
    h01 = {VERSION: "8", SEGMENT: "site", VALUE: "h01"}
    source = {SEGMENT: "source_system", VALUE: "ehr-b"}
    drop = "ClinicalAIPerformanceDrop"
    triage = {**static[f"{drop}Governance"], **everywhere, MODEL: "triage"}
    post(
        server.url,
        [
            static[f"{drop}Rollback"] | everywhere,
            static[f"{drop}Governance"] | everywhere,
            static[f"{drop}Engineering"] | everywhere,
            static[f"{drop}Engineering"] | h01,
            static["ClinicalAIOverrideRatioHigh"] | h01,
            static["ClinicalAIInputQualityLow"] | source,
            static[f"{drop}Rollback"] | source | {VERSION: "8"},
            static["ClinicalAISafetyEvent"] | {VERSION: "8"},
            static["ClinicalAIWatchdog"],
            triage,
        ],
    )
    machine, heartbeat = "/v1/alertmanager", "/v1/heartbeat"
    wanted = {
        machine: {f"{drop}Rollback", "ClinicalAIInputQualityLow"},
        heartbeat: {"ClinicalAIWatchdog"},
        f"/{SAFETY}": {"ClinicalAISafetyEvent"},
        f"/{ONCALL}": {f"{drop}Rollback", "ClinicalAISafetyEvent"},
    }
    wait_until(
        lambda: all(listener.heard[path] >= names for path, names in wanted.items()),
        within=20,
        what=f"{wanted}, heard {dict(listener.heard)}",
    )
    assert listener.heard[machine] == wanted[machine]
    assert {(machine, "Bearer s3cret"), (heartbeat, "Bearer s3cret")} <= listener.tokens
    assert suppressed(server.url) == {
        (f"{drop}Governance", "all"),
        (f"{drop}Engineering", "all"),
        (f"{drop}Engineering", "h01"),
    }
    with urllib.request.urlopen(f"{server.url}/api/v2/alerts", timeout=10) as answer:
        others = [a for a in json.load(answer) if a["labels"].get(MODEL) == "triage"]
    assert [a["status"]["inhibitedBy"] for a in others] == [[]]


def test_the_committed_tree_is_that_of_the_reference_policy(policy):
    for path, content in alertmanager.render(policy).items():
        assert (Path(__file__).parents[2] / path).read_text() == content
