"""Words and names that nobody declared are said once, counted each time and never shown."""

from __future__ import annotations

import pytest

from otel_clinical.instrument import (
    Rejection,
    record_deployment_change,
    record_inference,
    record_outcome,
    record_review,
)
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import OutcomeResult, ReviewAction
from tests.instrument._coding import AT


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            lambda receipt, word, where: record_review(receipt, action=word, telemetry=where),
            f"record_review: action is not one of {', '.join(ReviewAction)}; nothing was recorded",
        ),
        (
            lambda receipt, word, where: record_outcome(receipt, result=word, telemetry=where),
            f"record_outcome: result is not one of {', '.join(OutcomeResult)}; nothing was recorded",
        ),
    ],
)
def test_a_misspelt_word_is_said_once_and_counted_each_time_without_the_word(capture, receipt, caplog, report, said):
    for word in ("Jane Smith", None, 7):
        assert report(receipt, word, capture.telemetry).rejection is Rejection.BAD_VALUE
    assert [record.getMessage() for record in caplog.records] == [f"telemetry of clinical AI: {said}"]
    assert capture.errors() == {("decorator", "UnknownWord"): 3}


def test_each_parameter_with_a_misspelt_word_is_said(capture, receipt, caplog):
    record_outcome(receipt, result="corect", at=AT + 1, telemetry=capture.telemetry)
    record_outcome(receipt, result="correct", source="codng", at=AT + 1, telemetry=capture.telemetry)
    record_review(receipt, action="edited", reason="incomplet", role="codr", at=AT + 1, telemetry=capture.telemetry)
    assert [record.args[0].partition(" is not")[0] for record in caplog.records] == [
        "record_outcome: result",
        "record_outcome: source",
        "record_review: reason",
        "record_review: role",
    ]
    assert "; _OTHER was recorded" in caplog.text
    assert not {"corect", "codng", "incomplet", "codr"} & set(caplog.text.replace(",", " ").replace(";", " ").split())


def test_undeclared_models_and_versions_are_said_once_counted_and_sent_as_other(capture, receipt, caplog):
    capture.telemetry.models.declare("coding", ["8"])
    capture.telemetry.models.declare("sepsis", ["1"])
    for _ in range(2):
        assert record_outcome(receipt, result="correct", at=AT + 1, telemetry=capture.telemetry)
    record_inference(model="codng", version="8", telemetry=capture.telemetry)
    first, second = (record.getMessage() for record in caplog.records)
    assert "a version of model coding that the policy does not declare (declared: 8)" in first
    assert "a model that the policy does not declare (declared: coding, sepsis)" in second
    assert "codng" not in caplog.text
    assert capture.errors() == {("config", "UndeclaredVersion"): 2, ("config", "UndeclaredModel"): 1}
    assert len(capture.events) == 2
    assert [dict(event.attributes)[attributes.MODEL_VERSION] for event in capture.events] == ["_OTHER", "_OTHER"]
    (_, other) = capture.spans
    assert other.attributes[attributes.MODEL_NAME] == other.attributes[attributes.MODEL_VERSION] == "_OTHER"
    assert other.name == "predict _OTHER"


def test_a_receipt_keeps_the_name_until_the_policy_declares_it(capture):
    capture.telemetry.models.declare("coding", ["7"])
    early = record_inference(model="coding", version="8", started_at=AT, telemetry=capture.telemetry)
    assert (early.model, early.version) == ("coding", "8")
    capture.telemetry.models.declare("coding", ["8"])
    assert record_outcome(early, result="correct", at=AT + 1, telemetry=capture.telemetry)
    assert capture.events[0].attributes[attributes.MODEL_VERSION] == "8"


def test_a_change_to_a_version_that_the_policy_does_not_declare_is_sent_as_other(capture):
    capture.telemetry.models.declare("coding", ["7"])
    assert record_deployment_change("coding", from_version="7", to_version="mrn-1", telemetry=capture.telemetry)
    sent = capture.events[0].attributes
    assert (sent[attributes.MODEL_VERSION], sent[attributes.MODEL_PREVIOUS_VERSION]) == ("_OTHER", "7")


def test_what_is_declared_and_what_has_no_version_yet_is_no_problem(capture, receipt, caplog):
    capture.telemetry.models.declare("coding", ["7"])
    record_outcome(receipt, result="correct", at=AT + 1, telemetry=capture.telemetry)
    record_inference(model="coding", version="_OTHER", telemetry=capture.telemetry)
    assert not caplog.records
    assert not capture.errors()
