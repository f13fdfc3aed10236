"""Observe calls of any kind of callable: one driver for all decorators.

Functions, coroutines, generators, async generators, class and static methods in either order, partials and
callable objects keep their kind. Generators attach context inside each step, never across a yield.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from ._context import detach
from ._observed import observed_object

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextvars import Token

    from opentelemetry.context import Context

MARK: Final = "__otel_clinical__"
"""Attribute of a wrapper that names the decorators already applied."""


class Observation:
    """One call under observation. Nothing here may raise; the base class observes nothing."""

    __slots__ = ("context", "instead")

    def __init__(self) -> None:
        self.context: Context | None = None
        """What to attach while the function runs."""
        self.instead: Callable[..., Any] | None = None
        """Called in place of the function, when the observer decided so."""

    def succeed(self, result: object) -> None:
        """Take note that the call returned."""

    def fail(self, error: BaseException) -> None:
        """Take note that the call raised; cancellation and closing are failures of their own kind."""


def is_marked(function: object, kind: str) -> bool:
    """Tell whether a decorator of this kind was applied before."""
    target = function.__func__ if isinstance(function, classmethod | staticmethod) else function
    return kind in getattr(target, MARK, ())


def wrap(function: Any, begin: Callable[[tuple[Any, ...], dict[str, Any]], Observation], kind: str) -> Any:
    """Return `function` under observation, of the same kind; `begin` starts each call's observation."""
    if isinstance(function, classmethod | staticmethod):
        return type(function)(wrap(function.__func__, begin, kind))
    if isinstance(function, property):
        raise TypeError(f"{kind}: a property cannot be decorated; write @{kind} below @property")
    if not callable(function):
        raise TypeError(f"{kind}: {type(function).__qualname__} is not callable; decorate a function")
    if isinstance(function, type):
        raise TypeError(f"{kind}: {function.__qualname__} is a class; decorate the method that does the work")
    call = _driver(function)(function, begin)
    if inspect.isroutine(function):
        wrapper = functools.update_wrapper(call, function)
    else:  # what an object holds is read where it is
        made: Any = observed_object(call)
        wrapper = functools.update_wrapper(made, function, updated=())
    setattr(wrapper, MARK, (*getattr(function, MARK, ()), kind))
    return wrapper


def _driver(function: Any) -> Callable[..., Any]:
    plain = (
        function if inspect.isroutine(function) or isinstance(function, functools.partial) else type(function).__call__
    )
    if inspect.isasyncgenfunction(plain):
        return _drive_async_generator
    if inspect.isgeneratorfunction(plain):
        return _drive_generator
    if inspect.iscoroutinefunction(plain):
        return _drive_coroutine
    return _drive_function


def _enter(observation: Observation) -> Token[Context] | None:
    return None if observation.context is None else otel_context.attach(observation.context)


def _leave(token: Token[Context] | None) -> None:
    if token is not None:
        detach(token)


def _leave_step(observation: Observation, token: Token[Context] | None) -> None:
    """Detach after a step, and keep what the body itself attached for its next step."""
    if token is not None:
        observation.context = otel_context.get_current()
        detach(token)


def _drive_function(function: Any, begin: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        observation = begin(args, kwargs)
        target = function if observation.instead is None else observation.instead
        # Written out, not `_enter` and `_leave`: two calls less in what every inference pays.
        context = observation.context
        token = None if context is None else otel_context.attach(context)
        try:
            result = target(*args, **kwargs)
        except BaseException as error:
            _leave(token)
            observation.fail(error)
            raise
        if token is not None:
            detach(token)
        observation.succeed(result)
        return result

    return call


def _drive_coroutine(function: Any, begin: Any) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        observation = begin(args, kwargs)
        target = function if observation.instead is None else observation.instead
        token = _enter(observation)
        try:
            result = target(*args, **kwargs)
            if observation.instead is None or inspect.isawaitable(result):
                result = await result
        except BaseException as error:
            _leave(token)
            observation.fail(error)
            raise
        _leave(token)
        observation.succeed(result)
        return result

    return call


def _drive_generator(function: Any, begin: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        observation = begin(args, kwargs)
        target = function if observation.instead is None else observation.instead
        source: Any = None

        def first() -> Any:
            nonlocal source
            source = iter(target(*args, **kwargs))
            return next(source)

        step: Callable[[], Any] = first
        while True:
            token = _enter(observation)
            try:
                item = step()
            except StopIteration as stop:
                _leave_step(observation, token)
                observation.succeed(stop.value)
                return stop.value
            except BaseException as error:
                _leave_step(observation, token)
                observation.fail(error)
                raise
            _leave_step(observation, token)
            try:
                sent = yield item
            except GeneratorExit as closing:
                _close(observation, source, closing)
                raise
            except BaseException as thrown:  # noqa: BLE001 -- handed to the generator, which decides (PEP 380)
                step = functools.partial(_throw, source, thrown)
            else:
                step = functools.partial(next, source) if sent is None else functools.partial(source.send, sent)

    return call


def _throw(source: Any, error: BaseException) -> Any:
    if not hasattr(source, "throw"):  # a fallback may be any iterable
        raise error
    return source.throw(error)


def _close(observation: Observation, source: Any, closing: GeneratorExit) -> None:
    """Close the inner generator in its context; what it raises on the way replaces the closing."""
    token = _enter(observation)
    try:
        if hasattr(source, "close"):
            source.close()
    except BaseException as error:
        _leave(token)
        observation.fail(error)
        raise
    _leave(token)
    observation.fail(closing)


def _drive_async_generator(function: Any, begin: Any) -> Any:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        observation = begin(args, kwargs)
        target = function if observation.instead is None else observation.instead
        source: Any = None

        async def first() -> Any:
            nonlocal source
            source = aiter(target(*args, **kwargs))
            return await anext(source)

        step: Callable[[], Any] = first
        while True:
            token = _enter(observation)
            try:
                item = await step()
            except StopAsyncIteration:
                _leave_step(observation, token)
                observation.succeed(None)
                return
            except BaseException as error:
                _leave_step(observation, token)
                observation.fail(error)
                raise
            _leave_step(observation, token)
            try:
                sent = yield item
            except GeneratorExit as closing:
                await _aclose(observation, source, closing)
                raise
            except BaseException as thrown:  # noqa: BLE001 -- handed to the generator, which decides (PEP 525)
                step = functools.partial(_athrow, source, thrown)
            else:
                step = functools.partial(anext, source) if sent is None else functools.partial(source.asend, sent)

    return call


async def _athrow(source: Any, error: BaseException) -> Any:
    if not hasattr(source, "athrow"):
        raise error
    return await source.athrow(error)


async def _aclose(observation: Observation, source: Any, closing: GeneratorExit) -> None:
    token = _enter(observation)
    try:
        if hasattr(source, "aclose"):
            await source.aclose()
    except BaseException as error:
        _leave(token)
        observation.fail(error)
        raise
    _leave(token)
    observation.fail(closing)
