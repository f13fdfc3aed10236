"""Roll a model back, or hold a segment back, when its degradation is proved and confirmed."""

from otel_clinical.rollback._records import Timing
from otel_clinical.rollback._schema import StateTooNewError, StateUnreadableError
from otel_clinical.rollback.alerts import Alert, Cause
from otel_clinical.rollback.audit import AuditBrokenError, Checkpoint, export_file, verify_file, verify_lines
from otel_clinical.rollback.orders import Order, OrderKind, OrderRefusedError
from otel_clinical.rollback.records import (
    DATABASE,
    Activity,
    activity,
    close_incident,
    give_order,
    incident,
    incidents,
    model_of,
    quarantined,
    release_ledger,
    standing_orders,
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
    "Order",
    "OrderKind",
    "OrderRefusedError",
    "StateTooNewError",
    "StateUnreadableError",
    "Terms",
    "Timing",
    "activate_version",
    "activity",
    "close_incident",
    "export_file",
    "give_order",
    "how_to_activate",
    "incident",
    "incidents",
    "lift_hold",
    "model_of",
    "quarantined",
    "read_terms",
    "release_ledger",
    "serving",
    "standing_orders",
    "verify_file",
    "verify_lines",
]
