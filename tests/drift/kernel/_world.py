"""A small hospital for kernel tests: a policy, its baseline, and records whose truth the test decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from otel_clinical.drift.explode import ABSENT, MICRO, NO_FEATURES, RECORD, SEGMENTS, Batch, Kind
from otel_clinical.drift.kernel import Kernel
from otel_clinical.policy import Baseline, Cell, Policy, Spread, parse_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

START = 1_790_000_000.0
DEPARTMENTS = {"cardiology": 0.95, "emergency": 0.90, "oncology": 0.80}
MIX = {"cardiology": 0.5, "emergency": 0.3, "oncology": 0.2}
PAYERS = ("medicaid", "medicare", "private", "self")
WORDS = ("", "_OTHER", "coding", "7", "8", *DEPARTMENTS, *PAYERS, "undeclared")

_TEXT = """
schema: otel-clinical/policy/v1
fleet: {{name: test, runbooks: "https://example.org/r", dashboards: "https://example.org/d"}}
drift: {{slot: {slot}, lateness: {lateness}, window: 1d, retention: 90d, drift_hold: 1h}}
models:
  coding:
    use_case: revenue_cycle
    owner: coding-team
    versions: ["7", "8"]
    metric: {{name: {metric}, drop: {drop}}}
    labels: {{maturity: {maturity}, per_day: {per_day}, minimum_coverage: 80%}}
    segments:
      payer: [medicaid, medicare, private, self]
      department: [cardiology, emergency, oncology]
    standardise_by: {standardise_by}
    baseline: {{file: baseline.json}}
    tiers:
      engineering_review: {{drop: 5%, guard: 1%, minimum_labels: 200, false_alarms: 1 per 3mo}}
      governance_review: {{drop: 10%, guard: 2.5%, minimum_labels: 100, false_alarms: 1 per 2y}}
      rollback: {{drop: 15%, guard: {guard}, minimum_labels: 100, false_alarms: 1 per 10y}}
    rollback: {{mode: observe, target: {{kind: file, path: pointer.json}}}}
"""
_DEFAULTS = {
    "slot": "5m",
    "lateness": "2m",
    "metric": "accuracy",
    "drop": "relative",
    "maturity": "1h",
    "per_day": "100",
    "standardise_by": "department",
    "guard": "5%",
}


def make_policy(**changes: str) -> Policy:
    """Return the policy with some of its values changed, as they are written in YAML."""
    text = _TEXT.format(**(_DEFAULTS | changes))
    if changes.get("metric") == "override_ratio":
        text = "\n".join(line for line in text.splitlines() if not line.startswith("      rollback:"))
    return parse_policy(text, baselines=False)


def make_baseline(n: int = 100_000) -> Baseline:
    """Return the exact truth of `DEPARTMENTS`, as if seen on `n` inferences spread evenly over payers."""
    cells = {}
    for department, accuracy in DEPARTMENTS.items():
        size = int(n * MIX[department])
        cells["all", "all", department] = Cell(size, size * accuracy)
        cells["department", department, department] = Cell(size, size * accuracy)
        for payer in PAYERS:
            part = size // len(PAYERS)
            cells["payer", payer, department] = Cell(part, part * accuracy)
    return Baseline("coding", None, "accuracy", cells, confidence=Spread(0.8, 0.1), quality=Spread(0.9, 0.05))


def make_kernel(policy: Policy | None = None, baseline: Baseline | None = None) -> Kernel:
    """Return a kernel of the test hospital."""
    return Kernel(policy or make_policy(), {"coding": baseline or make_baseline()})


@dataclass
class World:
    """Draws inferences and their outcomes.

    Attributes:
        seed: Of everything random.
        mix: Share of each department.
        drop: Relative drop of accuracy for (number of the inference, department, payer).
        gap: Seconds between inferences.
        delay: Seconds from inference to outcome.
    """

    seed: int = 0
    mix: Mapping[str, float] = field(default_factory=lambda: MIX)
    drop: Callable[[int, str, str], float] = lambda _n, _department, _payer: 0.0
    gap: float = 10.0
    delay: float = 5.0
    version: str = "7"
    activation: int = 1

    def records(self, n: int, *, first: int = 0) -> Batch:
        """Return `n` inferences and their outcomes, each inference before its outcome."""
        rng = np.random.default_rng([self.seed, first])
        names = list(self.mix)
        departments = rng.choice(len(names), n, p=list(self.mix.values()))
        payers = rng.integers(0, len(PAYERS), n)
        rows = []
        for offset in range(n):
            number = first + offset
            department, payer = names[departments[offset]], PAYERS[payers[offset]]
            at = START + number * self.gap
            right = rng.random() < DEPARTMENTS[department] * (1.0 - self.drop(number, department, payer))
            about = {"number": number, "inferred": at, "department": department, "payer": payer}
            about |= {"version": self.version, "activation": self.activation}
            confidence = unit(rng, 0.8, 0.1)
            rows.append(inference(at=at, confidence=confidence, quality=unit(rng, 0.9, 0.05), **about))
            rows.append(outcome(at=at + self.delay, score=float(right), confidence=confidence, **about))
        return batch(rows)


def unit(rng: np.random.Generator, mean: float, sd: float) -> float:
    """Return a draw that is cut off to [0, 1]."""
    return float(np.clip(rng.normal(mean, sd), 0.0, 1.0))


def inference(number: int, at: float, **about: Any) -> tuple[Any, ...]:
    """Return the row of an inference, which is known by its own event alone."""
    about["inference"] = 0
    return _row(Kind.INFERENCE, number, at, about, event=about.get("event", 2 * number + 1))


def outcome(number: int, at: float, **about: Any) -> tuple[Any, ...]:
    """Return the row of an outcome; `inferred` says when its inference started, `score` how right it was."""
    return _row(Kind.OUTCOME, number, at, about, event=about.get("event", 2 * number + 2))


def review(number: int, at: float, mark: int, **about: Any) -> tuple[Any, ...]:
    """Return the row of a review that says what `mark` stands for."""
    row = _row(Kind.REVIEW, number, at, about, event=about.get("event", 40_000 + number))
    return (row[0], mark, *row[2:])


def batch(rows: Iterable[tuple[Any, ...]]) -> Batch:
    """Return rows as a batch."""
    return Batch(np.array(list(rows), RECORD), WORDS)


def run(kernel: Kernel, records: Batch, size: int = 200, *, to: float | None = None) -> list[Any]:
    """Feed `records` in batches of `size` and return every transition; `to` ends the replay there."""
    found: list[Any] = []
    for start in range(0, len(records), size):
        kernel.apply(records.take(range(start, min(start + size, len(records)))))
        found += kernel.advance()
    return found + kernel.advance(to) if to is not None else found


def row_of(kernel: Kernel, segment: str = "all", value: str = "all", version: str = "7") -> Any:
    """Return one evidence row."""
    (found,) = (row for row in kernel.evidence() if (row.segment, row.value, row.version) == (segment, value, version))
    return found


def _row(kind: Kind, number: int, at: float, about: dict[str, Any], event: int) -> tuple[Any, ...]:
    segments = [0] * len(SEGMENTS)
    segments[SEGMENTS.index("department")] = WORDS.index(about.get("department", "cardiology"))
    segments[SEGMENTS.index("payer")] = WORDS.index(about.get("payer", "medicaid"))
    return (
        kind,
        kind is Kind.INFERENCE,
        WORDS.index("coding"),
        WORDS.index(about.get("version", "7")),
        tuple(segments),
        about.get("activation", 1),
        _micro(about.get("score")),
        _micro(about.get("confidence")),
        _micro(about.get("quality")),
        round(at * 1e6),
        round(about.get("inferred", at) * 1e6),
        event,
        about.get("inference", number + 1),
        about.get("features", NO_FEATURES),
        about.get("encounter", 0),
    )


def _micro(value: float | None) -> int:
    return ABSENT if value is None else round(value * MICRO)
