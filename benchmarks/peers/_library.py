"""A decorator library under the probe, and the exporter that sees what leaves the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Kept(SpanExporter):
    """Keep finished spans, or forget them while time is measured."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.keeping = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep what is exported."""
        if self.keeping:
            self.spans.extend(spans)
        return SpanExportResult.SUCCESS


def current_span_id() -> int:
    """Return the id of the current span, 0 when there is none."""
    return trace.get_current_span().get_span_context().span_id


def _nothing() -> None:
    """Have nothing to flush."""


@dataclass
class Library:
    """How to decorate with one library.

    Args:
        name: As in the table.
        decorate: Decorate a function as the library's own quick start does.
        kept: What its spans end up in.
        current: Id of the span that code sees as its own.
        flush: Have finished spans exported.
    """

    name: str
    decorate: Callable[[Any], Any]
    kept: Kept
    current: Callable[[], int] = current_span_id
    flush: Callable[[], None] = _nothing

    def finished(self) -> list[ReadableSpan]:
        """Return what was exported since the last time, and forget it."""
        self.flush()
        found, self.kept.spans = self.kept.spans, []
        return found


def fresh_provider() -> tuple[TracerProvider, Kept]:
    """Return a provider whose finished spans are kept in memory."""
    kept = Kept()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return provider, kept
