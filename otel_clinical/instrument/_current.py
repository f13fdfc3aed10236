"""The inference under way: what the code inside a decorated function may say about it."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanContext, StatusCode, set_span_in_context

from otel_clinical.quality import MISSING, QualityResult
from otel_clinical.semconv import OTHER, SEGMENT_ATTRIBUTES, attributes
from otel_clinical.semconv.enums import (
    AbstentionReason,
    ConfidenceMethod,
    InferenceStatus,
    InputQualityAction,
    RoutingLevel,
    RoutingReason,
    TelemetryComponent,
    TelemetryRedactionReason,
)

from . import _ambient
from ._admit import admit
from ._context import detach, without_trace_state
from ._declared import segment_key
from ._errors import error_type, is_cancellation
from ._features import read_feature
from ._inference_points import derive_inference
from ._inference_span import InferenceSpec, final_attributes
from ._numbers import Withheld, optional_ratio, ratio
from ._receipt import NO_INFERENCE, Receipt
from ._refusals import InputRefused, RoutedToManual
from ._span_attributes import add_attributes
from ._span_end import end_span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from otel_clinical.release import Resolution

    from ._sink import Sink
    from ._telemetry import Telemetry

P = ParamSpec("P")
R = TypeVar("R")

_KEY: Final = otel_context.create_key("otel_clinical.inference")
_LEVELS: Final = tuple(RoutingLevel)
_SEGMENT_KEYS: Final = {name.value: key for name, key in SEGMENT_ATTRIBUTES.items()}
# Whole: Python divides whole numbers exactly rounded, and 1.6e18 does not fit a float.
_NANOSECONDS: Final = 1_000_000_000

_NO_SHARE: Final = (
    "a confidence is no number from 0 to 1, so none was recorded; divide percent by 100, and pass None for none"
)
_NOTHING_THERE: Final = (
    "a call has nothing where the value of segment {} should be, so _OTHER was recorded; if that is always so, correct "
    "segments= of @inference"
)
_UNDECLARED: Final = (
    "a value of segment {} is not a declared one, so _OTHER was recorded; declare it in the policy, or call "
    "declare_segments"
)


class Inference:
    """One inference, from start to end. Setters never raise; bad values are counted and withheld."""

    # Defaults on the class, not in `__init__`: most calls leave most of them alone.
    epoch: int | None = None
    resolution: Resolution | None = None
    confidence: float | None = None
    confidence_method: ConfidenceMethod | None = None
    quality: QualityResult | None = None
    status: InferenceStatus | None = None
    abstention: AbstentionReason | None = None
    reason: RoutingReason | None = None
    error: str | None = None
    duration: float | None = None
    span: Span | None = None
    trace: SpanContext | None = None
    context: Context | None = None
    recording = False
    _receipt: Receipt | None = None
    ended = False
    features: str = ""
    level = RoutingLevel.STANDARD
    segments: Mapping[str, str] = MappingProxyType({})
    _id = ""

    def __init__(self, telemetry: Telemetry, spec: InferenceSpec, version: str, activation: int = 1) -> None:
        self.telemetry = telemetry
        self.spec = spec
        self.version = version
        self.activation = activation
        self.started_ns = _ambient.time_ns()
        self._perf = _ambient.perf_counter_ns()

    def backdate(self, started_ns: int, perf_counter_ns: int) -> None:
        """Let the inference have started when its call did."""
        self.started_ns = started_ns
        self._perf = perf_counter_ns

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.spec.model

    @property
    def id(self) -> str:
        """Random identifier, 32 hexadecimal digits."""
        if not self._id:
            self._id = _ambient.random_bytes(16).hex()
        return self._id

    @property
    def route(self) -> RoutingLevel:
        """Reach granted to the answer so far."""
        return self.level

    @property
    def receipt(self) -> Receipt:
        """What to store beside the answer and hand back with the review or outcome.

        It may be taken at any time: what becomes known later (confidence, route, segments) is filled in when the
        inference ends. Call its `dumps` after that.
        """
        if self._receipt is None:
            self._receipt = Receipt(
                inference_id=self.id,
                traceparent=_traceparent(self.trace),
                model=self.model,
                version=self.version,
                activation=self.activation,
                use_case=self.spec.use_case.value,
                route=self.level.value,
                time=self.started_ns / _NANOSECONDS,
            )
            self._receipt.vouch()
        self._complete(self._receipt)
        return self._receipt

    def _complete(self, receipt: Receipt) -> None:
        confidence = None if self.confidence is None else round(self.confidence, 2)
        # Frozen for its users; until the inference ends it is still being written.
        object.__setattr__(receipt, "confidence", confidence)
        object.__setattr__(receipt, "route", self.level.value)
        object.__setattr__(receipt, "segments", MappingProxyType(dict(self.segments)))

    def set_confidence(self, value: object, method: ConfidenceMethod | str | None = None) -> None:
        """Say how sure the model is, 0 to 1, and how that was obtained."""
        self._safely(self._set_confidence, value, method)

    def abstain(self, reason: AbstentionReason | str = AbstentionReason.LOW_CONFIDENCE) -> None:
        """Say that the model gives no answer."""
        self._safely(self._abstain, reason)

    def restrict(self, level: RoutingLevel | str, reason: RoutingReason | str = RoutingReason.OTHER) -> None:
        """Propose a route; of all proposals the most restrictive wins."""
        self._safely(self._restrict, level, reason)

    def set_segment(self, name: str, value: object) -> None:
        """Say which value of a segment this case belongs to; undeclared values become `_OTHER`."""
        self._safely(self._set_segment, name, value)

    def set_quality(self, result: QualityResult) -> None:
        """Attach what the input-quality gate found, and restrict the route accordingly."""
        self._safely(self._set_quality, result)

    def bind(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function` so that it belongs to this inference in whatever thread it runs."""

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            token = otel_context.attach(self.context or otel_context.get_current())
            try:
                return function(*args, **kwargs)
            finally:
                detach(token)

        return call

    def _safely(self, step: Callable[..., None], *values: object) -> None:
        if self.ended:
            return
        try:
            step(*values)
        except Exception as error:  # noqa: BLE001 -- telemetry never breaks an inference
            self.telemetry.failed(TelemetryComponent.DECORATOR, error)

    def put_confidence(self, value: float) -> None:
        """Keep a confidence that is known to be a share."""
        self.confidence = value

    def _set_confidence(self, value: object, method: object) -> None:
        try:
            self.confidence = ratio(value)
        except Withheld as refusal:
            self.telemetry.withheld(refusal.reason)
            self.telemetry.say_once(_NO_SHARE)
        if method is not None:
            self.confidence_method = admit(self.telemetry, ConfidenceMethod, method, "set_confidence: method")

    def _abstain(self, reason: object) -> None:
        self.status = InferenceStatus.ABSTAINED
        self.abstention = admit(self.telemetry, AbstentionReason, reason, "abstain: reason")

    def _restrict(self, level: object, reason: object) -> None:
        wanted = admit(self.telemetry, RoutingLevel, level, "restrict: level")
        if wanted is not None and _LEVELS.index(wanted) > _LEVELS.index(self.level):
            self.level = wanted
            self.reason = admit(self.telemetry, RoutingReason, reason, "restrict: reason")

    def _set_segment(self, name: str, value: object) -> None:
        segment, key = segment_key(name)
        self.put_segment(segment.value, key, value)

    def put_segment(self, name: str, key: str, value: object) -> None:
        """Keep the value of a segment whose name and attribute key are known to be right."""
        admitted = self.telemetry.declared.admit(key, value)
        if admitted is OTHER and value is MISSING:
            self.telemetry.say_once(_NOTHING_THERE.format(name))
        elif admitted is OTHER and value is not None:
            self.telemetry.withheld(TelemetryRedactionReason.NOT_DECLARED)
            self.telemetry.say_once(_UNDECLARED.format(name))
        self.segments = {**self.segments, name: admitted}  # inferences alike share theirs

    def set_features(self, values: Mapping[str, object]) -> None:
        """Say what the declared input features are; only the bin that each falls into is kept, and sent.

        A declared feature that is not among `values` counts as missing; what the policy does not declare is left out.
        """
        self._safely(self._set_features, values)

    def _set_features(self, values: Mapping[str, object]) -> None:
        known = self.telemetry.features.of(self.spec.model)
        if known is not None:
            self.features = known.write(lambda name: read_feature(values, name))

    def _set_quality(self, result: QualityResult) -> None:
        score = optional_ratio(self.telemetry, result.score)
        self.put_quality(QualityResult(score, result.action, result.issues))

    def put_quality(self, result: QualityResult) -> None:
        """Keep what a profile found, whose score is known to be a share or None."""
        self.quality = result
        if result.action is not InputQualityAction.PASS:
            level = RoutingLevel.ASSISTED if result.action is InputQualityAction.FLAG else RoutingLevel.MANUAL
            self._restrict(level, RoutingReason.INPUT_QUALITY)

    def begin_span(self, parent: Context | None = None, started_ns: int | None = None) -> None:
        """Start the span, with what samplers may read, and make the context that carries it."""
        if started_ns is not None:
            self.started_ns = started_ns
        spec = self.spec
        found = {**spec.shared, attributes.MODEL_VERSION: self.version}
        if parent is None:  # asked once, not by each of those that would ask
            parent = otel_context.get_current()
        telemetry, around = self.telemetry, without_trace_state(parent)
        self.span = span = telemetry.spans.start(telemetry.tracer, spec.span_name, around, self.started_ns, found)
        self.trace = span.get_span_context()
        self.recording = span.is_recording()
        self.context = carry(self, set_span_in_context(span, parent))

    def end(self, error: BaseException | None = None, *, duration: float | None = None) -> None:
        """End the span and queue the record; the first call counts. Never raises."""
        if self.ended:
            return
        self.ended = True
        try:
            elapsed = (_ambient.perf_counter_ns() - self._perf) if duration is None else round(duration * _NANOSECONDS)
            self.duration = elapsed / _NANOSECONDS
            if error is not None:
                self._settle(error)
            elif self.status is None:
                self.status = InferenceStatus.COMPLETED
            if self._receipt is not None:
                self._complete(self._receipt)
            self._end_span(self.started_ns + elapsed)
            # The context holds this inference: the cycle would cost the caller a garbage collection now and then.
            # And the span is large: what waits for the background thread is memory that the next calls must find.
            self.context = self.span = None
            self.telemetry.put(self, traced=self.recording)
        except Exception as fault:  # noqa: BLE001 -- telemetry never breaks an inference
            self.telemetry.failed(TelemetryComponent.DECORATOR, fault)

    def derive(self, sink: Sink) -> None:
        """Write the points and events that follow from this inference."""
        derive_inference(self, sink)

    def _settle(self, error: BaseException) -> None:
        """Work out the final status of a call that raised."""
        if is_cancellation(error):
            self.status = InferenceStatus.CANCELLED
        elif isinstance(error, InputRefused):
            self.status, self.abstention = InferenceStatus.ABSTAINED, AbstentionReason.LOW_INPUT_QUALITY
        elif isinstance(error, RoutedToManual):
            self.status, self.abstention = InferenceStatus.ABSTAINED, AbstentionReason.POLICY
        else:
            self.status = InferenceStatus.FAILED
            self.error = error_type(error)

    def _end_span(self, ended_ns: int) -> None:
        span = self.span
        if span is None:
            return
        if self.recording:
            add_attributes(span, final_attributes(self))
            if self.error is not None:
                span.set_status(StatusCode.ERROR)
        end_span(span, ended_ns)


class Unasked:
    """Stands in a context for an inference that is made only when somebody asks for it."""

    __slots__ = ()

    @property
    def inference(self) -> Inference:
        """The inference, made when first asked for."""
        raise NotImplementedError


class _NoInference(Inference):
    """Stands in outside of an inference: takes everything, keeps nothing."""

    ended = True
    _id = NO_INFERENCE
    level = RoutingLevel.MANUAL

    def __init__(self) -> None:
        self.spec = InferenceSpec(OTHER)
        self.version = OTHER
        self.activation = 0
        self.segments = {}
        self.started_ns = 0


_NONE: Final = _NoInference()


def current_inference() -> Inference:
    """Return the inference under way; outside of one, an object that accepts and ignores everything."""
    return find_inference() or _NONE


def find_inference() -> Inference | None:
    """Return the inference under way, or None."""
    found = otel_context.get_value(_KEY)
    if isinstance(found, Unasked):
        return found.inference
    return found if isinstance(found, Inference) else None


def carry(inference: Inference | Unasked, fresh: Context) -> Context:
    """Put an inference into a context that was made for it, which nobody else has seen yet; return the context."""
    dict.__setitem__(fresh, _KEY, inference)
    return fresh


def _traceparent(found: SpanContext | None) -> str:
    if found is None:
        return f"00-{0:032x}-{0:016x}-00"
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"
