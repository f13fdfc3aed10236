"""Start spans of ours, and let the SDK clean their attributes only where somebody looks at them that early.

Five attributes cost the SDK's tracer a quarter of what a span costs. A sampler or a processor of the user's may read
them at the start; the SDK's own do not, and then they are added to the span that was started.
"""

# ruff: noqa: SLF001 -- a tracer does not tell who listens; what is not as expected is started in the ordinary way

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from ._span_attributes import add_attributes, is_of_sdk

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from ._span_attributes import Found

_DECIDED_BY_TRACE: Final = ("StaticSampler", "TraceIdRatioBased")
_DELEGATES: Final = (
    "_root",
    "_remote_parent_sampled",
    "_remote_parent_not_sampled",
    "_local_parent_sampled",
    "_local_parent_not_sampled",
)


def _nothing() -> None:
    pass


def _nothing_documented() -> None:
    """Do nothing."""


_EMPTY: Final = {_nothing.__code__.co_code, _nothing_documented.__code__.co_code}


class SpanStarter:
    """Starts spans; who listens is found out once for a sampler and a set of processors.

    The SDK replaces the set when a processor is added.
    """

    def __init__(self) -> None:
        self._looked: tuple[object, object, object, bool] = (None, None, None, False)

    def start(self, tracer: Tracer, name: str, context: Context | None, started_ns: int, found: Found) -> Span:
        """Start a span with attributes, whose texts have at most `_span_attributes.LONGEST` characters."""
        real: Tracer = getattr(tracer, "_real_tracer", None) or tracer
        if not self._is_unread(real):
            return tracer.start_span(name, context=context, start_time=started_ns, attributes=found)
        span = real.start_span(name, context, start_time=started_ns)
        if span.is_recording():
            add_attributes(span, found)
        return span

    def _is_unread(self, tracer: Any) -> bool:
        """Tell whether nobody reads the attributes of a span while it starts."""
        try:
            sampler, listening, start = (
                tracer.sampler,
                tracer.span_processor._span_processors,
                tracer.start_span.__func__,
            )
        except AttributeError:  # not a tracer of the SDK
            return False
        looked = self._looked
        if looked[0] is sampler and looked[1] is listening and looked[2] is start:
            return looked[3]
        unread = is_of_sdk(start) and _ignores(sampler) and all(map(_is_idle, listening))
        self._looked = (sampler, listening, start, unread)
        return unread


def _ignores(sampler: Any) -> bool:
    """Tell whether a sampler decides without the attributes."""
    kind = type(sampler)
    if sys.modules.get("opentelemetry.sdk.trace.sampling") is not sys.modules.get(kind.__module__):
        return False
    if kind.__qualname__ in _DECIDED_BY_TRACE:
        return True
    return kind.__qualname__ == "ParentBased" and all(_ignores(getattr(sampler, name, None)) for name in _DELEGATES)


def _is_idle(processor: Any) -> bool:
    """Tell whether a processor does nothing when a span starts."""
    code = getattr(getattr(processor.on_start, "__func__", None), "__code__", None)
    return code is not None and code.co_code in _EMPTY
