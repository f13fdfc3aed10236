"""Observe a call that nobody would see anything of: without an SDK, only what changes the call itself is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_clinical.semconv.enums import InputQualityAction, TelemetryComponent

from . import _ambient
from ._arguments import Arguments
from ._context import detach
from ._current import Unasked, carry
from ._observe_inference import InferenceObservation
from ._telemetry import default_telemetry
from ._wrap import Observation

if TYPE_CHECKING:
    from otel_clinical.quality import QualityResult

    from ._arguments import Signature
    from ._current import Inference
    from ._observe_inference import Plan
    from ._telemetry import Telemetry


class QuietObservation(Observation, Unasked):
    """One call of a decorated function, with an inference only if somebody asks for the current one.

    The input-quality gate decides as ever. Segments and confidence are read only for an inference that was asked for:
    nothing else could show them. From then on it is observed as any other.
    """

    __slots__ = ("_arguments", "_asked", "_over", "_parent", "_perf", "_plan", "_quality", "_started", "_telemetry")

    def __init__(self, plan: Plan, arguments: Arguments, telemetry: Telemetry) -> None:
        self.instead = None
        self._plan = plan
        self._arguments = arguments
        self._telemetry = telemetry
        self._asked: dict[None, InferenceObservation] = {}
        self._over = False
        self._quality: QualityResult | None = None
        self._started = _ambient.time_ns()
        self._perf = _ambient.perf_counter_ns()
        self._parent = parent = otel_context.get_current()
        self.context = carry(self, Context(parent))
        gate = plan.gate
        if gate is not None:
            try:
                self._quality = result = gate.assess(arguments, telemetry, whole=plan.whole)
                if result.action is not InputQualityAction.PASS:
                    self.instead = gate.instead(result)
            except Exception as error:  # noqa: BLE001 -- telemetry never breaks an inference
                telemetry.failed(TelemetryComponent.DECORATOR, error)

    @property
    def inference(self) -> Inference:
        """The inference of this call, made when first asked for."""
        full = self._asked.get(None)
        if full is None:
            # One step, as threads of one call may ask at once; no lock, as a signal handler or a fork may come between.
            full = self._asked.setdefault(None, self._begin())
        return full.inference

    def succeed(self, result: object) -> None:
        """End the inference that was asked for."""
        self._end()
        for full in list(self._asked.values()):
            full.succeed(result)

    def fail(self, error: BaseException) -> None:
        """End the inference that was asked for; of the error only the class counts."""
        self._end()
        for full in list(self._asked.values()):
            full.fail(error)

    def _end(self) -> None:
        self._over = True
        # The context holds this observation: the cycle would cost the caller a garbage collection now and then.
        self.context = None
        telemetry = self._telemetry
        if not self._asked and telemetry.models.any:
            telemetry.check_declared(self._plan.spec.model, self._plan.version)

    def _begin(self) -> InferenceObservation:
        """Observe the call after all, as of its start and in the context it was made in."""
        token = otel_context.attach(self._parent)
        try:
            full = InferenceObservation(self._plan, self._arguments, self._telemetry, self._quality)
        finally:
            detach(token)
        full.inference.backdate(self._started, self._perf)
        if self._over:  # a thread that outlived the call asks
            full.inference.end()
        return full


def observe(plan: Plan, signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Observation:
    """Start to observe one call of a decorated function."""
    telemetry = plan.telemetry or default_telemetry()
    arguments = Arguments(signature, args, kwargs)
    # A route depends on the segments and is told to the router's metrics: with a router there is nothing to leave out.
    if plan.router is None and telemetry.quiet():
        return QuietObservation(plan, arguments, telemetry)
    return InferenceObservation(plan, arguments, telemetry)
