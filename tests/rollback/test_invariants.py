"""Whatever happens in whatever order, the engine keeps its promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.release import ROUTES
from otel_clinical.rollback._ordered import disarmed
from otel_clinical.rollback.engine import Look, Make, Watch, due, next_due
from otel_clinical.rollback.events import (
    ChangeMade,
    ChangeRefused,
    ClosedByPerson,
    HeartbeatLooked,
    PointerSeen,
    Recovery,
    RecoverySeen,
    Sampled,
    TargetUnreachable,
)
from otel_clinical.rollback.orders import ABOUT_INCIDENTS, Order, OrderKind
from otel_clinical.rollback.state import IntentStatus
from otel_clinical.semconv.enums import RollbackMode
from tests.rollback._situations import ALL, DAY, MEDICAID, SOURCE, Play, alert, hold, sample

FACTS = st.fixed_dictionaries(
    {},
    optional={
        "reachable": st.booleans(),
        "evaluated_at": st.none() | st.just(0.0),
        "evidence": st.sampled_from([None, 0.5, float("nan"), float("inf"), -1.0]),
        "samples": st.sampled_from([None, 10.0, 1e9]),
        "change_point": st.sampled_from([None, 0.0, 1e12, float("nan")]),
        "aggregate_evidence": st.sampled_from([None, 0.0, 1.0]),
        "active_versions": st.sampled_from([(), ("7",), ("7", "8")]),
        "processors": st.just(()),
    },
)
ALERTS = st.sampled_from([alert(), alert(MEDICAID), alert(SOURCE), hold(), alert(version="7"), alert(version="9")])
ORDERS = [kind for kind in OrderKind if kind is not OrderKind.UNQUARANTINE]
MOVES = st.one_of(
    st.tuples(st.just("alert"), ALERTS, st.booleans(), st.booleans()),
    st.tuples(st.just("work"), FACTS),
    st.tuples(st.just("work"), st.just({})),
    st.tuples(st.just("unreachable")),
    st.tuples(st.just("conflict"), st.booleans()),
    st.tuples(st.just("activate"), st.sampled_from(["7", "8", "9"])),
    st.tuples(st.just("edit"), st.sampled_from(ROUTES)),
    st.tuples(st.just("close")),
    st.tuples(st.just("order"), st.sampled_from(ORDERS), st.sampled_from(["ana", "ben"])),
    st.tuples(st.just("heartbeat"), st.booleans()),
    st.tuples(st.just("mode"), st.sampled_from(list(RollbackMode))),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 20.0, 1000.0, DAY, 40 * DAY])),
)


def move(play: Play, chosen: tuple[Any, ...]) -> None:  # noqa: C901, PLR0912 -- one line per kind of move
    """Let one thing happen."""
    match chosen:
        case ("alert", seen, firing, pulled):
            play.hear(replace(seen, firing=firing or pulled), pulled=pulled)
        case ("work", facts):
            work(play, facts)
        case ("unreachable",):
            for incident in play.state.incidents:
                play.happen(TargetUnreachable(incident, "away"))
        case ("conflict", certain):
            for intent in [i.id for i in play.state.intents.values() if i.status is IntentStatus.PLANNED]:
                play.happen(ChangeRefused(intent, play.pointer, certain=certain))
        case ("activate", version) if version != play.pointer.version:
            play.pointer = replace(
                play.pointer,
                version=version,
                previous_version=play.pointer.version,
                activation=play.pointer.activation + 1,
                epoch=play.pointer.epoch + 1,
                activated_at=play.now,
            )
            play.happen(PointerSeen(play.pointer))
        case ("edit", route):
            play.pointer = replace(play.pointer, route=route, epoch=play.pointer.epoch + 1)
        case ("mode", mode):
            play.terms = replace(play.terms, mode=mode)
        case ("close",):
            for incident in play.state.incidents:
                play.happen(ClosedByPerson(incident, "ana", "seen"))
        case ("order", kind, by):
            about = next(iter(play.state.incidents), "") if kind in ABOUT_INCIDENTS else "8"
            # What the worker adds to the order to go back now: what serves.
            back = (
                {"activation": str(play.pointer.activation), "version": play.pointer.version}
                if kind is OrderKind.ROLLBACK
                else {}
            )
            play.happen(Order(kind, "coding", by, "why", play.now, about, play.now + 3600, facts=back))
        case ("heartbeat", lost):
            play.happen(HeartbeatLooked(play.now - 10 * DAY if lost else play.now, play.pointer))
        case ("wait", seconds):
            play.now += seconds


def work(play: Play, facts: dict[str, Any]) -> None:
    """Do what is due within 20 s first, as the worker would."""
    soon = next_due(play.terms, play.state)
    play.now = max(play.now, min(soon or 0.0, play.now + 20))
    todo = due(play.terms, play.state, play.now)
    if not todo:
        return
    match todo[0]:
        case Look(incident):
            play.now += 1
            serving = {"active_versions": (play.pointer.version,), "activation": float(play.pointer.activation)}
            seen = sample(play.now, **{**serving, "change_point": play.pointer.activated_at, **facts})
            play.happen(Sampled(incident, seen, play.pointer))
        case Make(intent):
            planned = play.state.intents[intent]
            if planned.epoch == play.pointer.epoch:
                play.make()
            else:
                play.happen(ChangeRefused(intent, play.pointer, certain=True))
        case Watch(incident):
            seen = Recovery(
                play.now, serving=(("a", play.pointer.version),), performance=0.9, samples=60.0, baseline=0.9
            )
            ours = replace(seen, activation=float(play.pointer.activation) if not facts else None)
            play.happen(RecoverySeen(incident, ours, play.pointer))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(MOVES, max_size=40),
    st.sampled_from([0.0, 120.0]),
    st.sampled_from(["page", "assisted", "manual", "rollback"]),
)
def test_promises_hold_in_every_history(moves: list[tuple[Any, ...]], veto: float, then: str) -> None:
    play = Play(veto=veto, then=then, then_after=600.0, on_blind="manual", blind_after=600.0)
    for chosen in moves:
        before, route, human = play.state, play.pointer.route, chosen[0] in {"edit", "activate"}
        held = disarmed(play.state, play.now) is not None
        move(play, chosen)
        intents = list(play.state.intents.values())
        in_force = [i for i in intents if i.status in {IntentStatus.PLANNED, IntentStatus.APPLIED}]
        rollbacks = [i for i in in_force if i.change.activates]
        assert sum(i.status is IntentStatus.PLANNED for i in intents) <= 1
        assert len({i.activation for i in rollbacks}) == len(rollbacks)
        for key, incident in before.incidents.items():
            after = play.state.incidents[key]
            if incident.state == "recommended" and after.state == "deciding":
                assert play.terms.mode == "enforce" or after.approved_by
            elif incident.closed_at is not None:
                assert (after.state, after.closed_at) == (incident.state, incident.closed_at)
        if not human:
            assert ROUTES.index(play.pointer.route) >= ROUTES.index(route)
        for one in rollbacks:
            earlier = [i.from_version for i in rollbacks if i.planned_at < one.planned_at and i.applied_at is not None]
            assert one.change.version not in earlier, "a quarantined version was restored"
        assert all(i.change.segment in {None, MEDICAID, SOURCE} for i in intents)
        if held and disarmed(play.state, play.now) is not None:
            # What people keep the controller from it begins only where a person approved it.
            begun = [i for key, i in play.state.intents.items() if key not in before.intents and i.status == "planned"]
            assert all(_asked_for(play, i.incident) for i in begun)


def _asked_for(play: Play, incident: str) -> bool:
    """Tell whether a person approved, or the change is the end of one that was made before."""
    found = play.state.incidents[incident]
    return bool(found.approved_by) or found.verify_by is not None


@settings(max_examples=50, deadline=None)
@given(st.lists(MOVES, max_size=20))
def test_hearing_that_a_change_was_made_twice_is_hearing_it_once(moves: list[tuple[Any, ...]]) -> None:
    play = Play()
    for chosen in moves:
        move(play, chosen)
        for intent in play.state.intents.values():
            if intent.status is IntentStatus.APPLIED:
                before = play.state
                assert play.happen(ChangeMade(intent.id, play.pointer)).records == ()
                assert play.state is before


def test_the_scene_reaches_a_rollback() -> None:
    """The histories above would prove nothing if none of them came as far as a change."""
    play = Play()
    for chosen in [("alert", alert(ALL), True, False), *[("work", {})] * 5]:
        move(play, chosen)
    assert play.only.state == "rolled_back"
