"""Every interleaving of crash, duplicate alert, order and human, and five mutants that must be caught.

The real engine and the real executor run against a target in memory. After each commit the controller may be
killed, which loses everything but the committed state; a human may act at any time, also between the
controller's read and its write. Explored exhaustively.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import pytest

from otel_clinical.release import ReleasePointer, SegmentRule
from otel_clinical.rollback.engine import Look, Make, due, step
from otel_clinical.rollback.events import AlertSeen, ChangeBegun, ChangeMade, Event, Sampled
from otel_clinical.rollback.executor import carry_out
from otel_clinical.rollback.orders import Order, OrderKind
from otel_clinical.rollback.state import ModelState
from otel_clinical.rollback.targets import Applied, Change, Conflict
from otel_clinical.rollback.targets.file import ACTOR, changed
from tests.rollback._situations import LEDGER, MEDICAID, NOW, TIMING, alert, pointer, sample, terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE: Final = NOW + 1e5
TERMS: Final = {
    "at once": terms(),
    "announced": terms(veto=120.0),
    "left open": terms(then="manual", then_after=1.0),
}
"""Three policies: act, act unless somebody objects, and act for people who leave a question open."""
ALERTS: Final = 3
CRASHES: Final = 2


@dataclass(frozen=True)
class World:
    """Everything that survives: committed state, the pointer, its history, and what may still happen."""

    state: ModelState
    serving: ReleasePointer
    tried: frozenset[str] = frozenset()
    alerts: int = ALERTS
    crashes: int = CRASHES
    human: str = ""
    effects: tuple[str, ...] = ()
    looks: int = 0
    environment: bool = False
    kind: str = "at once"
    vetoes: int = 0
    vetoed: str = ""

    def key(self) -> str:
        state = (sorted(self.state.incidents.items()), sorted(self.state.intents.items()), self.state.quarantined)
        return repr((state, replace(self, state=ModelState())))


@dataclass
class Parts:
    """The three parts whose need is tested: each can be taken out."""

    compare_epoch: bool = True
    compare_version: bool = True
    marker: bool = True
    latch: bool = True
    begin: bool = True


@dataclass
class MemoryTarget:
    """A pointer in memory; `between` lets a human act after the read and before the write."""

    serving: ReleasePointer
    parts: Parts
    between: Callable[[ReleasePointer], ReleasePointer] | None = None
    effects: list[str] = field(default_factory=list)

    def read(self) -> ReleasePointer:
        seen = self.serving
        if self.between is not None:
            self.serving = self.between(self.serving)
        # A target without markers is one whose marker nobody can find.
        return seen if self.parts.marker else replace(seen, marker="", rules=())

    def swap(self, expect_epoch: int, change: Change, marker: str) -> Applied | Conflict:
        if self.parts.compare_epoch and self.serving.epoch != expect_epoch:
            return Conflict(self.serving)
        if self.parts.compare_version and not self.parts.compare_epoch and self.serving.version != "8":
            return Conflict(self.serving)
        before = self.serving
        after = changed(before, change, marker=marker, at=NOW)
        moved = after.version != before.version
        self.serving = replace(
            after,
            epoch=before.epoch + 1,
            activation=before.activation + moved,
            previous_version=before.version if moved else before.previous_version,
        )
        self.effects.append(f"{before.activation}:{before.version}->{after.version}")
        return Applied(self.serving)


HUMANS: Final = ("promotes 9", "re-promotes 8", "edits a rule", "lifts the route")


def act(human: str, serving: ReleasePointer) -> ReleasePointer:
    """Let a human act, as `otel-clinical rollback activate` would."""
    if human == "edits a rule":
        rule = SegmentRule(MEDICAID, "manual", reason="drift", marker="human")
        return replace(serving.with_rule(rule, at=NOW, by="human"), epoch=serving.epoch + 1)
    if human == "lifts the route":
        lifted = serving.with_route("standard", at=NOW, by="human", marker="human")
        return replace(lifted, epoch=serving.epoch + 1)
    version = "9" if human == "promotes 9" else "8"
    moved = version != serving.version
    return replace(
        serving.activate(version, at=NOW, by="human"),
        epoch=serving.epoch + 1,
        activation=serving.activation + moved,
    )


def outcomes(world: World, parts: Parts) -> Iterator[World]:
    """Yield every world one step away."""
    if world.alerts:
        yield commit(replace(world, alerts=world.alerts - 1), AlertSeen(alert(), world.serving), parts)
    if not world.human:
        for human in HUMANS:
            yield replace(world, human=human, serving=act(human, world.serving))
    if world.vetoes:
        yield from veto(world, parts)
    work = due(TERMS[world.kind], world.state, DEADLINE)
    if not work:
        return
    todo = work[0]
    if isinstance(todo, Look):
        if world.looks < 6:
            looked = replace(world, looks=world.looks + 1)
            # A change long before the activation is the environment's.
            since = NOW - (1e6 if world.environment else 3000)
            # Nothing but time decides a question that is left open.
            labels = 10.0 if world.kind == "left open" else 240.0
            seen = sample(NOW + looked.looks, change_point=since, samples=labels)
            yield commit(looked, Sampled(todo.incident, seen, world.serving), parts)
    elif isinstance(todo, Make):
        incident = world.state.incidents[world.state.intents[todo.intent].incident]
        if parts.begin and incident.state == "announced":
            yield commit(world, ChangeBegun(todo.intent), parts)
        else:
            yield from make(world, todo.intent, parts)


def veto(world: World, parts: Parts) -> Iterator[World]:
    """Let a person veto the incident, if there is one; note whether the controller accepted it."""
    for incident in world.state.incidents:
        order = Order(OrderKind.VETO, "coding", "ana", "no", NOW, incident)
        after = commit(replace(world, vetoes=world.vetoes - 1), order, parts)
        stopped = after.state.incidents[incident].state == "overridden"
        accepted = stopped and world.state.incidents[incident].state != "overridden"
        yield replace(after, vetoed=incident) if accepted else after


def make(world: World, intent: str, parts: Parts) -> Iterator[World]:
    """Make the change: alone or with a human between read and write; recorded, or killed before it is."""
    for human in ("", *(HUMANS if not world.human else ())):
        between = (lambda serving, human=human: act(human, serving)) if human else None
        target = MemoryTarget(world.serving, parts, between)
        event = carry_out(target, world.state.intents[intent], first=intent not in world.tried)
        after = replace(
            world,
            serving=target.serving,
            human=world.human or human,
            effects=world.effects + tuple(target.effects),
            tried=world.tried | {intent},
        )
        yield commit(after, event, parts)
        if world.crashes:
            yield killed(after)


def killed(world: World) -> World:
    """Lose what is not committed: a new process takes every known intent for one that may have been tried."""
    return replace(world, crashes=world.crashes - 1, tried=frozenset(world.state.intents))


def commit(world: World, event: Event, parts: Parts) -> World:
    state = world.state
    if not parts.latch and isinstance(event, AlertSeen):
        # Forget what is closed, as a controller without latch does.
        kept = {key: i for key, i in state.incidents.items() if i.closed_at is None and i.acted_at is None}
        intents = {key: i for key, i in state.intents.items() if i.incident in kept}
        state = replace(state, incidents=kept, intents=intents)
    if isinstance(event, ChangeMade) and event.intent not in state.intents:
        return world
    # Time passes with every look, so that what waits for it comes due.
    return replace(world, state=step(TERMS[world.kind], state, event, NOW + world.looks, TIMING).state)


def explore(
    parts: Parts, *, environment: bool = False, kind: str = "at once", vetoes: int = 0
) -> tuple[int, list[tuple[str, World]]]:
    """Return how many worlds there are, and every violation found."""
    start = World(ModelState(releases=LEDGER), pointer(), environment=environment, kind=kind, vetoes=vetoes)
    if vetoes:
        start = replace(start, alerts=ALERTS - 1, crashes=CRASHES - 1)
    seen, queue, violations = {start.key()}, deque([start]), []
    while queue:
        world = queue.popleft()
        violations += [(name, world) for name in broken(world)]
        candidates = list(outcomes(world, parts))
        if world.crashes:
            candidates.append(killed(world))
        for following in candidates:
            if (key := following.key()) not in seen:
                seen.add(key)
                queue.append(following)
    return len(seen), violations


def broken(world: World) -> list[str]:
    """Name every promise this world breaks."""
    found = []
    if len(world.effects) > 1:
        found.append("two effects")
    intended = "2:8->8" if world.environment or world.kind == "left open" else "2:8->7"
    if any(effect != intended for effect in world.effects):
        found.append("a change that nobody decided on")
    if world.human == "promotes 9" and world.serving.version != "9" and world.serving.updated_by == ACTOR:
        # The controller may have acted first; it may not have acted after.
        found.append("a human overruled")
    nothing_left = not world.alerts and not due(TERMS[world.kind], world.state, DEADLINE)
    untouched = not world.human and not any(i.vetoed_by for i in world.state.incidents.values()) and not world.vetoed
    if nothing_left and untouched and not world.effects and world.looks < 6:
        found.append("a lost rollback")
    if world.vetoed and world.effects:
        found.append("a change that a veto had stopped")
    recorded = any(intent.status == "applied" for intent in world.state.intents.values())
    if nothing_left and not world.human and world.effects and not recorded:
        found.append("a change nobody recorded")
    return found


@pytest.mark.parametrize("environment", [False, True], ids=["rollback", "safe mode"])
def test_no_interleaving_loses_repeats_or_overrules(*, environment: bool) -> None:
    worlds, violations = explore(Parts(), environment=environment)
    assert violations == []
    assert worlds > 200


@pytest.mark.parametrize(("kind", "vetoes"), [("announced", 0), ("announced", 1), ("left open", 1)])
def test_no_interleaving_with_a_veto_or_an_open_question_does(kind: str, vetoes: int) -> None:
    worlds, violations = explore(Parts(), kind=kind, vetoes=vetoes)
    assert violations == []
    assert worlds > 200


def test_without_closing_the_time_for_a_veto_a_change_is_made_that_was_stopped() -> None:
    _, violations = explore(Parts(begin=False), kind="announced", vetoes=1)
    assert "a change that a veto had stopped" in {name for name, _ in violations}


@pytest.mark.parametrize(
    ("parts", "environment", "expected"),
    [
        (Parts(compare_epoch=False, compare_version=False), False, "a human overruled"),
        (Parts(compare_epoch=False), False, "a change that nobody decided on"),
        (Parts(marker=False), False, "a change nobody recorded"),
        (Parts(latch=False), True, "two effects"),
    ],
    ids=["no compare-and-swap", "no epoch", "no marker", "no latch"],
)
def test_without_any_one_part_the_promise_breaks(parts: Parts, expected: str, *, environment: bool) -> None:
    _, violations = explore(parts, environment=environment)
    assert expected in {name for name, _ in violations}
