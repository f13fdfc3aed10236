"""Which tiers would have fired, at which row and why; and how long a known fault stayed unseen."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from otel_clinical.backtest._words import DAY
from otel_clinical.drift.kernel import TierChange, decide_tier
from otel_clinical.policy import TIERS
from otel_clinical.semconv import AGGREGATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_clinical.backtest._encounters import Encounter
    from otel_clinical.backtest._inject import Injection
    from otel_clinical.backtest._replay import Replay
    from otel_clinical.drift.kernel import EvidenceRow
    from otel_clinical.policy import ModelPolicy
    from otel_clinical.semconv.enums import EscalationLevel


def segment_label(segment: str, value: str) -> str:
    """Return `payer=MC`, or `all` for the aggregate."""
    return AGGREGATE if segment == AGGREGATE else f"{segment}={value}"


def moment_text(at: float) -> str:
    """Return an ISO 8601 moment in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Fire:
    """The first time that one tier fired for one segment.

    Attributes:
        tier: 1, 2 or 3.
        segment: `payer=MC`, or `all`.
        row: Last row whose outcome had counted by then.
        at: Event time (unix seconds) at which the tier fired: the end of a slot.
        reason: One sentence.
        labels: Outcomes since the estimated change point.
        drop: Estimated drop since then, in the policy's kind.
        change_row: First row after the estimated change point.
        version: Version that was serving.
        times: How often the tier fired in the whole replay; it clears when the drop recovers.
    """

    tier: int
    segment: str
    row: int
    at: float
    reason: str
    labels: int
    drop: float
    change_row: int | None
    version: str
    times: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fire as JSON-ready values."""
        return {
            "tier": self.tier,
            "segment": self.segment,
            "row": self.row,
            "event_time": moment_text(self.at),
            "reason": self.reason,
            "labels": self.labels,
            "drop": round(self.drop, 6),
            "change_row": self.change_row,
            "version": self.version,
            "times": self.times,
        }


class Timeline:
    """When each encounter happened and when its outcome counted: `max(known, time + maturity)`."""

    def __init__(self, encounters: Sequence[Encounter], model: ModelPolicy) -> None:
        self.encounters = encounters
        self.times = [encounter.time for encounter in encounters]
        maturity = model.labels.maturity
        labelled = [encounter for encounter in encounters if encounter.counts(model.metric)]
        effective = sorted((max(e.known, e.time + maturity), e.row, e) for e in labelled)
        self.effective: dict[str, list[float]] = {AGGREGATE: [at for at, _, _ in effective]}
        self.rows: dict[str, list[int]] = {AGGREGATE: [row for _, row, _ in effective]}
        for at, row, encounter in effective:
            for name in (*encounter.segments, *model.pair_names):
                label = segment_label(name, encounter.value_of(name))
                self.effective.setdefault(label, []).append(at)
                self.rows.setdefault(label, []).append(row)

    def row_at(self, segment: str, at: float) -> int:
        """Return the last row of a segment whose outcome counted before `at`; 0 before the first."""
        place = bisect_left(self.effective.get(segment, []), at)
        return self.rows[segment][place - 1] if place else 0

    def row_of(self, time: float) -> int:
        """Return the row of the first inference at or after `time`."""
        place = min(bisect_left(self.times, time), len(self.times) - 1)
        return self.encounters[place].row

    def labels_between(self, segment: str, first: float, last: float) -> int:
        """Return how many outcomes of a segment counted after `first` and before `last`."""
        effective = self.effective.get(segment, [])
        return bisect_left(effective, last) - bisect_right(effective, first)


@dataclass
class _State:
    first: tuple[float, EvidenceRow] | None = None
    active: bool = False
    times: int = 0


@dataclass
class _Tiers:
    states: dict[tuple[str, str, int], _State] = field(default_factory=dict)

    def take(self, at: float, row: EvidenceRow, model: ModelPolicy) -> None:
        """Note every tier that this row reaches or leaves: each tier is an alert of its own."""
        for tier, level in enumerate(TIERS, start=1):
            if level not in model.tiers:
                continue
            state = self.states.setdefault((segment_label(row.segment, row.value), row.version, tier), _State())
            reached = decide_tier(row, {level: model.tiers[level]}) == level
            if reached and not state.active:
                state.times += 1
                state.first = state.first or (at, row)
            state.active = reached


def find_fires(replayed: Replay, model: ModelPolicy, timeline: Timeline) -> list[Fire]:
    """Return the first fire of each tier and segment, in order of time.

    The kernel reports when the severest tier of a stream changes. A milder tier that is reached only after a severer
    one, because it asks for more labels, is seen at the next snapshot.
    """
    seen = [(change.at, change.row) for change in replayed.transitions if isinstance(change, TierChange)]
    seen += [(snapshot.at, row) for snapshot in replayed.snapshots for row in snapshot.rows]
    tiers = _Tiers()
    for at, row in sorted(seen, key=lambda item: item[0]):
        tiers.take(at, row, model)
    fires = []
    for (segment, version, tier), state in tiers.states.items():
        if state.first is None:
            continue
        at, row = state.first
        change_row = None if row.change_point is None else timeline.row_of(row.change_point)
        fires.append(
            Fire(
                tier=tier,
                segment=segment,
                row=timeline.row_at(segment, at),
                at=at,
                reason=_reason(row, TIERS[tier - 1], model, change_row),
                labels=row.samples,
                drop=row.drop,
                change_row=change_row,
                version=version,
                times=state.times,
            )
        )
    return sorted(fires, key=lambda fire: (fire.at, fire.tier, fire.segment))


def _reason(row: EvidenceRow, level: EscalationLevel, model: ModelPolicy, change_row: int | None) -> str:
    tier, scale = model.tiers[level], model.metric.scale
    drop = f"{100 * row.drop:.1f} {'points' if scale.kind == 'points' else '%'}"
    side = "above" if scale.lower else "below"
    since = "" if change_row is None else f" since row {change_row}"
    return (
        f"{model.metric.name} is {drop} {side} the baseline of {row.baseline:.3f} over {row.samples} labels{since} "
        f"(tier at {100 * tier.drop:g} %, {tier.minimum_labels} labels); that the drop is at most "
        f"{100 * tier.guard:g} % is refuted with evidence {_evidence_text(row.evidence[level])} (1 suffices)"
    )


def _evidence_text(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{min(value, 1e9):.3g}"  # noqa: PLR2004  -- two decimals near 1


@dataclass(frozen=True)
class Delay:
    """How long a known fault stayed unseen by one tier.

    Attributes:
        tier: 1, 2 or 3.
        row: Row at which it fired.
        rows: Rows from the beginning of the fault.
        labels: Outcomes of the segment that had counted since then.
        days: Days of event time since then, including the maturity of the labels.
    """

    tier: int
    row: int
    rows: int
    labels: int
    days: float


@dataclass(frozen=True)
class FaultReport:
    """What became of one injected fault; `others` are tier 3 fires of other values of the same segment."""

    injection: Injection
    first_row: int | None
    first_time: float | None
    touched: int
    changed: int
    delays: tuple[Delay, ...]
    others: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "inject": str(self.injection),
            "segment": self.injection.where,
            "first_row": self.first_row,
            "outcomes": self.touched,
            "made_wrong": self.changed,
            "delays": [
                {"tier": d.tier, "row": d.row, "rows": d.rows, "labels": d.labels, "days": round(d.days, 2)}
                for d in self.delays
            ],
            "other_tier_3": list(self.others),
        }


def report_fault(
    injection: Injection,
    before: Sequence[Encounter],
    after: Sequence[Encounter],
    fires: Sequence[Fire],
    timeline: Timeline,
) -> FaultReport:
    """Hold the fires against a fault whose truth is known; `before` and `after` are the same encounters."""
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if injection.touches(old)]
    scored = [(old, new) for old, new in pairs if old.score is not None]
    first = min(scored, key=lambda pair: pair[0].time, default=None)
    start = None if first is None else first[0]
    hits = [fire for fire in fires if fire.segment == injection.where and start and fire.at >= start.time]
    same = f"{injection.segment}="
    return FaultReport(
        injection,
        None if start is None else start.row,
        None if start is None else start.time,
        len(scored),
        sum(old.score != new.score for old, new in scored),
        tuple(_delay(fire, start, timeline) for fire in hits if start is not None),
        tuple(
            fire.segment
            for fire in fires
            if fire.tier == len(TIERS) and fire.segment != injection.where and fire.segment.startswith(same)
        ),
    )


def _delay(fire: Fire, start: Encounter, timeline: Timeline) -> Delay:
    return Delay(
        fire.tier,
        fire.row,
        max(fire.row - start.row, 0),
        timeline.labels_between(fire.segment, start.time, fire.at),
        (fire.at - start.time) / DAY,
    )
