"""Every decorator behaves as `@inference` does: kinds, forwarding, errors, closing, double decoration."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import traceback

import pytest

from otel_clinical.semconv import metrics

KINDS = (inspect.isfunction, inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)


class Boom(Exception):  # noqa: N818 -- any name will do
    pass


def plain(receipt: object, *, limit: int = 3) -> int:
    return limit


async def coroutine(receipt: object, *, limit: int = 3) -> int:
    await asyncio.sleep(0)
    return limit


def generator(receipt: object, *, limit: int = 3):
    yield limit
    return "end"


async def async_generator(receipt: object, *, limit: int = 3):
    yield limit


def drive(function, *args, **kwargs):
    """Call a function of any kind to its end; return its result or its items."""
    if inspect.isasyncgenfunction(function):

        async def collect():
            return [item async for item in function(*args, **kwargs)]

        return asyncio.run(collect())
    if inspect.iscoroutinefunction(function):
        return asyncio.run(function(*args, **kwargs))
    found = function(*args, **kwargs)
    return list(found) if inspect.isgenerator(found) else found


every_kind = pytest.mark.parametrize(
    "function", [plain, coroutine, generator, async_generator], ids=lambda one: one.__name__
)


@every_kind
def test_the_kind_the_name_and_the_signature_are_kept(clinical_telemetry, decorator, function):
    wrapped = decorator(function)
    assert [kind(wrapped) for kind in KINDS] == [kind(function) for kind in KINDS]
    assert wrapped.__wrapped__ is function
    assert inspect.signature(wrapped) == inspect.signature(function)
    assert inspect.get_annotations(wrapped, eval_str=True) == inspect.get_annotations(function, eval_str=True)
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(wrapped, name) == getattr(function, name)


@every_kind
def test_what_it_returns_and_yields_passes_and_is_reported_once(decorator, function, receipt, reported):
    expected = 5 if function in (plain, coroutine) else [5]
    assert drive(decorator(function), receipt, limit=5) == expected
    assert reported(decorator) in (1, None)


@every_kind
def test_it_works_the_same_without_an_sdk(without_sdk, decorator, function):
    expected = 5 if function in (plain, coroutine) else [5]
    assert drive(decorator(function), None, limit=5) == expected


@every_kind
def test_decorating_twice_is_the_same_as_once(clinical_telemetry, decorator, function):
    wrapped = decorator(function)
    assert decorator(wrapped) is wrapped
    assert clinical_telemetry.points(metrics.TELEMETRY_ERRORS) == {("decorator", "AlreadyDecorated"): 1}


def failing(kind):
    """Return a function of a kind that raises `Boom` of its first argument."""

    def plain(error, **_):
        raise error

    async def coroutine(error, **_):
        raise error

    def generator(error, **_):
        raise error
        yield

    async def async_generator(error, **_):
        raise error
        yield

    return {"plain": plain, "coroutine": coroutine, "generator": generator, "async_generator": async_generator}[kind]


def frames(function, error, **kwargs):
    """Call a failing function; return the names of the frames of its traceback."""
    error.__traceback__ = None
    with pytest.raises(Boom) as caught:
        drive(function, error, **kwargs)
    assert caught.value is error
    assert error.__context__ is None
    assert error.__cause__ is None
    assert not hasattr(error, "__notes__")
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("sdk", [True, False])
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("plain", ["call"]),
        ("coroutine", ["call"]),
        ("generator", ["call", "first"]),
        ("async_generator", ["call", "first"]),
    ],
)
def test_the_users_exception_is_the_same_with_the_documented_frames_more(request, decorator, kind, more, sdk):
    request.getfixturevalue("clinical_telemetry" if sdk else "without_sdk")
    function = failing(kind)
    bare = frames(function, Boom("MRN 1"), receipt=None)
    wrapped = frames(decorator(function), Boom("MRN 1"), receipt=None)
    assert bare[-1] == wrapped[-1] == kind
    assert wrapped == [*bare[:-1], *more, kind]


def test_an_exception_under_way_stays_the_context_of_what_is_raised_in_its_handler(decorator, clinical_telemetry):
    first, second = KeyError("first"), Boom("second")

    @decorator
    def function(receipt):
        raise second

    def handle():
        try:
            raise first
        except KeyError:
            function(None)

    with pytest.raises(Boom) as caught:
        handle()
    assert caught.value.__context__ is first


def test_send_throw_and_the_return_value_pass(decorator, receipt, reported):
    log = []

    @decorator
    def stream(receipt):
        log.append((yield 1))
        try:
            yield 2
        except Boom as error:
            log.append(error)
        return (yield 3)

    def outer():
        return (yield from stream(receipt))

    thrown = Boom()
    steps = outer()
    assert [next(steps), steps.send("hello"), steps.throw(thrown)] == [1, 2, 3]
    with pytest.raises(StopIteration) as stop:
        steps.send(42)
    assert stop.value.value == 42
    assert log == ["hello", thrown]
    assert reported(decorator) in (1, None)


def test_asend_athrow_and_aclose_pass(decorator, receipt):
    log = []

    @decorator
    async def stream(receipt):
        try:
            log.append((yield 1))
            try:
                yield 2
            except Boom as error:
                log.append(error)
            yield 3
        finally:
            log.append("closed")

    thrown = Boom()

    async def main():
        steps = stream(receipt)
        assert [await anext(steps), await steps.asend("hello"), await steps.athrow(thrown)] == [1, 2, 3]
        await steps.aclose()

    asyncio.run(main())
    assert log == ["hello", thrown, "closed"]


def test_a_generator_that_is_closed_abandoned_or_never_begun_is_left_in_order(decorator, receipt, reported):
    log = []

    @decorator
    def stream(receipt):
        try:
            yield 1
        finally:
            log.append("closed")

    closed = stream(receipt)
    next(closed)
    closed.close()
    abandoned = stream(receipt)
    next(abandoned)
    del abandoned
    never = stream(receipt)
    del never
    gc.collect()
    assert log == ["closed", "closed"]
    # Work that was left is no finished work: an inference says that it was cancelled, the others say nothing.
    assert reported(decorator) == {"inference": 2, "input_quality": None}.get(decorator.name, 0)


def test_cancellation_passes_through(decorator, receipt, reported):
    @decorator
    async def work(receipt):
        await asyncio.Event().wait()

    async def main():
        waiting = asyncio.create_task(work(receipt))
        await asyncio.sleep(0)
        waiting.cancel("reason")
        with pytest.raises(asyncio.CancelledError, match="reason"):
            await waiting
        assert waiting.cancelled()

    asyncio.run(main())
    assert reported(decorator) == {"inference": 1, "input_quality": None}.get(decorator.name, 0)


@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("kind", [classmethod, staticmethod])
def test_class_and_static_methods_work_in_either_order(decorator, receipt, reported, kind, above):
    if kind is classmethod:

        def method(cls, receipt):
            return cls

    else:

        def method(receipt):
            return None

    class Service:
        call = decorator(kind(method)) if above else kind(decorator(method))

    expected = Service if kind is classmethod else None
    assert Service.call(receipt) is expected
    assert Service().call(receipt) is expected
    assert reported(decorator) in (2, None)


def test_a_method_and_a_nested_class_find_the_receipt(decorator, receipt, reported):
    class Outer:
        class Service:
            @decorator
            def call(self, receipt):  # noqa: ARG002 -- read by the decorator
                return self

    service = Outer.Service()
    assert service.call(receipt) is service
    assert reported(decorator) in (1, None)


def test_partials_and_callable_objects_are_called(decorator, receipt, reported):
    class Service:
        def __call__(self, receipt, *, limit):  # noqa: ARG002 -- read by the decorator
            return limit

    assert decorator(functools.partial(plain, limit=4))(receipt) == 4
    assert decorator(Service())(receipt, limit=5) == 5
    assert reported(decorator) in (2, None)
