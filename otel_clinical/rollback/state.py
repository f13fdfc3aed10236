"""What the controller knows about one model: incidents, intents, quarantined versions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping  # noqa: TC003 -- the store's codec resolves it and the next ones at run time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from otel_clinical.release import Segment  # noqa: TC001
from otel_clinical.rollback.alerts import Cause  # noqa: TC001
from otel_clinical.rollback.ledger import Release  # noqa: TC001
from otel_clinical.rollback.orders import Standing  # noqa: TC001
from otel_clinical.rollback.targets import Change  # noqa: TC001
from otel_clinical.semconv.enums import (
    RollbackDecision,
    RollbackGuardName,
    RollbackGuardResult,
    RollbackState,
)

REVIEW: Final = frozenset({RollbackState.ENGINEERING_REVIEW, RollbackState.GOVERNANCE_REVIEW})
ANNOUNCED: Final = RollbackState.ANNOUNCED
if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer

WORKING: Final = frozenset({RollbackState.ANNOUNCED, RollbackState.ROLLING_BACK, RollbackState.STUCK})
WATCHING: Final = frozenset({RollbackState.CONVERGING, RollbackState.VERIFYING})
UNDECIDED: Final = frozenset({RollbackState.DECIDING, RollbackState.INCONCLUSIVE})


def serving_in(pointer: ReleasePointer, segment: Segment) -> str:
    """Return the version that a pointer gives to one segment, `all` being the model itself."""
    return pointer.resolve(segment.parts).version


class IntentStatus(StrEnum):
    """How far a planned change has come. `skipped` is what observe and recommend make of it."""

    PLANNED = "planned"
    APPLIED = "applied"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Key:
    """What makes an incident one and the same, whoever reports it, how often, and from where."""

    model: str
    cause: Cause
    segment: Segment
    activation: int

    @property
    def id(self) -> str:
        """Return the incident's identifier: it follows from the key, so duplicates cannot have another."""
        words = (self.model, self.cause, self.segment.name, self.segment.value, str(self.activation))
        return "INC-" + hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Processor:
    """One drift processor as Prometheus sees it; Unix seconds, None where the series is absent."""

    started_at: float
    event_time: float | None
    watermark: float | None
    up: bool | None


@dataclass(frozen=True, slots=True)
class Fellow:
    """Another model, or another version of the same, whose performance is proved to have dropped, and since when."""

    model: str
    version: str
    evidence: float
    change_point: float | None


@dataclass(frozen=True, slots=True)
class Stratum:
    """The drop of one segment value under the version of an incident."""

    segment: str
    value: str
    drop: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one version does now: performance and labels of the recent window, None where absent.

    `pairs` are cases that the serving version answered as well, `verdict` what they prove of this one: 1 better, -1 no
    better, 0 neither.
    """

    version: str
    performance: float | None
    samples: float | None
    pairs: float | None = None
    verdict: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at Prometheus for one incident; None is absent, `reachable` False that nothing answered.

    `taken_at` is the controller's clock, `clock` Prometheus' own; `evaluated_at` is when Prometheus last
    evaluated the alert as firing. `cause` is what the processor puts the drop down to, empty where it says nothing
    or two processors disagree, and `reasons` what speaks for it. `drop` lies between `lower` and `upper` by
    confidence bounds; the aggregate's is standardised where the policy says so, and `strata` are the drops of all
    segment values. `fellows` dropped as well. `arm` is the version to go back to where it runs beside the serving
    one, as shadow or for a part of the cases, and `current` the serving version in the same window.
    """

    taken_at: float
    reachable: bool = True
    clock: float | None = None
    evaluated_at: float | None = None
    evidence: float | None = None
    samples: float | None = None
    drop: float | None = None
    change_point: float | None = None
    activation: float | None = None
    aggregate_evidence: float | None = None
    cause: str = ""
    active_versions: tuple[str, ...] = ()
    baseline_hashes: tuple[str, ...] = ()
    processors: tuple[Processor, ...] = ()
    instances: int | None = None
    lower: float | None = None
    upper: float | None = None
    coverage: float | None = None
    label_time: float | None = None
    fellows: tuple[Fellow, ...] = ()
    strata: tuple[Stratum, ...] = ()
    arm: Comparison | None = None
    current: Comparison | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GuardReport:
    """The result of one guard, what decided it in words, and the numbers behind the words (None is absent)."""

    guard: RollbackGuardName
    result: RollbackGuardResult
    because: str
    facts: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incident:
    """One degradation of one segment under one activation, from first alert to final state.

    `next_at` is when the worker looks again; `first` the earlier half of the confirmation; `armed_at` when it was
    reopened because the controller may act by now. `act_at` is when the controller will act by itself: at the end of
    a veto, or when an open question has stood for as long as the policy says since `undecided_since`. `paged_at` is
    when people were last called for it, `approved_by` who decided what the guards left open, `vetoed_by` who wants
    nothing done by itself.
    """

    key: Key
    version: str
    alert: str
    opened_at: float
    starts_at: float
    last_seen: float
    state: RollbackState = RollbackState.DECIDING
    firing: bool = True
    next_at: float = 0.0
    attempts: int = 0
    first: Sample | None = None
    last: Sample | None = None
    guards: tuple[GuardReport, ...] = ()
    decision: RollbackDecision | None = None
    cause: str = ""
    reason: str = ""
    armed_at: float | None = None
    acted_at: float | None = None
    converge_by: float | None = None
    verify_by: float | None = None
    closed_at: float | None = None
    undecided_since: float | None = None
    act_at: float | None = None
    paged_at: float | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str = ""
    approved_by: str = ""
    vetoed_by: str = ""

    @property
    def id(self) -> str:
        """Return the identifier."""
        return self.key.id


@dataclass(frozen=True, slots=True)
class Intent:
    """A change the controller has decided on, written down before it is made. `id` is its marker."""

    id: str
    incident: str
    change: Change
    from_version: str
    activation: int
    epoch: int
    planned_at: float
    status: IntentStatus = IntentStatus.PLANNED
    applied_at: float | None = None
    new_activation: int | None = None


@dataclass(frozen=True, slots=True)
class ModelState:
    """Everything the engine decides from; incidents and intents by id, orders of people by what they are about.

    `releases` is the ledger by version; `quarantined_in` are versions that failed in one segment alone.
    """

    incidents: Mapping[str, Incident] = field(default_factory=dict)
    intents: Mapping[str, Intent] = field(default_factory=dict)
    quarantined: frozenset[str] = frozenset()
    standing: Mapping[str, Standing] = field(default_factory=dict)
    quarantined_in: frozenset[tuple[str, Segment]] = frozenset()
    releases: Mapping[str, Release] = field(default_factory=dict)

    @property
    def changing(self) -> bool:
        """Tell whether a change is under way; a second one waits, so that each is planned on what it will find."""
        return any(intent.status is IntentStatus.PLANNED for intent in self.intents.values())

    def planned(self, incident: str) -> Intent | None:
        """Return the change that is decided but not yet known to be made."""
        return self._newest(incident, IntentStatus.PLANNED)

    def applied(self, incident: str) -> Intent | None:
        """Return the newest change made for an incident."""
        return self._newest(incident, IntentStatus.APPLIED)

    def activations_since(self, moment: float) -> int:
        """Count the versions switched automatically since `moment`, including those decided and not yet made."""
        return sum(
            intent.change.activates and intent.planned_at >= moment
            for intent in self.intents.values()
            if intent.status in {IntentStatus.PLANNED, IntentStatus.APPLIED}
        )

    def restored(self, activation: int) -> bool:
        """Tell whether an activation was made by the controller, and not by people."""
        return any(
            intent.change.activates and intent.status is IntentStatus.APPLIED and intent.new_activation == activation
            for intent in self.intents.values()
        )

    def _newest(self, incident: str, status: IntentStatus) -> Intent | None:
        found = [i for i in self.intents.values() if i.incident == incident and i.status is status]
        return max(found, key=lambda intent: (intent.planned_at, intent.id), default=None)
