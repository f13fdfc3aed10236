"""Bytes to columns: what a request says, as rows the kernel can count, and what is wrong with the rest.

exploded = explode_logs(body, received, index)
"""

from otel_clinical.drift.explode._batch import ABSENT, MICRO, NO_FEATURES, RECORD, SEGMENTS, Batch, Kind
from otel_clinical.drift.explode._bounds import TooMuchError
from otel_clinical.drift.explode._explode import explode_logs, explode_traces
from otel_clinical.drift.explode._exploded import Exploded, Rejection
from otel_clinical.drift.explode._index import ModelIndex, PolicyIndex

__all__ = [
    "ABSENT",
    "MICRO",
    "NO_FEATURES",
    "RECORD",
    "SEGMENTS",
    "Batch",
    "Exploded",
    "Kind",
    "ModelIndex",
    "PolicyIndex",
    "Rejection",
    "TooMuchError",
    "explode_logs",
    "explode_traces",
]
