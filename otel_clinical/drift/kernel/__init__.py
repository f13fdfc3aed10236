"""The pure kernel of the drift processor: explode, slots, detect.

exploded = explode_logs(body, received, kernel.index)
kernel.apply(exploded.batch)
for transition in kernel.advance(): ...
rows = kernel.evidence()
"""

from otel_clinical.drift._codec import CodecError
from otel_clinical.drift.kernel._batch import ABSENT, MICRO, NO_FEATURES, RECORD, SEGMENTS, Batch, Kind
from otel_clinical.drift.kernel._corrections import Correction
from otel_clinical.drift.kernel._explode import explode_logs, explode_traces
from otel_clinical.drift.kernel._exploded import Exploded, Rejection
from otel_clinical.drift.kernel._index import ModelIndex, PolicyIndex
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
from otel_clinical.drift.kernel._tiers import decide_tier

__all__ = [
    "ABSENT",
    "MICRO",
    "NO_FEATURES",
    "RECORD",
    "SEGMENTS",
    "Applied",
    "AttributionRow",
    "Batch",
    "CalibrationRow",
    "CodecError",
    "Correction",
    "CoverageRow",
    "DiscoveryRow",
    "DriftDetected",
    "DriftRow",
    "EstimateRow",
    "EvidenceRow",
    "Exploded",
    "FeatureMoved",
    "FeatureRow",
    "Kernel",
    "Kind",
    "ModelIndex",
    "PolicyIndex",
    "Rejection",
    "ReliabilityBin",
    "SafetyRow",
    "SuggestionRow",
    "TierChange",
    "Transition",
    "VolumeRow",
    "decide_tier",
    "explode_logs",
    "explode_traces",
]
