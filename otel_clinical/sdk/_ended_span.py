"""Keep of a span that waits for its export what can leave, in one list that is used again instead of seven objects.

The SDK's span is three kilobytes: lists for events that the redaction removes anyway, locks, a copy of everything. Of
thousands that wait, the garbage collector looks at each of these again and again, on the thread of an inference: it
starts when 700 objects more were made than went. Lists that are used again are never more.
"""

from __future__ import annotations

from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from otel_clinical.instrument._slices import in_slices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link

    _Ids = tuple[int | None, int | None, bool | None, int | None]


class EndedSpan(NamedTuple):
    """What the redaction reads of a span: everything but its events, its trace states and the text of its status."""

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
_SAMPLED: Final = SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
_NOBODY: Final[_Ids] = (None, None, None, None)
_FIELDS: Final = 16
"""Places of a list before the keys of the attributes, which their values follow."""


class Kept(list[Any]):
    """A span that ended and was sampled: its fields, then the keys of its attributes, then their values."""

    __slots__ = ()

    context: Final = _SAMPLED
    """What the SDK's queue asks for."""


def keep(kept: Kept, span: ReadableSpan) -> bool:
    """Write a span that has ended into a list; False for one that was not sampled, which is not written."""
    name, context, parent, resource, kind, status, start, end, scope, links, found = _read(span)
    if context is None or not context.trace_flags & TraceFlags.SAMPLED:
        return False
    # Past the lock that the SDK's mapping takes for every item; copied in one step, whoever else still writes.
    plain = found._dict.copy() if type(found) is BoundedAttributes else dict(found or {})  # noqa: SLF001
    kept[:] = (
        name,
        resource,
        kind,
        status.status_code if status is not None else None,
        start,
        end,
        scope,
        tuple(links) if links else (),
        *_ids(context),
        *_ids(parent),
        *plain,
        *plain.values(),
    )
    return True


def ended(kept: Kept) -> EndedSpan:
    """Return the span that was written into a list."""
    name, resource, kind, code, start, end, scope, links, *ids = kept[:_FIELDS]
    keys = (len(kept) - _FIELDS) // 2 + _FIELDS
    return EndedSpan(
        name,
        _context(ids[:4]),
        _context(ids[4:]),
        resource,
        kind,
        Status(code) if code is not None else None,  # type: ignore[arg-type]
        start,
        end,
        scope,
        links,
        dict(zip(kept[_FIELDS:keys], kept[keys:], strict=True)),
    )


def _ids(context: SpanContext | None) -> _Ids:
    if context is None:
        return _NOBODY
    trace_id, span_id, is_remote, flags, *_ = context
    return trace_id, span_id, is_remote, int(flags)


def _context(ids: list[Any]) -> SpanContext | None:
    trace_id, span_id, is_remote, flags = ids
    return None if trace_id is None else SpanContext(trace_id, span_id, is_remote, TraceFlags(flags))


class Batch:
    """Spans of a batch, each made when it is asked for: all at once would be thousands of objects."""

    def __init__(self, kept: Sequence[Kept]) -> None:
        self._kept = kept

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[EndedSpan]:
        return map(ended, self._kept)


class _Giving(SpanExporter):
    """Give an exporter the spans that were kept, and the lists back to the queue."""

    def __init__(self, exporter: SpanExporter, free: deque[Kept]) -> None:
        self._exporter = exporter
        self._free = free

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        kept = cast("Sequence[Kept]", spans)
        try:
            return self._exporter.export(cast("Sequence[ReadableSpan]", Batch(kept)))
        finally:
            for one in in_slices(kept):
                one.clear()
            self._free.extend(kept)

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class SpanQueue(BatchSpanProcessor):
    """The SDK's queue of spans, for an exporter that redacts them and keeps none."""

    reads_at_once: Final = True
    """Of a span that ended nothing is kept but what is written down at once: it may be the span itself, not a copy."""

    def __init__(self, exporter: SpanExporter, *, max_queue_size: int = 2048, **options: Any) -> None:
        self._free: deque[Kept] = deque(maxlen=max_queue_size)
        super().__init__(_Giving(exporter, self._free), max_queue_size=max_queue_size, **options)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span."""
        try:
            kept = self._free.pop()
        except IndexError:
            kept = Kept()
        if keep(kept, span):
            super().on_end(cast("ReadableSpan", kept))
        else:
            self._free.append(kept)
