"""Say so when outcomes are amended so often, after they counted, that the evidence is not of what is known now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._rules_promql import STREAM, number, only_active, over, select
from otel_clinical.generate._rules_text import MODEL_NAME, MODEL_VERSION, WHERE, Message
from otel_clinical.semconv import attributes, metrics

if TYPE_CHECKING:
    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.generate._rules_text import Author
    from otel_clinical.policy import ModelPolicy


def amended(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    """Return the alert of one model."""
    share = over("max", STREAM, select(metrics.LABEL_AMENDED_RATIO, {attributes.MODEL_NAME: name}))
    most = model.labels.maximum_amended
    return author.alert(
        "ClinicalAIOutcomesAmended",
        only_active(f"{share} > {number(most)}", name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: {{{{ $value | humanizePercentage }}}} of the outcomes in {WHERE} were "
            "amended after they counted",
            f"What: {{{{ $value | humanizePercentage }}}} of the outcomes of {MODEL_NAME} version {MODEL_VERSION} said "
            f"something else later than when they were counted; {number(most * 100)} % are tolerated. Where: {WHERE}. "
            "The drop and the performance hold what is known now. Evidence does not grow by errors that were found "
            "late, so a drop may be proved later than it should be.",
            "Find who reports outcomes before they are final: label maturity may be too short for that feed. Until "
            "then read the drop beside the evidence. The machine does nothing.",
        ),
        severity="warning",
        category="telemetry",
        model=name,
        pending=pace.recent,
    )
