"""Observe one call or block as an inference: segments, route, input quality, span, confidence."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from otel_clinical.quality import MISSING, QualityResult
from otel_clinical.semconv import OTHER
from otel_clinical.semconv.enums import (
    AbstentionReason,
    ConfidenceMethod,
    DeploymentRole,
    InferenceStatus,
    InputQualityAction,
    RoutingLevel,
    RoutingReason,
    TelemetryComponent,
)

from ._admit import member
from ._current import Inference
from ._errors import error_type
from ._features import features_of_call
from ._segments import Segments
from ._wrap import Observation

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._arguments import Arguments
    from ._features import FeatureReaders
    from ._gate import Gate
    from ._inference_span import InferenceSpec
    from ._router import ModelRouter
    from ._telemetry import Telemetry

_RECORD: Final = attrgetter("record")
PENDING_QUALITY: Final = otel_context.create_key("otel_clinical.input_quality")


@dataclass(frozen=True, slots=True)
class Plan:
    """What an inference declares, checked once."""

    spec: InferenceSpec
    version: str
    router: ModelRouter | None
    confidence: Callable[[Any], object] | None
    method: ConfidenceMethod | None
    gate: Gate | None
    fallback: Callable[..., Any] | None
    activation: int
    telemetry: Telemetry | None
    segments: Segments = field(default_factory=Segments)
    features: FeatureReaders = field(default_factory=dict)
    whole: bool = False
    """Whether the gate may judge the record of a call as a whole."""


_NOTHING_THERE: Final = (
    "a result has nothing where its confidence should be, so none was recorded; if that is always so, correct "
    "confidence= of @inference"
)


class InferenceObservation(Observation):
    """One call of a decorated function; `quality` says what the gate found, when it was asked already."""

    __slots__ = ("_plan", "inference")

    def __init__(
        self, plan: Plan, arguments: Arguments, telemetry: Telemetry, quality: QualityResult | None = None
    ) -> None:
        self.context = None
        self.instead = None
        self._plan = plan
        self.inference = Inference(telemetry, plan.spec, plan.version, plan.activation)
        try:
            self._prepare(arguments, quality)
        except Exception as error:  # noqa: BLE001 -- telemetry never breaks an inference
            telemetry.failed(TelemetryComponent.DECORATOR, error)

    def _prepare(self, arguments: Arguments, quality: QualityResult | None) -> None:
        inference, plan = self.inference, self._plan
        telemetry = inference.telemetry
        if plan.segments.readers:
            self._read_segments(arguments, telemetry)
        known = telemetry.features.of(plan.spec.model)
        if known is not None:
            inference.features = features_of_call(known, plan.features, arguments, telemetry)
        if plan.router is not None:
            self._route(plan.router, arguments)
        if plan.gate is None:
            self._take_pending()
        else:
            self._check_quality(plan.gate, quality or plan.gate.assess(arguments, telemetry, whole=plan.whole))
        telemetry.serve(plan.spec.model, inference.version, plan.spec.use_case._value_)
        inference.begin_span()
        self.context = inference.context

    def _read_segments(self, arguments: Arguments, telemetry: Telemetry) -> None:
        inference, segments = self.inference, self._plan.segments
        record = self._read(_RECORD, arguments)
        known = segments.known(record, telemetry.declared)
        if known is not None:
            inference.segments = known
            return
        field_of = record.get if type(record) is dict else None
        for name, key, place, read in segments.readers:
            value = field_of(place, MISSING) if field_of is not None and place else self._read(read, arguments)
            inference.put_segment(name, key, value)

    def _read(self, read: Callable[[Any], object], source: object) -> object:
        try:
            return read(source)
        except Exception as error:  # noqa: BLE001 -- the user's extractor may raise anything
            self.inference.telemetry.failed(TelemetryComponent.EXTRACTOR, error)
            return None

    def _route(self, router: ModelRouter, arguments: Arguments) -> None:
        inference = self.inference
        try:
            if router.control is None:
                resolution = router.route(inference.segments)
            else:
                resolution, apart = router.route_call(inference.segments, arguments)
                if apart:
                    inference.spec = replace(inference.spec, role=DeploymentRole.CANARY)
        except Exception as error:  # noqa: BLE001 -- a router that cannot decide must not let the model answer
            inference.telemetry.failed(
                TelemetryComponent.ROUTING,
                error,
                f"routing of model {inference.model} failed with {error_type(error)}: the model is not called, the "
                "call goes to the fallback (or RoutedToManual)",
            )
            from ._router import NOBODY  # noqa: PLC0415 -- loaded where there is a router

            resolution = NOBODY
        inference.resolution = resolution
        inference.version = resolution.version or OTHER
        inference.activation = resolution.activation
        inference.epoch = resolution.epoch
        if resolution.route != RoutingLevel.STANDARD:
            inference.restrict(resolution.route, member(RoutingReason, resolution.reason) or RoutingReason.OTHER)
        if resolution.route == RoutingLevel.MANUAL:
            answer = self._plan.fallback or router.answer_manually
            inference.status = InferenceStatus.FALLBACK
            self.instead = answer

    def _take_pending(self) -> None:
        """Take what a gate before the function found."""
        pending = otel_context.get_value(PENDING_QUALITY)
        if isinstance(pending, QualityResult):
            self.inference.set_quality(pending)

    def _check_quality(self, gate: Gate, result: QualityResult) -> None:
        inference = self.inference
        inference.put_quality(result)
        if self.instead is None and result.action is not InputQualityAction.PASS:
            self.instead = gate.instead(result)
            mark_replaced(inference, result, self.instead)

    def succeed(self, result: object) -> None:
        """Take the confidence from the result, then end."""
        inference = self.inference
        if inference.confidence is None:
            self._take_confidence(result)
        if inference.confidence_method is None and inference.confidence is not None:
            inference.confidence_method = self._plan.method
        inference.end()

    def fail(self, error: BaseException) -> None:
        """End with the class of the error; its text stays here."""
        self.inference.end(error)

    def _take_confidence(self, result: object) -> None:
        found: object = MISSING
        if self.instead is not None:
            return  # the model did not answer
        if self._plan.confidence is not None:
            found = self._read(self._plan.confidence, result)
            if type(found) is float and 0.0 <= found <= 1.0:
                self.inference.put_confidence(found)
                return
            if found is MISSING:
                self.inference.telemetry.say_once(_NOTHING_THERE)
        elif hasattr(type(result), "clinical_confidence"):
            found = self._read(lambda value: value.clinical_confidence, result)
        if found is not MISSING and found is not None:
            self.inference.set_confidence(found)


def mark_replaced(inference: Inference, result: QualityResult, instead: object) -> None:
    """Say on the inference that something else answers in place of the model."""
    if instead is None:
        return
    if result.action is InputQualityAction.REFUSE:
        inference.abstain(AbstentionReason.LOW_INPUT_QUALITY)
    else:
        inference.status = InferenceStatus.FALLBACK
