"""Put a quality gate before a function, inside or outside of an inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from opentelemetry import context as otel_context

from otel_clinical.quality import QualityProfile
from otel_clinical.semconv.enums import TelemetryComponent

from ._arguments import Arguments, Signature
from ._current import find_inference
from ._gate import Gate
from ._observe_inference import PENDING_QUALITY, mark_replaced
from ._telemetry import default_telemetry
from ._wrap import Observation, is_marked, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._telemetry import Telemetry

F = TypeVar("F")
KIND: Final = "input_quality"


def input_quality(
    profile: QualityProfile,
    *,
    argument: str | None = None,
    fallback: Callable[..., Any] | None = None,
    on_refuse: Callable[..., Any] | None = None,
    telemetry: Telemetry | None = None,
) -> Callable[[F], F]:
    """Check the input of a function before it runs, and report the result with the inference.

    Put it under `@inference` so that refusals are reported too; above it, what passes is handed on to the inference.

    Args:
        profile: What the input must hold.
        argument: Parameter that holds the record; otherwise each field is a parameter, or a field of the first mapping.
        fallback: Called instead when the profile says `fallback`; without it the function still runs.
        on_refuse: Called instead when the profile says `refuse`; without it `InputRefused` is raised.
        telemetry: Where to report faults; the process default otherwise.
    """
    if not isinstance(profile, QualityProfile):
        raise TypeError(
            f"input_quality: profile is a {type(profile).__qualname__}; "
            "write @input_quality(QualityProfile(required=…))"
        )
    gate = Gate(profile, argument=argument, fallback=fallback, on_refuse=on_refuse)

    def decorate(function: F) -> F:
        if is_marked(function, KIND):
            (telemetry or default_telemetry()).failed(TelemetryComponent.DECORATOR, "AlreadyDecorated")
            return function
        signature = Signature(function)

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Observation:
            return _GateObservation(gate, Arguments(signature, args, kwargs), telemetry or default_telemetry())

        wrapped: F = wrap(function, begin, KIND)
        return wrapped

    return decorate


class _GateObservation(Observation):
    """One call behind a gate."""

    __slots__ = ()

    def __init__(self, gate: Gate, arguments: Arguments, telemetry: Telemetry) -> None:
        super().__init__()
        try:
            result = gate.assess(arguments, telemetry)
        except Exception as error:  # noqa: BLE001 -- a fault of the gate must not block a clinician
            telemetry.failed(TelemetryComponent.DECORATOR, error)
            return
        self.instead = gate.instead(result)
        inference = find_inference()
        if inference is None:
            self.context = otel_context.set_value(PENDING_QUALITY, result)
            return
        inference.set_quality(result)
        mark_replaced(inference, result, self.instead)
