"""Generators, sync and async: steps, context, PEP 380 forwarding, closing and collecting."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from otel_clinical.instrument import current_inference
from otel_clinical.semconv import attributes
from tests.instrument._coding import decorate, inside, status


def test_a_generator_starts_its_span_at_the_first_step_and_ends_it_at_the_last(capture):
    @decorate(capture)
    def stream():
        assert inside()
        yield 1
        assert inside()
        yield 2
        assert inside()
        return "end"

    generator = stream()
    assert not inside()
    seen = [next(generator)]
    assert not capture.spans
    assert not inside(), "the span must not leak into the caller between steps"
    seen.append(next(generator))
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert (seen, stop.value.value) == ([1, 2], "end")
    assert status(capture.span) == "completed"
    assert not inside()


def test_a_generator_that_is_never_iterated_leaves_no_span_and_no_context(capture):
    before = otel_context.get_current()

    @decorate(capture)
    def stream():
        yield 1

    generator = stream()
    del generator
    gc.collect()
    assert not capture.spans
    assert otel_context.get_current() is before


def test_send_throw_and_return_value_reach_the_generator_and_come_back(capture):
    log = []

    @decorate(capture)
    def stream():
        log.append((yield 1))
        try:
            yield 2
        except KeyError as error:
            log.append(error)
        received = yield 3
        return received

    def delegate():
        return (yield from stream())

    generator = delegate()
    assert next(generator) == 1
    assert generator.send("hello") == 2
    thrown = KeyError("x")
    assert generator.throw(thrown) == 3
    with pytest.raises(StopIteration) as stop:
        generator.send(42)
    assert stop.value.value == 42
    assert log == ["hello", thrown]
    assert status(capture.span) == "completed"


def test_a_closed_generator_is_cancelled_and_its_finally_runs_inside_the_inference(capture):
    seen = []

    @decorate(capture)
    def stream():
        try:
            yield 1
        finally:
            seen.append(inside())

    generator = stream()
    next(generator)
    generator.close()
    assert seen == [True]
    assert status(capture.span) == "cancelled"
    assert capture.span.status.status_code is StatusCode.UNSET
    assert attributes.ERROR_TYPE not in capture.span.attributes


def test_an_abandoned_generator_ends_its_span_when_it_is_collected(capture):
    @decorate(capture)
    def stream():
        yield 1

    generator = stream()
    next(generator)
    del generator
    gc.collect()
    assert status(capture.span) == "cancelled"


def test_an_error_while_closing_replaces_the_closing(capture):
    @decorate(capture)
    def stream():
        try:
            yield 1
        finally:
            raise OSError("on the way out")

    generator = stream()
    next(generator)
    with pytest.raises(OSError, match="on the way out"):
        generator.close()
    assert status(capture.span) == "failed"


def test_context_the_body_attached_over_a_yield_is_there_in_its_next_step(capture):
    tracer = capture.tracer_provider.get_tracer("user")
    names = []

    @decorate(capture)
    def stream():
        with tracer.start_as_current_span("inner"):
            yield 1
            names.append(trace.get_current_span().name)
            yield 2
        names.append(trace.get_current_span().name)

    for _ in stream():
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert names == ["inner", "predict coding"]


def test_two_generators_interleaved_do_not_mix_their_inferences(capture):
    @decorate(capture)
    def stream():
        mine = current_inference()
        for _ in range(3):
            yield mine.id
            assert current_inference() is mine

    pairs = list(zip(stream(), stream(), strict=True))
    assert len({pair[0] for pair in pairs}) == 1
    assert pairs[0][0] != pairs[0][1]


def test_an_async_generator_forwards_asend_athrow_and_aclose(capture):
    log = []

    @decorate(capture)
    async def stream():
        assert inside()
        log.append((yield 1))
        try:
            yield 2
        except KeyError:
            log.append("thrown")
        yield 3
        log.append("never")

    async def main():
        generator = stream()
        assert await anext(generator) == 1
        assert not inside()
        assert await generator.asend("hello") == 2
        assert await generator.athrow(KeyError("x")) == 3
        await generator.aclose()

    asyncio.run(main())
    assert log == ["hello", "thrown"]
    assert status(capture.span) == "cancelled"


def test_breaking_out_of_an_async_generator_leaves_no_span_in_the_caller(capture):
    @decorate(capture)
    async def stream():
        while True:
            yield 1

    async def main():
        async for _ in stream():
            break
        assert not inside()

    asyncio.run(main())


def test_an_exhausted_async_generator_is_completed(capture):
    @decorate(capture)
    async def stream():
        yield 1

    async def main():
        return [item async for item in stream()]

    assert asyncio.run(main()) == [1]
    assert status(capture.span) == "completed"


def test_closing_an_async_generator_in_another_task_logs_no_detach_error(capture, caplog):
    @decorate(capture)
    async def stream():
        while True:
            await asyncio.sleep(0)
            yield 1

    async def main():
        generator = stream()
        await asyncio.create_task(first(generator))
        await asyncio.create_task(generator.aclose())

    async def first(generator):
        return await anext(generator)

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert not caplog.records
    assert status(capture.span) == "cancelled"


def test_a_coroutine_collected_in_another_context_logs_no_detach_error(capture, caplog):
    class Forever:
        def __await__(self):
            yield

    @decorate(capture)
    async def predict():
        await Forever()

    coroutine = predict()
    contextvars.copy_context().run(coroutine.send, None)
    with caplog.at_level(logging.ERROR):
        coroutine.close()
    assert not caplog.records
    assert status(capture.span) == "cancelled"
