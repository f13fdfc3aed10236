"""Shadow mode: the version before scores the same cases, and whatever it does, no call notices."""

from __future__ import annotations

import copy
import threading
import time

import pytest

from otel_clinical.instrument import ModelRouter, _shadow, current_inference, inference
from otel_clinical.release import force_manual_path
from otel_clinical.semconv import attributes, metrics
from tests.instrument._pointer import activated, change

DEADLINE = 60.0


@pytest.fixture
def path(tmp_path):
    return activated(tmp_path)


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def make(capture, path, seven, eight=lambda _: {"code": "eight", "sure": 0.9}, **options):
    defaults = {"versions": {"7": seven, "8": eight}, "refresh": 0, "shadow": True, "shadow_confidence": "sure"}
    return ModelRouter("coding", pointer=path, telemetry=capture.telemetry, **defaults | options)


def decorated(capture, router):
    @inference(
        model="coding", router=router, segments={"payer": "payer"}, confidence="sure", telemetry=capture.telemetry
    )
    def predict(record):
        return router(record)

    return predict


def shadows(capture):
    return [span for span in capture.spans if span.attributes[attributes.DEPLOYMENT_ROLE] == "shadow"]


def test_the_version_before_scores_the_same_case_in_the_same_trace_and_its_result_is_shown_to_nobody(capture, path):
    kept = []
    router = make(
        capture, path, lambda _: {"code": "seven", "sure": 0.4}, keep_shadow=lambda *found: kept.append(found)
    )
    assert decorated(capture, router)({"payer": "medicaid"}) == {"code": "eight", "sure": 0.9}
    wait_for(lambda: kept)
    (shadow,) = shadows(capture)
    (served,) = [span for span in capture.spans if span is not shadow]
    found = shadow.attributes
    assert (found[attributes.MODEL_VERSION], found[attributes.DEPLOYMENT_ACTIVATION]) == ("7", 2)
    assert (found[attributes.CONFIDENCE_SCORE], found[attributes.ROUTER_EPOCH]) == (0.4, 6)
    assert shadow.context.trace_id == served.context.trace_id
    assert shadow.parent.span_id == served.context.span_id
    ((result, receipt, inference_id),) = kept
    assert result == {"code": "seven", "sure": 0.4}
    assert (receipt.version, receipt.activation, receipt.segments["payer"]) == ("7", 2, "medicaid")
    assert inference_id == served.attributes[attributes.INFERENCE_ID] != receipt.inference_id
    assert set(capture.points(metrics.DEPLOYMENT_STATUS)) == {("coding", "8", "active"), ("coding", "7", "shadow")}
    capture.assert_conforms()


def test_a_shadow_adds_to_no_count_of_what_was_answered(capture, path):
    done = threading.Event()
    router = make(capture, path, lambda _: {"sure": 0.4}, keep_shadow=lambda *_: done.set())
    decorated(capture, router)({"payer": "medicaid"})
    assert done.wait(DEADLINE)
    assert {key[1] for key in capture.points(metrics.SEGMENT_INFERENCES)} == {"8"}
    assert {key[1] for key in capture.points(metrics.ROUTING_DECISIONS)} == {"8"}
    assert {(key[1], key[3]) for key in capture.points(metrics.INFERENCES)} == {("8", "active"), ("7", "shadow")}


@pytest.mark.parametrize("error", [ValueError("Mr Smith"), SystemExit(3), KeyboardInterrupt()])
def test_a_shadow_that_raises_is_counted_and_the_next_case_is_scored(capture, path, error, caplog):
    asked = []

    def seven(_):
        asked.append(1)
        if len(asked) == 1:
            raise error
        return {"sure": 0.4}

    predict = decorated(capture, make(capture, path, seven))
    for _ in range(2):
        assert predict({})["code"] == "eight"
    wait_for(lambda: len(shadows(capture)) == 2)
    assert capture.errors()["routing", type(error).__name__] == 1
    assert "Smith" not in caplog.text
    assert shadows(capture)[1].attributes[attributes.CONFIDENCE_SCORE] == 0.4


def test_a_shadow_that_hangs_fills_its_queue_and_delays_no_call(capture, path):
    go_on, kept = threading.Event(), []
    router = make(
        capture, path, lambda _: go_on.wait(DEADLINE), shadow_confidence=None, keep_shadow=lambda *_: kept.append(1)
    )
    predict = decorated(capture, router)
    calls = _shadow.WAITING + 10
    try:
        for _ in range(calls):
            assert predict({})["code"] == "eight"
        dropped = capture.errors()["routing", "ShadowQueueFull"]
        assert 9 <= dropped <= 10  # one case is with the thread, or not yet
    finally:
        go_on.set()
    wait_for(lambda: len(kept) == calls - dropped)


def test_the_inference_under_way_inside_the_shadow_is_its_own(capture, path):
    done = threading.Event()

    def seven(_):
        current_inference().set_confidence(0.3)
        current_inference().abstain()
        return {}

    router = make(capture, path, seven, keep_shadow=lambda *_: done.set())
    decorated(capture, router)({})
    assert done.wait(DEADLINE)
    (shadow,) = shadows(capture)
    assert shadow.attributes[attributes.CONFIDENCE_SCORE] == 0.3
    assert [s.attributes[attributes.INFERENCE_STATUS] for s in capture.spans if s is not shadow] == ["completed"]


@pytest.mark.parametrize(("how", "seen"), [(None, ["changed"]), (copy.deepcopy, ["as it came"])])
def test_the_shadow_sees_the_same_objects_unless_they_are_copied(capture, path, how, seen):
    found = []

    def eight(record):
        record["text"] = "changed"
        return {"sure": 0.9}

    router = make(capture, path, lambda record: found.append(record["text"]), eight, shadow_copy=how)
    decorated(capture, router)({"text": "as it came"})
    wait_for(lambda: found)
    assert found == seen


def test_a_copy_that_fails_costs_the_shadow_and_not_the_call(capture, path):
    def broken(_):
        raise RuntimeError

    router = make(capture, path, lambda _: {}, shadow_copy=broken)
    assert decorated(capture, router)({})["code"] == "eight"
    assert capture.errors() == {("routing", "RuntimeError"): 1}


def test_there_is_no_shadow_of_a_call_that_failed_of_a_manual_route_or_after_a_way_back(capture, path):
    asked = []

    def eight(record):
        if "bad" in record:
            raise LookupError
        return {}

    router = make(capture, path, asked.append, eight, fallback=lambda _: {})
    predict = decorated(capture, router)
    with pytest.raises(LookupError):
        predict({"bad": 1})
    force_manual_path(path).touch()
    predict({})
    force_manual_path(path).unlink()
    change(path, lambda p: p.activate("7", at=2.0, by="test"))
    predict({})  # version 7 answers: it is asked once, for the call
    assert router._shadow._cases.qsize() == 0
    assert (len(asked), shadows(capture)) == (1, [])


def test_a_version_that_is_asynchronous_or_a_generator_is_refused_with_what_to_do(capture, path):
    async def coroutine(_):
        pass

    def generator(_):
        yield

    class Callable:
        async def __call__(self, _):
            pass

    for version in (coroutine, generator, Callable()):
        with pytest.raises(TypeError, match="version '7' is asynchronous or a generator; a shadow runs on a thread"):
            make(capture, path, version)
    with pytest.raises(ValueError, match="need shadow=True"):
        make(capture, path, lambda _: {}, shadow=False)


def test_the_thread_of_a_shadow_ends_with_its_router(capture, path):
    before = set(threading.enumerate())
    router = make(capture, path, lambda _: {})
    decorated(capture, router)({})
    wait_for(lambda: shadows(capture))
    (thread,) = [t for t in set(threading.enumerate()) - before if t.name == "otel-clinical-shadow"]
    router._shadow = None
    thread.join(DEADLINE)
    assert not thread.is_alive()
