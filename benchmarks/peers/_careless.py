"""Decorators as they are written in an afternoon: what the probe must find something wrong with."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import StatusCode

from benchmarks.peers._library import Library, fresh_provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


def naive(*, sdk: bool = True) -> Library:
    """Return one wrapper for every kind of function, with arguments and result as texts."""
    provider, kept = fresh_provider()
    tracer = (provider if sdk else trace.NoOpTracerProvider()).get_tracer("naive")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span(function.__name__) as span:
                span.set_attribute("arguments", str(args))
                result = function(*args, **kwargs)
                span.set_attribute("result", str(result) if result else "")
                return result

        return call

    return Library("naive", decorate, kept)


def held(*, sdk: bool = True) -> Library:
    """Return wrappers that hold a span over every `yield`, and start it when the generator is made."""
    provider, kept = fresh_provider()
    tracer = (provider if sdk else trace.NoOpTracerProvider()).get_tracer("held")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        async def items(*args: Any) -> AsyncIterator[Any]:
            with tracer.start_as_current_span("held"):
                async for item in function(*args):
                    yield item

        def steps(*args: Any) -> Iterator[Any]:
            with tracer.start_as_current_span("held"):
                for item in function(*args):  # noqa: UP028 -- what `yield from` would forward is lost here
                    yield item

        if inspect.isasyncgenfunction(function):
            return items
        return steps if inspect.isgeneratorfunction(function) else function

    return Library("held", decorate, kept)


def clumsy(*, sdk: bool = True) -> Library:
    """Return a wrapper that takes every way out for an error, and raises one of its own."""
    provider, kept = fresh_provider()
    tracer = (provider if sdk else trace.NoOpTracerProvider()).get_tracer("clumsy")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def failed(span: trace.Span, error: BaseException) -> ValueError:
            span.set_status(StatusCode.ERROR, str(error))
            return ValueError(f"{function.__name__} failed: {error}")

        def call(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span("clumsy", set_status_on_exception=False) as span:
                try:
                    return function(*args, **kwargs)
                except Exception as error:  # noqa: BLE001 -- so is this
                    raise failed(span, error)  # noqa: B904 -- careless on purpose

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span("clumsy", set_status_on_exception=False) as span:
                try:
                    return await function(*args, **kwargs)
                except BaseException as error:
                    failed(span, error)
                    raise

        return awaited if inspect.iscoroutinefunction(function) else call

    return Library("clumsy", decorate, kept)


CARELESS: dict[str, Callable[..., Library]] = {"naive": naive, "held": held, "clumsy": clumsy}
