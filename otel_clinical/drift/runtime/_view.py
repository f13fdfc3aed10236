"""Everything that is shown about the processor at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from otel_clinical.drift.kernel import (
    AttributionRow,
    CalibrationRow,
    CoverageRow,
    DiscoveryRow,
    DriftRow,
    EstimateRow,
    EvidenceRow,
    FeatureRow,
    Kernel,
    SafetyRow,
    SuggestionRow,
    VolumeRow,
)
from otel_clinical.drift.kernel._pairing import PairingRow


@dataclass(frozen=True)
class KernelView:
    """What the kernel knows, between two journal entries.

    Attributes:
        evidence: One row per stream of the newest activations.
        drift: One row per detector.
        coverage: One row per model version.
        suggestions: Two rows per declared segment value of each version, of whole batches of eleven answers.
        calibration: One row per stream whose outcomes carried a confidence.
        estimates: One row per model version.
        attributions: One row per stream in a tier.
        discoveries: One row per model version and tier.
        pairings: One row per other version that answered the same cases as the one activated last.
        features: One row per input feature of each stream.
        volumes: One row per model and source.
        safety: One row per model.
        activations: Newest activation by (model, version).
        served: Unix seconds of the newest inference by (model, version).
        waiting: Outcomes by (model, version) whose inference is not mature.
        label_times: Unix seconds of the newest outcome, by model.
        newest: Unix seconds of the newest event; None before the first.
        watermark: Unix seconds up to which slots are closed; None before the first event.
    """

    evidence: tuple[EvidenceRow, ...] = ()
    drift: tuple[DriftRow, ...] = ()
    coverage: tuple[CoverageRow, ...] = ()
    suggestions: tuple[SuggestionRow, ...] = ()
    calibration: tuple[CalibrationRow, ...] = ()
    estimates: tuple[EstimateRow, ...] = ()
    attributions: tuple[AttributionRow, ...] = ()
    discoveries: tuple[DiscoveryRow, ...] = ()
    pairings: tuple[PairingRow, ...] = ()
    features: tuple[FeatureRow, ...] = ()
    volumes: tuple[VolumeRow, ...] = ()
    safety: tuple[SafetyRow, ...] = ()
    activations: Mapping[tuple[str, str], int] = field(default_factory=dict)
    served: Mapping[tuple[str, str], float] = field(default_factory=dict)
    waiting: Mapping[tuple[str, str], int] = field(default_factory=dict)
    label_times: Mapping[str, float] = field(default_factory=dict)
    newest: float | None = None
    watermark: float | None = None

    @classmethod
    def of(cls, kernel: Kernel) -> Self:
        """Look at a kernel that nobody is changing."""
        return cls(
            evidence=tuple(kernel.evidence()),
            drift=tuple(kernel.drift()),
            coverage=tuple(kernel.coverage()),
            suggestions=tuple(kernel.suggestions(batches=True)),
            calibration=tuple(kernel.calibration()),
            estimates=tuple(kernel.estimates()),
            attributions=tuple(kernel.attributions()),
            discoveries=tuple(kernel.discoveries()),
            pairings=tuple(kernel.pairings()),
            features=tuple(kernel.features()),
            volumes=tuple(kernel.volumes()),
            safety=tuple(kernel.safety()),
            activations=dict(kernel.activations),
            served=dict(kernel.served),
            waiting=dict(kernel.waiting),
            label_times=dict(kernel.label_times),
            newest=kernel.newest,
            watermark=kernel.watermark,
        )
