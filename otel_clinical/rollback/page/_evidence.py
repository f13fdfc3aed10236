"""Find the figures of the evidence plot: Prometheus' history, else what the controller saw at its own looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.report.evidence import telling
from otel_clinical.rollback.alerts import AGGREGATE
from otel_clinical.rollback.confirm import MODEL, SEGMENT_NAME, SEGMENT_VALUE, VERSION
from otel_clinical.rollback.page._plot import Mark, Plot, Point, layout
from otel_clinical.rollback.page._render import fragment
from otel_clinical.rollback.prometheus import Prometheus, PrometheusUnavailableError, selector
from otel_clinical.semconv import metrics
from otel_clinical.semconv.enums import EscalationLevel
from otel_clinical.semconv.small_cells import enough

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_clinical.policy import ModelPolicy
    from otel_clinical.rollback.page._moments import Moments

_POINTS: Final = 240
_WORST: Final = 3
_LONGEST: Final = 30 * 86_400.0
_BEFORE: Final = 3_600.0
_SHORTEST_STEP: Final = 5.0
_TIERS: Final = {
    EscalationLevel.ENGINEERING_REVIEW: "tier 1",
    EscalationLevel.GOVERNANCE_REVIEW: "tier 2",
    EscalationLevel.ROLLBACK: "tier 3",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A plot, or none; `source` says in a sentence where its figures come from, or why there are none.

    `levels` says how good the model was and is, where Prometheus knows.
    """

    plot: Plot | None
    source: str
    levels: str = ""


def show_evidence(prometheus: Prometheus, incident: Mapping[str, Any], policy: ModelPolicy, moments: Moments) -> Shown:
    """Return the evidence of one incident as the store describes it."""
    if incident["key"]["cause"] == "input":
        return Shown(None, "This incident rests on counts of records, not on a drop of performance: there is no plot.")
    start, end, step = _window(incident, moments.now)
    points, problem = _from_prometheus(prometheus, incident, start, end, step)
    source = f"From Prometheus, {moments.full(start)} to {moments.full(end)}."
    if not points:
        points, step = list(_from_looks(incident)), _LONGEST
        reason = problem or "Prometheus holds no figures of this time that may be shown"
        source = f"{reason}. Shown is what the controller saw at its own looks."
        if not points:
            return Shown(None, f"{reason}, and the controller has no look with enough labels. There is no plot.")
    tiers = [(name, policy.tiers[level].drop) for level, name in _TIERS.items() if level in policy.tiers]
    baseline, levels = _levels(prometheus, incident, policy.metric.name, end)
    plot = layout(points, tiers, list(_marks(incident)), step, moments, baseline=baseline)
    return Shown(plot, source, levels)


def drawing(shown: Shown | None) -> str:
    """Return the plot as SVG with its words below, for a page of another kind; empty where there is none."""
    if shown is None or shown.plot is None:
        return ""
    return fragment("_plot", plot=shown.plot) + fragment("_plot_words", plot=shown.plot, source=shown.source)


def _window(incident: Mapping[str, Any], now: float) -> tuple[float, float, float]:
    """Return start, end and step of what to show: a while before the change until a while after the end."""
    opened, closed = incident["opened_at"], incident.get("closed_at")
    since = telling(incident).get("change_point") or opened
    begun = min(since, opened)
    end = min(now, closed + _BEFORE) if closed else now
    start = max(begun - max(_BEFORE, 0.25 * (end - begun)), end - _LONGEST)
    return start, end, max((end - start) / _POINTS, _SHORTEST_STEP)


def _from_prometheus(
    prometheus: Prometheus, incident: Mapping[str, Any], start: float, end: float, step: float
) -> tuple[list[Point], str]:
    """Return the points whose labels are enough to be nobody's, and what is wrong."""
    stream = _stream(incident)

    def history(metric: Any, reduce: str = "max") -> dict[float, float]:
        expression = f"{reduce}({selector(metric.prometheus, stream)})"
        return dict(prometheus.history(expression, start, end, step))

    try:
        samples = history(metrics.EVIDENCE_SAMPLES, "min")
        drops = history(metrics.DEGRADATION_RATIO)
        low, high = history(metrics.DEGRADATION_LOWER_RATIO), history(metrics.DEGRADATION_UPPER_RATIO)
    except PrometheusUnavailableError as error:
        return [], f"Prometheus did not answer ({error})"
    # Without its count nobody knows whether a figure is of so few that it would be about somebody.
    shown = [at for at in drops if at in samples and enough(samples[at]) and samples[at]]
    return [Point(at, drops[at], low.get(at), high.get(at)) for at in shown], ""


def _levels(prometheus: Prometheus, incident: Mapping[str, Any], metric: str, at: float) -> tuple[float | None, str]:
    """Return the baseline's level, and in words how good the version was to be and is; of few nothing is said."""

    def level(family: Any) -> float | None:
        found = prometheus.history(f"max({selector(family.prometheus, _stream(incident))})", at, at, 60.0)
        return found[-1][1] if found else None

    try:
        before, now, samples = map(
            level, (metrics.BASELINE_RATIO, metrics.PERFORMANCE_RATIO, metrics.PERFORMANCE_SAMPLES)
        )
    except PrometheusUnavailableError:
        return None, ""
    if before is None:
        return None, ""
    told = f"{metric.replace('_', ' ').capitalize()}: {before:.1%} in the baseline"
    if now is None or not samples or not enough(samples):
        return before, f"{told}."
    return before, f"{told}, {now:.1%} of the newest {samples:,.0f} outcomes."


def worst_segments(prometheus: Prometheus, incident: Mapping[str, Any]) -> str:
    """Name the segments in which the version of an incident of the whole model drops most now, with how much.

    Empty for an incident of one segment, where no segment drops, and where nobody knows; of few nothing is said.
    """
    if incident["key"]["segment"]["name"] != AGGREGATE.name or incident["key"]["cause"] == "input":
        return ""
    mine = {MODEL: incident["key"]["model"], VERSION: incident["version"]}
    try:
        counts = prometheus.query(selector(metrics.EVIDENCE_SAMPLES.prometheus, mine))
        drops = prometheus.query(selector(metrics.DEGRADATION_RATIO.prometheus, mine))
    except PrometheusUnavailableError:
        return ""
    known = {_where(series.labels) for series in counts if series.value and enough(series.value)}
    found = {_where(series.labels): series.value for series in drops}
    shown = [(drop, where) for where, drop in found.items() if where in known and where[0] != AGGREGATE.name]
    worst = sorted((pair for pair in shown if pair[0] > 0), key=lambda pair: (-pair[0], pair[1]))[:_WORST]
    return ", ".join(f"{name} = {value} ({drop:.0%})" for drop, (name, value) in worst)


def _where(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get(SEGMENT_NAME, AGGREGATE.name), labels.get(SEGMENT_VALUE, AGGREGATE.value)


def _stream(incident: Mapping[str, Any]) -> dict[str, str]:
    key = incident["key"]
    stream = {MODEL: key["model"], VERSION: incident["version"]}
    return stream | {SEGMENT_NAME: key["segment"]["name"], SEGMENT_VALUE: key["segment"]["value"]}


def _from_looks(incident: Mapping[str, Any]) -> Iterator[Point]:
    """Yield what the audit kept of each decision."""
    looks = {}
    for event in incident.get("events") or ():
        look = event["data"].get("evidence")
        if isinstance(look, dict):
            looks[look["taken_at"]] = look
    if incident.get("last"):
        looks[incident["last"]["taken_at"]] = incident["last"]
    for at, look in sorted(looks.items()):
        drop, samples = look.get("drop"), look.get("samples")
        if isinstance(drop, int | float) and isinstance(samples, int | float) and samples and enough(samples):
            yield Point(at, drop)


def _marks(incident: Mapping[str, Any]) -> Iterator[Mark]:
    since = telling(incident).get("change_point")
    if isinstance(since, int | float):
        yield Mark(since, "change point", "change")
    yield Mark(incident["opened_at"], "alert heard", "alert")
    if incident.get("acted_at"):
        yield Mark(incident["acted_at"], "machine acted", "acted")
