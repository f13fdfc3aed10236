"""A controller in the middle of a night: one segment undecided, one source held, one rollback behind it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from otel_clinical.rollback import activate_version
from otel_clinical.rollback.confirm import MODEL, SEGMENT_NAME, SEGMENT_VALUE, VERSION
from otel_clinical.semconv import metrics
from tests.rollback._controller import TOKEN, Controller, alert, notification, terms_of
from tests.rollback._prometheus import FakePrometheus, degraded, low_input

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS = ("--pull=3600", "--retry=0.2", "--watch=0.1", "--time-zone=America/Chicago")
SEGMENT = ("payer", "medicaid")


@dataclass
class Scene:
    """What tests look at: the controller and the incidents it opened."""

    controller: Controller
    prometheus: FakePrometheus
    held: str = ""
    undecided: str = ""
    opened: float = 0.0

    @property
    def url(self) -> str:
        return self.controller.url

    @contextmanager
    def visit(self, name: str = "Ana Ruiz") -> Iterator[httpx.Client]:
        """Yield a client of somebody who has logged in."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            answer = client.post("/login", data={"token": TOKEN, "name": name, "next": "/"})
            assert answer.status_code == 303, answer.text
            yield client


def play(folder: Path, prometheus: FakePrometheus, options: tuple[str, ...] = OPTIONS) -> Scene:
    """Start a controller and let the night happen."""
    terms = terms_of(folder)
    now = time.time()
    activate_version(terms, "7", by="release pipeline", at=now - 40 * 86_400)
    activate_version(terms, "8", by="Ben Okafor", at=now - 5 * 3_600)
    controller = Controller(folder, prometheus.url, options)
    controller.start()
    scene = Scene(controller, prometheus, opened=now)
    controller.post(notification(), path="/v1/heartbeat")
    source = low_input(prometheus, "ehr-b", version="8")
    controller.post(notification(alert(source)))
    scene.held = controller.wait_state("hold", within=60)["id"]
    _degrade(prometheus, now)
    scene.undecided = _undecided(controller, degraded_labels(prometheus, now))
    return scene


def degraded_labels(prometheus: FakePrometheus, now: float) -> dict[str, str]:
    """Show a segment whose evidence rests on another baseline: proved, and not to be acted on."""
    other = "sha256:" + "0" * 64
    return degraded(prometheus, baseline=other, change_point=now - 4 * 3_600, segment=SEGMENT)


def _undecided(controller: Controller, labels: dict[str, str]) -> str:
    controller.post(notification(alert(labels)))
    found: str = controller.wait_state("inconclusive", within=60)["id"]
    return found


def _degrade(prometheus: FakePrometheus, now: float) -> None:
    """Let the drop grow from nothing to a quarter within the last hours, and show every other stream watched."""
    step = 120.0
    times = [now - 5 * 3_600 + i * step for i in range(150)]
    drops = [max(0.0, min(0.24, (at - (now - 4 * 3_600)) / 3_600 * 0.16)) for at in times]
    shown = [(at, drop + 0.012 * ((i * 7) % 5 - 2) / 2) for i, (at, drop) in enumerate(zip(times, drops, strict=True))]
    prometheus.histories |= {
        metrics.DEGRADATION_RATIO.prometheus: shown,
        metrics.DEGRADATION_LOWER_RATIO.prometheus: [(at, drop - 0.06) for at, drop in shown],
        metrics.DEGRADATION_UPPER_RATIO.prometheus: [(at, drop + 0.05) for at, drop in shown],
        metrics.BASELINE_RATIO.prometheus: [(now, 0.92)],
        metrics.PERFORMANCE_RATIO.prometheus: [(now, 0.693)],
        metrics.PERFORMANCE_SAMPLES.prometheus: [(now, 412.0)],
        metrics.EVIDENCE_SAMPLES.prometheus: [(at, 20.0 + i * 3) for i, at in enumerate(times)],
    }
    streams = [
        ("all", "all"),
        *(("payer", p) for p in ("commercial", "medicare", "self_pay")),
        ("department", "surgery"),
    ]
    for name, value in streams:
        where = {MODEL: "coding", VERSION: "8", SEGMENT_NAME: name, SEGMENT_VALUE: value}
        prometheus.put(metrics.EVIDENCE_LABELS.prometheus, 400, **where)
