"""Attach and detach OpenTelemetry context, and keep out of it what a caller outside may have written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry.trace import NonRecordingSpan, SpanContext, get_current_span, set_span_in_context

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context


def detach(token: Token[Context]) -> None:
    """Undo an attach.

    A coroutine that is collected in another task cannot detach, and `opentelemetry.context.detach` logs an
    error for that; there is nothing to undo then, because the task that attached is gone.
    """
    variable = getattr(token, "var", None)
    if variable is None:  # another runtime context was plugged in
        otel_context.detach(token)
        return
    try:
        variable.reset(token)
    except ValueError:
        return


def without_trace_state(parent: Context | None) -> Context | None:
    """Return the context to start a span in, with the trace of its caller but not the caller's trace state.

    The SDK copies the trace state of a parent to its children and exports it, propagators send it on, and anybody
    outside may write what they like into it. Identifiers and flags are kept; None is the current context.
    """
    caller = get_current_span(parent).get_span_context()
    if not caller.trace_state:
        return parent
    kept = SpanContext(caller.trace_id, caller.span_id, caller.is_remote, caller.trace_flags)
    return set_span_in_context(NonRecordingSpan(kept), parent)
