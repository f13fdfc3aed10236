"""Watch all segments of a version together: something is worse somewhere, before any one of them proves it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_promql import VERSION, only_active, over, select
from otel_clinical.generate._rules_text import MODEL_NAME, MODEL_VERSION, Message, named_segments
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import EscalationLevel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert
    from otel_clinical.generate._rules_text import Author
    from otel_clinical.policy import ModelPolicy

SEGMENTS_ALERT: Final = "ClinicalAISegmentsWorse"
_LEVEL: Final = EscalationLevel.ENGINEERING_REVIEW


def some_segment(author: Author, name: str, model: ModelPolicy) -> Iterator[Alert]:
    """Yield the alert about the segments of one model, where it has any."""
    if not model.segments or _LEVEL not in model.tiers:
        return
    here = {attributes.MODEL_NAME: name, attributes.ESCALATION_LEVEL: _LEVEL.value}
    guard, share = model.tiers[_LEVEL].guard, model.false_discoveries
    yield author.alert(
        SEGMENTS_ALERT,
        only_active(over("max", VERSION, select(metrics.DISCOVERY_EVIDENCE, here)) + " >= 1", name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: some segment is worse than the baseline",
            f"What: {model.metric.name} of {MODEL_NAME} version {MODEL_VERSION} is more than {100 * guard:g} % worse "
            "than the baseline in at least one segment, all of them looked at together. Where: "
            f"{named_segments(_LEVEL.value)}. How sure: for at most {100 * share:g} % of versions this is ever said "
            f"wrongly, and of the segments named about {100 * share:g} % are.",
            "Look in working hours at the named segments in the dashboard, and at what they have in common. A tier "
            "alert follows where the drop is large and proved. The machine does nothing.",
        ),
        severity="info",
        category="drift",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
    )
