"""Real Prometheus, real Alertmanager, generated rules and routes, real controller: only the numbers are ours."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from otel_clinical.generate import alertmanager, rules
from otel_clinical.policy import load_policy
from otel_clinical.rollback import activate_version, read_terms
from otel_clinical.semconv import metrics, prometheus_label
from otel_clinical.simulate.stack import (
    ManagedProcess,
    alertmanager_server,
    free_ports,
    prometheus_server,
    stop_all,
    wait_until,
)
from tests.rollback._controller import Controller, write_policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from otel_clinical.semconv import MetricDef

pytestmark = pytest.mark.stack

ALL = {"segment_name": "all", "segment_value": "all"}


def add_to_baseline(path: Path, pair: str, value: str) -> None:
    """Let the reference have seen one value of a pair in every stratum."""
    baseline = json.loads(path.read_text())
    strata = {cell["stratum"] for cell in baseline["cells"]}
    for stratum in sorted(strata):
        baseline["cells"].append({"segment": pair, "value": value, "stratum": stratum, "n": 500, "sum": 460.0})
    path.write_text(json.dumps(baseline))


class Exposed:
    """A service and a processor as Prometheus scrapes them: gauges that the test sets."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        self._server, self._thread = start_http_server(0, "127.0.0.1", self._registry)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def put(self, metric: MetricDef, value: float, **labels: str) -> None:
        named = {f"clinical_ai_{name}": text for name, text in labels.items()}
        if metric.prometheus not in self._gauges:
            names = [prometheus_label(key) for key in metric.attributes if prometheus_label(key) in named]
            self._gauges[metric.prometheus] = Gauge(metric.prometheus, "x", names, registry=self._registry)
        gauge = self._gauges[metric.prometheus]
        (gauge.labels(**named) if named else gauge).set(value)

    def serving(self, version: str) -> None:
        for known in ("7", "8"):
            self.put(
                metrics.DEPLOYMENT_STATUS,
                known == version,
                model_name="coding",
                model_version=known,
                deployment_state="active",
            )

    def alive(self) -> None:
        now = time.time()
        self.put(metrics.PROCESSOR_EVENT_TIME, now)
        self.put(metrics.PROCESSOR_WATERMARK_TIME, now - 1)
        self.put(metrics.LABEL_TIME, now, model_name="coding")

    def evidence(
        self,
        version: str,
        activation: int,
        *,
        proof: float,
        drop: float,
        performance: float,
        place: Mapping[str, str] = ALL,
    ) -> None:
        mv = {"model_name": "coding", "model_version": version}
        for level in ("engineering_review", "governance_review", "rollback"):
            self.put(metrics.EVIDENCE, proof, **mv, **place, escalation_level=level)
        self.put(metrics.EVIDENCE_SAMPLES, 240, **mv, **place)
        self.put(metrics.DEGRADATION_RATIO, drop, **mv, **place)
        self.put(metrics.CHANGE_POINT_TIME, time.time(), **mv, **place)
        self.put(metrics.EVIDENCE_ACTIVATION, activation, **mv)
        self.put(metrics.LABEL_COVERAGE_RATIO, 0.93, **mv)
        self.put(metrics.PERFORMANCE_RATIO, performance, **mv, **place)
        self.put(metrics.PERFORMANCE_SAMPLES, 240, **mv, **place)
        self.put(metrics.BASELINE_RATIO, 0.92, **mv, **place)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Stack:
    """All processes of one hospital on free ports, with version 8 freshly activated after 7."""

    def __init__(self, folder: Path, *, pair: tuple[str, str] | None = None) -> None:
        self.folder = folder
        changes = {"keep_firing: 15m": "keep_firing: 2s"}
        if pair is not None:
            changes["    standardise_by:"] = f"    pairs: [[{pair[0]}]]\n    standardise_by:"
        policy_path = write_policy(folder, **changes)
        if pair is not None:
            add_to_baseline(folder / "baseline.json", *pair)
        policy = load_policy(policy_path)
        self.terms: Terms = read_terms(policy)["coding"]
        activate_version(self.terms, "7", by="tests", at=time.time() - 86_400)
        activate_version(self.terms, "8", by="tests", at=time.time() - 5)
        self.exposed = Exposed()
        self.exposed.put(metrics.PROCESSOR_START_TIME, time.time() - 60)
        self.exposed.put(metrics.BASELINE_STATUS, 1, model_name="coding", baseline_hash=self.terms.baseline_hash)
        self.exposed.alive()
        ports = free_ports(2)
        url = f"http://127.0.0.1:{ports[0]}"
        self.controller = Controller(folder, url, ("--pull=3600", "--retry=0.5", "--watch=0.2"))
        self._configure(policy, ports[1])
        self.prometheus = prometheus_server(folder, folder / "prometheus.yaml", ports[0])
        self.alertmanager = alertmanager_server(folder, folder / "alert_rules" / "alertmanager.yaml", ports[1])
        self.started: list[ManagedProcess] = []

    def _configure(self, policy: Any, alertmanager_port: int) -> None:
        files = rules.render(policy, evaluation_interval=1.0)
        files |= alertmanager.render(
            policy,
            webhook_url=f"{self.controller.url}/v1/alertmanager",
            credentials_file=str(self.folder / "tokens"),
            machine_interval=1.0,
        )
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"},
            "rule_files": [str(self.folder / name) for name in files if "alertmanager" not in name],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]}]},
            "scrape_configs": [{"job_name": "hospital", "static_configs": [{"targets": [self.exposed.address]}]}],
        }
        (self.folder / "prometheus.yaml").write_text(yaml.safe_dump(config))

    def start(self, *processes: ManagedProcess) -> None:
        for process in processes:
            process.start()
            self.started.append(process)
        for process in processes:
            process.wait_ready()

    def firing(self, alert: str) -> bool:
        answer = httpx.get(
            f"{self.prometheus.url}/api/v1/query", params={"query": f'ALERTS{{alertname="{alert}"}}'}, trust_env=False
        )
        self.exposed.alive()
        return bool(answer.json()["data"]["result"])

    def state(self, *states: str, within: float = 30) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            self.exposed.alive()
            return next((i for i in self.controller.incidents() if i["state"] in states), None)

        return wait_until(look, within=within, what=f"an incident in {states}", every=0.2)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    yield stack
    stop_all(stack.started)
    stack.exposed.close()


def test_a_bad_release_travels_from_gauge_to_rollback_and_back_to_health(stack: Stack) -> None:
    stack.exposed.serving("8")
    stack.exposed.evidence("8", 2, proof=0.0, drop=0.0, performance=0.92)
    stack.start(stack.prometheus, stack.alertmanager, stack.controller.process)
    began = time.monotonic()
    stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69)
    stack.state("converging", "verifying")
    seconds = time.monotonic() - began
    assert stack.controller.pointer().version == "7"
    stack.exposed.serving("7")
    stack.exposed.evidence("7", 3, proof=0.0, drop=0.0, performance=0.92)
    incident = stack.state("rolled_back")
    assert {report["result"] for report in incident["guards"]} == {"pass"}
    assert (stack.controller.pointer().epoch, stack.controller.pointer().activation) == (3, 3)
    assert stack.controller.verify_audit() > 5
    assert seconds < 20, "the goal from proof to previous version with scrape and evaluation of 1 s"
    heard = httpx.get(f"{stack.controller.url}/metrics", trust_env=False).text
    assert metrics.ROLLBACK_HEARTBEAT_TIME.prometheus in heard, "the watchdog's heartbeat arrives as well"


def test_a_pair_that_dropped_is_given_the_previous_version_and_nobody_else_is(tmp_path: Path) -> None:
    name, value = "payer,department", "medicaid,cardiology"
    stack = Stack(tmp_path, pair=(name, value))
    place = {"segment_name": name, "segment_value": value}
    try:
        stack.exposed.serving("8")
        stack.exposed.evidence("8", 2, proof=0.0, drop=0.0, performance=0.92)
        stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69, place=place)
        stack.start(stack.prometheus, stack.alertmanager, stack.controller.process)
        incident = stack.state("converging", "verifying")
        assert name in json.dumps(incident)
        assert value in json.dumps(incident)
        pointer = stack.controller.pointer()
        assert pointer.version == "8"
        assert pointer.resolve({"payer": "medicaid", "department": "cardiology"}).version == "7"
        assert pointer.resolve({"payer": "medicaid", "department": "surgery"}).version == "8"
        assert stack.controller.verify_audit() > 3
    finally:
        stop_all(stack.started)
        stack.exposed.close()


def test_an_alert_that_fired_while_the_controller_was_dead_is_acted_on_when_it_lives(stack: Stack) -> None:
    stack.exposed.serving("8")
    stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69)
    # No Alertmanager at all: every notification is lost.
    stack.start(stack.prometheus)
    alert = "ClinicalAIPerformanceDropRollback"
    wait_until(lambda: stack.firing(alert), within=20, what="the alert to fire", every=0.2)
    stack.start(stack.controller.process)
    stack.state("converging", "verifying")
    assert stack.controller.pointer().version == "7"


def test_a_processor_that_falls_silent_stops_every_automatic_decision(stack: Stack) -> None:
    stack.exposed.serving("8")
    stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69)
    stack.exposed.put(metrics.PROCESSOR_EVENT_TIME, time.time() - 3600)
    stack.start(stack.prometheus, stack.alertmanager, stack.controller.process)
    incident = wait_until(
        lambda: next((i for i in stack.controller.incidents() if i["state"] == "inconclusive"), None),
        within=30,
        what="an inconclusive incident",
        every=0.2,
    )
    assert "telemetry" in incident["reason"]
    assert stack.controller.pointer().version == "8"
