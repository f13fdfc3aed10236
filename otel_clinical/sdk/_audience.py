"""Stand between the redaction, which is made first, and the telemetry that it reports to, which is made last."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_clinical.instrument import Telemetry
    from otel_clinical.semconv.enums import TelemetryComponent, TelemetryRedactionReason


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

    def allowed(self, key: str) -> tuple[str, ...]:
        """Return the declared values of an attribute; none until there is a telemetry."""
        return self._telemetry.declared.allowed(key) if self._telemetry is not None else ()
