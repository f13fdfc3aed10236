"""Observe a function that calls a model, or record an inference that happened elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, runtime_checkable

from opentelemetry import context as otel_context

from otel_clinical.quality import MISSING, QualityResult
from otel_clinical.release import ROUTES
from otel_clinical.semconv import OTHER
from otel_clinical.semconv.enums import (
    AbstentionReason,
    ConfidenceMethod,
    DeploymentRole,
    InferenceStatus,
    InputQualityAction,
    OperationName,
    RoutingLevel,
    RoutingReason,
    TelemetryComponent,
    UseCase,
)

from ._admit import member
from ._arguments import Arguments, Signature, argument_reader, result_reader
from ._current import Inference
from ._declared import checked_identifier, segment_key
from ._gate import Gate
from ._inference_span import InferenceSpec
from ._router import NOBODY
from ._telemetry import default_telemetry
from ._wrap import Observation, is_marked, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.quality import QualityProfile

    from ._router import ModelRouter
    from ._telemetry import Telemetry

F = TypeVar("F")
SegmentReaders = dict[str, tuple[str, "Callable[[Arguments], object]"]]
KIND: Final = "inference"
PENDING_QUALITY: Final = otel_context.create_key("otel_clinical.input_quality")


@runtime_checkable
class SupportsConfidence(Protocol):
    """A result that knows how sure the model is."""

    @property
    def clinical_confidence(self) -> float:
        """Confidence, 0 to 1."""


def inference(
    *,
    model: str,
    version: str | None = None,
    router: ModelRouter | None = None,
    use_case: UseCase | str = UseCase.OTHER,
    operation: OperationName | str = OperationName.PREDICT,
    role: DeploymentRole | str = DeploymentRole.ACTIVE,
    segments: Mapping[str, str | Callable[[Arguments], object]] | None = None,
    confidence: str | Callable[[Any], object] | None = None,
    confidence_method: ConfidenceMethod | str | None = None,
    quality: QualityProfile | None = None,
    fallback: Callable[..., Any] | None = None,
    on_refuse: Callable[..., Any] | None = None,
    activation: int = 1,
    telemetry: Telemetry | None = None,
) -> Callable[[F], F]:
    """Observe a function as an inference of a model.

    Args:
        model: Name of the model, as in the policy.
        version: Version that answers; or `router`, which decides per call.
        router: Decides version and route by the release pointer; on the manual route the function is not called.
        use_case: Clinical use of the model.
        operation: What the model does with its input.
        role: Part this version plays.
        segments: Where to find each segment's value: a parameter, a field of the record, a dotted path, or a
            function of the arguments. Only declared values leave the process.
        confidence: Key or attribute of the result, or a function of it, that holds the confidence, 0 to 1.
        confidence_method: How the confidence is obtained.
        quality: What the input must hold; see `QualityProfile`.
        fallback: Called with the same arguments when the profile says `fallback`, or on the manual route.
            Without it a record below `fallback_below` is still answered, on the manual route.
        on_refuse: Called when the profile says `refuse`; without it `InputRefused` is raised.
        activation: Ordinal of the activation that serves, where there is no router.
        telemetry: Where to report; the process default otherwise.

    Raises:
        ValueError: at decoration, for a mistake in the declaration.
    """
    if (version is None) == (router is None):
        raise ValueError("inference: give either version or router")
    if router is not None and router.model != model:
        raise ValueError(f"inference: model is {model!r}, the router serves {router.model!r}")
    plan = _Plan(
        spec=InferenceSpec(
            checked_identifier("model", model), UseCase(use_case), OperationName(operation), DeploymentRole(role)
        ),
        version=checked_identifier("version", version) if version is not None else OTHER,
        router=router,
        segments=_segment_readers(segments or {}),
        confidence=result_reader(confidence) if confidence is not None else None,
        method=ConfidenceMethod(confidence_method) if confidence_method is not None else None,
        gate=Gate(quality, fallback=fallback, on_refuse=on_refuse) if quality is not None else None,
        fallback=fallback,
        activation=activation,
        telemetry=telemetry,
    )

    def decorate(function: F) -> F:
        if is_marked(function, KIND):
            (telemetry or default_telemetry()).failed(TelemetryComponent.DECORATOR, "AlreadyDecorated")
            return function
        signature = Signature(function)

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Observation:
            return _InferenceObservation(plan, Arguments(signature, args, kwargs))

        wrapped: F = wrap(function, begin, KIND)
        return wrapped

    return decorate


def _segment_readers(sources: Mapping[str, str | Callable[[Arguments], object]]) -> SegmentReaders:
    """Return attribute key and reader of each segment by its name."""
    found: SegmentReaders = {}
    for name, source in sources.items():
        segment, key = segment_key(name)
        found[segment.value] = (key, argument_reader(source))
    return found


class _Plan:
    """What a decoration declares, checked once."""

    __slots__ = (
        "activation", "confidence", "fallback", "gate", "method", "router", "segments", "spec", "telemetry", "version",
    )  # fmt: skip

    def __init__(
        self,
        *,
        spec: InferenceSpec,
        version: str,
        router: ModelRouter | None,
        segments: SegmentReaders,
        confidence: Callable[[Any], object] | None,
        method: ConfidenceMethod | None,
        gate: Gate | None,
        fallback: Callable[..., Any] | None,
        activation: int,
        telemetry: Telemetry | None,
    ) -> None:
        self.spec = spec
        self.version = version
        self.router = router
        self.segments = segments
        self.confidence = confidence
        self.method = method
        self.gate = gate
        self.fallback = fallback
        self.activation = activation
        self.telemetry = telemetry


class _InferenceObservation(Observation):
    """One call of a decorated function."""

    __slots__ = ("_inference", "_plan")

    def __init__(self, plan: _Plan, arguments: Arguments) -> None:
        super().__init__()
        self._plan = plan
        telemetry = plan.telemetry or default_telemetry()
        self._inference = Inference(telemetry, plan.spec, plan.version, activation=plan.activation)
        try:
            self._prepare(arguments)
        except Exception as error:  # noqa: BLE001 -- telemetry never breaks an inference
            telemetry.failed(TelemetryComponent.DECORATOR, error)

    def _prepare(self, arguments: Arguments) -> None:
        inference, plan = self._inference, self._plan
        for name, (key, read) in plan.segments.items():
            try:
                value = read(arguments)
            except Exception as error:  # noqa: BLE001 -- the user's extractor may raise anything
                inference.telemetry.failed(TelemetryComponent.EXTRACTOR, error)
                value = MISSING
            inference.put_segment(name, key, value)
        if plan.router is not None:
            self._route(plan.router)
        self._check_quality(arguments)
        inference.telemetry.versions.add(plan.spec.model, inference.version, plan.spec.use_case.value)
        inference.begin_span()
        self.context = inference.context

    def _read(self, read: Callable[[Any], object], source: object) -> object:
        try:
            return read(source)
        except Exception as error:  # noqa: BLE001 -- the user's extractor may raise anything
            self._inference.telemetry.failed(TelemetryComponent.EXTRACTOR, error)
            return MISSING

    def _route(self, router: ModelRouter) -> None:
        inference = self._inference
        try:
            resolution = router.route(inference.segments)
        except Exception as error:  # noqa: BLE001 -- a router that cannot decide must not let the model answer
            inference.telemetry.failed(TelemetryComponent.ROUTING, error)
            resolution = NOBODY
        inference.resolution = resolution
        inference.version = resolution.version or OTHER
        inference.activation = resolution.activation
        inference.epoch = resolution.epoch
        if resolution.route != ROUTES[0]:
            inference.restrict(resolution.route, member(RoutingReason, resolution.reason) or RoutingReason.OTHER)
        if resolution.route == RoutingLevel.MANUAL:
            answer = self._plan.fallback or router.answer_manually
            inference.status = InferenceStatus.FALLBACK
            self.instead = answer

    def _check_quality(self, arguments: Arguments) -> None:
        inference, gate = self._inference, self._plan.gate
        if gate is None:
            pending = otel_context.get_value(PENDING_QUALITY)
            if isinstance(pending, QualityResult):
                inference.set_quality(pending)
            return
        result = gate.assess(arguments, inference.telemetry)
        inference.set_quality(result)
        if self.instead is None:
            self.instead = gate.instead(result)
            mark_replaced(inference, result, self.instead)

    def succeed(self, result: object) -> None:
        """Take the confidence from the result, then end."""
        inference = self._inference
        if inference.confidence is None:
            self._take_confidence(result)
        if inference.confidence_method is None and inference.confidence is not None:
            inference.confidence_method = self._plan.method
        inference.end()

    def fail(self, error: BaseException) -> None:
        """End with the class of the error; its text stays here."""
        self._inference.end(error)

    def _take_confidence(self, result: object) -> None:
        found: object = MISSING
        if self.instead is not None:
            return  # the model did not answer
        if self._plan.confidence is not None:
            found = self._read(self._plan.confidence, result)
        elif hasattr(type(result), "clinical_confidence"):
            found = self._read(lambda value: value.clinical_confidence, result)
        if found is not MISSING and found is not None:
            self._inference.set_confidence(found)


def mark_replaced(inference: Inference, result: QualityResult, instead: object) -> None:
    """Say on the inference that something else answers in place of the model."""
    if instead is None:
        return
    if result.action is InputQualityAction.REFUSE:
        inference.abstain(AbstentionReason.LOW_INPUT_QUALITY)
    else:
        inference.status = InferenceStatus.FALLBACK
