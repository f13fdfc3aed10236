"""One driver for every kind of callable: kinds, context, errors, cancellation."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import traceback

import pytest
from opentelemetry import context as otel_context
from opentelemetry.trace import StatusCode

from otel_clinical.instrument import current_inference
from otel_clinical.semconv import attributes
from tests.instrument._coding import decorate, inside, status


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


class TooMany(Exception):  # noqa: N818 -- any name will do
    pass


def test_a_failure_shows_its_class_and_nothing_of_its_text(capture):
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


@pytest.mark.parametrize("name", ["MRN00123456", "Smith", "ValueError", "ZeroDivisionError"])
def test_a_class_made_at_run_time_shows_as_what_it_derives_from(capture, name):
    """Its name is data: whoever made it could have put a patient there."""
    made = type(name, (TooMany,), {})

    @decorate(capture)
    def predict():
        raise made

    with pytest.raises(TooMany):
        predict()
    assert capture.span.attributes[attributes.ERROR_TYPE] == f"{__name__}.TooMany"


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
