"""The pure kernel of the drift processor: columns to slots to evidence.

exploded = explode_logs(body, received, kernel.index)  # otel_clinical.drift.explode
kernel.apply(exploded.batch)
for transition in kernel.advance(): ...
rows = kernel.evidence()
"""

from otel_clinical.drift._codec import CodecError
from otel_clinical.drift.kernel._corrections import Correction
from otel_clinical.drift.kernel._kernel import Kernel
from otel_clinical.drift.kernel._rows import (
    Applied,
    AttributionRow,
    CalibrationRow,
    CoverageRow,
    DiscoveryRow,
    DriftDetected,
    DriftRow,
    EstimateRow,
    EvidenceRow,
    FeatureMoved,
    FeatureRow,
    ReliabilityBin,
    SafetyRow,
    SuggestionRow,
    TierChange,
    Transition,
    VolumeRow,
)
from otel_clinical.drift.kernel._signals import SEGMENT_MIX
from otel_clinical.drift.kernel._tiers import decide_tier

__all__ = [
    "SEGMENT_MIX",
    "Applied",
    "AttributionRow",
    "CalibrationRow",
    "CodecError",
    "Correction",
    "CoverageRow",
    "DiscoveryRow",
    "DriftDetected",
    "DriftRow",
    "EstimateRow",
    "EvidenceRow",
    "FeatureMoved",
    "FeatureRow",
    "Kernel",
    "ReliabilityBin",
    "SafetyRow",
    "SuggestionRow",
    "TierChange",
    "Transition",
    "VolumeRow",
    "decide_tier",
]
