"""All processes of one hospital: real Prometheus and Alertmanager, generated rules and routes, real controller."""

from __future__ import annotations

import json
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx
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
    wait_until,
)
from tests.rollback._controller import Controller, fill_ledger, write_policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from otel_clinical.semconv import MetricDef

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

    def __init__(
        self,
        folder: Path,
        *,
        pair: tuple[str, str] | None = None,
        services: Sequence[str] = (),
        changes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`services` are addresses that Prometheus scrapes as well, `changes` words of the policy to others."""
        self.folder, self._services = folder, services
        changes = {"keep_firing: 15m": "keep_firing: 2s", **changes}
        if pair is not None:
            changes["    standardise_by:"] = f"    pairs: [[{pair[0]}]]\n    standardise_by:"
        policy_path = write_policy(folder, **changes)
        if pair is not None:
            add_to_baseline(folder / "baseline.json", *pair)
        policy = load_policy(policy_path)
        self.terms: Terms = read_terms(policy)["coding"]
        activate_version(self.terms, "7", by="tests", at=time.time() - 86_400)
        activate_version(self.terms, "8", by="tests", at=time.time() - 5)
        fill_ledger(folder / "state", self.terms)
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
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": targets}]}
                for job, targets in (("hospital", [self.exposed.address]), ("service", list(self._services)))
                if targets
            ],
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

    def asked(self, query: str) -> bool:
        """Tell whether Prometheus answers a query with anything."""
        answer = httpx.get(f"{self.prometheus.url}/api/v1/query", params={"query": query}, trust_env=False)
        return bool(answer.json()["data"]["result"])

    def down(self) -> bool:
        """Tell whether Prometheus misses the services and the processor."""
        return self.asked("up == 0")

    def firing_still(self) -> bool:
        """Tell whether Prometheus shows any alert of the last tier."""
        return self.asked('ALERTS{tier="rollback"}')

    def state(self, *states: str, within: float = 30) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            self.exposed.alive()
            return next((i for i in self.controller.incidents() if i["state"] in states), None)

        return wait_until(look, within=within, what=f"an incident in {states}", every=0.2)
