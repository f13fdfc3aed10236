"""Keep of a span that waits for its export what can leave, in one object instead of seven.

The SDK's span is three kilobytes: lists for events that the redaction removes anyway, locks, a copy of everything. Of
thousands that wait, the garbage collector looks at each of these again and again, on the thread of an inference.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link


class EndedSpan(NamedTuple):
    """What the redaction reads of a span: everything but its events."""

    name: str
    context: SpanContext | None
    parent: SpanContext | None
    resource: Resource
    kind: SpanKind
    status: Status
    start_time: int | None
    end_time: int | None
    instrumentation_scope: InstrumentationScope | None
    links: Sequence[Link]
    attributes: Mapping[str, Any]


def _reader() -> attrgetter[tuple[Any, ...]]:
    """Return what reads the fields of a span, past the properties where it keeps them as it does today.

    The properties cost a call each, which is eight times as much.
    """
    inner = [f"_{name}" for name in EndedSpan._fields]
    context = SpanContext(1, 2, is_remote=False)
    sample = ReadableSpan(
        "sample",
        context,
        context,
        attributes={"a": 1},
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.OK),
        start_time=3,
        end_time=4,
    )
    same = all(getattr(sample, kept, None) == getattr(sample, kept[1:]) for kept in inner)
    return attrgetter(*(inner if same else EndedSpan._fields))


_read: Final = _reader()


def ended(span: ReadableSpan) -> EndedSpan:
    """Return what is kept of a span that has ended."""
    fields = _read(span)
    links, found = fields[-2:]
    # Into the dictionary of a span that has ended no more is written.
    kept = found._dict if type(found) is BoundedAttributes else dict(found or {})  # noqa: SLF001 -- a copy costs more
    return EndedSpan._make((*fields[:-2], tuple(links) if len(links) else (), kept))


class SpanQueue(BatchSpanProcessor):
    """The SDK's queue of spans, for an exporter that redacts them."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span."""
        super().on_end(cast("ReadableSpan", ended(span)))
