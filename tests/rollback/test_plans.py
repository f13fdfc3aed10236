"""What people read of an incident says what the machine will do by itself, and when."""

from __future__ import annotations

from dataclasses import asdict

from otel_clinical.rollback import Order, OrderKind
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.rollback.page._plans import will_do
from otel_clinical.semconv.enums import EscalationLevel
from tests.rollback._situations import Play, alert, confirmed


def plan(play: Play) -> str:
    return " ".join(will_do(asdict(play.only), play.terms, Moments(play.now)))


def undecided(then: str) -> Play:
    play = Play(then=then, then_after=600.0)
    play.hear(alert())
    play.confirm(play.only, samples=10.0)
    return play


def order(play: Play, kind: OrderKind, by: str, until: float | None = None) -> None:
    play.happen(Order(kind, "coding", by, "planned work", play.now, play.only.id if until is None else "", until))


def test_an_announced_change_is_told_with_its_time() -> None:
    play = confirmed(Play(veto=120.0))
    assert f"At {Moments(play.now).short(play.now + 120)} it makes the announced change" in plan(play)


def test_an_open_question_is_told_with_what_follows_and_when_unless_somebody_vetoed_that() -> None:
    play = undecided("manual")
    assert f"At {Moments(play.now).short(play.now + 600)}, if nobody decides" in plan(play)
    assert "it routes this to people" in plan(play)
    order(play, OrderKind.VETO, "ana")
    assert "ana vetoed that" in plan(play)
    assert "if nobody decides" not in plan(undecided("page"))


def test_a_freeze_is_told_with_its_end() -> None:
    play = Play(then="manual")
    for by in ("ana", "ben"):
        play.happen(Order(OrderKind.FREEZE_ROLLBACK, "coding", by, "planned work", play.now, "", play.now + 3600))
    confirmed(play)
    assert "the freeze of rollbacks ends, and it decides anew" in plan(play)


def test_a_review_waits_for_people() -> None:
    play = Play()
    play.hear(alert(tier=EscalationLevel.GOVERNANCE_REVIEW), pulled=True)
    assert plan(play).startswith("Nothing by itself.")
