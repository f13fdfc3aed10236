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
            pattern=r"^(confidence|input_quality|performance|calibration|feature:[a-z][a-z0-9_]{0,39}(=.{1,40})?)$",
            description="What it is fed, value by value: confidence, input_quality, performance (the score of an "
            "outcome), calibration ((confidence - score + 1) / 2 of an outcome), feature:NAME for the bins of a "
            "numeric feature, 0 to 1, or feature:NAME=VALUE for whether a feature has one of its values or masks, "
            "1 or 0.",
        ),
    ]

    @property
    def feature(self) -> str | None:
        """Name of the feature that it watches; None for other signals."""
        return self.signal.removeprefix(FEATURE).partition("=")[0] if self.signal.startswith(FEATURE) else None

    @property
    def value(self) -> str | None:
        """Value or mask of the feature that it watches; None for all of them."""
        return self.signal.partition("=")[2] or None

    parameters: dict[str, float | int | str | bool | list[float]] = Field(
        default={}, description="Arguments of the detector."
    )


Detectors = Annotated[tuple[DetectorPolicy, ...], Field(max_length=5)]


def check_detectors(
    detectors: Sequence[DetectorPolicy], features: Mapping[str, FeaturePolicy]
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield detectors that are declared twice for one signal, and those of features that cannot be watched so."""
    seen: set[tuple[str, str]] = set()
    for place, detector in enumerate(detectors):
        if (detector.name, detector.signal) in seen:
            yield ("detectors", place), f"{detector.name} on {detector.signal} is declared twice", "each once"
        seen.add((detector.name, detector.signal))
        if detector.feature is not None:
            for problem, allowed in _no_such_feature(detector, features):
                yield ("detectors", place, "signal"), problem, allowed
        if len(f"{detector.signal}:{detector.name}") > _LONGEST:
            problem = f"{detector.signal}:{detector.name} is longer than {_LONGEST} characters"
            yield ("detectors", place), problem, "shorter names of feature or detector"


def _no_such_feature(detector: DetectorPolicy, features: Mapping[str, FeaturePolicy]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the feature of a detector, and what is allowed."""
    name, value = str(detector.feature), detector.value
    if value is None:
        numeric = sorted(known for known, feature in features.items() if feature.kind is Kind.NUMERIC)
        if name not in numeric:
            problem = f"{name} is no numeric feature of the model: the order of its bins means nothing"
            yield problem, ", ".join(FEATURE + known for known in numeric) or "none here"
        return
    words = (*features[name].values, *features[name].masks) if name in features else ()
    if value not in words:
        problem = f"{value} is no value and no mask of a feature {name} of the model"
        yield problem, ", ".join(f"{FEATURE}{name}={word}" for word in words) or "none here"
