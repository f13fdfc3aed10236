"""A controller in the test's own process whose turns, and whose time, the test takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_clinical.policy import load_policy
from otel_clinical.rollback import ControllerService, activate_version, read_terms
from otel_clinical.rollback.alerts import parse_notification
from otel_clinical.rollback.clock import SteadyClock
from tests.rollback._controller import TOKEN, alert, fill_ledger, notification, write_policy
from tests.rollback._prometheus import degraded

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.rollback._prometheus import FakePrometheus

HOUR = 3600.0


@dataclass
class Clocks:
    """A system's clock that can be put forward or back, and the time that really passes."""

    ahead: float = 0.0
    passed: float = 0.0

    def wall(self) -> float:
        return time.time() + self.passed + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.passed


class Running:
    """A controller whose turns the test takes, with an announced rollback."""

    def __init__(self, folder: Path, prometheus: FakePrometheus) -> None:
        rest = "      maximum_alert_age: 15m\n"
        policy = load_policy(write_policy(folder, **{rest: rest + "      safety_class: B\n      veto: 300s\n"}))
        self.terms = read_terms(policy)["coding"]
        for version, age in (("7", 24 * HOUR), ("8", 60.0)):
            activate_version(self.terms, version, by="tests", at=time.time() - age)
        (folder / "tokens").write_text(f"{TOKEN}\n")
        fill_ledger(folder / "state", self.terms)
        self.clocks = Clocks()
        clock = SteadyClock(self.clocks.wall, self.clocks.monotonic)
        self.service = ControllerService(policy, folder / "state", folder / "tokens", prometheus.url, clock=clock)
        self.labels = degraded(prometheus, baseline=self.terms.baseline_hash, change_point=time.time() - 30)
        body = notification(alert(self.labels))
        self.service.store.receive(body, parse_notification(body, {"coding": self.terms}), clock())

    def until(self, state: str) -> None:
        deadline = time.monotonic() + 60
        while self.service.store.incidents()[:1] == [] or self.service.store.incidents()[0]["state"] != state:
            assert time.monotonic() < deadline, f"not {state}"
            self.service.worker.turn()

    def actions(self) -> list[str]:
        return [event.action for event in self.service.store.audit_events(0, 1000)]

    def turn(self, *, after: float = 0.0) -> None:
        """Let time pass, and the controller do what is due then."""
        self.clocks.passed += after
        self.service.worker.turn()

    @property
    def state(self) -> str:
        return str(self.service.store.incidents()[0]["state"])

    def events(self, action: str) -> list[dict[str, Any]]:
        """Return what the audit says of each event of this kind."""
        return [dict(event.data) for event in self.service.store.audit_events(0, 1000) if event.action == action]
