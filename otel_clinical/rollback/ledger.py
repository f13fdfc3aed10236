"""Know which version may be gone back to: from our own ledger, never "the second newest"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer, Segment
    from otel_clinical.rollback.state import ModelState
    from otel_clinical.rollback.terms import Terms


class ReleaseStatus(StrEnum):
    """How far a version has come. Quarantine is kept beside it: a version may be known good, and then fail."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    KNOWN_GOOD = "known_good"
    SUPERSEDED = "superseded"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a model as the hospital registered it, and what was seen of it since.

    `digest` is of the artifact (a file where `artifact` names one), `schema_hash` of the inputs it takes,
    `baseline_hash` of the frozen baseline it is measured by. `labels` is the most outcomes seen under one activation,
    `smoke_at` when the golden set was last run on it and `smoke_problem` what was wrong, empty where nothing was.
    `known_good` counts while `good_by` says who vouches: a person, or the controller after soak and labels.
    """

    version: str
    status: ReleaseStatus = ReleaseStatus.CANDIDATE
    digest: str = ""
    artifact: str = ""
    schema_hash: str = ""
    baseline_hash: str = ""
    registered_at: float | None = None
    registered_by: str = ""
    activated_at: float | None = None
    deactivated_at: float | None = None
    labels: float = 0.0
    good_since: float | None = None
    good_by: str = ""
    smoke_at: float | None = None
    smoke_problem: str = ""

    @property
    def good(self) -> bool:
        """Tell whether somebody vouches for the version."""
        return self.good_since is not None and self.status is not ReleaseStatus.RETIRED


def candidate(state: ModelState, pointer: ReleasePointer) -> str | None:
    """Return the version that would be gone back to, or None where there is none at all.

    It is the newest version that the ledger knows as good: the one that served before is nothing but newer.
    """
    found = [release for release in state.releases.values() if release.good and release.version != pointer.version]
    newest = max(found, key=lambda r: (r.activated_at or 0.0, r.good_since or 0.0, r.version), default=None)
    return None if newest is None else newest.version


def problem(terms: Terms, state: ModelState, pointer: ReleasePointer, segment: Segment | None, now: float) -> str:
    """Say why no version may be gone back to by itself, or return an empty string; never look for an older one."""
    target = candidate(state, pointer)
    if target is None:
        return "no other version is known to be good"
    if target not in terms.versions:
        return f"previous version {target} is not declared in the policy"
    for version in dict.fromkeys((target, pointer.previous_version or target)):
        if version in state.quarantined:
            return f"previous version {version} is quarantined"
    if segment is not None and (target, segment) in state.quarantined_in:
        return f"version {target} is quarantined for {segment.name} {segment.value}"
    if state.restored(pointer.activation):
        return f"version {pointer.version} was itself restored automatically; a second step back is for people"
    return _ledger_problem(terms, state, pointer, target, now)


def way_back(terms: Terms, state: ModelState, pointer: ReleasePointer, now: float) -> tuple[str | None, str]:
    """Return the version that the whole model would be given back now, or None and why there is none."""
    why = problem(terms, state, pointer, None, now)
    return (None, why) if why else (candidate(state, pointer), "")


def _ledger_problem(terms: Terms, state: ModelState, pointer: ReleasePointer, target: str, now: float) -> str:
    rules, release, serving = terms.known_good, state.releases[target], state.releases.get(pointer.version)
    if serving is None or serving.registered_at is None:
        return f"version {pointer.version} is not registered, so that nobody knows which inputs it takes"
    if serving.schema_hash != release.schema_hash:
        return f"version {target} takes other inputs than version {pointer.version}"
    if not release.baseline_hash:
        return f"version {target} has no frozen baseline"
    if rules.smoke_command and (release.smoke_at is None or now - release.smoke_at > rules.smoke_age):
        return f"the golden set was not run on version {target} within {rules.smoke_age / 3600:.0f} h"
    if rules.smoke_command and release.smoke_problem:
        return f"version {target} failed the golden set: {release.smoke_problem}"
    return ""


@dataclass(frozen=True, slots=True)
class KnownGoodRules:
    """What the policy asks of a version to go back to; times in seconds. Without a command no golden set is run."""

    soak: float = 7 * 86_400.0
    labels: int = 500
    smoke_command: tuple[str, ...] = ()
    smoke_every: float = 43_200.0
    smoke_age: float = 86_400.0
    smoke_timeout: float = 300.0
