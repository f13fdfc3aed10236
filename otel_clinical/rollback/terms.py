"""What the policy lets the controller do with one model, reduced to the values its decisions need."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import time
from typing import TYPE_CHECKING, Any

from otel_clinical.policy import DAYS, load_baseline
from otel_clinical.rollback.calls import DEFAULTS, Calls, WorkingHours
from otel_clinical.rollback.ledger import KnownGoodRules
from otel_clinical.semconv.enums import EscalationLevel, RollbackMode, RoutingLevel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from otel_clinical.policy import Baseline, Escalation, KnownGood, Policy, Rollback, Scale
    from otel_clinical.semconv.enums import SegmentName

MINIMUM_SLACK = 60.0
"""Seconds by which a change-point estimate may lie before the activation that caused it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The decided values for one model; times and ages in seconds, ratios in 0 to 1.

    `fresh_events` and `fresh_watermark` bound how old the processor's newest event and watermark may be for
    its evidence to count as live. `recover_within` is a distance to the baseline on `scale`. `threshold` is the
    drop that reaches the tier, `tolerated` the one its evidence refutes, `minimum_samples` the labels it asks for, all
    infinite where the policy has no tier that switches back; `standardised` tells whether the aggregate's drop is
    taken at the baseline's mix, and `shares` are the baseline's shares of every segment's values. `then` says
    what follows `then_after` seconds of an open question; `veto` is the time in which people may stop an action.
    `converge` after which services that still run another version are reported, `stuck` after which a change that
    cannot be made is. `on_blind` is the route `blind_after` seconds into a silence of the watchdog, None for none.
    """

    model: str
    versions: tuple[str, ...]
    segments: Mapping[str, tuple[str, ...]]
    mode: RollbackMode
    pointer: Path
    baseline_hash: str
    minimum_samples: float
    minimum_records: int
    records_window: float
    on_environment: RoutingLevel
    on_breach: RoutingLevel
    attribution_window: float
    slack: float
    together: float
    maturity: float
    scale: Scale
    verify_within: float
    verify_samples: int
    recover_within: float
    per_day: int
    per_30_days: int
    maximum_alert_age: float
    fresh_events: float
    fresh_watermark: float
    threshold: float
    tolerated: float
    standardised: bool
    shares: Mapping[str, Mapping[str, float]]
    minimum_coverage: float
    longest_label_silence: float
    pairs: tuple[str, ...] = ()
    converge: float = 120.0
    stuck: float = 120.0
    then: str = "page"
    then_after: float = 1_800.0
    veto: float = 0.0
    heartbeat_silence: float = 600.0
    on_blind: RoutingLevel | None = None
    blind_after: float = 1_800.0
    governance: tuple[str, ...] = ()
    calls: Mapping[int, Calls] = field(default_factory=lambda: DEFAULTS)
    known_good: KnownGoodRules = field(default_factory=KnownGoodRules)

    def declares(self, segment: str, value: str) -> bool:
        """Tell whether the policy declares this value of a segment or of a pair; the aggregate is always declared."""
        if (segment, value) == ("all", "all"):
            return True
        if segment not in self.pairs:
            return value in self.segments.get(segment, ())
        names, values = segment.split(","), value.split(",")
        known = (part in self.segments.get(name, ()) for name, part in zip(names, values, strict=False))
        return len(names) == len(values) and all(known)


def read_terms(policy: Policy, mode: RollbackMode | None = None) -> dict[str, Terms]:
    """Return the terms of every model of `policy`; `mode` overrides the policy's for all of them."""
    return {name: _terms(policy, name, mode) for name in policy.models}


def _terms(policy: Policy, name: str, mode: RollbackMode | None) -> Terms:
    model, drift = policy.models[name], policy.drift
    rollback, quality, tier = model.rollback, model.input_quality, model.tiers.get(EscalationLevel.ROLLBACK)
    folder = policy.path.parent
    baseline = load_baseline(folder / model.baseline.file)
    return Terms(
        model=name,
        versions=tuple(model.versions),
        segments={segment.value: tuple(values) for segment, values in model.segments.items()},
        mode=mode or RollbackMode(rollback.mode),
        pointer=folder / rollback.target.path,
        baseline_hash=baseline.hash,
        minimum_samples=math.inf if tier is None else tier.minimum_labels,
        minimum_records=quality.minimum_records,
        records_window=quality.window,
        on_environment=rollback.on_environment,
        on_breach=quality.on_breach,
        attribution_window=rollback.attribution_window,
        slack=max(drift.slot + drift.lateness, MINIMUM_SLACK),
        together=drift.common_cause_within,
        maturity=model.labels.maturity,
        scale=model.metric.scale,
        verify_within=rollback.verify.within,
        verify_samples=rollback.verify.minimum_labels,
        recover_within=rollback.verify.recover_within,
        per_day=rollback.limits.per_day,
        per_30_days=rollback.limits.per_30_days,
        maximum_alert_age=rollback.maximum_alert_age,
        fresh_events=model.silence.inferences,
        fresh_watermark=model.silence.inferences + drift.lateness + drift.slot,
        threshold=math.inf if tier is None else tier.drop,
        tolerated=math.inf if tier is None else tier.guard,
        standardised=model.standardise_by is not None,
        shares=_shares(baseline, model.segments),
        minimum_coverage=model.labels.minimum_coverage,
        longest_label_silence=model.silence.outcomes,
        pairs=model.pair_names,
        converge=rollback.verify.converge,
        stuck=rollback.stuck_after,
        **_interlocks(rollback),
    )


def _interlocks(rollback: Rollback) -> dict[str, Any]:
    """Return what the policy says about open questions, vetoes and silence, with the defaults of the safety class."""
    asked = rollback.on_inconclusive
    then = asked.then if asked is not None else ("manual" if rollback.safety_class == "C" else "page")
    dead_man = rollback.dead_man
    return {
        "then": then,
        "then_after": asked.after if asked is not None else 1_800.0,
        "veto": rollback.veto,
        "heartbeat_silence": dead_man.silence,
        "on_blind": None if dead_man.then == "page" else RoutingLevel(dead_man.then),
        "blind_after": dead_man.after,
        "governance": rollback.governance,
        "calls": _calls(rollback.escalation),
        "known_good": _known_good(rollback.known_good),
    }


def _calls(asked: Escalation) -> dict[int, Calls]:
    hours, at = asked.working_hours, time.fromisoformat
    work = (
        None
        if hours is None
        else WorkingHours(frozenset(map(DAYS.index, hours.days)), at(hours.begin), at(hours.end), hours.time_zone)
    )
    reviews = {1: asked.engineering_review, 2: asked.governance_review}
    found = {
        tier: Calls(lines.second_line, lines.safety_officer, work if lines.in_working_hours else None)
        for tier, lines in reviews.items()
    }
    return {**found, 3: Calls(asked.rollback.second_line, asked.rollback.safety_officer)}


def _known_good(asked: KnownGood) -> KnownGoodRules:
    smoke = asked.smoke
    if smoke is None:
        return KnownGoodRules(asked.minimum_soak, asked.minimum_labels)
    return KnownGoodRules(
        asked.minimum_soak, asked.minimum_labels, smoke.command, smoke.every, smoke.maximum_age, smoke.timeout
    )


def _shares(baseline: Baseline, segments: Mapping[SegmentName, tuple[str, ...]]) -> dict[str, dict[str, float]]:
    """Return the share of every declared value in the baseline; segments it knows nothing of are left out."""
    total = baseline.n()
    found = {
        name.value: {value: n / total for value in values if (n := baseline.n(name.value, value))}
        for name, values in segments.items()
    }
    return {name: shares for name, shares in found.items() if shares}
