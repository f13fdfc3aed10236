"""An encounter leaves as a keyed hash or not at all."""

from __future__ import annotations

import re

import pytest

from otel_clinical.instrument import configure_receipts, outcome, record_outcome
from otel_clinical.semconv import attributes
from tests.instrument._coding import AT

KEYS = {"k1": b"x" * 16}
NUMBER = "MRN-00123456"


def sent(capture, receipt, encounter):
    assert record_outcome(receipt, result="correct", encounter=encounter, at=AT + 1, telemetry=capture.telemetry)
    return dict(capture.events[-1].attributes)


def key_of(capture, receipt, encounter):
    return sent(capture, receipt, encounter).get(attributes.ENCOUNTER_KEY)


def test_the_same_encounter_has_the_same_key_and_another_one_another(capture, receipt):
    configure_receipts(KEYS)
    first, again, other = (key_of(capture, receipt, one) for one in (NUMBER, NUMBER, "MRN-00123457"))
    assert first == again != other
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert key_of(capture, receipt, 123) == key_of(capture, receipt, "123")


def test_another_secret_gives_another_key(capture, receipt):
    configure_receipts(KEYS)
    first = key_of(capture, receipt, NUMBER)
    configure_receipts({"k2": b"y" * 16} | KEYS, active="k2")
    assert key_of(capture, receipt, NUMBER) != first


def test_without_a_secret_nothing_is_sent_and_the_outcome_is(capture, receipt):
    fields = sent(capture, receipt, NUMBER)
    assert attributes.ENCOUNTER_KEY not in fields
    assert NUMBER not in repr(fields)
    assert capture.redactions().get("not_allowed", 0) == 1


@pytest.mark.parametrize("bad", [True, 1.5, b"x", ["x"], {"id": "x"}, "", "x" * 257, object()])
def test_what_is_no_identifier_is_left_out_and_counted(capture, receipt, bad):
    configure_receipts(KEYS)
    assert key_of(capture, receipt, bad) is None
    assert capture.redactions().get("bad_type", 0) == 1


def test_nothing_is_said_of_an_encounter_that_is_not_given(capture, receipt):
    assert key_of(capture, receipt, None) is None
    assert capture.redactions().get("not_allowed", 0) == 0


def test_the_decorator_reads_the_encounter_from_what_the_function_returns(capture, receipt):
    configure_receipts(KEYS)

    @outcome(result="verdict", encounter="encounter", telemetry=capture.telemetry)
    def audited(receipt):
        return {"verdict": "correct", "encounter": NUMBER}

    audited(receipt)
    found = capture.events[-1].attributes[attributes.ENCOUNTER_KEY]
    assert found == key_of(capture, receipt, NUMBER)
