"""The upper half of the on-call dashboard: is something wrong, what, where, since when, and how sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_clinical.generate._dashboard_model import COLUMNS, Colour, Panel, Query, Word, coloured
from otel_clinical.generate._dashboard_queries import (
    LABEL_MODEL,
    TABLE_STREAM,
    alerts_firing,
    either,
    expected,
    of_model,
    worst,
)
from otel_clinical.generate._rules_constants import THRESHOLD
from otel_clinical.generate._rules_machine import WATCHDOG
from otel_clinical.generate._rules_promql import MODEL, STREAM, VERSION, over
from otel_clinical.semconv import AGGREGATE, attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import EscalationLevel, RollbackMode

if TYPE_CHECKING:
    from otel_clinical.semconv import MetricDef

TIER_WORDS: Final = {
    0: Word("no tier", Colour.GREEN),
    1: Word("1 engineering review", Colour.YELLOW),
    2: Word("2 governance review", Colour.ORANGE),
    3: Word("3 ROLLBACK", Colour.VERMILLION),
}
_TIERS: Final = (("rollback", 3), ("governance", 2), ("engineering", 1))
_LEVEL = prometheus_label(attributes.ESCALATION_LEVEL)
_EVERYWHERE = {attributes.SEGMENT_NAME: AGGREGATE}
_STAT: Final = {
    "colorMode": "background",
    "graphMode": "none",
    "justifyMode": "center",
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    "textMode": "value_and_name",
    "wideLayout": True,
}
_LINE: Final[dict[str, Any]] = {
    "drawStyle": "line",
    "lineWidth": 2,
    "fillOpacity": 0,
    "showPoints": "never",
    "spanNulls": False,
}
_LEGEND: Final[dict[str, Any]] = {
    "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
    "tooltip": {"mode": "multi", "sort": "desc"},
}
_ANY: Final = ((None, Colour.GREEN), (1, Colour.VERMILLION))


def tier_now() -> str:
    """Return 0 to 3 per model: the highest tier of which an alert fires."""
    levels = (f"{number} * {over('max', MODEL, alerts_firing(tier=tier))}" for tier, number in _TIERS)
    return either(*levels, f"0 * {expected()}")


def headline() -> tuple[Panel, ...]:
    """Return the row that answers in ten seconds."""
    degraded = over("max", MODEL, alerts_firing(category="performance"))
    blind = alerts_firing(category="telemetry", model=False, extra=f'alertname!="{WATCHDOG}",severity!="info"')
    executed = alerts_firing(alertname="ClinicalAIRollbackExecuted")
    return (
        Panel(
            "stat",
            "Highest tier now",
            "The highest tier of which an alert fires, per model.",
            "at 3 open the runbook ClinicalAIPerformanceDropRollback; at 2 call the governance lead; at 1 a ticket.",
            (Query(tier_now(), f"{{{{{LABEL_MODEL}}}}}", instant=True),),
            unit="none",
            width=7,
            height=5,
            words=TIER_WORDS,
            options=_STAT,
        ),
        Panel(
            "stat",
            "Models degraded",
            "Models with a proved drop of performance.",
            "more than one at once points at a shared cause (interface, labels), not at a model.",
            (Query(f"count({degraded}) or vector(0)", "models", instant=True),),
            unit="none",
            width=4,
            height=5,
            words={0: Word("none", Colour.GREEN)},
            steps=_ANY,
            options={**_STAT, "textMode": "value"},
        ),
        Panel(
            "stat",
            "Telemetry",
            "Alerts that say the monitor cannot see.",
            "if not OK, distrust every other panel and fix this first; the table of alerts names what is blind.",
            (Query(f"count({blind}) or vector(0)", "blind spots", instant=True),),
            unit="none",
            width=4,
            height=5,
            words={0: Word("OK, all seen", Colour.GREEN)},
            steps=_ANY,
            options={**_STAT, "textMode": "value"},
        ),
        Panel(
            "stat",
            "Last rollback",
            "When a version was last rolled back, within the time range shown.",
            "if it is new to you, read the incident report before you touch anything.",
            (Query(f"1000 * max(max_over_time(timestamp({executed})[$__range:1m])) or vector(0)", instant=True),),
            unit="dateTimeFromNow",
            width=4,
            height=5,
            words={0: Word("none in this range", Colour.GREEN)},
            options={**_STAT, "textMode": "value"},
        ),
        Panel(
            "stat",
            "What the machine may do",
            "Mode of the rollback controller: 1 observe, 2 recommend, 3 enforce, 0 no controller.",
            "unless it is enforce, you are the rollback; at 0 see ClinicalAIControllerDown.",
            (Query(_mode(), f"{{{{{LABEL_MODEL}}}}}", instant=True),),
            unit="none",
            width=5,
            height=5,
            words={
                0: Word("no controller", Colour.VERMILLION),
                1: Word("observe: nothing", Colour.SKY),
                2: Word("recommend", Colour.SKY),
                3: Word("enforce: acts", Colour.BLUE),
            },
            options=_STAT,
        ),
    )


def _mode() -> str:
    modes = ((RollbackMode.ENFORCE, 3), (RollbackMode.RECOMMEND, 2), (RollbackMode.OBSERVE, 1))
    shown = (
        f"{number} * {over('max', MODEL, of_model(metrics.ROLLBACK_MODE, {attributes.ROLLBACK_MODE: mode.value}))}"
        for mode, number in modes
    )
    return either(*shown, f"0 * {expected()}")


def history() -> tuple[Panel, ...]:
    """Return the tier of each model over time."""
    return (
        Panel(
            "state-timeline",
            "Tier of each model over time",
            "When each model entered and left a tier.",
            "the first change tells when it began; compare it with the active version below.",
            (Query(tier_now(), f"{{{{{LABEL_MODEL}}}}}"),),
            unit="none",
            width=14,
            height=7,
            words=TIER_WORDS,
            options={"mergeValues": True, "showValue": "auto", "rowHeight": 0.8, "legend": {"showLegend": False}},
            custom={"fillOpacity": 80, "lineWidth": 0},
        ),
        _firing(),
    )


def _firing() -> Panel:
    everything = 'ALERTS{alertstate="firing",alertname=~"ClinicalAI.*"}'
    hidden = ("Time", "Value", "__name__", "alertstate", "team", "category")
    return Panel(
        "table",
        "What fires now",
        f"Every alert of this project that fires. {WATCHDOG} always does; if it is missing, alerting is broken.",
        "open the runbook with the alert's name; critical first.",
        (Query(everything, instant=True),),
        unit="none",
        width=10,
        height=7,
        options={"cellHeight": "sm", "showHeader": True, "sortBy": [{"displayName": "severity", "desc": False}]},
        transformations=({"id": "organize", "options": {"excludeByName": dict.fromkeys(hidden, True)}},),
    )


def proof() -> tuple[Panel, ...]:
    """Return drop and evidence of the aggregate beside what the policy asks for."""
    drop = over("max", VERSION, of_model(metrics.DEGRADATION_RATIO, _EVERYWHERE))
    evidence = over("max", (*VERSION, attributes.ESCALATION_LEVEL), of_model(metrics.EVIDENCE, _EVERYWHERE))
    version = f"{{{{{LABEL_MODEL}}}}} {{{{{prometheus_label(attributes.MODEL_VERSION)}}}}}"
    lines = tuple(
        coloured(f"^tier .*{level.value}", colour, dashed=True)
        for level, colour in (
            (EscalationLevel.ENGINEERING_REVIEW, Colour.YELLOW),
            (EscalationLevel.GOVERNANCE_REVIEW, Colour.ORANGE),
            (EscalationLevel.ROLLBACK, Colour.VERMILLION),
        )
    )
    return (
        Panel(
            "timeseries",
            "Drop of performance against the tiers (all segments together)",
            "Drop since the estimated change point, at the baseline's mix; dashed lines are the policy's tiers. A drop "
            "above a line counts only with evidence of 1.",
            "above a line with evidence: follow that tier's runbook; without: wait for labels.",
            (
                Query(drop, version),
                Query(f'{THRESHOLD}{{{LABEL_MODEL}=~"$model"}}', f"tier {{{{{_LEVEL}}}}} {{{{{LABEL_MODEL}}}}}"),
            ),
            unit="percentunit",
            width=12,
            height=9,
            options=_LEGEND,
            custom=_LINE,
            overrides=lines,
        ),
        Panel(
            "timeseries",
            "Evidence per tier (all segments together)",
            "How surely the drop is beyond the guard of each tier; 1 is proof, whenever one looks. Logarithmic.",
            "at 1 or more the drop is real, whatever the short graphs look like; below, it may be chance.",
            (Query(evidence, version + f" {{{{{_LEVEL}}}}}"),),
            unit="none",
            width=12,
            height=9,
            steps=((None, Colour.GREY), (1, Colour.VERMILLION)),
            options=_LEGEND,
            custom={
                **_LINE,
                "scaleDistribution": {"type": "log", "log": 10},
                "thresholdsStyle": {"mode": "line"},
            },
        ),
    )


def where() -> tuple[Panel, ...]:
    """Return the table of the worst segments."""
    rollback = {attributes.ESCALATION_LEVEL: EscalationLevel.ROLLBACK.value}
    columns = (
        ("drop", over("max", STREAM, of_model(metrics.DEGRADATION_RATIO)), "percentunit"),
        ("at least", over("max", STREAM, of_model(metrics.DEGRADATION_LOWER_RATIO)), "percentunit"),
        ("at most", over("max", STREAM, of_model(metrics.DEGRADATION_UPPER_RATIO)), "percentunit"),
        ("evidence (1 = proved)", over("max", STREAM, of_model(metrics.EVIDENCE, rollback)), "short"),
        ("labels", over("max", STREAM, of_model(metrics.EVIDENCE_SAMPLES)), "short"),
        ("recently", over("max", STREAM, of_model(metrics.PERFORMANCE_RATIO)), "percentunit"),
        ("baseline", over("max", STREAM, of_model(metrics.BASELINE_RATIO)), "percentunit"),
        ("since", f"1000 * {over('max', STREAM, of_model(metrics.CHANGE_POINT_TIME))}", "dateTimeFromNow"),
    )
    letters = [chr(ord("A") + index) for index in range(len(columns))]
    renamed = {f"Value #{letter}": name for letter, (name, _, _) in zip(letters, columns, strict=True)}
    units = tuple(
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
        for name, _, unit in columns
    )
    organised = {"excludeByName": {"Time": True}, "renameByName": {**TABLE_STREAM, **renamed}}
    return (
        Panel(
            "table",
            "Worst segments of the version that serves",
            "The ten segment values with the largest drop since their change point, with proof, number of labels and "
            "since when.",
            "one bad segment: look at its source or payer rule; all bad: suspect the version.",
            tuple(Query(worst(expr), instant=True) for _, expr, _ in columns),
            unit="none",
            width=COLUMNS,
            height=10,
            options={"cellHeight": "sm", "showHeader": True, "sortBy": [{"displayName": "drop", "desc": True}]},
            overrides=units,
            transformations=({"id": "merge", "options": {}}, {"id": "organize", "options": organised}),
        ),
    )


def attribution() -> tuple[Panel, ...]:
    """Return the tables of what the drops in a tier are put down to, and why."""
    return (
        _stated(
            "What the drops are put down to",
            "The cause of every drop that has reached a tier: version, environment, input, label_feed, or unknown.",
            "version: go back; environment or input: the previous version shares it; label_feed: mend the feed.",
            metrics.ATTRIBUTION_STATUS,
            (attributes.ATTRIBUTION_CAUSE, "put down to"),
        ),
        _stated(
            "Why they are put down to that",
            "What speaks for the cause of every drop that has reached a tier; several lines where several facts do.",
            "previous_better and previous_no_better are proved on the same cases; everything else is a circumstance.",
            metrics.ATTRIBUTION_REASON_STATUS,
            (attributes.ATTRIBUTION_REASON, "because"),
        ),
    )


def _stated(title: str, what: str, then: str, metric: MetricDef, shown: tuple[str, str]) -> Panel:
    """Return a table of the words of a state gauge that are 1."""
    key, heading = shown
    named = {**TABLE_STREAM, prometheus_label(key): heading}
    organised = {"excludeByName": {"Time": True, "Value": True}, "renameByName": named}
    return Panel(
        "table",
        title,
        what,
        then,
        (Query(f"{over('max', (*STREAM, key), of_model(metric))} == 1", instant=True),),
        unit="none",
        width=COLUMNS // 2,
        height=6,
        options={"cellHeight": "sm", "showHeader": True},
        transformations=({"id": "organize", "options": organised},),
    )
