"""One driver for every kind of callable: kinds, context, PEP 380 forwarding, errors, cancellation."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import logging
import sys
import traceback

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from otel_clinical.instrument import current_inference, inference
from otel_clinical.semconv import attributes


def decorate(capture, **options):
    return inference(model="coding", version="7", telemetry=capture.telemetry, **options)


def status(span):
    return span.attributes[attributes.INFERENCE_STATUS]


def inside():
    """Tell whether the code runs inside an inference."""
    return current_inference().model == "coding" and trace.get_current_span().is_recording()


# --- kinds -----------------------------------------------------------------------------------------


def test_every_kind_of_function_keeps_its_kind(capture):
    def plain(): ...

    async def coroutine(): ...

    def generator():
        yield

    async def async_generator():
        yield

    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction, inspect.isfunction)
    for function in (plain, coroutine, generator, async_generator):
        wrapped = decorate(capture)(function)
        assert [kind(wrapped) for kind in kinds] == [kind(function) for kind in kinds]
        assert wrapped.__wrapped__ is function
        assert wrapped.__name__ == function.__name__
        assert inspect.signature(wrapped) == inspect.signature(function)


def test_results_and_arguments_pass_through_a_sync_function(capture):
    @decorate(capture)
    def predict(a, /, b, *, c=3):
        assert inside()
        return a, b, c

    assert predict(1, b=2) == (1, 2, 3)
    assert not inside()
    assert status(capture.span) == "completed"


def test_a_coroutine_is_observed_while_it_is_awaited(capture):
    @decorate(capture)
    async def predict(x):
        await asyncio.sleep(0)
        assert inside()
        return x

    async def main():
        coroutine = predict(5)
        assert not capture.spans
        return await coroutine

    assert asyncio.run(main()) == 5
    assert status(capture.span) == "completed"


def test_concurrent_tasks_keep_their_own_inference(capture):
    @decorate(capture)
    async def predict(x):
        mine = current_inference()
        await asyncio.sleep(0)
        assert current_inference() is mine
        mine.set_confidence(x / 10)
        return mine.id

    async def main():
        return await asyncio.gather(*(predict(x) for x in range(8)))

    ids = asyncio.run(main())
    assert len(set(ids)) == 8
    assert {span.attributes[attributes.INFERENCE_ID] for span in capture.spans} == set(ids)


@pytest.mark.parametrize("outside_first", [True, False])
@pytest.mark.parametrize("kind", [classmethod, staticmethod])
def test_class_and_static_methods_work_in_either_order(capture, kind, outside_first):
    def method(*args):
        return args

    class Model:
        call = decorate(capture)(kind(method)) if outside_first else kind(decorate(capture)(method))

    expected = (Model, 1) if kind is classmethod else (1,)
    assert Model.call(1) == expected
    assert Model().call(1) == expected
    assert len(capture.spans) == 2


def test_a_method_finds_its_record_after_self(capture):
    class Model:
        @decorate(capture, segments={"payer": "payer_code"})
        def predict(self, encounter):
            return encounter.payer_code

    class Encounter:
        payer_code = "medicaid"

    Model().predict(Encounter())
    assert capture.span.attributes[attributes.SEGMENT_PAYER] == "medicaid"


def test_a_partial_and_a_callable_object_have_no_name_and_need_none(capture):
    class Model:
        def __call__(self, x):
            return x + 1

    assert decorate(capture)(functools.partial(lambda a, b: a + b, 1))(2) == 3
    assert decorate(capture)(Model())(1) == 2
    assert decorate(capture)(lambda: 4)() == 4
    assert [status(span) for span in capture.spans] == ["completed"] * 3


def test_a_callable_object_with_an_async_call_is_awaited(capture):
    class Model:
        async def __call__(self, x):
            assert inside()
            return x

    assert asyncio.run(decorate(capture)(Model())(3)) == 3
    assert asyncio.run(decorate(capture)(functools.partial(Model().__call__, 4))()) == 4


def test_a_builtin_can_be_decorated(capture):
    assert decorate(capture)(max)(1, 2) == 2


def test_what_is_not_callable_is_refused_at_once(capture):
    with pytest.raises(TypeError, match="int is not callable; decorate a function"):
        decorate(capture)(3)


def test_decorating_twice_returns_the_same_object_and_is_counted(capture):
    @decorate(capture)
    def predict():
        return 1

    assert decorate(capture)(predict) is predict
    predict()
    assert len(capture.spans) == 1
    assert capture.errors() == {("decorator", "AlreadyDecorated"): 1}


# --- generators ------------------------------------------------------------------------------------


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


# --- errors ----------------------------------------------------------------------------------------


def test_the_users_exception_passes_unchanged(capture):
    original = ValueError("MRN 00123")

    @decorate(capture)
    def predict():
        raise original

    with pytest.raises(ValueError, match="MRN") as caught:
        predict()
    assert caught.value is original
    assert original.__context__ is None
    assert original.__cause__ is None
    names = [frame.name for frame in traceback.extract_tb(original.__traceback__)]
    assert names[-1] == "predict"


def test_a_failure_shows_its_class_and_nothing_of_its_text(capture):
    class TooMany(Exception):  # noqa: N818 -- any name will do
        pass

    @decorate(capture)
    def predict():
        raise TooMany("MRN 00123")

    with pytest.raises(TooMany):
        predict()
    span = capture.span
    assert span.attributes[attributes.ERROR_TYPE].endswith("TooMany")
    assert status(span) == "failed"
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert not span.events


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_exceptions_that_end_the_process_pass_through(capture, error):
    @decorate(capture)
    def predict():
        raise error

    with pytest.raises(error):
        predict()
    assert status(capture.span) == "failed"


def test_a_cancelled_task_is_cancelled_not_failed(capture):
    @decorate(capture)
    async def predict():
        await asyncio.Event().wait()

    async def main():
        task = asyncio.create_task(predict())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    span = capture.span
    assert status(span) == "cancelled"
    assert span.status.status_code is StatusCode.UNSET
    assert attributes.ERROR_TYPE not in span.attributes


@pytest.mark.parametrize("kind", ["plain", "coroutine", "generator", "async_generator"])
def test_a_failing_call_of_any_kind_leaves_no_context_behind(capture, kind):
    def plain():
        raise ValueError

    async def coroutine():
        raise ValueError

    def generator():
        yield 1
        raise ValueError

    async def async_generator():
        yield 1
        raise ValueError

    before = otel_context.get_current()

    async def main():
        function = decorate(capture)(locals_[kind])
        if kind == "plain":
            function()
        elif kind == "coroutine":
            await function()
        elif kind == "generator":
            list(function())
        else:
            [item async for item in function()]

    locals_ = {f.__name__: f for f in (plain, coroutine, generator, async_generator)}
    with pytest.raises(ValueError):  # noqa: PT011 -- the user's own, without text
        asyncio.run(main())
    assert otel_context.get_current() is before
    assert status(capture.span) == "failed"


def test_a_reference_to_the_result_is_not_kept(capture):
    """The queue and the current inference hold on to nothing of the user's."""

    class Result:
        pass

    @decorate(capture)
    def predict():
        return Result()

    result = predict()
    assert sys.getrefcount(result) == 2
