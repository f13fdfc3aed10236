"""The control arm: a share of the cases stays with the version before, always the same, and never against a hold."""

from __future__ import annotations

import asyncio
import math

import pytest

from otel_clinical.instrument import ModelRouter, RoutedToManual, current_inference, inference
from otel_clinical.instrument._beside import ControlArm
from otel_clinical.release import (
    Segment,
    SegmentRule,
    force_manual_path,
)
from otel_clinical.semconv import attributes, metrics
from tests.instrument._pointer import activated, change

CASES = [f"encounter-{number}" for number in range(400)]


@pytest.fixture
def path(tmp_path):
    return activated(tmp_path)


def make(capture, path, **options):
    versions = {"7": lambda *_: "seven", "8": lambda *_: "eight"}
    defaults = {"versions": versions, "refresh": 0, "control": 0.25, "control_key": "encounter"}
    return ModelRouter("coding", pointer=path, telemetry=capture.telemetry, **defaults | options)


def decorated(capture, router):
    @inference(model="coding", router=router, segments={"payer": "payer"}, telemetry=capture.telemetry)
    def predict(record):
        return router(record), current_inference().receipt

    return lambda case, payer="commercial": predict({"encounter": case, "payer": payer})


def taken(predict, **options):
    return {case for case in CASES if predict(case, **options)[0] == "seven"}


def test_a_share_of_the_cases_stays_with_the_version_before_and_always_the_same_ones(capture, path, make_capture):
    arm = taken(decorated(capture, make(capture, path)))
    assert 0.15 * len(CASES) < len(arm) < 0.35 * len(CASES)
    other = make_capture()
    assert taken(decorated(other, make(other, path))) == arm
    assert taken(decorated(other, make(other, path, control=0.5))) > arm


def test_span_metrics_and_receipt_say_which_version_answered_and_that_it_was_the_control_arm(capture, path):
    predict = decorated(capture, make(capture, path))
    arm = taken(predict)
    capture.span_exporter.clear()
    answer, receipt = predict(min(arm))
    found = capture.span.attributes
    assert answer == "seven"
    assert (receipt.version, receipt.activation) == ("7", 2)
    assert (found[attributes.MODEL_VERSION], found[attributes.DEPLOYMENT_ROLE]) == ("7", "canary")
    assert (found[attributes.DEPLOYMENT_ACTIVATION], found[attributes.ROUTER_EPOCH]) == (2, 6)
    roles = {(attributes_[1], attributes_[3]) for attributes_ in capture.points(metrics.INFERENCES)}
    assert roles == {("7", "canary"), ("8", "active")}
    status = capture.points(metrics.DEPLOYMENT_STATUS)
    assert set(status) == {("coding", "8", "active"), ("coding", "7", "canary")}
    capture.assert_conforms()


def test_the_key_of_a_case_leaves_in_no_span_metric_or_event(capture, path, caplog):
    predict = decorated(capture, make(capture, path))
    predict("MRN-0042-of-a-patient")
    everything = f"{[s.to_json() for s in capture.spans]} {capture.all_metrics()} {capture.events} {caplog.text}"
    assert "MRN-0042" not in everything


def test_the_manual_route_and_force_manual_win_over_the_control_arm(capture, path):
    predict = decorated(capture, make(capture, path))
    case = min(taken(predict))
    force_manual_path(path).touch()
    with pytest.raises(RoutedToManual):
        predict(case)
    assert capture.spans[-1].attributes[attributes.DEPLOYMENT_ROLE] == "active"
    force_manual_path(path).unlink()
    change(path, lambda p: p.with_route("manual", at=2.0, by="test"))
    with pytest.raises(RoutedToManual):
        predict(case)
    assert set(capture.points(metrics.DEPLOYMENT_STATUS)) >= {("coding", "8", "active")}


def test_a_segment_rule_wins_over_the_control_arm_in_its_segment_only(capture, path):
    predict = decorated(capture, make(capture, path))
    arm = taken(predict)
    change(path, lambda p: p.with_rule(SegmentRule(Segment("payer", "medicaid"), "standard"), at=2.0, by="test"))
    assert taken(predict, payer="medicaid") == set()
    assert taken(predict, payer="commercial") == arm


@pytest.mark.parametrize("marker", ["", "rollback-1"])
def test_a_way_back_ends_the_control_arm_at_once_and_the_version_left_never_comes_back(capture, path, marker):
    predict = decorated(capture, make(capture, path))
    arm = taken(predict)
    change(path, lambda p: p.activate("7", at=2.0, by="test", marker=marker))
    assert taken(predict) == set(CASES)  # version 8, the one that was left, answers nobody
    assert {span.attributes[attributes.DEPLOYMENT_ROLE] for span in capture.spans[-len(CASES) :]} == {"active"}
    change(path, lambda p: p.with_route("standard", at=3.0, by="test"))  # the marker goes, the order stays
    assert taken(predict) == set(CASES)
    assert taken(decorated(capture, make(capture, path))) == set(CASES)  # and a restart does not forget
    change(path, lambda p: p.activate("8", at=4.0, by="test"))
    assert taken(predict) == arm


def test_any_change_by_the_controller_ends_the_control_arm_until_the_next_activation(capture, path):
    predict = decorated(capture, make(capture, path))
    rule = SegmentRule(Segment("payer", "medicaid"), "assisted", marker="rollback-1")
    change(path, lambda p: p.with_rule(rule, at=2.0, by="test"))
    assert taken(predict) == set()
    assert ("coding", "7", "canary") not in capture.points(metrics.DEPLOYMENT_STATUS)


def test_a_previous_version_that_this_process_does_not_have_leaves_every_case_with_the_serving_one(capture, path):
    predict = decorated(capture, make(capture, path, versions={"8": lambda *_: "eight"}))
    assert taken(predict) == set()


@pytest.mark.parametrize(("case", "fault"), [(None, {}), (["x"], {("extractor", "ControlKeyIsNoText"): 1})])
def test_a_case_without_a_usable_key_is_answered_by_the_serving_version(capture, path, case, fault):
    assert decorated(capture, make(capture, path, control=0.5))(case)[0] == "eight"
    assert capture.errors() == fault


def test_a_key_function_that_raises_is_counted_and_the_serving_version_answers(capture, path):
    predict = decorated(capture, make(capture, path, control_key=lambda arguments: arguments["nowhere"]))
    assert predict("a")[0] == "eight"
    assert capture.errors() == {("extractor", "KeyError"): 1}


def test_an_asynchronous_version_answers_for_the_control_arm(capture, path):
    async def seven(_):
        return "seven"

    async def eight(_):
        return "eight"

    router = make(capture, path, versions={"7": seven, "8": eight})

    @inference(model="coding", router=router, telemetry=capture.telemetry)
    async def predict(encounter):
        return await router(encounter)

    arm = {case for case in CASES if ControlArm("coding", 0.25, "encounter").holds(case)}
    for case in (min(arm), min(set(CASES) - arm)):
        assert asyncio.run(predict(case)) == ("seven" if case in arm else "eight")


@pytest.mark.parametrize("share", [-0.1, 0.6, 1, True, math.nan, "0.1"])
def test_a_share_that_cannot_be_is_refused(capture, path, share):
    with pytest.raises(ValueError, match=r"expected a share above 0 and at most 0\.5"):
        make(capture, path, control=share)


def test_a_share_without_a_key_or_a_key_without_a_share_is_refused(capture, path):
    with pytest.raises(ValueError, match="belong together"):
        make(capture, path, control_key=None)
    with pytest.raises(ValueError, match="belong together"):
        make(capture, path, control=0.0)
    with pytest.raises(TypeError, match="control_key is 'int'"):
        make(capture, path, control_key=7)
