"""The part of the policy that adds detectors of the hospital's own choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BeforeValidator, Field

from otel_clinical.features import Kind
from otel_clinical.policy._names import text
from otel_clinical.policy._section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from otel_clinical.policy._features import FeaturePolicy

FEATURE: Final = "feature:"
"""In front of a feature's name where a signal is named."""
_LONGEST: Final = 64  # of signal and detector together, as they stand in a label
DetectorName = Annotated[str, BeforeValidator(text), Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class DetectorPolicy(Section):
    """One more detector on a signal: ours by name, or one that an installed distribution adds by entry point."""

    name: DetectorName = Field(description="Name in the registry of detectors.")
    signal: Annotated[
        str,
        BeforeValidator(text),
        Field(
            pattern=r"^(confidence|input_quality|performance|feature:[a-z][a-z0-9_]{0,39})$",
            description="What it is fed, value by value: confidence, input_quality, performance, or feature:NAME for "
            "the bins of a numeric feature, 0 to 1.",
        ),
    ]

    @property
    def feature(self) -> str | None:
        """Name of the feature that it watches; None for other signals."""
        return self.signal.removeprefix(FEATURE) if self.signal.startswith(FEATURE) else None

    parameters: dict[str, float | int | str | bool | list[float]] = Field(
        default={}, description="Arguments of the detector."
    )


Detectors = Annotated[tuple[DetectorPolicy, ...], Field(max_length=5)]


def check_detectors(
    detectors: Sequence[DetectorPolicy], features: Mapping[str, FeaturePolicy]
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield detectors that are declared twice for one signal, and those of features that have no order."""
    numeric = sorted(name for name, feature in features.items() if feature.kind is Kind.NUMERIC)
    seen: set[tuple[str, str]] = set()
    for place, detector in enumerate(detectors):
        if (detector.name, detector.signal) in seen:
            yield ("detectors", place), f"{detector.name} on {detector.signal} is declared twice", "each once"
        seen.add((detector.name, detector.signal))
        if detector.feature is not None and detector.feature not in numeric:
            problem = f"{detector.feature} is no numeric feature of the model: the order of its bins means nothing"
            yield ("detectors", place, "signal"), problem, ", ".join(FEATURE + name for name in numeric) or "none here"
        if len(f"{detector.signal}:{detector.name}") > _LONGEST:
            problem = f"{detector.signal}:{detector.name} is longer than {_LONGEST} characters"
            yield ("detectors", place), problem, "shorter names of feature or detector"
