"""Tell people: one alert per incident and state, posted into the hospital's own Alertmanager until somebody answers."""

from otel_clinical.rollback.notify._notifier import Notifier
from otel_clinical.rollback.notify._post import Alertmanager

__all__ = ["Alertmanager", "Notifier"]
