"""Declare that a function or a block calls a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from otel_clinical.semconv import OTHER
from otel_clinical.semconv.enums import ConfidenceMethod, DeploymentRole, OperationName, UseCase

from ._arguments import argument_reader, result_reader
from ._declared import checked_identifier
from ._declared_inference import DeclaredInference
from ._gate import Gate
from ._inference_span import InferenceSpec
from ._misuse import choice, entries, options_only
from ._names import CODE
from ._observe_inference import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.quality import QualityProfile

    from ._arguments import Arguments
    from ._router import ModelRouter
    from ._telemetry import Telemetry

_FEATURES: Final = 'features={"age": "person.years"}'


@runtime_checkable
class SupportsConfidence(Protocol):
    """A result that knows how sure the model is."""

    @property
    def clinical_confidence(self) -> float:
        """Confidence, 0 to 1."""


@options_only('@inference(model="sepsis", version="7")')
def inference(
    *,
    model: str,
    version: str | None = None,
    router: ModelRouter | None = None,
    use_case: UseCase | str = UseCase.OTHER,
    operation: OperationName | str = OperationName.PREDICT,
    role: DeploymentRole | str = DeploymentRole.ACTIVE,
    segments: Mapping[str, str | int | Callable[[Arguments], object] | None] | None = None,
    confidence: str | Callable[[Any], object] | None = None,
    confidence_method: ConfidenceMethod | str | None = None,
    quality: QualityProfile | None = None,
    fallback: Callable[..., Any] | None = None,
    on_refuse: Callable[..., Any] | None = None,
    activation: int = 1,
    features: Mapping[str, str | Callable[[Arguments], object]] | None = None,
    telemetry: Telemetry | None = None,
) -> DeclaredInference:
    """Observe a function, or a `with` block, as an inference of a model.

    In a block there is no call to read from: `segments` holds the values themselves, and what else becomes known is
    told to the inference that `as` binds. On the manual route the block does not run: `RoutedToManual` is raised.

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
        features: Where to find input features that the policy declares, as for `segments`; by default each is the
            parameter or field of its own name. Only the bin that a value falls into leaves the process.
        telemetry: Where to report; the process default otherwise.

    Raises:
        ValueError: at once, for a mistake in the declaration.
        TypeError: at once, for options that are no options; at decoration, for what cannot be decorated.
    """
    if (version is None) == (router is None):
        raise ValueError(
            'inference: give either version or router: version="7" where one version answers, router=ModelRouter(…) '
            "where the release pointer decides"
        )
    if router is not None and router.model != model:
        raise ValueError(f"inference: model is {model!r}, the router serves {router.model!r}")
    name = checked_identifier("model", model)
    answers = checked_identifier("version", version) if version is not None else OTHER
    CODE.declare(name, answers)
    plan = Plan(
        spec=InferenceSpec(
            name,
            choice("use_case", UseCase, use_case),
            choice("operation", OperationName, operation),
            choice("role", DeploymentRole, role),
        ),
        version=answers,
        router=router,
        confidence=result_reader(confidence) if confidence is not None else None,
        method=choice("confidence_method", ConfidenceMethod, confidence_method) if confidence_method else None,
        gate=Gate(quality, fallback=fallback, on_refuse=on_refuse) if quality is not None else None,
        fallback=fallback,
        activation=activation,
        telemetry=telemetry,
        features={
            name: _feature_reader(name, source)
            for name, source in entries("inference: features", features or {}, _FEATURES).items()
        },
    )
    for_calls = {
        "confidence": confidence,
        "quality": quality,
        "fallback": fallback,
        "on_refuse": on_refuse,
        "features": features,
    }
    given = tuple(name for name, value in for_calls.items() if value is not None)
    return DeclaredInference(plan, segments or {}, for_calls=given)


def _feature_reader(name: str, source: object) -> Callable[[Arguments], object]:
    if not (isinstance(source, str) or callable(source)):
        raise TypeError(
            f"inference: feature {name!r} comes from {type(source).__qualname__!r}; write the name of a parameter or "
            "field, a dotted path, or a function of the arguments"
        )
    return argument_reader(source)
