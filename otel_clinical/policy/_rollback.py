"""The part of the policy that says what the rollback controller may do."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from otel_clinical.policy._escalation import Escalation
from otel_clinical.policy._follow import Followers  # noqa: TC001 -- pydantic resolves it at run time
from otel_clinical.policy._names import FilePath  # noqa: TC001 -- the same
from otel_clinical.policy._quantities import SECONDS, Duration, Percent
from otel_clinical.policy._section import Positive, PositiveDuration, Section, Tolerated
from otel_clinical.semconv.enums import RoutingLevel

_MINUTE, _HOUR, _DAY = SECONDS["m"], SECONDS["h"], SECONDS["d"]

DRILL_EVERY: Final = 45 * _DAY
"""Seconds after which a drill is overdue: monthly, with two weeks of grace."""


class FileTarget(Section):
    """A release pointer in a file that `ModelRouter` reads."""

    kind: Literal["file"] = Field(description="What is switched.")
    path: FilePath = Field(description="The pointer, absolute or relative to the policy file.")


class Verify(Section):
    """What proves that a rollback helped."""

    within: PositiveDuration = Field(
        default=2 * _DAY, description="Time after the labels' maturity in which recovery must be seen."
    )
    minimum_labels: Positive = Field(default=50, description="Labels of the restored version that are needed.")
    recover_within: Percent = Field(default=0.05, description="Distance to the baseline that counts as recovered.")
    converge: PositiveDuration = Field(
        default=2 * _MINUTE, description="Time after which a service that still serves another version is paged."
    )


class Limits(Section):
    """How often the machine may act before only people may."""

    per_day: Positive = Field(default=1, description="Automatic actions per 24 h.")
    per_30_days: Positive = Field(default=3, description="Automatic actions per 30 days.")


class OnInconclusive(Section):
    """What follows when the guards leave a proved drop undecided."""

    then: Literal["page", "assisted", "manual", "rollback"] = Field(
        default="page", description="page again, put the segment on a route, or decide without the guards."
    )
    after: PositiveDuration = Field(default=30 * _MINUTE, description="Time people have to decide before that.")


class DeadMan(Section):
    """What follows when the watchdog of the alerting path falls silent."""

    silence: PositiveDuration = Field(default=10 * _MINUTE, description="Silence after which the controller is blind.")
    then: Literal["page", "assisted", "manual"] = Field(
        default="page", description="page, or also put the model on a route."
    )
    after: Duration = Field(default=30 * _MINUTE, description="Time people have before the route changes.")


class Smoke(Section):
    """A test of the version to go back to, on a timer and not at 3 a.m. for the first time."""

    command: Annotated[tuple[str, ...], Field(min_length=1, max_length=32)] = Field(
        description="Program and arguments; the version is added. Exit code 0: the golden set passed."
    )
    every: PositiveDuration = Field(default=12 * _HOUR, description="Time between two runs.")
    maximum_age: PositiveDuration = Field(default=_DAY, description="Age at which a result counts no longer.")
    timeout: PositiveDuration = Field(default=5 * _MINUTE, description="Time after which a run has failed.")


class KnownGood(Section):
    """What makes a version one to go back to: the release ledger, never the order of activation."""

    minimum_soak: PositiveDuration = Field(default=7 * _DAY, description="Time it served without trouble.")
    minimum_labels: Positive = Field(default=500, description="Outcomes it had in that time.")
    smoke: Smoke | None = Field(default=None, description="Test of the version to go back to.")


Person = Annotated[str, Field(min_length=1, max_length=64)]


class Rollback(Section):
    """What the controller may do when tier 3 is proved."""

    mode: Literal["observe", "recommend", "enforce"] = Field(default="observe", description="How far it may go.")
    target: FileTarget = Field(description="What it switches.")
    follow: Followers = Field(default={}, description="Other places that must serve what the pointer names, by name.")
    attribution_window: PositiveDuration = Field(
        default=14 * _DAY, description="A change within this time after an activation is charged to the version."
    )
    on_environment: Tolerated = Field(
        default=RoutingLevel.ASSISTED, description="Route when the old version would suffer as well."
    )
    verify: Verify = Field(default=Verify(), description="Required, written out, in mode enforce.")
    limits: Limits = Field(default=Limits())
    stuck_after: PositiveDuration = Field(
        default=2 * _MINUTE, description="Time after which a change that cannot be made is paged; it goes on trying."
    )
    maximum_alert_age: PositiveDuration = Field(default=15 * _MINUTE, description="Older alerts are stale.")
    safety_class: Literal["A", "B", "C"] | None = Field(
        default=None, description="Class of the software by IEC 62304; C takes an open question to people by itself."
    )
    veto: Duration = Field(
        default=0.0, description="Time in which any person may stop an action; classes A and B, at most 5m."
    )
    on_inconclusive: OnInconclusive | None = Field(
        default=None, description="Without it: page; in safety class C, manual after 30m."
    )
    dead_man: DeadMan = Field(default=DeadMan())
    known_good: KnownGood = Field(
        default=KnownGood(), description="Only such a version is gone back to; written out in mode enforce."
    )
    escalation: Escalation = Field(
        default=Escalation(), description="Whom to call, and when, while nobody acknowledges an incident."
    )
    governance: tuple[Person, ...] = Field(
        default=(), description="Clinical governance: with names here, one of two people must be one of them."
    )
