"""From a posted alert to a changed pointer, through a real controller process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.rollback._controller import Controller, alert, notification, write_policy
from tests.rollback._prometheus import degraded, low_input, recovered

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus


def test_a_bad_release_is_rolled_back_and_verified_once(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    body = notification(alert(labels))
    for _ in range(5):
        assert controller.post(body).status_code == 202
    controller.wait_state("converging")
    recovered(prometheus)
    incident = controller.wait_state("rolled_back")
    pointer = controller.pointer()
    assert (pointer.version, pointer.activation, pointer.epoch) == ("7", 3, 3)
    assert pointer.marker.startswith("rb-")
    assert incident["decision"] == "rollback"
    found = {report["guard"]: report["result"] for report in incident["guards"]}
    assert found.pop("counterfactual") == "not_compared", "no earlier version runs beside the serving one"
    assert set(found.values()) == {"pass"}
    assert controller.verify_audit() > 5
    assert controller.get("/v1/releases")["quarantines"][0]["version"] == "8"


def test_a_change_of_the_environment_contains_one_payer_and_keeps_the_version(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    change = time.time() + 15 * 86_400  # outside the attribution window
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=change, segment=("payer", "medicaid"))
    assert controller.post(notification(alert(labels))).status_code == 202
    incident = controller.wait_state("safe_mode")
    pointer = controller.pointer()
    assert (pointer.version, pointer.activation, pointer.route) == ("8", 2, "standard")
    assert pointer.resolve({"payer": "medicaid"}).route == "assisted"
    assert pointer.resolve({"payer": "medicare"}).route == "standard"
    assert incident["cause"] == "environment"


def test_low_input_of_one_source_holds_that_source(controller: Controller, prometheus: FakePrometheus) -> None:
    labels = low_input(prometheus, "ehr-b", version="8")
    assert controller.post(notification(alert(labels))).status_code == 202
    controller.wait_state("hold")
    pointer = controller.pointer()
    assert pointer.resolve({"source_system": "ehr-b"}).route == "assisted"
    assert pointer.version == "8"


def test_a_rollback_that_does_not_help_routes_to_people(
    prometheus: FakePrometheus, tmp_path: Path, terms: Terms
) -> None:
    write_policy(tmp_path, **{"within: 2d": "within: 1s"})
    controller = Controller(tmp_path, prometheus.url)
    controller.start()
    try:
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
        controller.post(notification(alert(labels)))
        controller.wait_state("converging", "verifying")
        recovered(prometheus, performance=0.6)
        controller.wait_state("manual_route")
        pointer = controller.pointer()
        assert (pointer.version, pointer.route, pointer.activation) == ("7", "manual", 3)
    finally:
        controller.process.stop()
