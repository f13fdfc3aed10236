"""A real controller process, and what tests send to it."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from otel_clinical.policy import load_policy
from otel_clinical.release import ReleasePointer, read_pointer
from otel_clinical.rollback import DATABASE, Order, OrderKind, Terms, read_terms, verify_file
from otel_clinical.rollback.store import Store
from otel_clinical.semconv.enums import RollbackMode
from otel_clinical.simulate.stack import ManagedProcess, free_ports, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
_FOLLOWS = re.compile(r"^ +follow:.*\n +flags:.*\n", re.MULTILINE)
TOKEN = "token-of-the-tests-0001"  # noqa: S105 -- no secret


def write_policy(folder: Path, *, mode: str = "enforce", **replaced: str) -> Path:
    """Write the reference policy with its pointer in `folder`; `replaced` maps words of it to others."""
    text = (EXAMPLES / "policy.yaml").read_text()
    # The place that follows there is none of a test's: a controller whose places cannot be switched is not armed.
    text = _FOLLOWS.sub("", text)
    words = {
        "/var/lib/otel-clinical-release/coding.json": "coding.json",
        "mode: observe": f"mode: {mode}",
        "maturity: 30d": "maturity: 0s",
        **replaced,
    }
    for old, new in words.items():
        assert old in text, f"the reference policy does not say {old}"
        text = text.replace(old, new)
    (folder / "baseline.json").write_bytes((EXAMPLES / "baseline.json").read_bytes())
    path = folder / "policy.yaml"
    path.write_text(text)
    return path


def terms_of(folder: Path, **options: str) -> Terms:
    return read_terms(load_policy(write_policy(folder, **options)))["coding"]


def fill_ledger(state: Path, terms: Terms, good: str = "7") -> None:
    """Leave the orders of people who register every version, vouch for one, and let the next controller act."""
    facts, now = {"digest": "sha256:…", "baseline_hash": terms.baseline_hash}, time.time()
    with closing(Store(state)) as store:
        for version in terms.versions:
            store.order(Order(OrderKind.REGISTER, terms.model, "tests", "registered", now, version, facts=facts))
        store.order(Order(OrderKind.KNOWN_GOOD, terms.model, "tests", "served for months", now, good))
    if terms.mode is RollbackMode.ENFORCE:
        let_act(state)


def let_act(state: Path, model: str = "coding") -> None:
    """Leave the orders of two people who let the next controller act, whatever it has earned."""
    with closing(Store(state)) as store:
        for person in ("ana", "ben"):
            store.order(Order(OrderKind.ARM, model, person, "practised in the tests", time.time()))


def notification(*alerts: dict[str, Any], **extra: Any) -> bytes:
    """Return a body as Alertmanager posts it."""
    document = {
        "version": "4",
        "groupKey": '{}:{alertname="x"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "rollback",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
        **extra,
    }
    return json.dumps(document).encode()


def alert(labels: dict[str, str], *, status: str = "firing", starts_at: float | None = None) -> dict[str, Any]:
    """Return one alert as Alertmanager posts it."""
    starts = datetime.fromtimestamp(starts_at if starts_at is not None else time.time(), UTC)
    return {
        "status": status,
        "labels": labels,
        "annotations": {"summary": "…"},
        "startsAt": starts.isoformat().replace("+00:00", "Z"),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "c0ffee",
    }


@dataclass
class Controller:
    """One controller: its files, its process, its clients."""

    folder: Path
    prometheus: str
    options: tuple[str, ...] = ("--pull=3600", "--retry=0.2", "--watch=0.1")
    environment: dict[str, str] = field(default_factory=dict)
    ledger: bool = True
    process: ManagedProcess = field(init=False)
    url: str = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "tokens").write_text(f"{TOKEN}\n")
        port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        self.process = self._process()

    def _process(self, **environment: str) -> ManagedProcess:
        command = [sys.executable, "-m", "otel_clinical.cli", "rollback", "serve"]
        command += [f"--policy={self.folder / 'policy.yaml'}", f"--state={self.folder / 'state'}"]
        command += [f"--listen={self.url.removeprefix('http://')}", f"--token-file={self.folder / 'tokens'}"]
        command += [f"--prometheus={self.prometheus}", *self.options]
        log = self.folder / "controller.log"
        return ManagedProcess(
            "controller", command, log, f"{self.url}/healthz", self.url, {**self.environment, **environment}
        )

    def start(self, **environment: str) -> None:
        if self.ledger and not (self.folder / "state").exists():
            for terms in read_terms(load_policy(self.folder / "policy.yaml")).values():
                fill_ledger(self.folder / "state", terms)
        self.process = self._process(**environment)
        self.process.start()
        self.process.wait_ready()

    def wait_dead(self) -> None:
        wait_until(lambda: not self.process.running, within=60, what="the controller to die")

    def post(self, body: bytes, *, path: str = "/v1/alertmanager", **headers: str) -> httpx.Response:
        sent = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json", **headers}
        return httpx.post(f"{self.url}{path}", content=body, headers=sent, timeout=10, trust_env=False)

    def get(self, path: str) -> Any:
        headers = {"authorization": f"Bearer {TOKEN}"}
        answer = httpx.get(f"{self.url}{path}", headers=headers, timeout=10, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def incidents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/v1/incidents")["incidents"]
        return found

    def wait_state(self, *states: str, within: float = 60.0) -> dict[str, Any]:
        """Return the first incident once it is in one of `states`."""
        return wait_until(
            lambda: next((i for i in self.incidents() if i["state"] in states), None),
            within=within,
            what=f"an incident in {states}",
        )

    def pointer(self) -> ReleasePointer:
        return read_pointer(self.folder / "coding.json")

    def verify_audit(self) -> int:
        return verify_file(self.folder / "state" / DATABASE).seq


def samples(controller: Controller) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = httpx.get(f"{controller.url}/metrics", trust_env=False).text
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(controller: Controller, name: str, **labels: str) -> float:
    """Return the sum of a metric's series that carry these labels."""
    wanted = {(f"clinical_ai_{key}", text) for key, text in labels.items()}
    return sum(v for (found, have), v in samples(controller).items() if found == name and wanted <= have)
