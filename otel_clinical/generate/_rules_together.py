"""Watch what several models suffer at once, whichever processors judge them: Prometheus alone sees them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_model import Group, Record
from otel_clinical.generate._rules_promql import (
    MODEL,
    STREAM,
    VERSION,
    indented,
    labels,
    matchers,
    number,
    other_than,
    over,
    select,
)
from otel_clinical.generate._rules_text import MODEL_NAME, Author, Message
from otel_clinical.policy import duration_text
from otel_clinical.semconv import attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import DeploymentState, EscalationLevel

if TYPE_CHECKING:
    from otel_clinical.generate._rules_model import Alert
    from otel_clinical.policy import ModelPolicy, Policy

TOGETHER_ALERT: Final = "ClinicalAIModelsDropTogether"
BEGAN: Final = "model:clinical_ai_drop_began:min"
_NAME: Final = prometheus_label(attributes.MODEL_NAME)
_LEVEL: Final = EscalationLevel.GOVERNANCE_REVIEW


def models_together(policy: Policy) -> Group:
    """Return the record of when each model began to drop, and per model the alert that another one did together."""
    author = Author(policy)
    watched = [(name, model) for name, model in policy.models.items() if _LEVEL in model.tiers]
    alerts = (_alert(author, name, model) for name, model in watched)
    return Group("clinical-ai-together", (Record(BEGAN, _began()), *alerts))


def _alert(author: Author, name: str, model: ModelPolicy) -> Alert:
    within = author.policy.drift.common_cause_within
    own, others = (BEGAN + matchers({attributes.MODEL_NAME: one}) for one in (name, other_than(name)))
    together = f"abs ({others} - on () group_left () {own}) <= {number(within)}"
    each = f'{{{{ if $i }}}}, {{{{ end }}}}{{{{ $s | label "{_NAME}" }}}}'
    names = f'{{{{ range $i, $s := query `{together}` | sortByLabel "{_NAME}" }}}}{each}{{{{ end }}}}'
    return author.alert(
        TOGETHER_ALERT,
        f"count ({together}) > 0",
        Message(
            f"{MODEL_NAME} and {{{{ $value }}}} other model(s) began to drop at the same time",
            f"What: the performance of {MODEL_NAME} and of {names} is proved to have dropped by the second tier. "
            f"Since: their estimated change points lie within {duration_text(within)} of each other. How sure: each "
            "drop is proved; that they have one cause is a circumstance.",
            "Look for what the models share before blaming a version: an interface, a form, the label feed, a new "
            "population. The controller does not roll back while it sees this: its guard of the common cause holds, "
            "and pages.",
        ),
        severity="warning",
        category="drift",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
    )


def _began() -> str:
    """Return by model when the first drop of its serving version began that is proved by the second tier."""
    since = over("min", STREAM, select(metrics.CHANGE_POINT_TIME))
    proof = over("max", STREAM, select(metrics.EVIDENCE, {attributes.ESCALATION_LEVEL: _LEVEL.value}))
    state = {attributes.DEPLOYMENT_STATE: DeploymentState.ACTIVE.value}
    serves = over("max", VERSION, select(metrics.DEPLOYMENT_STATUS, state))
    proved = f"{since}\nand on ({labels(STREAM)}) ({proof} >= 1)\nand on ({labels(VERSION)}) ({serves} == 1)"
    return over("min", MODEL, f"\n{indented(proved)}\n")
