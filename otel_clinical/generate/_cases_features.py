"""Situations of the input features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_model import Scenario, Series, Subject, in_segment, level
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import InputAspect

if TYPE_CHECKING:
    from collections.abc import Iterator


def feature_cases(subject: Subject) -> Iterator[Scenario]:
    """Yield the scenario of the alert about the inputs."""
    whole = {**subject.served, **in_segment((AGGREGATE, AGGREGATE))}
    part = subject.stream

    def seen(evidence: float, where: dict[str, str], aspect: InputAspect = InputAspect.DISTRIBUTION) -> Series:
        about = {**where, attributes.INPUT_FEATURE: "age", attributes.INPUT_ASPECT: aspect.value}
        return level(metrics.INPUT_FEATURE_EVIDENCE, about, evidence, subject.looks)

    both = "a feature moved everywhere"
    yield Scenario(
        "ClinicalAIInputDrift",
        fires={
            both: (subject.active(), seen(1, whole), seen(20, part)),
            "a feature is missing in one segment alone": (
                subject.active(),
                seen(0.5, whole),
                seen(1, part, InputAspect.MISSING),
            ),
        },
        quiet={
            "nothing is proved": (subject.active(), seen(0.99, whole), seen(0.99, part)),
            "another version serves": (subject.active("another"), seen(5, whole), seen(5, part)),
        },
        about=(part,),
        only={both: (whole,)},
        model=subject.name,
        looks=subject.looks,
    )
