"""The lower tiers ask people for a review, which stands until somebody clears it, and which tier 3 takes over."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from otel_clinical.cli._frame import run
from otel_clinical.rollback import Order, OrderKind
from otel_clinical.rollback.engine import Look, due
from otel_clinical.rollback.events import ClosedByPerson, PointerSeen
from otel_clinical.semconv.enums import EscalationLevel
from tests.rollback._controller import TOKEN, Controller, value
from tests.rollback._prometheus import degraded
from tests.rollback._situations import MEDICAID, Play, alert

if TYPE_CHECKING:
    from otel_clinical.rollback import Alert, Terms
    from tests.rollback._prometheus import FakePrometheus


def tier(level: str, **changes: object) -> Alert:
    return alert(tier=EscalationLevel(level), **changes)


def under_review(level: str = "engineering_review") -> Play:
    play = Play()
    play.hear(tier(level), pulled=True)
    assert (play.only.state, play.actions) == (level, ["review.opened"])
    return play


@pytest.mark.parametrize("level", ["engineering_review", "governance_review"])
def test_a_tier_below_rollback_opens_a_review_and_does_nothing_else(level: str) -> None:
    play = under_review(level)
    play.hear(tier(level), pulled=True)
    assert due(play.terms, play.state, play.now + 1e6) == ()
    assert play.actions == ["review.opened"]


def test_a_review_is_raised_and_never_lowered_and_does_not_end_by_itself() -> None:
    play = under_review()
    play.hear(tier("governance_review"), pulled=True)
    play.hear(tier("engineering_review"), pulled=True)
    play.hear(tier("governance_review", firing=False))
    assert play.only.state == "governance_review"
    assert play.actions == ["review.opened", "review.raised"]


def test_tier_three_takes_a_review_over_and_decides_it_once() -> None:
    play = under_review("governance_review")
    play.hear(alert())
    assert due(play.terms, play.state, play.now) == (Look(play.only.id),)
    play.confirm(play.only)
    play.make()
    play.hear(tier("governance_review"), pulled=True)
    assert (play.pointer.version, play.only.state) == ("7", "converging")


def test_a_review_is_cleared_by_a_person_after_somebody_acknowledged_it() -> None:
    play = under_review()
    play.happen(ClosedByPerson(play.only.id, "ana", "a data fault, mended"))
    assert play.actions[-1] == "order.refused"
    play.happen(Order(OrderKind.ACKNOWLEDGE, "coding", "ben", "on it", play.now, play.only.id))
    play.happen(ClosedByPerson(play.only.id, "ana", "a data fault, mended"))
    assert (play.only.state, play.only.reason) == ("healthy", "cleared by ana: a data fault, mended")


def test_a_review_of_a_version_that_serves_no_longer_is_stale() -> None:
    play = under_review()
    play.happen(PointerSeen(replace(play.pointer, version="9", activation=3)))
    assert play.only.state == "stale"


def test_segments_are_reviewed_by_themselves() -> None:
    play = under_review()
    play.hear(tier("engineering_review", segment=MEDICAID), pulled=True)
    assert len(play.state.incidents) == 2


def test_a_running_controller_finds_reviews_in_prometheus_and_people_clear_them(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    controller.process.stop()
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    prometheus.drop("ALERTS")
    shown = {**labels, "tier": "engineering", "category": "performance", "alertname": "ClinicalAIDropEngineering"}
    prometheus.put("ALERTS", 1, alertstate="firing", **shown)
    controller.options = ("--pull=0.2", "--retry=0.2", "--watch=0.1")
    controller.start()
    review = controller.wait_state("engineering_review", within=60)
    name = "clinical_ai_rollback_state"
    assert value(controller, name, rollback_state="engineering_review") == 1
    with httpx.Client(base_url=controller.url, trust_env=False, timeout=30) as client:
        client.post("/login", data={"token": TOKEN, "name": "Ana", "next": "/"})
        page = client.get("/").text
        assert "1 review waits for people" in page
        assert "It reached tier 1: engineering reviews it." in page
    state = f"--state={controller.folder / 'state'}"
    prometheus.drop("ALERTS")
    assert run(["rollback", "ack", review["id"], state, "--by=ana", "--reason=on it"]) == 0
    assert run(["rollback", "close", review["id"], state, "--by=ben", "--reason=mended"]) == 0
    assert controller.wait_state("healthy", within=60)["acknowledged_by"] == "ana"
    assert controller.pointer().version == "8"
