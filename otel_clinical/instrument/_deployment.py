"""Say which versions exist, which values may appear, and when another version starts to serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context

from otel_clinical._spelling import spelled
from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import (
    DeploymentChangeReason,
    DeploymentChangeTrigger,
    DeploymentChangeType,
    TelemetryRedactionReason,
    UseCase,
)

from ._declared import checked_identifier, declare_segment_values, identifier
from ._late import claim_event_id, moment, required
from ._names import CODE
from ._numbers import Withheld, amount
from ._recorded import Recorded, attempt
from ._telemetry import default_telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._event_fields import Fields
    from ._sink import Sink
    from ._telemetry import Telemetry

_ACTIVATIONS: Final = 2**32


def register_version(
    model: str, version: str, *, use_case: UseCase | str = UseCase.OTHER, telemetry: Telemetry | None = None
) -> None:
    """Start every closed counter of a model version at zero, so that its first event shows as an increase.

    Raises:
        ValueError: a name or use case that cannot be.
    """
    where = telemetry or default_telemetry()
    name, number = checked_identifier("model", model), checked_identifier("version", version)
    where.versions.add(name, number, UseCase(use_case).value)
    CODE.declare(name, number)
    where.put(_Nudge())


def declare_segments(values: Mapping[str, Iterable[str]], *, telemetry: Telemetry | None = None) -> None:
    """Allow these values per segment name; all others leave the process as `_OTHER`. Declaring again adds.

    Raises:
        ValueError: an unknown segment name, or a value that is no word of at most 64 characters.
    """
    declare_segment_values((telemetry or default_telemetry()).declared, values)


def declare_values(attribute: str, values: Iterable[str], *, telemetry: Telemetry | None = None) -> None:
    """Allow values of another declared attribute, such as `attributes.BUSINESS_CATEGORY` or `attributes.TASK_NAME`.

    Raises:
        ValueError: an attribute that is not declared this way, or a value that is no word of 1 to 64 characters.
    """
    allowed = (attributes.BUSINESS_CATEGORY, attributes.TASK_NAME)
    if attribute not in allowed:
        raise ValueError(
            f"attribute {attribute!r}: expected one of {', '.join(allowed)}; for segments use declare_segments"
        )
    (telemetry or default_telemetry()).declared.declare(attribute, values)


@spelled
def record_deployment_change(
    model: str,
    *,
    from_version: str,
    to_version: str,
    type: DeploymentChangeType | str = DeploymentChangeType.PROMOTE,  # noqa: A002 -- the word of the registry
    trigger: DeploymentChangeTrigger | str = DeploymentChangeTrigger.MANUAL,
    reason: DeploymentChangeReason | str = DeploymentChangeReason.RELEASE,
    activation: int = 1,
    at: object = None,
    event_id: str | None = None,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report that another version of a model starts to serve. Never raises; exported at once, like a safety event.

    `activation` is the ordinal of the new activation, `at` a Unix time in seconds or an aware `datetime`.
    """
    where = telemetry or default_telemetry()

    def record() -> str:
        name, after = where.models.admit(_identifier(model), _identifier(to_version))
        fields: Fields = {
            attributes.MODEL_NAME: name,
            attributes.MODEL_VERSION: after,
            attributes.MODEL_PREVIOUS_VERSION: where.models.admit(_identifier(model), _identifier(from_version))[1],
            attributes.DEPLOYMENT_ACTIVATION: _ordinal(activation),
            attributes.DEPLOYMENT_CHANGE_TYPE: required(
                where, DeploymentChangeType, type, "record_deployment_change: type"
            ).value,
            attributes.DEPLOYMENT_CHANGE_TRIGGER: required(
                where, DeploymentChangeTrigger, trigger, "record_deployment_change: trigger"
            ).value,
            attributes.DEPLOYMENT_CHANGE_REASON: required(
                where, DeploymentChangeReason, reason, "record_deployment_change: reason"
            ).value,
        }
        where.check_declared(_identifier(model), _identifier(to_version))
        fields[attributes.EVENT_ID] = found = claim_event_id(where, event_id)
        where.put(_Change(fields, moment(at)))
        where.flush_soon()
        return found

    return attempt(where, record)


def _identifier(value: object) -> str:
    found = identifier(value)
    if found is None:
        raise Withheld(TelemetryRedactionReason.PATTERN)
    return found


def _ordinal(value: object) -> int:
    number = amount(value)
    if number >= _ACTIVATIONS:
        raise Withheld(TelemetryRedactionReason.NOT_ALLOWED)
    return int(number)


class _Change:
    """A deployment change on its way to the background thread."""

    __slots__ = ("_at", "_fields")

    def __init__(self, fields: Fields, at: int) -> None:
        self._fields = fields
        self._at = at

    def derive(self, sink: Sink) -> None:
        """Write the event and the count."""
        sink.emit(events.DEPLOYMENT_CHANGE, self._fields, at=self._at, context=Context())
        labels = tuple((key, str(self._fields[key])) for key in metrics.DEPLOYMENT_CHANGES.attributes)
        sink.count(metrics.DEPLOYMENT_CHANGES, labels)


class _Nudge:
    """Makes the background thread look at the register of versions."""

    __slots__ = ()

    def derive(self, sink: Sink) -> None:
        """Write nothing."""
