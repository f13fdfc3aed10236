"""End a span of the SDK straight into a queue that reads all of it at once.

The SDK makes a copy of every span that ends, because processors may keep it. A queue that has written down what it
needs when it returns keeps none, and is given the span itself. With any other processor beside it, or a release of the
SDK that ends spans otherwise, a span ends as ever.
"""

# ruff: noqa: SLF001 -- what `Span.end` does, but for the copy

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._span_attributes import is_of_sdk

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span

_NAMES: Final = (
    "_lock _start_time RuntimeError _end_time logger warning time_ns _attributes _immutable _record_end_metrics "
    "_span_processor _on_ending on_end _readable_span"
)
_USED: Final = frozenset(_NAMES.split())
"""The names that `Span.end` uses in the release that this was written for: with others it may do more."""

_Known = tuple[object, object, "Callable[[Any], None] | None"]
_known: _Known = (None, None, None)
"""A set of processors, the method that ends spans, and what takes them where no copy is needed."""


def end_span(span: Span, ended_ns: int) -> None:
    """End a span that was started."""
    take = _taker(span)
    if take is None:
        span.end(ended_ns)
        return
    open_span: Any = span
    with open_span._lock:
        fresh = open_span._end_time is None and open_span._start_time is not None
        if fresh:
            open_span._end_time = ended_ns
            open_span._attributes._immutable = True
    if not fresh:
        span.end(ended_ns)  # it says what is wrong
        return
    if open_span._record_end_metrics:
        open_span._record_end_metrics()
    take(span)


def _taker(span: Any) -> Callable[[Any], None] | None:
    """Return what takes the span itself; None where it has to be copied."""
    global _known  # noqa: PLW0603 -- one set of processors is nearly always the only one
    listening = getattr(getattr(span, "_span_processor", None), "_span_processors", None)
    end = getattr(span.end, "__func__", None)
    if listening is None:
        return None
    known = _known
    if known[0] is listening and known[1] is end:
        return known[2]
    take = _found(span, listening, end)
    _known = (listening, end, take)
    return take


def _found(span: Any, listening: Any, end: Any) -> Callable[[Any], None] | None:
    plain = is_of_sdk(end) and is_of_sdk(type(span._span_processor).on_end) and _USED.issuperset(end.__code__.co_names)
    if not plain or len(listening) != 1 or not getattr(type(listening[0]), "reads_at_once", False):
        return None
    take: Callable[[Any], None] = listening[0].on_end
    return take
