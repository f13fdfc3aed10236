"""The lower half of the on-call dashboard: what the models do, what they get, and whether we see it."""

from __future__ import annotations

from typing import Any, Final

from otel_clinical.generate._dashboard_model import Colour, Panel, Query, Word, coloured
from otel_clinical.generate._dashboard_queries import LABEL_MODEL, either, of_model, rate_of, recorded
from otel_clinical.generate._rules_promql import MODEL, VERSION, any_of, over
from otel_clinical.generate._rules_reviews import OVERRIDE_RATIO, RUBBER_STAMP_RATIO, UNDECIDED_RATIO
from otel_clinical.generate._rules_signals import LOW_SHARE, RECORDS
from otel_clinical.semconv import AGGREGATE, attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import DeploymentState, EstimateValidity, InferenceStatus, ReviewHorizon, RoutingLevel

_VERSION = prometheus_label(attributes.MODEL_VERSION)
_HORIZON, _ACTION = (prometheus_label(key) for key in (attributes.REVIEW_HORIZON, attributes.REVIEW_ACTION))
_ROUTE = prometheus_label(attributes.ROUTING_LEVEL)
_SEGMENT, _VALUE = (prometheus_label(key) for key in (attributes.SEGMENT_NAME, attributes.SEGMENT_VALUE))
_NAMED: Final = f"{{{{{LABEL_MODEL}}}}} {{{{{_VERSION}}}}}"
_LINE: Final[dict[str, Any]] = {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "never"}
_STACK: Final[dict[str, Any]] = {
    "drawStyle": "line",
    "lineWidth": 1,
    "fillOpacity": 60,
    "showPoints": "never",
    "stacking": {"mode": "percent", "group": "A"},
}
_OPTIONS: Final[dict[str, Any]] = {
    "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
    "tooltip": {"mode": "multi", "sort": "desc"},
}


def versions() -> tuple[Panel, ...]:
    """Return which version serves, and on which route."""
    active = {attributes.DEPLOYMENT_STATE: DeploymentState.ACTIVE.value}
    routes = over("sum", (*MODEL, attributes.ROUTING_LEVEL), rate_of(metrics.INFERENCES))
    return (
        Panel(
            "state-timeline",
            "Active version",
            "Which version the routers serve.",
            "a change just before the drop makes the version the first suspect; two active at once: see "
            "ClinicalAITwoActiveVersions.",
            (Query(over("max", VERSION, of_model(metrics.DEPLOYMENT_STATUS, active)), _NAMED),),
            unit="none",
            width=12,
            height=7,
            words={0: Word("standby", Colour.GREY), 1: Word("ACTIVE", Colour.BLUE)},
            options={"mergeValues": True, "showValue": "auto", "rowHeight": 0.8, "legend": {"showLegend": False}},
            custom={"fillOpacity": 80, "lineWidth": 0},
        ),
        Panel(
            "timeseries",
            "Routes: how answers are used",
            "Share of answers used as they are (standard), checked by a person (assisted), or not used (manual).",
            "a sudden move to assisted or manual is the machine or a person restricting reach; see "
            "ClinicalAIReachRestricted.",
            (Query(routes, f"{{{{{LABEL_MODEL}}}}} {{{{{_ROUTE}}}}}"),),
            unit="percentunit",
            width=12,
            height=7,
            options=_OPTIONS,
            custom=_STACK,
            overrides=(
                coloured(f"{RoutingLevel.STANDARD.value}$", Colour.GREEN),
                coloured(f"{RoutingLevel.ASSISTED.value}$", Colour.ORANGE),
                coloured(f"{RoutingLevel.MANUAL.value}$", Colour.VERMILLION),
            ),
        ),
    )


def traffic() -> tuple[Panel, ...]:
    """Return rate, errors and latency."""
    total = over("sum", MODEL, rate_of(metrics.INFERENCES))
    bad = {attributes.INFERENCE_STATUS: any_of(InferenceStatus.FAILED, InferenceStatus.CANCELLED)}
    failed = over("sum", MODEL, rate_of(metrics.INFERENCES, bad))
    buckets = f"sum by (le, {LABEL_MODEL}) ({rate_of(metrics.INFERENCE_DURATION, part='_bucket')})"
    return (
        Panel(
            "timeseries",
            "Inferences a second",
            "How many inferences each version makes.",
            "a fall to 0 means a dead service or dead telemetry: ask a clinician which.",
            (Query(over("sum", VERSION, rate_of(metrics.INFERENCES)), _NAMED),),
            unit="reqps",
            width=8,
            height=8,
            minimum=0,
            options=_OPTIONS,
            custom=_LINE,
        ),
        Panel(
            "timeseries",
            "Failed inferences",
            "Share of inferences that raised an error or were cancelled.",
            "above a few percent look at the service's log first: this is a fault of software, not of accuracy.",
            (Query(f"({either(failed, f'0 * {total}')}) / {total}", f"{{{{{LABEL_MODEL}}}}}"),),
            unit="percentunit",
            width=8,
            height=8,
            minimum=0,
            options=_OPTIONS,
            custom=_LINE,
        ),
        Panel(
            "timeseries",
            "Latency",
            "Time from call to answer, of half, 95 % and 99 % of the inferences.",
            "if it grows, look at the host before the model; telemetry never delays an inference.",
            tuple(
                Query(f"histogram_quantile({share}, {buckets})", f"{{{{{LABEL_MODEL}}}}} {name}")
                for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            ),
            unit="s",
            width=8,
            height=8,
            minimum=0,
            options=_OPTIONS,
            custom=_LINE,
        ),
    )


def causes() -> tuple[Panel, ...]:
    """Return what tends to move first: input quality, and what reviewers do."""
    return (
        Panel(
            "timeseries",
            "Poor input, by source",
            "Share of records below the policy's minimum quality, per source, over the policy's window.",
            "one source rising alone: call the team of that interface; the machine can hold that source.",
            (
                Query(
                    either(recorded(LOW_SHARE), f"0 * {recorded(RECORDS)}"),
                    f"{{{{{LABEL_MODEL}}}}} {{{{{_VALUE}}}}}",
                ),
            ),
            unit="percentunit",
            width=8,
            height=8,
            minimum=0,
            maximum=1,
            options=_OPTIONS,
            custom=_LINE,
        ),
        *_reviewed(),
    )


def _reviewed() -> tuple[Panel, ...]:
    """Return overrides at both horizons, and reviews that are none."""
    everywhere = f'{_SEGMENT}="{AGGREGATE}"'
    first = f'{everywhere},{_HORIZON}="{ReviewHorizon.IMMEDIATE}"'
    return (
        Panel(
            "timeseries",
            "Overrides",
            "Share of reviewed answers that were edited or rejected: at the first review, and at the last before they "
            "were resolved.",
            "if it rises before accuracy does, ask two users; overrides alone never roll back.",
            (Query(recorded(OVERRIDE_RATIO, everywhere), f"{_NAMED} {{{{{_HORIZON}}}}}"),),
            unit="percentunit",
            width=8,
            height=8,
            minimum=0,
            maximum=1,
            options=_OPTIONS,
            custom=_LINE,
        ),
        Panel(
            "timeseries",
            "Answers that nobody judged",
            "Share of timed acceptances that were hardly looked at (rubber-stamped), and of reviewed answers that were "
            "ignored or escalated.",
            "where it is high, accepted does not mean correct: see ClinicalAIAutomationBias.",
            (
                Query(recorded(RUBBER_STAMP_RATIO, first), f"{_NAMED} rubber-stamped"),
                Query(recorded(UNDECIDED_RATIO, first), f"{_NAMED} {{{{{_ACTION}}}}}"),
            ),
            unit="percentunit",
            width=8,
            height=8,
            minimum=0,
            maximum=1,
            options=_OPTIONS,
            custom=_LINE,
        ),
    )


def confidence() -> tuple[Panel, ...]:
    """Return what the confidence is worth: the reliability curve, its bias by segment, the estimate without labels."""
    bins = f"{{{{{LABEL_MODEL}}}}} {{{{{_VERSION}}}}} {{{{{prometheus_label(attributes.CALIBRATION_BIN)}}}}} %"
    valid = {attributes.ESTIMATE_VALIDITY: EstimateValidity.VALID.value}
    estimate = of_model(metrics.ESTIMATE_PERFORMANCE_RATIO)
    return (
        Panel(
            "bargauge",
            "Reliability",
            "Share of right answers by the confidence they were given, in percent.",
            "a bar outside the range in its name: the confidence is off there, see ClinicalAICalibrationOff.",
            (
                Query(
                    over("max", (*VERSION, attributes.CALIBRATION_BIN), of_model(metrics.CALIBRATION_BIN_RATIO)),
                    bins,
                    instant=True,
                ),
            ),
            unit="percentunit",
            width=8,
            height=8,
            minimum=0,
            maximum=1,
            options={"displayMode": "basic", "orientation": "horizontal"},
        ),
        Panel(
            "timeseries",
            "Bias of the confidence",
            "Mean confidence minus mean score, all segments; above 0 the model is too sure of itself.",
            "if it moves while accuracy does not: calibrate anew, thresholds on the confidence are off.",
            (
                Query(
                    over(
                        "max",
                        VERSION,
                        of_model(metrics.CALIBRATION_BIAS_RATIO, {attributes.SEGMENT_NAME: AGGREGATE}),
                    ),
                    _NAMED,
                ),
            ),
            unit="percentunit",
            width=8,
            height=8,
            options=_OPTIONS,
            custom=_LINE,
        ),
        Panel(
            "timeseries",
            "Estimated performance",
            "Performance that recent confidences let expect before labels arrive; a gap: not to be believed.",
            "a fall: the cases became harder; only labels prove a drop.",
            (
                Query(
                    f"{over('max', VERSION, estimate)}\n"
                    f"and ({over('max', VERSION, of_model(metrics.ESTIMATE_STATUS, valid))} == 1)",
                    _NAMED,
                ),
            ),
            unit="percentunit",
            width=8,
            height=8,
            minimum=0,
            maximum=1,
            options=_OPTIONS,
            custom=_LINE,
        ),
    )


def sight() -> tuple[Panel, ...]:
    """Return whether the monitor itself sees: lag of the processor, age and coverage of labels."""
    newest, closed = metrics.PROCESSOR_EVENT_TIME.prometheus, metrics.PROCESSOR_WATERMARK_TIME.prometheus
    return (
        Panel(
            "timeseries",
            "Lag of the drift processor",
            "Age of the newest event, and of the time up to which evidence is complete.",
            "if it grows without end, evidence is of the past: see ClinicalAIProcessorStale.",
            (
                Query(f"time() - max({newest})", "newest event"),
                Query(f"time() - max({closed})", "evidence complete up to"),
            ),
            unit="s",
            width=12,
            height=8,
            options=_OPTIONS,
            custom=_LINE,
        ),
        Panel(
            "timeseries",
            "Label coverage",
            "Share of mature inferences that have an outcome.",
            "if it falls, drops may be made or hidden by who is labelled: see ClinicalAILabelCoverageLow.",
            (Query(over("max", VERSION, of_model(metrics.LABEL_COVERAGE_RATIO)), _NAMED),),
            unit="percentunit",
            width=12,
            height=8,
            minimum=0,
            maximum=1,
            options=_OPTIONS,
            custom=_LINE,
        ),
    )
