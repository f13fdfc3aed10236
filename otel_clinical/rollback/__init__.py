"""Roll a model back, or hold a segment back, when its degradation is proved and confirmed."""

from otel_clinical.rollback._records import Timing
from otel_clinical.rollback.alerts import Alert, Cause
from otel_clinical.rollback.audit import AuditBrokenError, Checkpoint, export_file, verify_file
from otel_clinical.rollback.records import (
    DATABASE,
    Activity,
    activity,
    close_incident,
    incident,
    incidents,
    quarantined,
)
from otel_clinical.rollback.releases import (
    ActivationRefusedError,
    activate_version,
    how_to_activate,
    lift_hold,
    serving,
)
from otel_clinical.rollback.service import AlreadyRunningError, ControllerService
from otel_clinical.rollback.terms import Terms, read_terms

__all__ = [
    "DATABASE",
    "ActivationRefusedError",
    "Activity",
    "Alert",
    "AlreadyRunningError",
    "AuditBrokenError",
    "Cause",
    "Checkpoint",
    "ControllerService",
    "Terms",
    "Timing",
    "activate_version",
    "activity",
    "close_incident",
    "export_file",
    "how_to_activate",
    "incident",
    "incidents",
    "lift_hold",
    "quarantined",
    "read_terms",
    "serving",
    "verify_file",
]
