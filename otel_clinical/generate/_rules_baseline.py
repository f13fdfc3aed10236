"""Say so when what "before" means has had its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._rules_promql import MODEL, over, select
from otel_clinical.generate._rules_text import MODEL_NAME, Message
from otel_clinical.semconv import attributes, metrics

if TYPE_CHECKING:
    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.generate._rules_text import Author

OUTDATED = "ClinicalAIBaselineOutdated"


def outdated(author: Author, name: str, pace: Pace) -> Alert:
    """Return the alert of one model."""
    end = over("max", MODEL, select(metrics.BASELINE_END_TIME, {attributes.MODEL_NAME: name}))
    return author.alert(
        OUTDATED,
        f"{end} < time()",
        Message(
            f"{MODEL_NAME}: the baseline is out of date since {{{{ $value | humanizeTimestamp }}}}",
            f"What: {MODEL_NAME} is measured against a baseline that ended on {{{{ $value | humanizeTimestamp }}}}: "
            "its season of last year has passed, it is older than baseline.maximum_age, or a newer version has become "
            "the previous one. Drops may be invented or hidden by it.",
            "Freeze the next season, or the version that served last (otel-clinical baseline freeze --state), let two "
            "people accept it, and generate the rules again. The tiers go on with the old one until then.",
        ),
        severity="warning",
        category="telemetry",
        model=name,
        pending=pace.settle,
    )
