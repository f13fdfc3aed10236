"""Decorated functions are dispatched, cached, pickled and introspected like any other."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import subprocess
import sys
import typing

import pytest

from otel_clinical import inference, task
from otel_clinical.semconv import attributes


@inference(model="coding", version="7")
def module_level(x: int) -> int:
    return x + 1


class Service:
    @inference(model="coding", version="7")
    def method(self, x: int) -> int:
        return x + 2

    @classmethod
    @inference(model="coding", version="7")
    def of_class(cls, x: int) -> int:
        return x + 3

    @inference(model="coding", version="7")
    @staticmethod
    def static(x: int) -> int:
        return x + 4


decorate = inference(model="coding", version="7")


class Model:
    """A callable object, as many models are."""

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, x: int) -> int:
        return self.weight * x


model_object = decorate(Model(5))
model_partial = decorate(functools.partial(divmod, 17))


def test_singledispatch_over_decorated_implementations(clinical_telemetry):
    @functools.singledispatch
    @decorate
    def score(record):
        return "any"

    @score.register
    @inference(model="coding", version="8")
    def _(record: int):
        return "int"

    assert [score("x"), score(1)] == ["any", "int"]
    assert [span.attributes[attributes.MODEL_VERSION] for span in clinical_telemetry.spans] == ["7", "8"]


def test_a_decorated_singledispatch_still_registers_and_dispatches(clinical_telemetry):
    @decorate
    @functools.singledispatch
    def score(record):
        return "any"

    @score.register
    def _(record: int):
        return "int"

    assert [score("x"), score(1)] == ["any", "int"]
    assert score.dispatch(int)(1) == "int"
    assert len(clinical_telemetry.spans) == 2


def test_singledispatchmethod_over_decorated_implementations(clinical_telemetry):
    class Model:
        @functools.singledispatchmethod
        @decorate
        def score(self, record):  # noqa: ARG002 -- what it dispatches on
            return "any"

        @score.register
        @decorate
        def _(self, record: int):  # noqa: ARG002 -- what it dispatches on
            return "int"

    assert [Model().score("x"), Model().score(1)] == ["any", "int"]
    assert len(clinical_telemetry.spans) == 2


def test_a_cache_above_answers_without_an_inference_and_one_below_with(clinical_telemetry):
    ran = []

    def predict(x):
        ran.append(x)
        return x

    above = functools.cache(decorate(predict))
    assert [above(1), above(1)] == [1, 1]
    assert (len(ran), len(clinical_telemetry.spans)) == (1, 1)
    assert above.cache_info().hits == 1

    below = decorate(functools.lru_cache(maxsize=8)(predict))
    assert [below(2), below(2)] == [2, 2]
    assert (len(ran), len(clinical_telemetry.spans)) == (2, 3)


def test_a_cached_method_and_a_cached_property(clinical_telemetry):
    class Model:
        @functools.cached_property
        @decorate
        def score(self):
            return 5

        @property
        @decorate
        def now(self):
            return 6

    model = Model()
    assert [model.score, model.score, model.now, model.now] == [5, 5, 6, 6]
    assert len(clinical_telemetry.spans) == 3


def test_a_property_or_a_class_is_refused_with_what_to_write():
    with pytest.raises(TypeError, match="write @inference below @property"):
        decorate(property(lambda _: 1))
    with pytest.raises(TypeError, match="decorate the method that does the work"):
        decorate(Service)


def test_decorated_functions_and_methods_are_pickled_by_name(clinical_telemetry, monkeypatch):
    # What is pickled is found again in its module; the importer of the test suite puts none into `sys.modules`.
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules[Service.__module__])
    for function in (module_level, Service.method, Service.static):
        assert pickle.loads(pickle.dumps(function)) is function  # noqa: S301 -- our own bytes
    assert pickle.loads(pickle.dumps(Service().method))(1) == 3  # noqa: S301 -- the same
    assert pickle.loads(pickle.dumps(Service.of_class))(1) == 4  # noqa: S301 -- the same
    assert len(clinical_telemetry.spans) == 2


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("decorated", [model_object, model_partial], ids=["callable object", "partial"])
def test_decorated_objects_are_pickled_by_the_name_in_their_module(
    clinical_telemetry, monkeypatch, decorated, protocol
):
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules[Service.__module__])
    again = pickle.loads(pickle.dumps(decorated, protocol))  # noqa: S301 -- our own bytes
    assert again is decorated
    assert again(3) in (15, (5, 2))
    assert len(clinical_telemetry.spans) == 1


def test_a_decorated_object_is_copied_like_a_function(clinical_telemetry):
    assert copy.copy(model_object) is model_object
    assert copy.deepcopy([model_object]) == [model_object]
    assert copy.deepcopy(model_object)(3) == 15
    assert len(clinical_telemetry.spans) == 1


def test_a_decorated_object_without_a_name_says_what_to_write():
    with pytest.raises(pickle.PicklingError, match="assign it at the top of a module"):
        pickle.dumps(decorate(Model(6)))


def test_a_decorated_object_stays_an_object(clinical_telemetry):
    class Holder:
        score = decorate(Model(7))

    assert Holder().score(2) == 14  # not bound to the holder, as the object itself would not be
    assert (Holder.score.weight, inspect.signature(Holder.score)) == (7, inspect.signature(Model(7)))
    model_object.__wrapped__.weight = 6
    try:
        assert model_object.weight == model_object(1) == 6
    finally:
        model_object.__wrapped__.weight = 5
    assert not hasattr(model_object, "bias")
    assert len(clinical_telemetry.spans) == 2


SPAWN = """
import concurrent.futures, multiprocessing
from otel_clinical import current_inference, inference

@inference(model="coding", version="7")
def predict(x):
    return x, current_inference().model

class Service:
    @inference(model="coding", version="7")
    def predict(self, x):
        return x + 1

if __name__ == "__main__":
    for how in ("spawn", "forkserver"):
        context = multiprocessing.get_context(how)
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            assert list(pool.map(predict, [1, 2])) == [(1, "coding"), (2, "coding")]
            assert list(pool.map(Service().predict, [1, 2])) == [2, 3]
    print("done")
"""


def test_decorated_functions_go_to_spawned_processes(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(SPAWN, encoding="utf-8")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_type_hints_are_found_through_the_decorator():
    assert typing.get_type_hints(module_level) == {"x": int, "return": int}
    assert str(inspect.signature(Service.method)) == "(self, x: 'int') -> 'int'"
    assert inspect.getsource(module_level).startswith("@inference")
    assert inspect.unwrap(module_level) is module_level.__wrapped__


def test_a_function_marked_as_a_coroutine_function_is_awaited_and_stays_marked(clinical_telemetry):
    if not hasattr(inspect, "markcoroutinefunction"):
        pytest.skip("Python 3.12 brought it")

    async def inner():
        return 5

    @decorate
    @inspect.markcoroutinefunction
    def predict():
        return inner()

    assert inspect.iscoroutinefunction(predict)
    assert asyncio.run(predict()) == 5
    assert len(clinical_telemetry.spans) == 1


def test_a_decorated_partial_of_a_method_and_a_partialmethod(clinical_telemetry):
    class Model:
        def predict(self, a, b):
            return a + b

        add_one = functools.partialmethod(decorate(predict), 1)

    assert decorate(functools.partial(Model().predict, 1))(2) == 3
    assert Model().add_one(3) == 4
    assert len(clinical_telemetry.spans) == 2


def test_decorators_stack_in_any_order_and_each_sees_the_call(clinical_telemetry):
    timed = task("chart_review")

    def predict(x):
        return x

    assert timed(decorate(predict))(1) == 1
    assert decorate(timed(predict))(2) == 2
    assert len(clinical_telemetry.spans) == 2
