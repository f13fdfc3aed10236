"""The embedded runtime of the drift processor: one process, one SQLite file, exactly-once effects."""

from otel_clinical.drift.runtime._faults import FaultPoint
from otel_clinical.drift.runtime._listen import ListenError
from otel_clinical.drift.runtime._lock import StateDirectoryError
from otel_clinical.drift.runtime.service import Addresses, ProcessorService, ProcessorSettings
from otel_clinical.drift.runtime.writer import Phase, WriterSettings

__all__ = [
    "Addresses",
    "FaultPoint",
    "ListenError",
    "Phase",
    "ProcessorService",
    "ProcessorSettings",
    "StateDirectoryError",
    "WriterSettings",
]
