"""The part of the policy that adds detectors of the hospital's own choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from otel_clinical.policy._names import text
from otel_clinical.policy._section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.policy._schema import ModelPolicy

DetectorName = Annotated[str, BeforeValidator(text), Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class DetectorPolicy(Section):
    """One more detector on a signal: ours by name, or one that an installed distribution adds by entry point."""

    name: DetectorName = Field(description="Name in the registry of detectors.")
    signal: Literal["confidence", "input_quality", "performance"] = Field(description="What it is fed, value by value.")
    parameters: dict[str, float | int | str | bool | list[float]] = Field(
        default={}, description="Arguments of the detector."
    )


Detectors = Annotated[tuple[DetectorPolicy, ...], Field(max_length=5)]


def check_detectors(model: ModelPolicy) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield detectors that are declared twice for one signal."""
    seen: set[tuple[str, str]] = set()
    for place, detector in enumerate(model.detectors):
        if (detector.name, detector.signal) in seen:
            yield ("detectors", place), f"{detector.name} on {detector.signal} is declared twice", "each once"
        seen.add((detector.name, detector.signal))
