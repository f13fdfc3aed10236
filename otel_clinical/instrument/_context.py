"""Attach and detach OpenTelemetry context, in silence when a task or thread was left meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context as otel_context

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
