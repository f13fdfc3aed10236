"""Record an inference that happened elsewhere or in the past, with its own times."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otel_clinical._spelling import spelled
from otel_clinical.semconv import OTHER
from otel_clinical.semconv.enums import (
    ConfidenceMethod,
    DeploymentRole,
    InferenceStatus,
    OperationName,
    RoutingLevel,
    RoutingReason,
    TelemetryComponent,
    TelemetryRedactionReason,
    UseCase,
)

from ._admit import admit
from ._current import Inference
from ._declared import identifier
from ._inference_span import InferenceSpec
from ._numbers import Withheld, lasting, nanoseconds, unix_seconds
from ._telemetry import default_telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context

    from otel_clinical.quality import QualityResult

    from ._receipt import Receipt
    from ._telemetry import Telemetry


@spelled
def record_inference(
    *,
    model: str,
    version: str,
    use_case: UseCase | str = UseCase.OTHER,
    operation: OperationName | str = OperationName.PREDICT,
    role: DeploymentRole | str = DeploymentRole.ACTIVE,
    segments: Mapping[str, object] | None = None,
    confidence: object = None,
    confidence_method: ConfidenceMethod | str | None = None,
    quality: QualityResult | None = None,
    features: Mapping[str, object] | None = None,
    started_at: object = None,
    duration: object = None,
    route: RoutingLevel | str = RoutingLevel.STANDARD,
    route_reason: RoutingReason | str = RoutingReason.OTHER,
    activation: int = 1,
    status: InferenceStatus | str | None = None,
    parent: Context | None = None,
    telemetry: Telemetry | None = None,
) -> Receipt:
    """Record an inference that is over: of another system, or of the past, with its own times.

    `started_at` is a Unix time in seconds or an aware `datetime`, `duration` seconds. Of `features` that the policy
    declares only the bins leave the process. Never raises: what cannot be exported is withheld and counted. Returns
    the receipt for reviews and outcomes.
    """
    where = telemetry or default_telemetry()
    told = identifier(model) or _withhold(where), identifier(version) or _withhold(where)
    where.check_declared(*told)
    name, answers = where.models.admit(*told)
    spec = InferenceSpec(
        name,
        admit(where, UseCase, use_case, "record_inference: use_case") or UseCase.OTHER,
        admit(where, OperationName, operation, "record_inference: operation") or OperationName.OTHER,
        admit(where, DeploymentRole, role, "record_inference: role") or DeploymentRole.ACTIVE,
    )
    found = Inference(where, spec, answers, _activation(where, activation))
    for segment, value in (segments or {}).items():
        found.set_segment(segment, value)
    if confidence is not None:
        found.set_confidence(confidence, confidence_method)
    if quality is not None:
        found.set_quality(quality)
    if features is not None:
        found.set_features(features)
    found.restrict(route, route_reason)
    found.status = admit(where, InferenceStatus, status, "record_inference: status")
    where.serve(found.model, found.version, spec.use_case.value)
    started = _number(where, unix_seconds, started_at)
    try:
        found.begin_span(parent, None if started is None else nanoseconds(started))
    except Exception as error:  # noqa: BLE001 -- telemetry never breaks its caller
        where.failed(TelemetryComponent.DECORATOR, error)
    found.end(duration=_number(where, lasting, duration) or 0.0)
    return found.receipt if told == (name, answers) else _named(found.receipt, *told)


def _named(receipt: Receipt, model: str, version: str) -> Receipt:
    """Return a receipt with the names that were told: the policy may have caught up when it comes back."""
    named = replace(receipt, model=model, version=version)
    named.vouch()
    return named


def _withhold(telemetry: Telemetry) -> str:
    telemetry.withheld(TelemetryRedactionReason.PATTERN)
    return OTHER


def _activation(telemetry: Telemetry, value: object) -> int:
    if type(value) is int and 0 <= value < 2**32:
        return value
    telemetry.withheld(TelemetryRedactionReason.BAD_TYPE)
    return 0


def _number(telemetry: Telemetry, read: Callable[[object], float], value: object) -> float | None:
    if value is None:
        return None
    try:
        return read(value)
    except Withheld as refusal:
        telemetry.withheld(refusal.reason)
        return None
