"""Write what an alert says: labels, annotations, and the templates that Prometheus fills in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from otel_clinical.generate._rules_model import Alert
from otel_clinical.generate._rules_promql import STREAM, Keys
from otel_clinical.release import force_manual_path
from otel_clinical.semconv import AGGREGATE, attributes, metrics, prometheus_label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.policy import ModelPolicy, Policy
    from otel_clinical.semconv import MetricDef

Severity = Literal["critical", "warning", "info"]
Category = Literal["performance", "quality", "override", "drift", "safety", "telemetry", "rollback"]
TierLabel = Literal["engineering", "governance", "rollback"]

PLATFORM: Final = "clinical-ai-platform"
"""Team of alerts that are about no single model."""

ONCALL_UID: Final = "clinical-ai-oncall"


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads: in one line, in full, and what to do now."""

    summary: str
    description: str
    action: str


def label(key: str) -> str:
    """Return the template of the value of attribute `key`.

    >>> label("clinical_ai.model.name")
    '{{ $labels.clinical_ai_model_name }}'
    """
    return f"{{{{ $labels.{prometheus_label(key)} }}}}"


MODEL_NAME: Final = label(attributes.MODEL_NAME)
MODEL_VERSION: Final = label(attributes.MODEL_VERSION)

WHOLE: Final = 'printf "%.0f"'
"""Show a number without decimals."""

SHORT: Final = 'printf "%.3g"'
"""Show a number with three digits."""

_SEGMENT_NAME = prometheus_label(attributes.SEGMENT_NAME)
WHERE: Final = (
    f'{{{{ if eq $labels.{_SEGMENT_NAME} "{AGGREGATE}" }}}}all segments together{{{{ else }}}}'
    f"{label(attributes.SEGMENT_NAME)} {label(attributes.SEGMENT_VALUE)}{{{{ end }}}}"
)
"""The segment in words."""


def looked_up(metric: MetricDef, shown: str, keys: Keys = STREAM, extra: Mapping[str, str] | None = None) -> str:
    """Return a template that asks Prometheus for `metric` of the alert's own stream.

    Args:
        metric: The gauge to ask for.
        shown: What to do with the number, such as `humanizePercentage` or `WHOLE`.
        keys: Attributes whose values the alert and the gauge share.
        extra: Further label values, fixed.

    A series that is gone reads "unknown"; a template never fails an alert.
    """
    # Single quotes, because the query itself stands in double quotes.
    fixed = [f"{prometheus_label(key)}='{value}'" for key, value in (extra or {}).items()]
    conditions = ",".join([*fixed, *(f"{prometheus_label(key)}=%q" for key in keys)])
    values = " ".join(f"$labels.{prometheus_label(key)}" for key in keys)
    query = f'printf "max({metric.prometheus}{{{conditions}}})" {values} | query'
    return f"{{{{ with {query} }}}}{{{{ . | first | value | {shown} }}}}{{{{ else }}}}unknown{{{{ end }}}}"


def looked_up_word(metric: MetricDef, shown: str, keys: Keys = STREAM) -> str:
    """Return a template that asks for the value of label `shown` of the alert's own series of a state gauge that is 1.

    A series that is gone reads "unknown", as in `looked_up`.
    """
    conditions = ",".join(f"{prometheus_label(key)}=%q" for key in keys)
    values = " ".join(f"$labels.{prometheus_label(key)}" for key in keys)
    query = f'printf "{metric.prometheus}{{{conditions}}} == 1" {values} | query'
    word = f'. | first | label "{prometheus_label(shown)}"'
    return f"{{{{ with {query} }}}}{{{{ {word} }}}}{{{{ else }}}}unknown{{{{ end }}}}"


def looked_up_words(metric: MetricDef, shown: str, keys: Keys = STREAM) -> str:
    """Return a template that lists the values of label `shown` of those of the alert's own series that are 1."""
    conditions = ",".join(f"{prometheus_label(key)}=%q" for key in keys)
    values = " ".join(f"$labels.{prometheus_label(key)}" for key in keys)
    name = prometheus_label(shown)
    query = f'printf "{metric.prometheus}{{{conditions}}} == 1" {values} | query | sortByLabel "{name}"'
    word = f'{{{{ $s | label "{name}" }}}}'
    each = f"{{{{ range $i, $s := . }}}}{{{{ if $i }}}}, {{{{ end }}}}{word}{{{{ end }}}}"
    return f"{{{{ with {query} }}}}{each}{{{{ else }}}}no reason is known{{{{ end }}}}"


def named_segments(level: str) -> str:
    """Return a template that lists the segments of the alert's version that are named worse at `level`."""
    fixed = f"{prometheus_label(attributes.ESCALATION_LEVEL)}='{level}'"
    keys = (attributes.MODEL_NAME, attributes.MODEL_VERSION)
    conditions = ",".join([fixed, *(f"{prometheus_label(key)}=%q" for key in keys)])
    values = " ".join(f"$labels.{prometheus_label(key)}" for key in keys)
    query = f'printf "{metrics.DISCOVERY_STATUS.prometheus}{{{conditions}}} == 1" {values} | query'
    name, value = prometheus_label(attributes.SEGMENT_NAME), prometheus_label(attributes.SEGMENT_VALUE)
    shown = f'{{{{ $s | label "{name}" }}}} {{{{ $s | label "{value}" }}}}'
    each = f"{{{{ range $i, $s := . }}}}{{{{ if $i }}}}, {{{{ end }}}}{shown}{{{{ end }}}}"
    return f"{{{{ with {query} }}}}{each}{{{{ else }}}}none can be named yet{{{{ end }}}}"


def stop_by_hand(model: ModelPolicy) -> str:
    """Return the sentence that stops a model with the controller dead: the router looks for one file."""
    return f"put the model on manual with `touch {force_manual_path(model.rollback.target.path)}`."


@dataclass(frozen=True, slots=True)
class Author:
    """Writes the alerts of one policy, so that none lacks a label, a runbook or a dashboard."""

    policy: Policy

    def alert(
        self,
        name: str,
        expr: str,
        message: Message,
        *,
        severity: Severity,
        category: Category,
        model: str | None = None,
        tier: TierLabel | None = None,
        extra: Mapping[str, str] | None = None,
        pending: float = 0.0,
        keep_firing: float = 0.0,
    ) -> Alert:
        """Return an alert; `model` names the one it is about, whose team then hears of it."""
        team = self.policy.models[model].owner if model else PLATFORM
        labels = {"severity": severity, "category": category, "team": team}
        if tier:
            labels["tier"] = tier
        if model:
            labels[prometheus_label(attributes.MODEL_NAME)] = model
        annotations = {
            "summary": message.summary,
            "description": message.description,
            "action": message.action,
            "runbook_url": f"{self.policy.fleet.runbooks.rstrip('/')}/{name}.md",
            "dashboard_url": self._dashboard(model),
        }
        return Alert(name, expr, {**labels, **(extra or {})}, annotations, pending, keep_firing)

    def _dashboard(self, model: str | None) -> str:
        address = f"{self.policy.fleet.dashboards.rstrip('/')}/{ONCALL_UID}"
        return f"{address}?var-model={model}" if model else address
