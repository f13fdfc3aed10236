"""What `inference(...)` returns: a decorator for functions and a context manager for blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from opentelemetry import context as otel_context

from otel_clinical.semconv.enums import TelemetryComponent

from ._arguments import Arguments, Signature, argument_reader
from ._context import detach
from ._current import find_inference
from ._declared import segment_key
from ._misuse import entries
from ._observe_inference import InferenceObservation
from ._quiet import observe
from ._refusals import RoutedToManual
from ._segments import Segments
from ._telemetry import default_telemetry
from ._wrap import is_marked, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context

    from ._current import Inference
    from ._observe_inference import Plan
    from ._wrap import Observation

F = TypeVar("F")
KIND: Final = "inference"

_INSTEAD: Final = {
    "confidence": "call current.set_confidence(value) inside the block",
    "quality": "call current.set_quality(profile.assess(record)) inside the block",
    "fallback": "a block cannot be replaced: catch RoutedToManual around it, or decorate a function",
    "features": "call current.set_features({name: value}) inside the block",
    "on_refuse": "a block cannot be replaced: act on profile.assess(record).action, or decorate a function",
}


def _no_parameters() -> None:
    """Stand in for the function that a block does not have."""


_NO_CALL: Final = Signature(_no_parameters)


class DeclaredInference:
    """Decorate a function, or observe a block: `with inference(model=…, version=…) as current:`.

    One declaration may serve any number of blocks, nested, in threads and in tasks.
    """

    def __init__(
        self,
        plan: Plan,
        sources: Mapping[str, object],
        *,
        for_calls: tuple[str, ...],
    ) -> None:
        self._plan = plan
        given = entries("inference: segments", sources, 'segments={"payer": "payer_code"}')
        named = ((*segment_key(name), source) for name, source in given.items())
        self._sources = {name.value: (key, source) for name, key, source in named}
        self._for_calls = for_calls
        self._block: Plan | None = None
        self._open: list[tuple[InferenceObservation, Token[Context] | None]] = []

    def __call__(self, function: F) -> F:
        """Decorate a function of any kind."""
        signature = Signature(function)
        plan = self._call_plan(signature)
        if is_marked(function, KIND):
            (self._plan.telemetry or default_telemetry()).failed(TelemetryComponent.DECORATOR, "AlreadyDecorated")
            return function

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Observation:
            return observe(plan, signature, args, kwargs)

        wrapped: F = wrap(function, begin, KIND)
        return wrapped

    def __enter__(self) -> Inference:
        """Begin the inference of a block.

        Raises:
            TypeError: the declaration reads something from a call, and a block has none.
            RoutedToManual: the release pointer keeps the model from answering; the block does not run.
        """
        plan = self._block_plan()
        observation = InferenceObservation(plan, Arguments(_NO_CALL, (), {}), plan.telemetry or default_telemetry())
        if observation.instead is not None:
            refusal = RoutedToManual(self._plan.spec.model)
            observation.fail(refusal)
            raise refusal
        token = None if observation.context is None else otel_context.attach(observation.context)
        self._open.append((observation, token))
        return observation.inference

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the inference of the block; its exception passes unchanged."""
        if not self._open:
            return
        observation, token = self._take()
        if token is not None:
            detach(token)
        if error is None:
            observation.succeed(None)
        else:
            observation.fail(error)

    async def __aenter__(self) -> Inference:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _take(self) -> tuple[InferenceObservation, Token[Context] | None]:
        """Remove the block that ends: the current one, or the last where it ends in another context than it began."""
        current = find_inference()
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][0].inference is current:
                return self._open.pop(index)
        return self._open.pop()

    def _call_plan(self, signature: Signature) -> Plan:
        """Return the plan for the calls of a function."""
        segments = tuple(
            (name, key, source if isinstance(source, str) and signature.is_field(source) else None, read)
            for name, (key, source) in self._sources.items()
            for read in (_reader(name, source),)
        )
        gate = self._plan.gate
        return replace(self._plan, segments=Segments(segments), whole=gate is not None and gate.reads_record(signature))

    def _block_plan(self) -> Plan:
        if self._block is not None:
            return self._block
        for option in self._for_calls:
            raise TypeError(f"inference: {option} needs a call, and a with block has none; {_INSTEAD[option]}")
        segments = tuple((name, key, None, _value(name, value)) for name, (key, value) in self._sources.items())
        self._block = replace(self._plan, segments=Segments(segments))
        return self._block


def _reader(name: str, source: object) -> Callable[[Arguments], object]:
    if not (isinstance(source, str) or callable(source)):
        raise TypeError(
            f"inference: segment {name!r} comes from {type(source).__qualname__!r}; write the name of a parameter or "
            "field, a dotted path, or a function of the arguments"
        )
    return argument_reader(source)


def _value(name: str, value: object) -> Callable[[Arguments], object]:
    if callable(value):
        raise TypeError(
            f"inference: segment {name!r} is a function of a call's arguments, and a with block has none; write the "
            f"value itself, or call current.set_segment({name!r}, value) inside the block"
        )
    return lambda _: value
