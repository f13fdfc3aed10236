"""The running controller: storage that fails, lost webhooks, people's changes, tokens, modes, metrics."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import Segment
from otel_clinical.rollback import DATABASE, activate_version
from otel_clinical.rollback.alerts import Notification
from otel_clinical.rollback.store import KEEP_WEBHOOKS, Store
from otel_clinical.semconv import metrics
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import TOKEN, Controller, alert, let_act, notification, samples, terms_of, value
from tests.rollback._prometheus import degraded, low_input, recovered, serving

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus


def test_an_alert_whose_webhook_was_lost_is_found_in_prometheus(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    controller = Controller(tmp_path, prometheus.url)
    controller.start()
    try:
        controller.wait_state("converging", "verifying")
        assert controller.pointer().version == "7"
    finally:
        controller.process.stop()


def test_truncated_notifications_make_the_controller_ask_prometheus(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    assert controller.post(notification(truncatedAlerts=1)).status_code == 202
    controller.wait_state("converging", "verifying")


def test_an_alert_that_prometheus_does_not_confirm_changes_nothing(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    prometheus.drop("ALERTS")
    controller.post(notification(alert(labels)))
    incident = controller.wait_state("inconclusive")
    assert "confirmation" in incident["reason"]
    assert controller.pointer().version == "8"
    # It is asked again, and acts once Prometheus agrees.
    prometheus.put("ALERTS", 1, alertstate="firing", **labels)
    controller.wait_state("converging", "verifying")


def test_one_evaluation_shown_twice_is_no_confirmation(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    prometheus.evaluating = False
    controller.post(notification(alert(labels)))
    wait_until(lambda: len([q for q in prometheus.queries if "timestamp" in q]) > 5, within=10, what="looks")
    assert controller.wait_state("deciding")["guards"] == []
    prometheus.evaluating = True
    controller.wait_state("converging", "verifying")


def test_prometheus_out_of_reach_is_unknown_and_asked_again(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    prometheus.up = False
    controller.post(notification(alert(labels)))
    incident = controller.wait_state("inconclusive")
    found = {report["guard"]: (report["result"], report["because"]) for report in incident["guards"]}
    assert found["confirmation"] == ("unknown", "Prometheus does not answer")
    prometheus.up = True
    controller.wait_state("converging", "verifying")


def test_a_missing_pointer_keeps_the_alert_until_there_is_one(prometheus: FakePrometheus, tmp_path: Path) -> None:
    terms = terms_of(tmp_path)
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.2", "--retry=0.2", "--watch=0.1"))
    controller.start()
    try:
        labels = low_input(prometheus, "ehr-b")
        prometheus.drop("ALERTS")  # only the webhook speaks of it
        assert controller.post(notification(alert(labels))).status_code == 202
        activate_version(terms, "7", by="tests", at=time.time())
        let_act(tmp_path / "state")
        low_input(prometheus, "ehr-b")
        controller.wait_state("hold")
    finally:
        controller.process.stop()


def test_after_a_rollback_alerts_for_the_old_version_are_stale(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    controller.post(notification(alert(labels)))
    controller.wait_state("converging", "verifying")
    recovered(prometheus)
    controller.wait_state("rolled_back")
    epoch = controller.pointer().epoch
    controller.post(notification(alert(labels), alert(labels, status="resolved"), alert(labels)))
    wait_until(
        lambda: value(controller, "clinical_ai_rollback_decisions_total", rollback_decision="stale") == 3,
        within=10,
        what="stale alerts to be counted",
    )
    assert controller.pointer().epoch == epoch


@pytest.mark.parametrize("mode", ["observe", "recommend"])
def test_modes_decide_the_same_and_change_nothing(
    mode: str, prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    controller = Controller(tmp_path, prometheus.url, ("--pull=3600", "--retry=0.2", f"--mode={mode}"))
    controller.start()
    try:
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
        controller.post(notification(alert(labels)))
        incident = controller.wait_state("recommended")
        assert incident["decision"] == "rollback"
        assert (controller.pointer().version, controller.pointer().epoch) == ("8", 2)
        assert value(controller, metrics.ROLLBACK_MODE.prometheus, rollback_mode=mode) == 1
    finally:
        controller.process.stop()


def test_a_controller_that_may_act_after_a_restart_acts_on_what_it_only_recommended(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    for mode, state in (("observe", "recommended"), ("enforce", "converging")):
        controller = Controller(tmp_path, prometheus.url, ("--pull=0.1", "--retry=0.2", f"--mode={mode}"))
        if mode == "enforce":
            let_act(tmp_path / "state")
        controller.start()
        try:
            if mode == "observe":
                controller.post(notification(alert(labels)))
            controller.wait_state(state)
            (incident,) = controller.incidents()
            assert controller.pointer().version == ("8" if mode == "observe" else "7")
        finally:
            controller.process.stop()
    controller.start()
    try:
        actions = [event["action"] for event in controller.get(f"/v1/incidents/{incident['id']}")["events"]]
        assert [actions.count(name) for name in ("incident.reopened", "change.recommended", "change.made")] == [1, 1, 1]
    finally:
        controller.process.stop()


def test_tokens_rotate_without_restart(controller: Controller) -> None:
    new = "the-next-token-of-the-tests"
    path = controller.folder / "tokens"

    def code(token: str) -> int:
        return controller.post(notification(), authorization=f"Bearer {token}").status_code

    assert (code(TOKEN), code(new)) == (202, 401)
    path.write_text(f"# both while Alertmanager is told\n{TOKEN}\n{new}\n")
    assert (code(TOKEN), code(new)) == (202, 202)
    path.write_text(f"{new}\n")
    assert (code(TOKEN), code(new)) == (401, 202)
    path.write_text("")  # half-way through a careless edit
    assert (code(TOKEN), code(new)) == (401, 202)


def test_the_watchdog_is_heard(controller: Controller) -> None:
    name = metrics.ROLLBACK_HEARTBEAT_TIME.prometheus
    assert name not in {found for found, _ in samples(controller)}
    assert controller.post(notification(), path="/v1/heartbeat").status_code == 202
    assert value(controller, name) == pytest.approx(time.time(), abs=30)
    assert controller.post(b"{", path="/v1/heartbeat").status_code == 400
    assert controller.post(notification(), path="/v1/heartbeat", authorization="").status_code == 401


def test_metrics_carry_the_registrys_names_and_what_was_decided(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    first = {name.removesuffix("_created") for name, _ in samples(controller)}
    expected = {m.prometheus for m in metrics.ALL if m.source == "controller"}
    late = {
        metrics.ROLLBACK_DRILL_TIME.prometheus,
        metrics.DEPLOYMENT_CHANGES.prometheus,
        metrics.ROLLBACK_HEARTBEAT_TIME.prometheus,
        metrics.ROLLBACK_CONFIRMATION_TIME.prometheus,
        metrics.RELEASE_SEGMENT_STATUS.prometheus,
        metrics.TARGET_STATUS.prometheus,  # no place follows the pointer in this policy
    }
    bases = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in first}
    assert expected - late <= bases
    assert bases <= expected
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    controller.post(notification(alert(labels)))
    controller.wait_state("converging", "verifying")
    assert value(controller, metrics.DEPLOYMENT_CHANGES.prometheus, deployment_change_type="rollback") == 1
    assert value(controller, metrics.ROLLBACK_DECISIONS.prometheus, rollback_decision="rollback") == 1
    assert value(controller, metrics.ROLLBACK_GUARD_RESULTS.prometheus, rollback_guard_result="pass") == 10
    assert value(controller, metrics.ROLLBACK_GUARD_RESULTS.prometheus, rollback_guard_result="not_compared") == 1
    assert value(controller, metrics.RELEASE_EPOCH.prometheus) == 3
    assert value(controller, metrics.RELEASE_STATUS.prometheus, model_version="7") == 1
    assert value(controller, metrics.ROLLBACK_STATE.prometheus, model_name="coding") == 1
    assert value(controller, "clinical_ai_rollback_duration_seconds_count", model_name="coding") == 1


def test_a_version_that_a_rule_gives_one_segment_is_told_to_the_rules(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    family = metrics.RELEASE_SEGMENT_STATUS.prometheus
    controller = Controller(tmp_path, prometheus.url)
    controller.start()
    try:
        place = ("payer", "medicaid")
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30, segment=place)
        assert value(controller, family) == 0
        controller.post(notification(alert(labels)))
        controller.wait_state("verifying")
        shown = {"model_name": "coding", "model_version": "7", "segment_name": "payer", "segment_value": "medicaid"}
        assert (value(controller, family), value(controller, family, **shown)) == (1, 1)
        assert value(controller, metrics.RELEASE_STATUS.prometheus, model_version="8") == 1
    finally:
        controller.process.stop()


def test_people_who_activate_a_version_are_seen_and_audited(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.1",))
    controller.start()
    try:
        activate_version(terms, "7", by="dr-who", at=time.time())
        found = wait_until(
            lambda: next((a for a in controller.get("/v1/releases")["activations"] if a["by"] == "dr-who"), None),
            within=10,
            what="the activation in the ledger",
        )
        assert (found["version"], found["activation"]) == ("7", 3)
        changes = metrics.DEPLOYMENT_CHANGES.prometheus
        assert value(controller, changes, deployment_change_trigger="manual") >= 1
    finally:
        controller.process.stop()


def test_sigterm_ends_the_controller_cleanly_and_it_starts_again(controller: Controller) -> None:
    controller.process.stop()
    assert not controller.process.running
    controller.verify_audit()
    controller.start()
    assert controller.incidents() == []


def test_several_held_sources_are_all_held(controller: Controller, prometheus: FakePrometheus) -> None:
    labels = [low_input(prometheus, source, version="8") for source in ("ehr-a", "ehr-b", "ehr-c")]
    controller.post(notification(*(alert(each) for each in labels)))
    wait_until(lambda: len(controller.pointer().rules) == 3, within=20, what="three rules")
    held = {rule.segment for rule in controller.pointer().rules}
    assert held == {Segment("source_system", f"ehr-{letter}") for letter in "abc"}
    serving(prometheus, "8")


def test_the_database_refuses_a_second_rollback_of_one_activation(controller: Controller, terms: Terms) -> None:
    """Belt and braces: even an engine gone wrong cannot plan two rollbacks of one activation."""
    del terms
    database = sqlite3.connect(controller.folder / "state" / DATABASE)
    incident = "INSERT INTO incidents VALUES (?, 'coding', 'performance', 's', ?, 2, 0, '{}')"
    intent = "INSERT INTO intents VALUES (?, 'coding', ?, 2, 1, 'applied', '{}')"
    try:
        database.execute(incident, ("a", "1"))
        database.execute(incident, ("b", "2"))
        database.execute(intent, ("rb-a", "a"))
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(intent, ("rb-b", "b"))
    finally:
        database.rollback()
        database.close()


def test_raw_requests_are_dropped_after_their_retention_and_the_audit_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    body = notification(alert({"tier": "none"}))
    for at in (1_000.0, 1_000.0 + KEEP_WEBHOOKS):
        store.receive(body, Notification(()), at)
    store.prune(2_000.0 + KEEP_WEBHOOKS)
    database = sqlite3.connect(tmp_path / DATABASE)
    assert database.execute("SELECT count(*) FROM webhooks").fetchone() == (1,)
    assert database.execute("SELECT count(*) FROM audit").fetchone() == (2,)
    database.close()
    store.close()
