"""Receipts: small, signed, exact, and refused with the right reason when anything is wrong."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.instrument import (
    BadSignatureError,
    ExpiredReceiptError,
    FutureReceiptError,
    MalformedReceiptError,
    Receipt,
    ReceiptError,
    ReceiptKeys,
    TruncatedReceiptError,
    UnknownKeyError,
    _receipt,
    configure_receipts,
    record_inference,
    record_outcome,
)
from otel_clinical.semconv.enums import RoutingLevel, SegmentName, UseCase

KEYS = ReceiptKeys({"k2": b"k" * 32, "k1": b"o" * 32}, "k2")
ALPHABET = string.ascii_letters + string.digits + "_.:/+@-"
NOW = 1_790_000_000.0


def words(size):
    return st.text(ALPHABET, min_size=1, max_size=size)


def receipts(value_size=10):
    return st.builds(
        Receipt,
        inference_id=st.binary(min_size=16, max_size=16).map(bytes.hex),
        traceparent=st.tuples(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8)).map(
            lambda ids: f"00-{ids[0].hex()}-{ids[1].hex()}-01"
        ),
        model=words(64),
        version=words(64),
        activation=st.integers(0, 2**32 - 1),
        use_case=st.sampled_from([case.value for case in UseCase]),
        route=st.sampled_from([level.value for level in RoutingLevel]),
        time=st.floats(NOW - 86400 * 300, NOW),
        confidence=st.none() | st.integers(0, 100).map(lambda percent: percent / 100),
        segments=st.dictionaries(st.sampled_from([name.value for name in SegmentName]), words(value_size), max_size=8),
    )


def example(**changes):
    values = {
        "inference_id": "ab" * 16,
        "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        "model": "coding",
        "version": "7",
        "activation": 3,
        "use_case": "revenue_cycle",
        "route": "standard",
        "time": NOW,
        "confidence": 0.91,
        "segments": {"payer": "medicaid", "site": "h01"},
    }
    return Receipt(**values | changes)


@given(receipts(value_size=6))
def test_a_receipt_survives_writing_and_reading(receipt):
    text = receipt.dumps(KEYS)
    read = Receipt.loads(text, keys=KEYS, now=NOW)
    if len(receipt.model) + len(receipt.version) <= 80:
        assert read == receipt
    assert len(text) <= 400


@given(receipts(value_size=64))
def test_a_receipt_never_exceeds_400_characters_and_keeps_everything_but_long_segments(receipt):
    text = receipt.dumps(KEYS)
    assert len(text) <= 400
    assert text.isascii()
    read = Receipt.loads(text, keys=KEYS, now=NOW)
    assert read.segments.items() <= receipt.segments.items()
    for name in ("inference_id", "traceparent", "model", "version", "activation", "time", "confidence", "route"):
        assert getattr(read, name) == getattr(receipt, name)


def test_a_receipt_of_four_usual_segments_is_short():
    receipt = example(
        segments={"payer": "medicaid", "site": "h01", "department": "cardiology", "source_system": "epic"}
    )
    assert len(receipt.dumps(KEYS)) < 200


def test_the_codes_on_the_wire_cover_the_registry():
    """A member added to the registry must get a code, at the end."""
    assert set(_receipt._SEGMENTS) == set(SegmentName)
    assert set(_receipt._ROUTES) == set(RoutingLevel)
    assert set(_receipt._USE_CASES) == set(UseCase)


def test_a_receipt_written_by_an_earlier_release_still_reads():
    stored = (
        "1.k2.q6urq6urq6urq6urq6urqxEREREREREREREREREREREiIiIiIiIiIgFB2qxO4AAAAAAAAAMDAFsGY29kaW5nATcDCG1lZGl"
        "jYWlkAANoMDE.l3IKZAwJj7G0OzO-AZE20w"
    )
    assert Receipt.loads(stored, keys=KEYS, now=NOW) == example()


@given(receipts(), st.data())
def test_any_single_changed_character_is_noticed(receipt, data):
    text = receipt.dumps(KEYS)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(ALPHABET).filter(lambda character: character != text[at]))
    with pytest.raises(ReceiptError):
        Receipt.loads(text[:at] + other + text[at + 1 :], keys=KEYS, now=NOW)


@given(receipts(), st.data())
def test_any_truncation_is_noticed(receipt, data):
    text = receipt.dumps(data.draw(st.sampled_from([KEYS, ReceiptKeys()])))
    keys = KEYS if text.startswith("1.k2.") else ReceiptKeys()
    with pytest.raises((TruncatedReceiptError, MalformedReceiptError, UnknownKeyError, BadSignatureError)):
        Receipt.loads(text[: data.draw(st.integers(0, len(text) - 1))], keys=keys, now=NOW)


@pytest.mark.parametrize("cut", [30, 60, 110])
def test_a_column_that_was_too_short_is_called_so(cut):
    with pytest.raises(TruncatedReceiptError, match="store the whole text"):
        Receipt.loads(example().dumps(KEYS)[:cut], keys=KEYS, now=NOW)


def test_a_tampered_payload_is_a_bad_signature():
    version, key, payload, signature = example().dumps(KEYS).split(".")
    forged = example(version="8").dumps(ReceiptKeys({"k2": b"x" * 32}, "k2")).split(".")[2]
    with pytest.raises(BadSignatureError):
        Receipt.loads(f"{version}.{key}.{forged}.{signature}", keys=KEYS, now=NOW)
    assert payload != forged


def test_a_receipt_of_a_foreign_key_is_refused():
    foreign = example().dumps(ReceiptKeys({"other": b"z" * 16}, "other"))
    with pytest.raises(UnknownKeyError, match="configure_receipts"):
        Receipt.loads(foreign, keys=KEYS, now=NOW)
    impostor = example().dumps(ReceiptKeys({"k2": b"z" * 16}, "k2"))
    with pytest.raises(BadSignatureError):
        Receipt.loads(impostor, keys=KEYS, now=NOW)


def test_an_unsigned_receipt_is_refused_where_keys_are_configured():
    with pytest.raises(UnknownKeyError):
        Receipt.loads(example().dumps(ReceiptKeys()), keys=KEYS, now=NOW)


def test_an_older_key_still_verifies_after_rotation():
    old = example().dumps(ReceiptKeys({"k1": b"o" * 32}, "k1"))
    assert Receipt.loads(old, keys=KEYS, now=NOW) == example()


def test_a_receipt_from_the_future_and_an_expired_one_are_refused():
    text = example().dumps(KEYS)
    assert Receipt.loads(text, keys=KEYS, now=NOW - 299)
    with pytest.raises(FutureReceiptError):
        Receipt.loads(text, keys=KEYS, now=NOW - 301)
    assert Receipt.loads(text, keys=KEYS, now=NOW + KEYS.max_age)
    with pytest.raises(ExpiredReceiptError):
        Receipt.loads(text, keys=KEYS, now=NOW + KEYS.max_age + 1)


@given(st.text(max_size=900) | st.binary(max_size=50) | st.integers() | st.none())
def test_anything_that_is_no_receipt_is_a_receipt_error(text):
    with pytest.raises(ReceiptError):
        Receipt.loads(text, keys=KEYS, now=NOW)
    with pytest.raises(ReceiptError):
        Receipt.loads(text, keys=ReceiptKeys(), now=NOW)


@given(st.binary(max_size=200))
def test_a_well_signed_payload_of_garbage_is_malformed(payload):
    """Whoever holds a key cannot crash a reader either."""
    try:
        Receipt.loads(_receipt._seal(payload, KEYS), keys=KEYS, now=NOW)
    except (MalformedReceiptError, FutureReceiptError, ExpiredReceiptError):
        return
    pytest.fail("random bytes passed for a receipt")


def test_no_error_holds_any_of_the_receipt():
    text = example(model="canary-model").dumps(KEYS)
    for bad in (text[:40], text[:-1] + "A", "2" + text[1:], text.replace(".k2.", ".k9.")):
        with pytest.raises(ReceiptError) as caught:
            Receipt.loads(bad, keys=KEYS, now=NOW)
        assert text[10:40] not in str(caught.value)


def test_keys_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("OTEL_CLINICAL_RECEIPT_KEYS", f"new:{'11' * 32}, old:{'22' * 32}")
    text = example().dumps()
    assert text.startswith("1.new.")
    old = example().dumps(ReceiptKeys({"old": bytes.fromhex("22" * 32)}, "old"))
    assert Receipt.loads(old, now=NOW) == example()


@pytest.mark.parametrize("value", ["k1", "k1:zz", "k1:aa", "bad name:" + "11" * 32])
def test_a_mistake_in_the_environment_never_turns_signing_off(monkeypatch, capture, value):
    unsigned = example().dumps(ReceiptKeys())
    monkeypatch.setenv("OTEL_CLINICAL_RECEIPT_KEYS", value)
    with pytest.raises(UnknownKeyError, match="OTEL_CLINICAL_RECEIPT_KEYS") as caught:
        example().dumps()
    assert "11" * 32 not in str(caught.value)
    recorded = record_outcome(unsigned, result="correct", at=NOW, telemetry=capture.telemetry)
    assert recorded.rejection == "unknown_key"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keys": {"k1": b"short"}}, "k1': 5 bytes, expected at least 16"),
        ({"keys": {"a key": b"x" * 16}}, "key name 'a key'"),
        ({"keys": {"k1": b"x" * 16}, "active": "k2"}, "active receipt key is 'k2', expected one of k1"),
        ({"max_age": 0}, "max_age is 0"),
        ({"max_age": float("nan")}, "max_age is nan"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        configure_receipts(**arguments)


def test_keys_are_not_shown():
    assert "kkkk" not in repr(KEYS)


def test_the_receipt_of_an_inference_reads_back_as_it_was_issued(capture):
    configure_receipts({"k1": b"x" * 16})
    receipt = record_inference(
        model="coding",
        version="7",
        use_case=UseCase.IMAGING,
        segments={"payer": "medicaid"},
        confidence=0.987,
        activation=4,
        route="assisted",
        started_at=time.time() - 5,
        telemetry=capture.telemetry,
    )
    assert receipt.confidence == 0.99
    assert Receipt.loads(receipt.dumps()) == receipt
    span = capture.span.context
    assert receipt.traceparent.startswith(f"00-{span.trace_id:032x}-{span.span_id:016x}-")
