"""What people read of an incident says what the machine will do by itself, and when."""

from __future__ import annotations

from dataclasses import asdict, replace

from otel_clinical.rollback import Checkpoint, Order, OrderKind
from otel_clinical.rollback.events import ReadinessSeen
from otel_clinical.rollback.orders import NOT_READY
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.rollback.page._overview import Card, cards, held_text
from otel_clinical.rollback.page._plans import did, take_out_command, will_do
from otel_clinical.rollback.page._tiers import Picture
from otel_clinical.rollback.telemetry import Snapshot
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


def test_an_announced_change_is_not_told_as_being_made_and_a_stuck_one_not_as_progress() -> None:
    play = confirmed(Play(veto=120.0))
    told = {"intents": [asdict(intent) for intent in play.state.intents.values()], **asdict(play.only)}
    (line,) = did(told, Moments(play.now))
    assert line.startswith("Announced this change and has not made it: version 7 in place of version 8")
    assert "in vain" in did({**told, "state": "stuck"}, Moments(play.now))[0]
    assert "now" in did({**told, "state": "rolling_back"}, Moments(play.now))[0]


def test_the_ai_can_be_taken_out_while_that_would_change_something() -> None:
    play = undecided("page")
    told = asdict(play.only)
    assert take_out_command(told, play.terms) == "touch coding.json.FORCE_MANUAL"
    for state in ("manual_route", "rolled_back", "stale"):
        assert take_out_command({**told, "state": state}, play.terms) == ""
    payer = {**told["key"], "segment": {"name": "payer", "value": "medicaid"}}
    assert take_out_command({**told, "key": payer, "state": "manual_route"}, play.terms) != ""


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


def test_what_keeps_it_from_acting_is_said_beside_what_it_will_do() -> None:
    play = Play()
    play.happen(ReadinessSeen(("a drill passed within 45 days: never",)))
    play.hear(alert())
    held = held_text(play.state.standing[NOT_READY])
    said = " ".join(will_do(asdict(play.only), play.terms, Moments(play.now), held=held))
    assert "notes what it would change" in said
    assert "kept from acting: not ready (a drill passed within 45 days: never)" in said
    assert "changes the deployment" in plan(play)


def test_the_first_page_says_that_it_does_not_act_and_why() -> None:
    play = Play()
    play.happen(ReadinessSeen(("a drill passed within 45 days: never",)))
    assert card(play).mode.startswith("nothing by itself, it tells people instead: not ready (a drill passed")
    play.happen(ReadinessSeen(()))
    assert card(play).mode == "enforce: what is proved and confirmed is changed"


def test_the_first_page_says_what_it_could_go_back_to_or_why_nothing() -> None:
    play = Play()
    assert card(play).back == "version 7"
    play.state = replace(play.state, releases={})
    assert card(play).back == "none, so that people would take over: no other version is known to be good"


def card(play: Play) -> Card:
    seen = Snapshot({"coding": play.state}, {"coding": play.pointer}, None, None, Checkpoint(0, ""), play.now)
    (found,) = cards(seen, {"coding": play.terms}, Picture(), Moments(play.now))
    return found
