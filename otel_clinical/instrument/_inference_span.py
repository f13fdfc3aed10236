"""What the span of an inference carries, at its start and at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv import SEGMENT_ATTRIBUTES, attributes
from otel_clinical.semconv.enums import DeploymentRole, OperationName, UseCase

if TYPE_CHECKING:
    from ._current import Inference

_SEGMENT_KEYS: Final = {name.value: key for name, key in SEGMENT_ATTRIBUTES.items()}


@dataclass(frozen=True, slots=True)
class InferenceSpec:
    """What is the same for every call of a decorated function."""

    model: str
    use_case: UseCase = UseCase.OTHER
    operation: OperationName = OperationName.PREDICT
    role: DeploymentRole = DeploymentRole.ACTIVE

    span_name: str = field(init=False)
    shared: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "span_name", f"{self.operation.value} {self.model}")
        object.__setattr__(
            self,
            "shared",
            {
                attributes.MODEL_NAME: self.model,
                attributes.USE_CASE: self.use_case.value,
                attributes.DEPLOYMENT_ROLE: self.role.value,
                attributes.OPERATION_NAME: self.operation.value,
            },
        )


def final_attributes(inference: Inference) -> dict[str, str | int | float]:
    """Return what is known of an inference when it ends; what samplers read was set at its start."""
    # `_value_`, not `value`: the same text without the cost of a property, on every call.
    found: dict[str, str | int | float] = {
        attributes.INFERENCE_ID: inference.id,
        attributes.DEPLOYMENT_ACTIVATION: inference.activation,
        attributes.ROUTING_LEVEL: inference.level._value_,
    }
    if inference.status is not None:
        found[attributes.INFERENCE_STATUS] = inference.status._value_
    if inference.epoch is not None:
        found[attributes.ROUTER_EPOCH] = inference.epoch
    if inference.confidence is not None:
        found[attributes.CONFIDENCE_SCORE] = inference.confidence
    if inference.confidence_method is not None:
        found[attributes.CONFIDENCE_METHOD] = inference.confidence_method._value_
    if inference.abstention is not None:
        found[attributes.ABSTENTION_REASON] = inference.abstention._value_
    if inference.reason is not None:
        found[attributes.ROUTING_REASON] = inference.reason._value_
    if inference.error is not None:
        found[attributes.ERROR_TYPE] = inference.error
    if inference.quality is not None or inference.features:
        _add_input(found, inference)
    for name, value in inference.segments.items():
        found[_SEGMENT_KEYS[name]] = value
    return found


def _add_input(found: dict[str, str | int | float], inference: Inference) -> None:
    quality = inference.quality
    if quality is not None:
        found[attributes.INPUT_QUALITY_ACTION] = quality.action._value_
        if quality.score is not None:
            found[attributes.INPUT_QUALITY_SCORE] = quality.score
    if inference.features:
        found[attributes.INPUT_FEATURES] = inference.features
