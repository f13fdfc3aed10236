"""The backtest as a whole: read, freeze or load the baseline, inject, replay, conclude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otel_clinical.backtest._calibration import Calibration, calibrate
from otel_clinical.backtest._fires import (
    FaultReport,
    Fire,
    Timeline,
    find_fires,
    moment_text,
    report_fault,
    segment_label,
)
from otel_clinical.backtest._history import History, check_metric, freeze_baseline
from otel_clinical.backtest._inject import Injection, check_injection, inject
from otel_clinical.backtest._replay import Replay, replay
from otel_clinical.backtest._rows import HistoryError
from otel_clinical.backtest._witnesses import moved_inputs, witnesses
from otel_clinical.policy import ALL, baseline_problems, load_baseline, with_open_values
from otel_clinical.semconv.small_cells import if_enough

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from otel_clinical.backtest._encounters import Encounter
    from otel_clinical.backtest._mapping import Mapping
    from otel_clinical.backtest._measured import Measured
    from otel_clinical.drift.kernel import EvidenceRow
    from otel_clinical.policy import Baseline, ModelPolicy, Policy


@dataclass(frozen=True)
class BaselineUsed:
    """The baseline and where it came from; `rows` is the range it was frozen from, if it was frozen here."""

    baseline: Baseline
    source: str
    rows: tuple[int, int] | None = None

    def holds(self, encounter: Encounter) -> bool:
        """Return whether the encounter lies in the period that the baseline was frozen from."""
        return self.baseline.since <= encounter.time <= self.baseline.until


@dataclass(frozen=True)
class Backtest:
    """Everything that the page and the JSON file are written from."""

    policy: Policy
    name: str
    mapping: Mapping
    history: History
    used: BaselineUsed
    encounters: list[Encounter]
    injections: tuple[Injection, ...]
    replayed: Replay
    timeline: Timeline
    fires: list[Fire]
    faults: list[FaultReport]
    calibration: list[Calibration]

    @property
    def model(self) -> ModelPolicy:
        """Return the policy of the model."""
        return self.policy.models[self.name]

    def fires_of(self, tier: int) -> list[Fire]:
        """Return the fires of one tier."""
        return [fire for fire in self.fires if fire.tier == tier]


def mapped_policy(policy: Policy, mapping: Mapping) -> Policy:
    """Return the policy for the mapping's model, with the segments that the history has columns for.

    Raises:
        HistoryError: the policy has no such model, declares no such segment, or is standardised by an unmapped one.
    """
    name = mapping.model
    if name not in policy.models:
        raise HistoryError(f"mapping: model {name} is not in the policy; it has {', '.join(policy.models)}")
    model = policy.models[name]
    declared = {**model.segments, **model.open_segments}
    foreign = [segment.value for segment in mapping.segments if segment not in declared]
    if foreign:
        known = ", ".join(segment.value for segment in declared) or "none"
        raise HistoryError(f"mapping: the policy declares no segment {', '.join(foreign)}; declared: {known}")
    if model.standardise_by is not None and model.standardise_by not in mapping.segments:
        by = model.standardise_by.value
        raise HistoryError(f"mapping: no column for segment {by}, by which the policy standardises")
    unknown = [feature for feature in mapping.features if feature not in model.features]
    if unknown:
        known = ", ".join(model.features) or "none"
        raise HistoryError(f"mapping: the policy declares no feature {', '.join(unknown)}; declared: {known}")
    segments = {segment: values for segment, values in model.segments.items() if segment in mapping.segments}
    wide = {segment: one for segment, one in model.open_segments.items() if segment in mapping.segments}
    pairs = tuple(pair for pair in model.pairs if all(segment in mapping.segments for segment in pair))
    features = {feature: bins for feature, bins in model.features.items() if feature in mapping.features}
    mapped = model.model_copy(
        update={"segments": segments, "open_segments": wide, "pairs": pairs, "features": features}
    )
    return policy.model_copy(update={"models": {name: mapped}})


def choose_baseline(
    history: History, mapping: Mapping, model: ModelPolicy, path: Path | None, *, required: bool
) -> BaselineUsed:
    """Return the baseline at `path` if it is there, else one frozen from the rows that the mapping names.

    Raises:
        HistoryError: there is neither, or the baseline does not fit the policy.
        BaselineError: the file is no baseline.
    """
    if path is not None and (required or path.exists()):
        used = BaselineUsed(load_baseline(path), path.name)
    elif mapping.baseline is not None:
        rows = mapping.baseline
        frozen = freeze_baseline(history.encounters, mapping, model)
        used = BaselineUsed(frozen, f"rows {rows.from_row} to {rows.to_row}", (rows.from_row, rows.to_row))
    else:
        raise HistoryError(f"no baseline: {path} does not exist, and the mapping names no rows (baseline: …)")
    problems = baseline_problems(mapping.model, model, used.baseline)
    if problems:
        raise HistoryError(f"the baseline ({used.source}) does not fit the policy:\n  " + "\n  ".join(problems))
    return used


def run_backtest(
    history: History,
    mapping: Mapping,
    policy: Policy,
    used: BaselineUsed,
    *,
    injections: Sequence[Injection] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Backtest:
    """Replay the history with the faults injected and conclude.

    Raises:
        InjectionError: a fault names a segment value that the policy does not declare.
    """
    policy = with_open_values(policy, {mapping.model: used.baseline})
    name, model = mapping.model, policy.models[mapping.model]
    check_metric(mapping, model)
    for injection in injections:
        check_injection(injection, model)
    encounters = inject(history.encounters, injections)
    replayed = replay(encounters, policy, name, used.baseline, source=mapping.outcome.source, progress=progress)
    timeline = Timeline(encounters, model)
    fires = find_fires(replayed, model, timeline)
    return Backtest(
        policy,
        name,
        mapping,
        history,
        used,
        encounters,
        tuple(injections),
        replayed,
        timeline,
        fires,
        [report_fault(injection, history.encounters, encounters, fires, timeline) for injection in injections],
        [] if model.metric.of_reviews else calibrate(encounters),  # accepted is not right
    )


def as_json(test: Backtest, measured: Sequence[Measured] = ()) -> dict[str, Any]:
    """Return the content of backtest.json; the same history, policy and faults give the same text."""
    return {
        "schema": "otel-clinical/backtest/v1",
        "fires": [fire.as_dict() for fire in test.fires],
        "faults": [fault.as_dict() for fault in test.faults],
        "delays": [one.as_dict() for one in measured],
        "inputs": _inputs(test),
        "baseline": _baseline(test.used),
        "segments": [_segment(row, test) for row in test.replayed.evidence],
        "drift": _drift(test),
        "moved": [one.as_dict() for one in moved_inputs(test.replayed.transitions, test.timeline)],
        "calibration": [group.as_dict() for group in test.calibration],
    }


def _inputs(test: Backtest) -> dict[str, Any]:
    tally, first, last = test.history.tally, test.encounters[0], test.encounters[-1]
    return {
        "file": test.history.file,
        "sha256": test.history.sha256,
        "model": test.name,
        "policy": test.policy.hash,
        "rows": tally.rows,
        "used": tally.used,
        "without_outcome": tally.unlabelled,
        "repeated_encounters": tally.repeated,
        "rejected": dict(sorted(tally.rejected.items())),
        "examples": tally.examples[:20],
        "undeclared": dict(sorted(tally.undeclared.items())),
        "refused_by_kernel": {key: n for key, n in sorted(test.replayed.rejections.items()) if n},
        "events": dict(sorted(test.replayed.events.items())),
        "first_row": min(e.row for e in test.encounters),
        "last_row": max(e.row for e in test.encounters),
        "from": moment_text(first.time),
        "to": moment_text(last.time),
        "inject": [str(injection) for injection in test.injections],
    }


def _baseline(used: BaselineUsed) -> dict[str, Any]:
    baseline = used.baseline
    return {
        "source": used.source,
        "rows": list(used.rows) if used.rows else None,
        "hash": baseline.hash,
        "metric": baseline.metric,
        "from": moment_text(baseline.since),
        "to": moment_text(baseline.until),
        "labels": baseline.n(),
        "ratio": round(baseline.ratio(), 6),
        "lower_99": round(baseline.lower(ALL, ALL), 6),
    }


def _segment(row: EvidenceRow, test: Backtest) -> dict[str, Any]:
    """Return one stream's figures; null where they are of a small cell."""
    reference = test.used.baseline.n(row.segment, row.value)
    performance = None if row.performance is None else round(row.performance, 6)
    evidence = {level.value: float(f"{min(value, 1e9):.4g}") for level, value in row.evidence.items()}
    return {
        "segment": segment_label(row.segment, row.value),
        "version": row.version,
        "labels": if_enough(row.labels, row.labels),
        "baseline": if_enough(reference, round(row.baseline, 6)),
        "baseline_labels": if_enough(reference, reference),
        "performance": if_enough(row.performance_samples, performance),
        "drop": if_enough(row.samples, round(row.drop, 6)),
        "samples": if_enough(row.samples, row.samples),
        "evidence": if_enough(row.labels, evidence),
    }


def _drift(test: Backtest) -> list[dict[str, Any]]:
    return [witness.as_dict() for witness in witnesses(test.replayed.transitions, test.timeline)]
