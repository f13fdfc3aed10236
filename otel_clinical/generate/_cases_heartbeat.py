"""Situations of the volume and of frequent safety events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_model import Scenario, Series, Subject, in_segment, level
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import DriftDirection

if TYPE_CHECKING:
    from collections.abc import Iterator


def heartbeat_cases(subject: Subject) -> Iterator[Scenario]:
    """Yield one scenario per alert about volume and frequency."""
    place = {**subject.model, **in_segment(subject.source)}
    down = {**place, attributes.DRIFT_DIRECTION: DriftDirection.DOWN.value}
    up = {**place, attributes.DRIFT_DIRECTION: DriftDirection.UP.value}

    def seen(silence: float, surge: float) -> tuple[Series, ...]:
        return (
            level(metrics.VOLUME_EVIDENCE, down, silence, subject.looks),
            level(metrics.VOLUME_EVIDENCE, up, surge, subject.looks),
        )

    surge = "a source sends far more than it used to"
    yield Scenario(
        "ClinicalAIVolumeOff",
        fires={"a source is silent": seen(1, 0), surge: seen(0.2, 30)},
        quiet={"neither is proved": seen(0.99, 0.99)},
        about=(down,),
        only={surge: (up,)},
        model=subject.name,
        looks=subject.looks,
    )

    def events(evidence: float) -> tuple[Series, ...]:
        return (level(metrics.SAFETY_EVIDENCE, subject.model, evidence, subject.looks),)

    yield Scenario(
        "ClinicalAISafetyEventsFrequent",
        fires={"events come faster than tolerated": events(1)},
        quiet={"it is not proved": events(0.99)},
        about=(subject.model,),
        model=subject.name,
        looks=subject.looks,
    )
