"""The router: reads the pointer, keeps the last good one, falls back to manual, tells what it does."""

from __future__ import annotations

import json
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_clinical.instrument import ModelRouter, RoutedToManual, current_inference, inference
from otel_clinical.release import (
    ROUTES,
    ReleasePointer,
    Segment,
    SegmentRule,
    create_pointer,
    force_manual_path,
    swap_pointer,
)
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import RoutingLevel


@pytest.fixture
def path(tmp_path):
    target = tmp_path / "coding.json"
    create_pointer(target, ReleasePointer(model="coding", version="7", activation=2, epoch=5))
    return target


def make(capture, path, **options):
    versions = {"7": lambda *_: "seven", "8": lambda *_: "eight"}
    return ModelRouter(
        "coding", pointer=path, **{"versions": versions, "refresh": 0, "telemetry": capture.telemetry} | options
    )


def activate(path, version):
    epoch = json.loads(path.read_text())["epoch"]
    return swap_pointer(path, epoch, lambda p: p.activate(version, at=p.updated_at + 1, by="test"))


def test_routes_are_the_levels_of_the_registry():
    assert tuple(RoutingLevel) == ROUTES


def test_the_version_in_the_pointer_serves_and_a_change_is_seen_at_once(capture, path):
    router = make(capture, path)
    assert router() == "seven"
    activate(path, "8")
    assert router() == "eight"
    resolution = router.route()
    assert (resolution.version, resolution.activation, resolution.epoch) == ("8", 3, 6)


def test_between_looks_the_file_is_left_alone(capture, path):
    router = make(capture, path, refresh=3600)
    activate(path, "8")
    assert router() == "seven"


def test_a_segment_rule_applies_to_its_segment_only(capture, path):
    rule = SegmentRule(Segment("payer", "medicaid"), "assisted", version="8", reason="rollback")
    swap_pointer(path, 5, lambda p: p.with_rule(rule, at=1.0, by="test"))
    router = make(capture, path)
    assert router.route({"payer": "medicaid"}).version == "8"
    assert router.route({"payer": "commercial"}).version == "7"


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda path: path.unlink(), "PointerMissing"),
        (lambda path: path.write_text("{"), "PointerError"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "PointerError"),
        (lambda path: path.write_text(ReleasePointer("sepsis", "7", epoch=9).dumps()), "OtherModel"),
        (lambda path: path.write_text(ReleasePointer("coding", "9", epoch=9).dumps()), "UnknownVersion"),
        (lambda path: path.write_text(ReleasePointer("coding", "8", epoch=4).dumps()), "LowerEpoch"),
        (lambda path: path.write_text(ReleasePointer("coding", "8", epoch=5).dumps()), "LowerEpoch"),
    ],
)
def test_a_pointer_that_cannot_be_used_leaves_the_last_good_one_in_force(capture, path, spoil, fault):
    router = make(capture, path)
    spoil(path)
    assert [router() for _ in range(3)] == ["seven"] * 3
    assert router.degraded
    assert capture.errors() == {("routing", fault): 1}
    assert capture.points(metrics.ROUTER_DEGRADED) == {("coding",): 1}


def test_a_good_pointer_ends_the_degraded_state(capture, path):
    router = make(capture, path)
    good = path.read_text()
    path.unlink()
    router()
    assert router.degraded
    path.write_text(good)
    router()
    assert not router.degraded
    assert capture.points(metrics.ROUTER_DEGRADED, zeros=True) == {("coding",): 0}


def test_without_any_good_pointer_every_call_is_manual(capture, tmp_path):
    router = make(capture, tmp_path / "none.json")
    assert router.degraded
    assert router.route().route == "manual"
    with pytest.raises(RoutedToManual, match="model 'coding' is on the manual route"):
        router()
    create_pointer(tmp_path / "none.json", ReleasePointer(model="coding", version="8"))
    assert router() == "eight"


def test_force_manual_wins_over_everything_and_ends_when_removed(capture, path):
    router = make(capture, path, fallback=lambda *_: "a person")
    force_manual_path(path).touch()
    assert router() == "a person"
    assert router.route().route == "manual"
    force_manual_path(path).unlink()
    assert router() == "seven"


def test_a_rule_for_a_version_this_process_does_not_have_is_manual(capture, path):
    rule = SegmentRule(Segment("payer", "medicaid"), "standard", version="6")
    swap_pointer(path, 5, lambda p: p.with_rule(rule, at=1.0, by="test"))
    assert make(capture, path).route({"payer": "medicaid"}).route == "manual"


def test_a_decorated_call_is_routed_by_its_segments_and_says_so(capture, path):
    rule = SegmentRule(Segment("payer", "medicaid"), "assisted", version="8", reason="rollback")
    swap_pointer(path, 5, lambda p: p.with_rule(rule, at=1.0, by="test"))
    router = make(capture, path)

    @inference(model="coding", router=router, segments={"payer": "payer"}, telemetry=capture.telemetry)
    def predict(encounter):
        return router(encounter), current_inference().receipt

    answer, receipt = predict({"payer": "medicaid"})
    assert answer == "eight"
    assert (receipt.version, receipt.activation, receipt.route) == ("8", 2, "assisted")
    found = capture.span.attributes
    assert found[attributes.MODEL_VERSION] == "8"
    assert found[attributes.DEPLOYMENT_ACTIVATION] == 2
    assert found[attributes.ROUTER_EPOCH] == 6
    assert (found[attributes.ROUTING_LEVEL], found[attributes.ROUTING_REASON]) == ("assisted", "rollback")
    assert predict({"payer": "commercial"})[0] == "seven"
    capture.assert_conforms()


def test_a_pointer_swapped_during_a_call_does_not_change_that_call(capture, path):
    router = make(capture, path)

    @inference(model="coding", router=router, telemetry=capture.telemetry)
    def predict():
        activate(path, "8")
        return router()

    assert predict() == "seven"
    assert capture.span.attributes[attributes.MODEL_VERSION] == "7"


def test_on_the_manual_route_the_model_is_never_called(capture, path):
    called = []
    router = make(capture, path)

    @inference(model="coding", router=router, telemetry=capture.telemetry)
    def predict():
        called.append(1)

    force_manual_path(path).touch()
    with pytest.raises(RoutedToManual):
        predict()
    found = capture.span.attributes
    assert not called
    assert found[attributes.INFERENCE_STATUS] == "abstained"
    assert found[attributes.ABSTENTION_REASON] == "policy"
    assert (found[attributes.ROUTING_LEVEL], found[attributes.ROUTING_REASON]) == ("manual", "governance_hold")


def test_on_the_manual_route_the_fallback_answers(capture, path):
    router = make(capture, path)

    @inference(model="coding", router=router, fallback=lambda: "a person", telemetry=capture.telemetry)
    def predict():
        raise AssertionError

    force_manual_path(path).touch()
    assert predict() == "a person"
    assert capture.span.attributes[attributes.INFERENCE_STATUS] == "fallback"


def test_a_router_that_fails_in_an_unforeseen_way_keeps_the_model_from_answering(capture, path, monkeypatch):
    router = make(capture, path)

    def broken(_self, _segments=None):
        raise RuntimeError

    monkeypatch.setattr(ModelRouter, "route", broken)

    @inference(model="coding", router=router, telemetry=capture.telemetry)
    def predict():
        raise AssertionError

    with pytest.raises(RoutedToManual):
        predict()


def test_deployment_status_is_one_for_the_serving_version_only(capture, path):
    router = make(capture, path)
    status = capture.points(metrics.DEPLOYMENT_STATUS, zeros=True)
    assert status == {("coding", "7", "active"): 1, ("coding", "8", "active"): 0}
    activate(path, "8")
    status = capture.points(metrics.DEPLOYMENT_STATUS, zeros=True)
    assert status == {("coding", "7", "active"): 0, ("coding", "8", "active"): 1}
    assert router.pointer.version == "8"
    capture.assert_conforms()


def test_the_epoch_shows_which_pointer_a_process_goes_by(capture, path):
    router = make(capture, path)
    assert capture.points(metrics.ROUTER_SERVING_EPOCH) == {("coding",): 5}
    activate(path, "8")
    assert capture.points(metrics.ROUTER_SERVING_EPOCH) == {("coding",): 6}
    path.unlink()
    assert capture.points(metrics.ROUTER_SERVING_EPOCH) == {("coding",): 6}, "the last good one goes on"
    assert router.pointer.epoch == 6
    capture.assert_conforms()


def test_the_versions_of_a_router_are_registered(capture, path):
    router = make(capture, path)
    assert {key[1] for key in capture.points(metrics.OUTCOMES, zeros=True)} == set(router.versions)


def test_a_router_without_versions_or_with_another_model_is_refused(capture, path):
    with pytest.raises(ValueError, match="versions is empty"):
        make(capture, path, versions={})
    with pytest.raises(ValueError, match="model is 'sepsis', the router serves 'coding'"):
        inference(model="sepsis", router=make(capture, path))


def test_versions_that_cannot_be_called_are_refused_before_anybody_is_rolled_back_to_them(capture, path):
    with pytest.raises(TypeError, match=r"versions is a list, expected a dict; write versions=\{"):
        make(capture, path, versions=["7", "8"])
    with pytest.raises(TypeError, match="version '8' is a dict, expected a callable"):
        make(capture, path, versions={"7": lambda _: {}, "8": {"code": "eight"}})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(epochs=st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_whatever_epochs_appear_the_router_never_goes_back(capture, tmp_path_factory, epochs):
    target = tmp_path_factory.mktemp("pointer") / "coding.json"
    router = make(capture, target)
    highest = 0
    for place, epoch in enumerate(epochs, 1):
        target.write_text(ReleasePointer("coding", "78"[epoch % 2], epoch=epoch).dumps())
        os.utime(target, ns=(place, place))  # a clock tick of the file system is longer than one round of this test
        before, highest = highest, max(highest, epoch)
        # While another thread, here that of a flush, looks at the pointer, a call goes on with what is known.
        deadline = time.monotonic() + 10
        while (seen := router.route().epoch) != highest and time.monotonic() < deadline:
            assert seen == before
        assert seen == highest


def test_without_a_pointer_the_log_says_where_it_was_looked_for_and_what_to_do(capture, tmp_path, caplog):
    router = make(capture, tmp_path / "none.json")
    router.route()
    (record,) = caplog.records
    assert record.getMessage() == (
        f"telemetry of clinical AI: no release pointer at {tmp_path / 'none.json'}: every call goes to the fallback "
        "(or RoutedToManual) until `otel-clinical rollback activate coding VERSION --policy POLICY --by NAME`"
    )


def test_a_pointer_that_breaks_is_said_with_the_version_that_goes_on(capture, path, caplog):
    router = make(capture, path)
    path.write_text("{")
    router()
    (record,) = caplog.records
    assert record.args[0] == (
        f"the release pointer at {path} cannot be read (PointerError): version 7 goes on as last told"
    )


def test_the_receipt_is_there_for_the_fallback_of_a_router(capture, tmp_path):
    router = make(capture, tmp_path / "none.json", fallback=lambda: current_inference().receipt)

    @inference(model="coding", router=router, telemetry=capture.telemetry)
    def predict():
        raise AssertionError

    receipt = predict()
    assert (receipt.model, receipt.version, receipt.route) == ("coding", "_OTHER", "manual")
    assert receipt.inference_id == capture.span.attributes[attributes.INFERENCE_ID]
