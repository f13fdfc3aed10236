"""Deployment changes, registered versions and what may be declared."""

from __future__ import annotations

import pytest

from otel_clinical.instrument import (
    Rejection,
    declare_segments,
    inference,
    record_deployment_change,
    register_version,
)
from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import UseCase
from tests.instrument._coding import AT


def test_a_deployment_change_is_an_event_and_a_count(capture):
    recorded = record_deployment_change(
        "coding",
        from_version="7",
        to_version="8",
        type="rollback",
        trigger="automatic",
        reason="accuracy",
        activation=4,
        at=AT,
        telemetry=capture.telemetry,
    )
    (event,) = capture.events
    assert event.event_name == events.DEPLOYMENT_CHANGE
    assert event.timestamp == int(AT) * 10**9
    assert dict(event.attributes) == {
        attributes.EVENT_ID: recorded.event_id,
        attributes.MODEL_NAME: "coding",
        attributes.MODEL_VERSION: "8",
        attributes.MODEL_PREVIOUS_VERSION: "7",
        attributes.DEPLOYMENT_ACTIVATION: 4,
        attributes.DEPLOYMENT_CHANGE_TYPE: "rollback",
        attributes.DEPLOYMENT_CHANGE_TRIGGER: "automatic",
        attributes.DEPLOYMENT_CHANGE_REASON: "accuracy",
    }
    assert capture.points(metrics.DEPLOYMENT_CHANGES) == {("coding", "rollback", "automatic", "accuracy"): 1}
    capture.assert_conforms()


def test_a_deployment_change_with_a_bad_name_is_rejected(capture):
    recorded = record_deployment_change("a b", from_version="7", to_version="8", telemetry=capture.telemetry)
    assert recorded.rejection is Rejection.BAD_VALUE


def test_every_closed_counter_starts_at_zero_when_a_version_is_registered(capture):
    register_version("coding", "7", use_case=UseCase.IMAGING, telemetry=capture.telemetry)
    outcomes = capture.points(metrics.OUTCOMES, zeros=True)
    assert set(outcomes.values()) == {0}
    assert ("coding", "7", "imaging", "correct", "claim") in outcomes
    assert len(capture.points(metrics.SAFETY_EVENTS, zeros=True)) == 7 * 8
    assert len(capture.points(metrics.REVIEWS, zeros=True)) == 3 * 5
    assert len(capture.points(metrics.OVERRIDES, zeros=True)) == 10
    segments = capture.points(metrics.SEGMENT_OUTCOMES, zeros=True)
    assert ("coding", "7", "payer", "medicaid", "correct") in segments
    capture.assert_conforms()


def test_the_first_call_of_a_decorated_function_registers_its_version(capture):
    inference(model="coding", version="9", telemetry=capture.telemetry)(lambda: 1)()
    assert any(key[1] == "9" for key in capture.points(metrics.OUTCOMES, zeros=True))


def test_registering_a_mistake_is_an_error():
    with pytest.raises(ValueError, match="version is 'x y'"):
        register_version("coding", "x y")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ward": ["a"]}, "segment 'ward': expected one of site"),
        ({"payer": "medicaid"}, "one string, expected a list"),
        ({"payer": ["a" * 65]}, "expected 1 to 64 letters"),
        ({"payer": ["a b"]}, "value 'a b'"),
        ({"payer": ["all"]}, "'all' stands for the aggregate"),
        ({"payer": [object()]}, "value 'object'"),
        ({"payer": [str(n) for n in range(201)]}, "201 values, expected at most 200"),
    ],
)
def test_a_declaration_that_cannot_be_is_named_and_changes_nothing(capture, values, message):
    before = capture.telemetry.declared.allowed(attributes.SEGMENT_PAYER)
    with pytest.raises(ValueError, match=message):
        declare_segments({"site": ["new"], **values}, telemetry=capture.telemetry)
    assert capture.telemetry.declared.allowed(attributes.SEGMENT_PAYER) == before
    assert "new" not in capture.telemetry.declared.allowed(attributes.SEGMENT_SITE)
