"""Build terms, pointers, alerts and samples in memory, for tests of the pure parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from otel_clinical.policy import Scale
from otel_clinical.release import ReleasePointer, Segment
from otel_clinical.rollback import Alert, Cause, Terms
from otel_clinical.rollback._records import Step, Timing
from otel_clinical.rollback.engine import step
from otel_clinical.rollback.events import AlertSeen, ChangeMade, Event, Sampled
from otel_clinical.rollback.ledger import Release, ReleaseStatus
from otel_clinical.rollback.state import Incident, Intent, ModelState, Processor, Sample
from otel_clinical.rollback.targets.file import changed
from otel_clinical.semconv.enums import RollbackMode, RoutingLevel

NOW: Final = 1_790_000_000.0
DAY: Final = 86_400.0
ALL: Final = Segment("all", "all")
MEDICAID: Final = Segment("payer", "medicaid")
SOURCE: Final = Segment("source_system", "ehr-b")
TIMING: Final = Timing()


def terms(**changes: Any) -> Terms:
    base = Terms(
        model="coding",
        versions=("7", "8", "9"),
        segments={"payer": ("medicaid", "medicare"), "source_system": ("ehr-a", "ehr-b")},
        mode=RollbackMode.ENFORCE,
        pointer=Path("coding.json"),
        baseline_hash="sha256:" + "ab" * 32,
        minimum_samples=100,
        minimum_records=50,
        records_window=3600.0,
        on_environment=RoutingLevel.ASSISTED,
        on_breach=RoutingLevel.ASSISTED,
        attribution_window=14 * DAY,
        slack=60.0,
        together=DAY,
        maturity=0.0,
        scale=Scale(),
        verify_within=3600.0,
        verify_samples=50,
        recover_within=0.05,
        per_day=1,
        per_30_days=3,
        maximum_alert_age=900.0,
        fresh_events=900.0,
        fresh_watermark=1050.0,
        threshold=0.15,
        tolerated=0.05,
        standardised=True,
        shares={"payer": {"medicaid": 0.2, "medicare": 0.8}},
        minimum_coverage=0.8,
        longest_label_silence=DAY,
    )
    return replace(base, **changes)


def pointer(**changes: Any) -> ReleasePointer:
    """Version 8 activated an hour ago after version 7."""
    base = ReleasePointer(
        model="coding",
        version="8",
        epoch=5,
        activation=2,
        activated_at=NOW - 3600,
        previous_version="7",
        updated_at=NOW - 3600,
        updated_by="tests",
    )
    return replace(base, **changes)


def alert(segment: Segment = ALL, **changes: Any) -> Alert:
    base = Alert("ClinicalAIPerformanceDropRollback", Cause.PERFORMANCE, "coding", "8", segment, True, NOW - 5)  # noqa: FBT003
    return replace(base, **changes)


def hold(segment: Segment = SOURCE, **changes: Any) -> Alert:
    base = Alert("ClinicalAIInputQualityLow", Cause.INPUT, "coding", None, segment, True, NOW - 5)  # noqa: FBT003
    return replace(base, **changes)


def sample(at: float = NOW, **changes: Any) -> Sample:
    """Everything a guard wants to see, at one evaluation."""
    base = Sample(
        taken_at=at,
        clock=at + 0.01,
        evaluated_at=at - 0.5,
        evidence=12.5,
        samples=240.0,
        drop=0.25,
        change_point=NOW - 3000,
        activation=2.0,
        aggregate_evidence=30.0,
        active_versions=("8",),
        baseline_hashes=("sha256:" + "ab" * 32,),
        processors=(Processor(NOW - 9000, at - 1, at - 130, up=True),),
        instances=2,
        lower=0.12,
        upper=0.38,
        coverage=0.95,
        label_time=at - 600,
    )
    return replace(base, **changes)


GOOD: Final = Release(
    "7",
    ReleaseStatus.SUPERSEDED,
    schema_hash="sha256:in",
    baseline_hash="sha256:base",
    registered_at=NOW - 90 * DAY,
    activated_at=NOW - 60 * DAY,
    good_since=NOW - 50 * DAY,
    good_by="ana",
    smoke_at=NOW - 3600,
)
SERVING: Final = replace(
    GOOD, version="8", status=ReleaseStatus.ACTIVE, activated_at=NOW - 3600, good_since=None, good_by=""
)
LEDGER: Final = {"7": GOOD, "8": SERVING, "9": replace(SERVING, version="9", status=ReleaseStatus.CANDIDATE)}


class Play:
    """A model's state with the events a test lets happen to it, and a pointer that plans act on."""

    def __init__(self, serving: ReleasePointer | None = None, **changes: Any) -> None:
        self.terms = terms(**changes)
        self.pointer = serving or pointer()
        self.state = ModelState(releases=LEDGER)
        self.now = NOW
        self.actions: list[str] = []

    def happen(self, event: Event) -> Step:
        result = step(self.terms, self.state, event, self.now, TIMING)
        self.state = result.state
        self.actions += [record.action for record in result.records]
        return result

    def hear(self, seen: Alert, *, pulled: bool = False) -> Step:
        return self.happen(AlertSeen(seen, self.pointer, pulled=pulled))

    def confirm(self, incident: Incident, **changes: Any) -> Step:
        """Let Prometheus be asked twice, at two evaluations."""
        self.happen(Sampled(incident.id, sample(self.now, **changes), self.pointer))
        self.now += 2
        return self.happen(Sampled(incident.id, sample(self.now, **changes), self.pointer))

    def make(self) -> Intent:
        """Make the one planned change on the pointer, as a target would."""
        intent = next(i for i in self.state.intents.values() if i.status == "planned")
        assert intent.epoch == self.pointer.epoch
        after = changed(self.pointer, intent.change, marker=intent.id, at=self.now)
        moved = after.version != self.pointer.version
        self.pointer = replace(after, epoch=after.epoch + 1, activation=after.activation + moved)
        self.happen(ChangeMade(intent.id, self.pointer))
        return intent

    @property
    def only(self) -> Incident:
        (incident,) = self.state.incidents.values()
        return incident


def confirmed(play: Play, seen: Alert | None = None, **facts: Any) -> Play:
    """Let an alert be heard and confirmed."""
    play.hear(seen or alert())
    play.confirm(play.only, **facts)
    return play
