"""Where a version is switched: one target per file behind one protocol."""

from otel_clinical.rollback.targets._base import Applied, Change, Conflict, Target, Unreachable
from otel_clinical.rollback.targets.file import FileTarget

__all__ = ["Applied", "Change", "Conflict", "FileTarget", "Target", "Unreachable"]
