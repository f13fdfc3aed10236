"""Apply a quality profile to a call and decide what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from otel_clinical.quality import MISSING, read_field
from otel_clinical.semconv.enums import InputQualityAction, TelemetryComponent

from ._refusals import InputRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.quality import QualityProfile, QualityResult

    from ._arguments import Arguments, Signature
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
        self._names = tuple(dict.fromkeys((*profile.required, *profile.ranges)))

    def reads_record(self, signature: Signature) -> bool:
        """Tell whether all that the profile judges are fields of one record, so that it can judge that as a whole."""
        return self._argument is not None or all(map(signature.is_field, self._names))

    def assess(self, arguments: Arguments, telemetry: Telemetry, *, whole: bool = False) -> QualityResult:
        """Score the record; a field that cannot be read counts as missing.

        `whole` says that `reads_record` holds for the signature of the function that is called.
        """
        if whole:
            try:
                record = arguments.record if self._argument is None else arguments.named(self._argument)
                if type(record) is dict:
                    return self._profile.assess(record)
            except Exception:  # noqa: BLE001, S110 -- a key of the user's own type may raise; field by field then
                pass

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
