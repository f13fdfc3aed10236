"""Start spans of ours, and let the SDK clean their attributes only where somebody looks at them that early.

Five attributes cost the SDK's tracer a quarter of what a span costs. A sampler or a processor of the user's may read
them at the start; the SDK's own do not, and then they are added to the span that was started.
"""

# ruff: noqa: SLF001 -- a tracer does not tell who listens; what is not as expected is started in the ordinary way

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import get_current_span

from ._span_attributes import add_attributes, is_of_sdk
from ._span_copies import copies_of

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from ._span_attributes import Found
    from ._span_copies import SpanCopies

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
    """Starts spans; who listens is found out once for a tracer, its sampler and a set of processors.

    The SDK replaces the set when a processor is added.
    """

    def __init__(self) -> None:
        self._looked: tuple[object, object, object, object, bool, SpanCopies | None]
        self._looked = (None, None, None, None, False, None)

    def start(self, tracer: Tracer, name: str, context: Context | None, started_ns: int, found: Found) -> Span:
        """Start a span with attributes, whose texts have at most `_span_attributes.LONGEST` characters."""
        real: Tracer = getattr(tracer, "_real_tracer", None) or tracer
        unread, copies = self._look(real)
        if not unread:
            return tracer.start_span(name, context=context, start_time=started_ns, attributes=found)
        if copies is not None:
            copy = copies.start(name, get_current_span(context).get_span_context(), started_ns, found)
            if copy is not None:
                return copy
        span = real.start_span(name, context, start_time=started_ns)
        if span.is_recording():
            add_attributes(span, found)
        return span

    def _look(self, tracer: Any) -> tuple[bool, SpanCopies | None]:
        """Tell whether nobody reads the attributes of a span while it starts, and what makes its copies."""
        try:
            sampler, listening, start = (
                tracer.sampler,
                tracer.span_processor._span_processors,
                tracer.start_span.__func__,
            )
        except AttributeError:  # not a tracer of the SDK
            return False, None
        looked = self._looked
        if looked[0] is tracer and looked[1] is sampler and looked[2] is listening and looked[3] is start:
            return looked[4:]
        unread = is_of_sdk(start) and _ignores(sampler) and all(map(_is_idle, listening))
        copies = copies_of(tracer) if unread else None
        self._looked = (tracer, sampler, listening, start, unread, copies)
        return unread, copies


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
