"""Start a span as a copy of one that the SDK's tracer started, for a third of what the tracer takes.

The tracer asks its sampler again and again who the parent is, and cleans attributes into a store that is then filled
item by item. Where the sampler takes every span and nobody listens to its start, all of that comes to the same: an
object of two dozen fields, of which a few are this span's own.

Whether it does is found out for each tracer: a span of the tracer is compared with a copy, field by field, and the
tracer has to use the names that it uses today. Another tracer, sampler or release of the SDK starts its spans itself.
"""

# ruff: noqa: SLF001 -- the SDK has no way in for a span that is ready made

from __future__ import annotations

import sys
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)

from ._span_attributes import LONGEST, is_of_sdk

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from ._span_attributes import Found

_NAMES: Final = (
    "trace_api get_current_span get_span_context isinstance SpanContext TypeError _is_enabled NonRecordingSpan "
    "is_valid id_generator generate_trace_id trace_id sampler should_sample TraceFlags decision is_sampled SAMPLED "
    "DEFAULT is_trace_id_random trace_flags random_trace_id RANDOM_TRACE_ID generate_span_id trace_state "
    "_tracer_metrics start_span is_recording _Span resource attributes span_processor instrumentation_info "
    "_span_limits _instrumentation_scope start"
)
_USED: Final = frozenset(_NAMES.split())
"""The names that `Tracer.start_span` uses in the release that this was written for: with others it may do more."""
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_RANDOM: Final = TraceFlags(TraceFlags.SAMPLED | getattr(TraceFlags, "RANDOM_TRACE_ID", 0))
_PARENTS: Final = (
    INVALID_SPAN_CONTEXT,
    SpanContext(1, 2, is_remote=True, trace_flags=_SAMPLED),
    SpanContext(1, 2, is_remote=False, trace_flags=_RANDOM),
)
_COMPARED: Final[Found] = {"a": "b", "c": 1.5}
_LOCK: Final = type(Lock())
_new: Final = object.__new__


class SpanCopies:
    """Makes the spans of one tracer of the SDK.

    Args:
        tracer: The tracer; its sampler takes every span whose parent was sampled, and every one without a parent.
        span: A span that it started.
    """

    def __init__(self, tracer: Any, span: Any) -> None:
        self._tracer = tracer
        self._kind: type[Any] = type(span)
        self._many: type[Any] = type(span._events)
        self._unset = span._status
        self._end_metrics = span._record_end_metrics

    def start(self, name: str, parent: SpanContext, started_ns: int, found: Found) -> Span | None:
        """Start a span of an internal operation with attributes; None leaves that to the tracer."""
        tracer = self._tracer
        limits, ids = tracer._span_limits, tracer.id_generator
        most, longest = limits.max_span_attributes, limits.max_span_attribute_length
        fits = (most is None or len(found) <= most) and (longest is None or longest >= LONGEST)
        if not fits or not tracer._is_enabled():
            return None
        above: SpanContext | None = parent
        if not parent.is_valid:
            trace_id, is_random, above = ids.generate_trace_id(), ids.is_trace_id_random(), None
        elif parent.trace_flags & TraceFlags.SAMPLED and not parent.trace_state:
            trace_id, is_random = parent.trace_id, parent.trace_flags.random_trace_id
        else:
            return None
        span = _new(self._kind)
        span._name = name
        span._context = SpanContext(trace_id, ids.generate_span_id(), False, _RANDOM if is_random else _SAMPLED)  # noqa: FBT003
        span._parent = above
        span._kind = SpanKind.INTERNAL
        span._start_time = started_ns
        span._end_time = None
        span._attributes = _store(found, most, longest)
        span._events = self._many(limits.max_events)
        span._links = self._many(limits.max_links)
        span._status = self._unset
        span._resource = tracer.resource
        span._instrumentation_info = tracer.instrumentation_info
        span._instrumentation_scope = tracer._instrumentation_scope
        span._sampler = tracer.sampler
        span._span_processor = tracer.span_processor
        span._limits = limits
        span._lock = Lock()
        span._record_end_metrics = self._end_metrics
        span._record_exception = span._set_status_on_exception = True
        span._trace_config = None
        return span  # type: ignore[no-any-return]


def _store(found: Found, most: int | None, longest: int | None) -> BoundedAttributes:
    held: Any = _new(BoundedAttributes)
    held._dict = dict(found)
    held.maxlen = most
    held.max_value_len = longest
    held.dropped = 0
    held._lock = Lock()
    held._immutable = False
    return held  # type: ignore[no-any-return]


def copies_of(tracer: Any) -> SpanCopies | None:
    """Return what makes the spans of a tracer; None where it has to make them itself.

    Nobody listens to the start of its spans.
    """
    try:
        return _compared(tracer) if _is_plain(tracer) else None
    except Exception:  # noqa: BLE001 -- whatever the SDK has become, there is another way
        return None


def _is_plain(tracer: Any) -> bool:
    start = type(tracer).start_span
    return (
        is_of_sdk(start)
        and is_of_sdk(type(tracer.span_processor).on_start)
        and _USED.issuperset(start.__code__.co_names)
        and type(tracer._tracer_metrics).__qualname__ == "NoOpTracerMetrics"
        and _takes_all(tracer.sampler)
    )


def _takes_all(sampler: Any) -> bool:
    """Tell whether a sampler takes every span but those whose parent was not sampled."""
    kind = type(sampler)
    if sys.modules.get("opentelemetry.sdk.trace.sampling") is not sys.modules.get(kind.__module__):
        return False
    if kind.__qualname__ == "ParentBased":
        return all(map(_takes_all, (sampler._root, sampler._remote_parent_sampled, sampler._local_parent_sampled)))
    return kind.__qualname__ == "StaticSampler" and sampler._decision.name == "RECORD_AND_SAMPLE"


def _compared(tracer: Any) -> SpanCopies | None:
    copies: SpanCopies | None = None
    for parent in _PARENTS:
        context = set_span_in_context(NonRecordingSpan(parent), Context())
        span = tracer.start_span("copy", context=context, start_time=1, attributes=_COMPARED)
        if not (is_of_sdk(type(span).start) and is_of_sdk(type(span).__init__)):
            return None
        copies = copies or SpanCopies(tracer, span)
        copy: Any = copies.start("copy", parent, 1, _COMPARED)
        if not _same(span, copy) or (parent.is_valid and copy._context.trace_id != parent.trace_id):
            return None
    return copies


def _same(one: Any, other: Any) -> bool:
    """Tell whether two spans, or what they hold, differ in their own identifiers and locks alone."""
    if one is other or (isinstance(one, _LOCK) and isinstance(other, _LOCK)):
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, SpanContext):
        return tuple(one)[2:] == tuple(other)[2:]
    if not hasattr(one, "_lock"):
        return bool(one == other)
    kept, copied = vars(one), vars(other)
    return kept.keys() == copied.keys() and all(_same(value, copied[key]) for key, value in kept.items())
