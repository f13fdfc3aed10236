"""Arguments and results are handed through; nothing is asked of them."""

from __future__ import annotations

import sys

import pytest

from otel_clinical import current_inference, inference
from otel_clinical.semconv import attributes, metrics

ASKED = (
    "__str__", "__repr__", "__format__", "__bool__", "__len__", "__iter__", "__next__", "__contains__", "__getitem__",
    "__eq__", "__ne__", "__lt__", "__hash__", "__int__", "__float__", "__index__", "__bytes__", "__sizeof__",
    "__reduce_ex__", "__copy__", "__deepcopy__", "__call__", "__enter__", "__await__",
)  # fmt: skip


class Hostile:
    """A value of which nothing may be asked."""

    asked: list[str]


def refusing(name):
    def refuse(self, *_):
        Hostile.asked.append(name)
        raise RuntimeError(f"{name} was asked")

    return refuse


for _name in ASKED:
    setattr(Hostile, _name, refusing(_name))


def ended(awaitable):
    """Return the result of something that never waits; an event loop would print it in places."""
    with pytest.raises(StopIteration) as stop:
        awaitable.__await__().send(None)
    return stop.value.value


@pytest.fixture
def hostile():
    Hostile.asked = []
    return Hostile()


def test_the_hostile_value_tells_who_asks(hostile):
    for question in (str, repr, bool, len, iter, hash, float, lambda value: value == 1):
        with pytest.raises(RuntimeError):
            question(hostile)
    assert len(Hostile.asked) == 8


@pytest.mark.parametrize("sdk", [True, False])
def test_a_hostile_result_of_any_kind_of_function_is_returned_untouched(request, decorator, hostile, sdk):
    request.getfixturevalue("clinical_telemetry" if sdk else "without_sdk")

    @decorator
    def plain(receipt):
        return hostile

    @decorator
    async def coroutine(receipt):
        return hostile

    @decorator
    def generator(receipt):
        sent = yield hostile
        assert sent is hostile
        return hostile

    @decorator
    async def async_generator(receipt):
        yield hostile

    def delegate():
        steps = generator(None)
        assert next(steps) is hostile
        with pytest.raises(StopIteration) as stop:
            steps.send(hostile)
        return stop.value.value

    assert plain(None) is hostile
    assert ended(coroutine(None)) is hostile
    assert delegate() is hostile
    assert ended(anext(async_generator(None))) is hostile
    assert Hostile.asked == []


@pytest.mark.parametrize("sdk", [True, False])
def test_a_hostile_argument_in_any_position_is_handed_on_untouched(request, decorator, hostile, sdk):
    request.getfixturevalue("clinical_telemetry" if sdk else "without_sdk")

    @decorator
    def function(first, *rest, receipt=None, **more):
        return first, rest, more

    first, rest, more = function(hostile, hostile, receipt=None, other=hostile)
    assert first is rest[0] is more["other"] is hostile
    assert Hostile.asked == []


def test_an_exception_that_cannot_be_printed_passes(decorator, clinical_telemetry):
    class Unprintable(Exception):  # noqa: N818 -- any name will do
        def __str__(self):
            raise RuntimeError("asked")

        __repr__ = __str__

    error = Unprintable()

    @decorator
    def function(receipt):
        raise error

    try:
        function(None)
    except Unprintable as caught:
        assert caught is error  # noqa: PT017 -- pytest.raises would print it
    else:
        pytest.fail("the exception was swallowed")


def test_no_reference_to_arguments_or_result_is_kept(decorator, receipt):
    class Value:
        pass

    @decorator
    def function(receipt, value):
        return value

    value = Value()
    before = sys.getrefcount(value)
    result = function(receipt, value)
    assert result is value
    del result
    assert sys.getrefcount(value) == before


def test_what_is_no_number_is_withheld_and_harms_nothing(clinical_telemetry):
    class NoNumber:
        def __float__(self):
            raise RuntimeError("asked")

    @inference(model="coding", version="7")
    def predict():
        for value in (NoNumber(), float("nan"), float("inf"), "0.9", None, object()):
            current_inference().set_confidence(value)
        return 1

    assert predict() == 1
    assert clinical_telemetry.points(metrics.TELEMETRY_ERRORS) == {("decorator", "RuntimeError"): 1}
    assert attributes.CONFIDENCE_SCORE not in clinical_telemetry.spans[0].attributes
