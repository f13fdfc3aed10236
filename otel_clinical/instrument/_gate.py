"""Apply a quality profile to a call and decide what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from otel_clinical.quality import MISSING, read_field
from otel_clinical.semconv.enums import InputQualityAction, TelemetryComponent

from ._refusals import InputRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.quality import QualityProfile, QualityResult

    from ._arguments import Arguments
    from ._telemetry import Telemetry


class Gate:
    """A profile with what to call instead of the model, when the input is too poor for it."""

    def __init__(
        self,
        profile: QualityProfile,
        *,
        argument: str | None = None,
        fallback: Callable[..., Any] | None = None,
        on_refuse: Callable[..., Any] | None = None,
    ) -> None:
        self._profile = profile
        self._argument = argument
        self._fallback = fallback
        self._on_refuse = on_refuse

    def assess(self, arguments: Arguments, telemetry: Telemetry) -> QualityResult:
        """Score the record; a field that cannot be read counts as missing."""

        def read(name: str) -> object:
            try:
                if self._argument is not None:
                    return read_field(arguments.named(self._argument), name)
                return arguments.find(name)
            except Exception as error:  # noqa: BLE001 -- a property of the user's record may raise anything
                telemetry.failed(TelemetryComponent.EXTRACTOR, error)
                return MISSING

        return self._profile.assess_fields(read)

    def instead(self, result: QualityResult) -> Callable[..., Any] | None:
        """Return what runs in place of the model; None lets the model run."""
        if result.action is InputQualityAction.FALLBACK:
            return self._fallback
        if result.action is not InputQualityAction.REFUSE:
            return None
        if self._on_refuse is not None:
            return self._on_refuse

        def refuse(*_: Any, **__: Any) -> NoReturn:
            raise InputRefused(result)

        return refuse
