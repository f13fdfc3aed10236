"""Stand between the redaction, which is made first, and the telemetry that it reports to, which is made last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.instrument._names import NAME_KEYS

if TYPE_CHECKING:
    from collections.abc import Collection

    from otel_clinical.instrument import Telemetry
    from otel_clinical.semconv.enums import TelemetryComponent, TelemetryRedactionReason

_UNDECLARED: Final = (
    "a value of {} that nobody declared left as _OTHER: give configure the policy, or call register_version(model, "
    "version) when the process starts; @inference and ModelRouter declare their own"
)


class Audience:
    """Forward counts to the telemetry and ask it for declared values; silent until there is one."""

    def __init__(self) -> None:
        self._telemetry: Telemetry | None = None

    def listen(self, telemetry: Telemetry) -> None:
        """Forward to `telemetry` from now on."""
        self._telemetry = telemetry

    def withheld(self, reason: TelemetryRedactionReason) -> None:
        """Count a value that was not exported."""
        if self._telemetry is not None:
            self._telemetry.withheld(reason)

    def failed(self, component: TelemetryComponent, error: BaseException | str) -> None:
        """Count a fault of telemetry itself."""
        if self._telemetry is not None:
            self._telemetry.failed(component, error)

    def allowed(self, key: str) -> Collection[str]:
        """Return the declared values of an attribute; none until there is a telemetry."""
        telemetry = self._telemetry
        if telemetry is None:
            return ()
        return telemetry.models.allowed(key) if key in NAME_KEYS else telemetry.declared.texts.get(key, ())

    def missed(self, key: str) -> None:
        """Say once that a name of a model or version left as `_OTHER`, and how it is declared."""
        if self._telemetry is not None and key in NAME_KEYS and not self._telemetry.models.any:
            self._telemetry.say_once(_UNDECLARED.format(key))
