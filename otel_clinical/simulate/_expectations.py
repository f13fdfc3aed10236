"""Say what an act must and must not bring about, as pure functions of what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv.enums import RollbackDecision, RollbackState, RoutingLevel
from otel_clinical.simulate._view import EVERYWHERE, TIERS, Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from otel_clinical.simulate._story import Story

Seen = str | None
"""Words for what was seen, or None while there is nothing to see."""

HEARTBEATS: Final = 2
_PERFORMANCE: Final = "performance"
_AT_BASELINE: Final = 0.03
_MOST: Final = 0.95
_WARM: Final = 300
_SURGE: Final = 0.50
_NAIVE_DROP: Final = 0.05


@dataclass(frozen=True, slots=True)
class Expectation:
    """Something that must happen, or must not; ``seen`` tells from the telemetry whether it has."""

    words: str
    seen: Callable[[Story], Seen]


def where(place: Place) -> str:
    """Return a place in words.

    >>> where(("payer", "medicaid")), where(("all", "all"))
    ('payer medicaid', 'all segments together')
    """
    return "all segments together" if place == EVERYWHERE else " ".join(place)


def heartbeats(story: Story) -> Seen:
    """See the watchdog reach the controller through Prometheus and Alertmanager, again and again."""
    beats = {view.heartbeat_at for view in story.views if (view.heartbeat_at or 0.0) >= story.began}
    return f"{len(beats)} heartbeats at the controller" if len(beats) >= HEARTBEATS else None


def at_baseline(story: Story) -> Seen:
    """See recent performance within 3 % of the baseline on enough labels."""
    here = story.last.here()
    if here.performance is None or here.baseline is None or (here.window or 0) < _WARM:
        return None
    near = abs(here.performance / here.baseline - 1) <= _AT_BASELINE
    return f"accuracy {here.performance:.1%}, baseline {here.baseline:.1%}" if near else None


def surge(place: Place) -> Callable[[Story], Seen]:
    """See ``place`` grow to most of the traffic, and the plain accuracy fall with it."""

    def seen(story: Story) -> Seen:
        here = story.last.here()
        share = story.last.share(place)
        if share < _SURGE or here.performance is None or here.baseline is None:
            return None
        plain = 1 - here.performance / here.baseline
        if plain < _NAIVE_DROP:
            return None
        evidence = max(here.evidence.values(), default=0.0)
        words = f"{where(place)} {share:.0%} of traffic, plain accuracy {plain:.1%} down"
        return f"{words}; evidence of a real drop {evidence:.2g} (1 proves one)"

    return seen


def tier(level: str, place: Place) -> Callable[[Story], Seen]:
    """See a tier's alert about ``place``."""

    def seen(story: Story) -> Seen:
        at = story.tiers(story.last.pointer.version, _PERFORMANCE).get((level, place))
        return None if at is None else f"{level} tier for {where(place)} after {at:.1f} s"

    return seen


def no_tier(*levels: str, outside: Place | None = None, but: str = "") -> Callable[[Story], Seen]:
    """See an alert of one of ``levels`` anywhere but ``outside``, and of any category but ``but``."""

    def seen(story: Story) -> Seen:
        found = {
            f"{where(heard.place)} ({heard.tier}, {heard.category})"
            for heard in story.heard()
            if heard.tier in levels and heard.place != outside and heard.category != but
        }
        return ", ".join(sorted(found)) or None

    return seen


def rule(place: Place) -> Callable[[Story], Seen]:
    """See a rule of the release pointer that routes ``place`` to people."""

    def seen(story: Story) -> Seen:
        for rule in story.last.pointer.rules:
            if (rule.segment.name, rule.segment.value) == place and rule.route != RoutingLevel.STANDARD:
                return f"{where(place)} -> {rule.route} after {story.last.pointer.updated_at - story.began:.1f} s"
        return None

    return seen


def held(place: Place) -> Callable[[Story], Seen]:
    """See in the routers' own metrics that nothing in ``place`` goes out without a person any more."""

    def seen(story: Story) -> Seen:
        share = story.last.held(place)
        return f"{share:.0%} of {where(place)} goes through a person" if share >= _MOST else None

    return seen


def alert(words: str, place: Place, **labels: str) -> Callable[[Story], Seen]:
    """See an alert about ``place`` that carries ``labels``, and Alertmanager hold it."""

    def seen(story: Story) -> Seen:
        for found in story.fresh(story.last):
            carries = all(found.labels.get(name) == value for name, value in labels.items())
            if carries and found.place == place and found.name in story.last.notified:
                return f"{words} for {where(place)} after {found.since - story.began:.1f} s"
        return None

    return seen


def low_records(source: str, least: float) -> Callable[[Story], Seen]:
    """See the share of poor records of one source system rise above ``least``."""

    def seen(story: Story) -> Seen:
        share = story.last.low_share.get(source, 0.0)
        return f"{share:.0%} of the records of {source} lack required fields" if share >= least else None

    return seen


def decision(wanted: RollbackDecision, place: Place) -> Callable[[Story], Seen]:
    """See the controller decide ``wanted`` for ``place``."""

    def seen(story: Story) -> Seen:
        found = next((i for i in new_incidents(story) if i["decision"] == wanted and place_of(i) == place), None)
        return None if found is None else f"{wanted} for {where(place)}: {found['reason']}"

    return seen


def serves(version: str) -> Callable[[Story], Seen]:
    """See all inferences made by ``version``, which the pointer names too."""

    def seen(story: Story) -> Seen:
        rates, total = story.last.serving, sum(story.last.serving.values())
        only = total > 0 and rates.get(version, 0.0) == total and story.last.pointer.version == version
        return f"version {version} serves {total:.0f} inferences/s" if only else None

    return seen


def tiers_in_order(place: Place, version: str) -> Callable[[Story], Seen]:
    """See the three tiers reached one after the other, about ``version``."""

    def seen(story: Story) -> Seen:
        found = story.tiers(version, _PERFORMANCE)
        first, second, third = (found.get((name, place), inf) for name in TIERS)
        if not first <= second <= third < inf or first == third:
            return None
        return f"engineering after {first:.1f} s, governance {second:.1f} s, rollback {third:.1f} s"

    return seen


def verified(story: Story) -> Seen:
    """See the controller verify a rollback by recovered performance."""
    found = next((i for i in rollbacks(story) if i["state"] == RollbackState.ROLLED_BACK), None)
    return None if found is None else f"{found['id']}: {found['reason']}"


def version_change(story: Story) -> Seen:
    """See another version, or another activation, in the pointer than before the act."""
    before, now = story.first.pointer, story.last.pointer
    if (now.version, now.activation) == (before.version, before.activation):
        return None
    return f"version {before.version} -> {now.version}, activation {before.activation} -> {now.activation}"


def pointer_change(story: Story) -> Seen:
    """See any change of the pointer."""
    before, now = story.first.pointer, story.last.pointer
    return None if now.epoch == before.epoch else f"pointer epoch {before.epoch} -> {now.epoch}"


def second_rollback(story: Story) -> Seen:
    """See more than one rollback, or more activations than the release and its rollback."""
    changes = story.last.pointer.activation - story.first.pointer.activation
    count = len(rollbacks(story))
    return f"{count} rollbacks, {changes} activations" if count > 1 or changes > 2 else None  # noqa: PLR2004


def flapping(version: str) -> Callable[[Story], Seen]:
    """See ``version`` named by the pointer again after it was rolled back."""

    def seen(story: Story) -> Seen:
        served = [view.pointer.version == version for view in story.views]
        returns = sum(now and not before for before, now in pairwise(served))
        return f"version {version} came back {returns - 1} times" if returns > 1 else None

    return seen


def rollbacks(story: Story) -> list[dict[str, Any]]:
    """Return the incidents of this act that were decided as rollback."""
    return [i for i in new_incidents(story) if i["decision"] == RollbackDecision.ROLLBACK]


def new_incidents(story: Story) -> list[Any]:
    """Return the incidents that were opened in this act."""
    known = {incident["id"] for incident in story.first.incidents}
    return [incident for incident in story.last.incidents if incident["id"] not in known]


def place_of(incident: Any) -> Place:
    """Return the segment an incident is about."""
    segment = incident["key"]["segment"]
    return segment["name"], segment["value"]
