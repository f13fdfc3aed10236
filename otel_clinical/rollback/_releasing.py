"""Keep the release ledger: what people register and vouch for, and what the controller sees of each version."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otel_clinical.rollback._records import Record, Setting, Step
from otel_clinical.rollback.ledger import Release, ReleaseStatus
from otel_clinical.rollback.orders import Order, OrderKind
from otel_clinical.semconv.enums import RollbackState

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.events import ReleaseSeen
    from otel_clinical.rollback.state import ModelState

_FACTS = ("digest", "artifact", "schema_hash", "baseline_hash")
_TROUBLED = frozenset(RollbackState) - {
    RollbackState.HEALTHY,
    RollbackState.ENGINEERING_REVIEW,
    RollbackState.STALE,
}


def released(setting: Setting, state: ModelState, order: Order) -> Step:
    """Take up what a person says about a version."""
    release = state.releases.get(order.about)
    if order.kind is OrderKind.REGISTER:
        return _registered(setting, state, order, release)
    # What reduces reach needs no papers.
    if order.kind is OrderKind.QUARANTINE and (release is not None or order.about in setting.terms.versions):
        record = Record("version.quarantined", order.about, _said(order))
        return Step(replace(state, quarantined=state.quarantined | {order.about}), (record,))
    if release is None:
        return _refused(order, state, f"version {order.about} is not registered")
    match order.kind:
        case OrderKind.SMOKE:
            return _smoked(setting, state, order, release)
        case OrderKind.RETIRE:
            retired = replace(release, status=ReleaseStatus.RETIRED)
            return _put(state, retired, Record("release.retired", order.about, _said(order)))
        case _:
            return _vouched(setting, state, order, release)


def _vouched(setting: Setting, state: ModelState, order: Order, release: Release) -> Step:
    """Let a person vouch for a version that has served."""
    if order.about in state.quarantined:
        return _refused(order, state, f"version {order.about} is quarantined; two people must lift that first")
    if release.activated_at is None and release.deactivated_at is None:
        return _refused(order, state, f"version {order.about} has never served")
    return _put(state, _good(release, order.by, setting.now), Record("release.known_good", order.about, _said(order)))


def _registered(setting: Setting, state: ModelState, order: Order, known: Release | None) -> Step:
    """Register a version once; other facts under the same name would be another version."""
    facts = {name: str(order.facts.get(name, "")) for name in _FACTS}
    if known is not None and known.registered_at is not None:
        changed = [name for name in _FACTS if getattr(known, name) != facts[name]]
        if changed:
            return _refused(order, state, f"version {order.about} is registered with another {', '.join(changed)}")
        return Step(state)
    release = replace(
        known or Release(order.about),
        registered_at=setting.now,
        registered_by=order.by,
        digest=facts["digest"],
        artifact=facts["artifact"],
        schema_hash=facts["schema_hash"],
        baseline_hash=facts["baseline_hash"],
    )
    return _put(state, release, Record("release.registered", order.about, {**_said(order), **facts}))


def _smoked(setting: Setting, state: ModelState, order: Order, release: Release) -> Step:
    """Note how the golden set went; a version to go back to that begins to fail it is worth a page."""
    problem = str(order.facts.get("problem", ""))
    turned = bool(release.smoke_problem) is not bool(problem)
    release = replace(release, smoke_at=setting.now, smoke_problem=problem)
    data = {"model": order.model, "problem": problem, "seconds": order.facts.get("seconds", "")}
    return _put(state, release, Record("release.smoke", order.about, data, page=bool(problem) and turned))


def seen(setting: Setting, state: ModelState, event: ReleaseSeen) -> Step:
    """Note what serves and how many outcomes it has; after soak and labels without trouble it is known good."""
    pointer, now = event.pointer, setting.now
    releases, records = _with_previous(state, pointer), []
    for version, release in state.releases.items():
        if version != pointer.version and release.status is ReleaseStatus.ACTIVE:
            releases[version] = replace(release, status=ReleaseStatus.SUPERSEDED, deactivated_at=now)
    release = releases.get(pointer.version, Release(pointer.version))
    if release.status in {ReleaseStatus.CANDIDATE, ReleaseStatus.SUPERSEDED} or release.activated_at is None:
        release = replace(release, status=ReleaseStatus.ACTIVE, activated_at=pointer.activated_at, deactivated_at=None)
    if event.labels is not None and event.labels > release.labels:
        release = replace(release, labels=event.labels)
    if _has_proved_itself(setting, state, release, event):
        release = _good(release, "controller", now)
        data = {"served": round(now - pointer.activated_at), "labels": release.labels}
        records.append(Record("release.known_good", pointer.version, data))
    releases[pointer.version] = release
    if releases == state.releases:
        return Step(state)
    return Step(replace(state, releases=releases), tuple(records))


def _with_previous(state: ModelState, pointer: ReleasePointer) -> dict[str, Release]:
    """Return the ledger with the version before: a controller that is new knows of it by the pointer alone."""
    releases, version = dict(state.releases), pointer.previous_version
    if version is None:
        return releases
    known = releases.get(version, Release(version))
    if known.activated_at is None and known.deactivated_at is None:
        status = ReleaseStatus.SUPERSEDED if known.status is ReleaseStatus.CANDIDATE else known.status
        releases[version] = replace(known, status=status, deactivated_at=pointer.activated_at)
    return releases


def _has_proved_itself(setting: Setting, state: ModelState, release: Release, event: ReleaseSeen) -> bool:
    rules, pointer = setting.terms.known_good, event.pointer
    if release.good or release.registered_at is None or pointer.version in state.quarantined:
        return False
    troubled = any(
        incident.key.activation == pointer.activation and incident.state in _TROUBLED
        for incident in state.incidents.values()
    )
    enough = event.labels is not None and event.labels >= rules.labels
    return not troubled and enough and setting.now - pointer.activated_at >= rules.soak


def _good(release: Release, by: str, now: float) -> Release:
    status = release.status
    if status in {ReleaseStatus.SUPERSEDED, ReleaseStatus.RETIRED}:
        status = ReleaseStatus.KNOWN_GOOD
    return replace(release, status=status, good_since=now, good_by=by)


def _put(state: ModelState, release: Release, record: Record) -> Step:
    return Step(replace(state, releases={**state.releases, release.version: release}), (record,))


def _refused(order: Order, state: ModelState, problem: str) -> Step:
    return Step(state, (Record("order.refused", order.about, {**_said(order), "problem": problem}),))


def _said(order: Order) -> dict[str, object]:
    return {"model": order.model, "by": [order.by], "reason": order.reason, "given_at": order.at}
