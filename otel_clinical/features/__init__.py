"""Input features as bin indices: the same words on both sides of the wire, and never a value."""

from otel_clinical.features._feature import MISSING_PLACE, MOST_BINS, UNREADABLE_PLACE, Feature, Kind
from otel_clinical.features._set import ABSENT, MOST_FEATURES, FeatureSet, WireError

__all__ = [
    "ABSENT",
    "MISSING_PLACE",
    "MOST_BINS",
    "MOST_FEATURES",
    "UNREADABLE_PLACE",
    "Feature",
    "FeatureSet",
    "Kind",
    "WireError",
]
