"""Watch how much a model does against the weeks before, and how often people report harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_promql import MODEL, SEGMENT, number, over, select
from otel_clinical.generate._rules_text import MODEL_NAME, WHERE, Author, Message, label, stop_by_hand
from otel_clinical.policy import duration_text
from otel_clinical.semconv import attributes, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert
    from otel_clinical.policy import ModelPolicy

VOLUME_ALERT: Final = "ClinicalAIVolumeOff"
FREQUENT_ALERT: Final = "ClinicalAISafetyEventsFrequent"


def heartbeat(author: Author, name: str, model: ModelPolicy) -> Iterator[Alert]:
    """Yield the alerts about one model's volume and about the frequency of its safety events."""
    yield _volume(author, name, model)
    yield _frequent(author, name, model)


def _volume(author: Author, name: str, model: ModelPolicy) -> Alert:
    keys = (*SEGMENT, attributes.DRIFT_DIRECTION)
    limits, direction = model.volume, label(attributes.DRIFT_DIRECTION)
    return author.alert(
        VOLUME_ALERT,
        over("max", keys, select(metrics.VOLUME_EVIDENCE, {attributes.MODEL_NAME: name})) + " >= 1",
        Message(
            f"{MODEL_NAME}: volume {direction} in {WHERE}, against the same hour of the weeks before",
            f"What: the number of inferences of {MODEL_NAME} is off; direction {direction} (down: fewer than "
            f"{number(limits.minimum_ratio * 100)} % of the ordinary number, up: more than "
            f"{number(limits.maximum_ratio)} times it). Where: {WHERE}. Since: within the last hours. How sure: "
            f"proved, within a budget of one false alarm in {number(limits.false_alarms.years)} years over the fleet.",
            "Down: is the source, its interface or the service down, or a holiday? Patients of that source are treated "
            "without the model. Up: is something sent twice? The machine does nothing.",
        ),
        severity="warning",
        category="drift",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
        keep_firing=model.hold.keep_firing,
    )


def _frequent(author: Author, name: str, model: ModelPolicy) -> Alert:
    limits = model.safety
    return author.alert(
        FREQUENT_ALERT,
        over("max", MODEL, select(metrics.SAFETY_EVIDENCE, {attributes.MODEL_NAME: name})) + " >= 1",
        Message(
            f"{MODEL_NAME}: safety events are reported more often than is tolerated",
            f"What: the times between the safety events of {MODEL_NAME}, all versions and severities together, have "
            f"become shorter than the tolerated {duration_text(limits.tolerated_gap)} on average. Since: over the last "
            "few events. How sure: proved, within a budget of one false alarm in "
            f"{number(limits.false_alarms.years)} years over the fleet; a better culture of reporting raises it too.",
            f"Read the last events together. Is one mechanism behind them? Then {stop_by_hand(model)} Bring it to the "
            "next clinical governance meeting. The machine does nothing on safety events.",
        ),
        severity="warning",
        category="safety",
        model=name,
        tier="governance",
        keep_firing=model.hold.keep_firing,
    )
