"""What speaks against a rollback keeps a running controller from it: real process, pointer and database."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.rollback import activate_version, release_ledger
from otel_clinical.rollback.confirm import CAUSE, LEVEL, MODEL, SEGMENT_NAME, SEGMENT_VALUE, STATE, VERSION
from otel_clinical.semconv import metrics
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import alert, let_act, notification, terms_of
from tests.rollback._forked import ForkedController
from tests.rollback._prometheus import degraded, recovered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from soak._nursery import Nursery
    from tests.rollback._prometheus import FakePrometheus

LONG = 60.0
WHOLE = {SEGMENT_NAME: "all", SEGMENT_VALUE: "all"}
MINE = {MODEL: "coding", VERSION: "8"}
LAST = "      maximum_alert_age: 15m\n"


@dataclass
class Hospital:
    """One controller in front of a scripted Prometheus, version 8 activated a minute ago after 7."""

    nursery: Nursery
    folder: Path
    prometheus: FakePrometheus
    controller: ForkedController | None = None
    terms: Terms | None = None

    def open(self, *options: str, ledger: bool = True, **policy: str) -> ForkedController:
        self.terms = terms_of(self.folder, **policy)
        now = time.time()
        activate_version(self.terms, "7", by="tests", at=now - 86_400)
        activate_version(self.terms, "8", by="tests", at=now - 60)
        self.controller = ForkedController(self.nursery, self.folder, self.prometheus.url, *options, ledger=ledger)
        if not ledger:
            let_act(self.folder / "state")
        self.controller.start()
        return self.controller

    def degrade(self, **stream: Any) -> dict[str, str]:
        assert self.terms is not None
        return degraded(self.prometheus, baseline=self.terms.baseline_hash, change_point=time.time() - 30, **stream)

    def command(self, *words: str) -> None:
        assert run([*words, "--state", str(self.folder / "state"), "--by=ana"]) == 0


@pytest.fixture
def hospital(nursery: Nursery, tmp_path: Path, prometheus: FakePrometheus) -> Iterator[Hospital]:
    hospital = Hospital(nursery, tmp_path, prometheus)
    yield hospital
    if hospital.controller is not None:
        hospital.controller.process.stop()


def labels_late(prometheus: FakePrometheus) -> None:
    prometheus.put(metrics.LABEL_TIME.prometheus, time.time() - 40 * 86_400, **{MODEL: "coding"})


def labels_missing(prometheus: FakePrometheus) -> None:
    prometheus.put(metrics.LABEL_COVERAGE_RATIO.prometheus, 0.4, **MINE)


def feed_changed(prometheus: FakePrometheus) -> None:
    prometheus.put(metrics.ATTRIBUTION_STATUS.prometheus, 1, **MINE, **WHOLE, **{CAUSE: "label_feed"})


def everything_dropped(prometheus: FakePrometheus) -> None:
    other = {MODEL: "triage", VERSION: "3", **WHOLE}
    prometheus.put(metrics.EVIDENCE.prometheus, 9.0, **other, **{LEVEL: "governance_review"})
    prometheus.put(metrics.CHANGE_POINT_TIME.prometheus, time.time() - 60, **other)


def few_labels(prometheus: FakePrometheus) -> None:
    prometheus.put(metrics.EVIDENCE_SAMPLES.prometheus, 20, **MINE, **WHOLE)


def mix_moved(prometheus: FakePrometheus) -> None:
    """Simpson's pair: the plain rate falls, the standardised one, which the processor tells, does not."""
    prometheus.put(metrics.DEGRADATION_RATIO.prometheus, -0.02, **MINE, **WHOLE)


@pytest.mark.parametrize(
    ("disturbance", "guard"),
    [
        (labels_late, "label_health"),
        (labels_missing, "label_health"),
        (feed_changed, "label_health"),
        (everything_dropped, "common_cause"),
        (few_labels, "sample"),
        (mix_moved, "case_mix"),
    ],
)
def test_nothing_is_switched_until_the_doubt_is_gone(
    hospital: Hospital, prometheus: FakePrometheus, disturbance: Callable[[FakePrometheus], None], guard: str
) -> None:
    controller = hospital.open()
    labels = hospital.degrade()
    disturbance(prometheus)
    controller.post(notification(alert(labels)))
    incident = controller.wait_state("inconclusive", within=LONG)
    found = {report["guard"]: report["result"] for report in incident["guards"]}
    assert {name for name, result in found.items() if result not in {"pass", "not_compared"}} == {guard}
    assert (controller.pointer().version, controller.pointer().epoch) == ("8", 2)
    # Negative control: without the doubt the same alert is acted on.
    for name in (metrics.ATTRIBUTION_STATUS, metrics.EVIDENCE, metrics.DEGRADATION_RATIO):
        prometheus.drop(name.prometheus)
    hospital.degrade()
    controller.wait_state("converging", "verifying", within=LONG)
    assert controller.pointer().version == "7"


def test_a_drop_that_the_aggregate_hides_gives_that_segment_alone_the_previous_version(hospital: Hospital) -> None:
    controller = hospital.open()
    controller.post(notification(alert(hospital.degrade(segment=("payer", "medicaid")))))
    controller.wait_state("converging", "verifying", within=LONG)
    pointer = controller.pointer()
    assert (pointer.version, pointer.activation) == ("8", 2)
    assert pointer.resolve({"payer": "medicaid"}).version == "7"
    assert pointer.resolve({"payer": "medicare"}).version == "8"


QUICK = ("--pull=0.3", "--retry=0.1", "--watch=0.1")
SMOKE = """      known_good:
        minimum_soak: 7d
        minimum_labels: 500
        smoke: {{command: ["{python}", "-c", "raise SystemExit({code})"], every: 1h}}
"""


def quarantined(hospital: Hospital) -> ForkedController:
    controller = hospital.open()
    hospital.command("release", "quarantine", "coding", "7", "--reason=wrong in children")
    wait_until(lambda: released(controller).get("quarantined"), within=LONG, what="the quarantine")
    return controller


def unknown(hospital: Hospital) -> ForkedController:
    return hospital.open(ledger=False)


def without_baseline(hospital: Hospital) -> ForkedController:
    controller = hospital.open(*QUICK, ledger=False)
    for version in ("7", "8"):
        hospital.command("release", "register", "coding", version, f"--digest=sha256:{version}")
    wait_until(lambda: released(controller).get("deactivated_at"), within=LONG, what="the ledger")
    hospital.command("release", "known-good", "coding", "7", "--reason=served a year")
    wait_until(lambda: released(controller).get("good_since"), within=LONG, what="the word of a person")
    return controller


def does_not_load(hospital: Hospital) -> ForkedController:
    controller = hospital.open(*QUICK, **{LAST: LAST + SMOKE.format(python=sys.executable, code=3)})
    wait_until(lambda: released(controller).get("smoke_problem"), within=LONG, what="the golden set")
    return controller


def released(controller: ForkedController) -> dict[str, Any]:
    """Return what the ledger says of version 7."""
    found = release_ledger(controller.folder / "state", "coding")
    return next((one for one in found if one["version"] == "7"), {})


def no_better_in_shadow(hospital: Hospital) -> ForkedController:
    controller = hospital.open()
    for version, ratio, labels in (("7", 0.70, 900), ("8", 0.72, 900)):
        stream = {MODEL: "coding", VERSION: version, **WHOLE}
        hospital.prometheus.put(metrics.PERFORMANCE_RATIO.prometheus, ratio, **stream)
        hospital.prometheus.put(metrics.PERFORMANCE_SAMPLES.prometheus, labels, **stream)
    return controller


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (quarantined, "quarantined"),
        (unknown, "no other version is known to be good"),
        (without_baseline, "no frozen baseline"),
        (does_not_load, "failed the golden set: exit code 3"),
        (no_better_in_shadow, "going back would not help"),
    ],
)
def test_without_a_way_back_that_is_proved_good_people_take_over(
    hospital: Hospital, prepare: Callable[[Hospital], ForkedController], why: str
) -> None:
    controller = prepare(hospital)
    labels = hospital.degrade()
    if prepare is no_better_in_shadow:
        beside = {MODEL: "coding", VERSION: "7", STATE: "shadow"}
        hospital.prometheus.put(metrics.DEPLOYMENT_STATUS.prometheus, 1, job="service", instance="a:1", **beside)
    controller.post(notification(alert(labels)))
    incident = controller.wait_state("manual_route", within=LONG)
    assert incident["decision"] == "refused"
    assert why in incident["reason"]
    after = controller.pointer()
    assert (after.version, after.route, after.activation) == ("8", "manual", 2)
    events = controller.get(f"/v1/incidents/{incident['id']}")["events"]
    assert [event["action"] for event in events].count("change.made") == 1


def test_a_second_trigger_within_a_day_is_left_to_people(hospital: Hospital, prometheus: FakePrometheus) -> None:
    controller = hospital.open(**{'versions: ["7", "8"]': 'versions: ["7", "8", "9"]'})
    controller.post(notification(alert(hospital.degrade())))
    controller.wait_state("converging", "verifying", within=LONG)
    recovered(prometheus)
    controller.wait_state("rolled_back", within=LONG)
    assert hospital.terms is not None
    activate_version(hospital.terms, "9", by="ana", at=time.time() - 60)
    prometheus.drop(metrics.EVIDENCE.prometheus)
    labels = hospital.degrade(version="9", activation=4)
    controller.post(notification(alert(labels)))
    wait_until(lambda: len(controller.incidents()) == 2, within=LONG, what="the second incident")
    second = controller.wait_state("manual_route", within=LONG)
    assert (second["version"], second["decision"]) == ("9", "refused")
    assert "per day" in second["reason"]
    assert (controller.pointer().version, controller.pointer().route) == ("9", "manual")
