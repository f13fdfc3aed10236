"""A controller killed at any moment, under duplicate webhooks, acts exactly once and loses nothing."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from otel_clinical.rollback import activate_version
from tests.rollback._controller import Controller, alert, notification, terms_of
from tests.rollback._forked import ForkedController
from tests.rollback._prometheus import degraded, recovered

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from soak._nursery import Nursery
    from tests.rollback._prometheus import FakePrometheus


@pytest.mark.parametrize("point", ["after_webhook", "after_intent", "after_swap", "after_marker"])
def test_killed_at_a_fault_point_the_rollback_happens_exactly_once(
    point: str, prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    controller = Controller(tmp_path, prometheus.url)
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    body = notification(alert(labels))
    controller.start(OTEL_CLINICAL_FAULT=point)
    try:
        for _ in range(5):
            with contextlib.suppress(httpx.TransportError):
                controller.post(body)
        controller.wait_dead()
        before = controller.verify_audit()
        controller.start()
        # What was committed before the kill is enough: nothing is sent again until the change is made.
        controller.wait_state("converging", "verifying")
        for _ in range(5):
            assert controller.post(body).status_code == 202
        recovered(prometheus)
        incident = controller.wait_state("rolled_back")
        pointer = controller.pointer()
        assert (pointer.version, pointer.activation, pointer.epoch) == ("7", 3, 3)
        details = controller.get(f"/v1/incidents/{incident['id']}")
        assert [intent["status"] for intent in details["intents"]] == ["applied"]
        assert [event["action"] for event in details["events"]].count("change.made") == 1
        assert len(controller.incidents()) == 1
        assert controller.verify_audit() > before
    finally:
        controller.process.stop()


def test_killed_at_random_moments_the_rollback_happens_exactly_once(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    controller = Controller(tmp_path, prometheus.url)
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    body = notification(alert(labels))
    try:
        for requests in range(1, 7):
            controller.start()
            for _ in range(requests):
                controller.post(body)
            # The number of requests varies what the worker is doing when the kill comes.
            controller.process.kill()
            controller.verify_audit()
        controller.start()
        controller.wait_state("converging", "verifying")
        recovered(prometheus)
        controller.wait_state("rolled_back")
        assert (controller.pointer().version, controller.pointer().epoch) == ("7", 3)
        assert len(controller.incidents()) == 1
    finally:
        controller.process.stop()


def test_a_human_who_activates_a_hotfix_while_the_controller_is_dead_is_not_overruled(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    controller = Controller(tmp_path, prometheus.url)
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    controller.start(OTEL_CLINICAL_FAULT="after_intent")
    try:
        with contextlib.suppress(httpx.TransportError):
            controller.post(notification(alert(labels)))
        controller.wait_dead()
        activate_version(terms, "7", by="dr-who", at=time.time())
        activate_version(terms, "8", by="dr-who", at=time.time())
        controller.start()
        controller.wait_state("overridden")
        assert (controller.pointer().version, controller.pointer().updated_by) == ("8", "dr-who")
    finally:
        controller.process.stop()


@pytest.mark.parametrize(("point", "then"), [("after_intent", ("9", 3)), ("after_swap", ("8", 4))])
def test_a_person_who_promotes_around_a_crash_has_the_last_word(
    point: str, then: tuple[str, int], nursery: Nursery, prometheus: FakePrometheus, tmp_path: Path
) -> None:
    """Between intent and change another version; after a change that was made and not recorded, the bad one again."""
    version, epoch = then
    terms = terms_of(tmp_path, **{'versions: ["7", "8"]': 'versions: ["7", "8", "9"]'})
    for known, age in (("7", 86_400), ("8", 60)):
        activate_version(terms, known, by="tests", at=time.time() - age)
    controller = ForkedController(nursery, tmp_path, prometheus.url)
    body = notification(alert(degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)))
    controller.start(OTEL_CLINICAL_FAULT=point)
    try:
        with contextlib.suppress(httpx.TransportError):
            controller.post(body)
        controller.wait_dead()
        activate_version(terms, version, by="dr-who", at=time.time())
        controller.start()
        controller.wait_state("overridden", within=60)
        assert controller.post(body).status_code == 202
        controller.verify_audit()
        pointer = controller.pointer()
        assert (pointer.version, pointer.epoch, pointer.updated_by) == (version, epoch, "dr-who")
    finally:
        controller.process.stop()


def test_only_one_controller_works_on_a_state_directory(controller: Controller) -> None:
    second = Controller(controller.folder, controller.prometheus)
    second.process.start()
    second.wait_dead()
    assert "another controller works on this state directory" in second.process.log_tail()
