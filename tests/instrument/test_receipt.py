"""Receipts: small, signed, exact, and refused with the right reason when anything is wrong."""

from __future__ import annotations

import re
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
    UnknownVersionError,
    _receipt,
    configure_receipts,
    record_feedback,
    record_feedback_triage,
    record_inference,
    record_outcome,
    record_review,
    record_safety_event,
)
from otel_clinical.semconv.enums import RoutingLevel, SegmentName, UseCase

KEYS = ReceiptKeys({"k2": b"k" * 32, "k1": b"o" * 32}, "k2")
ALPHABET = string.ascii_letters + string.digits + "_.:/+@-"
NOW = 1_790_000_000.0
YEAR = 365 * 86400.0


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


def test_the_largest_legal_content_fits():
    key = ReceiptKeys({"k" * 16: b"x" * 64}, "k" * 16)
    segments = {name.value: "v" * 64 for name in SegmentName}
    large = {
        "model": "m" * 64,
        "version": "v" * 64,
        "activation": 2**32 - 1,
        "time": NOW - 0.123456,
        "segments": segments,
    }
    text = example(**large).dumps(key)
    assert len(text.encode()) <= 400
    read = Receipt.loads(text, keys=key, now=NOW)
    assert (read.model, read.version, read.activation) == ("m" * 64, "v" * 64, 2**32 - 1)
    assert read.segments, "room is left for a segment even then"


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


@given(receipts(), st.sampled_from([KEYS, ReceiptKeys()]), st.data())
def test_any_single_changed_bit_is_noticed(receipt, keys, data):
    text = bytearray(receipt.dumps(keys).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ReceiptError):
        Receipt.loads(text.decode("latin-1"), keys=keys, now=NOW)


@given(receipts(), st.sampled_from([KEYS, ReceiptKeys()]))
def test_unchanged_it_is_accepted(receipt, keys):
    """The control for the changed and the truncated ones."""
    assert Receipt.loads(receipt.dumps(keys), keys=keys, now=NOW).inference_id == receipt.inference_id


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
    assert Receipt.loads(text, keys=KEYS, now=NOW + YEAR - 1)
    with pytest.raises(ExpiredReceiptError, match=r"365 days old or older; .* OTEL_CLINICAL_RECEIPT_MAX_DAYS"):
        Receipt.loads(text, keys=KEYS, now=NOW + YEAR)


def test_a_year_old_receipt_is_rejected_and_counted_unless_the_hospital_waits_longer(capture, monkeypatch):
    text = example().dumps(ReceiptKeys())
    late = NOW + YEAR
    refused = record_outcome(text, result="correct", at=late, telemetry=capture.telemetry)
    assert refused.rejection == "expired"
    assert capture.errors() == {("receipt", "ExpiredReceiptError"): 1}

    configure_receipts(max_age=5 * YEAR)
    assert record_outcome(text, result="correct", at=late + YEAR, telemetry=capture.telemetry)
    assert (
        record_outcome(text, result="correct", at=late + 4 * YEAR, telemetry=capture.telemetry).rejection == "expired"
    )
    assert ("receipt", "ImplausibleDelay") not in capture.errors()

    monkeypatch.setenv("OTEL_CLINICAL_RECEIPT_MAX_DAYS", "730")
    assert configure_receipts().max_age == 2 * YEAR
    monkeypatch.setenv("OTEL_CLINICAL_RECEIPT_MAX_DAYS", "a year")
    with pytest.raises(ReceiptError, match="OTEL_CLINICAL_RECEIPT_MAX_DAYS is 'a year', expected a number of days"):
        configure_receipts()


@given(st.text(max_size=900) | st.binary(max_size=50) | st.integers() | st.none())
def test_anything_that_is_no_receipt_is_a_receipt_error(text):
    with pytest.raises(ReceiptError):
        Receipt.loads(text, keys=KEYS, now=NOW)
    with pytest.raises(ReceiptError):
        Receipt.loads(text, keys=ReceiptKeys(), now=NOW)


def later(receipt, *fields, use_case=None):
    """Write a receipt as a later release of the same version would, with fields unknown today."""
    payload = bytearray(_receipt._pack(receipt, receipt.segments))
    if use_case is not None:
        payload[_receipt._FIXED.size - 3] = use_case
    for code, value in fields:
        payload += bytes((code, len(value))) + value
    return bytes(payload)


@given(st.lists(st.tuples(st.integers(len(SegmentName), 255), st.binary(max_size=20)), min_size=1, max_size=4))
def test_a_later_release_may_add_fields(fields):
    text = _receipt._seal(later(example(), *fields), KEYS)
    assert Receipt.loads(text, keys=KEYS, now=NOW) == example()


def test_a_use_case_that_a_later_release_adds_is_another():
    text = _receipt._seal(later(example(), use_case=len(UseCase)), KEYS)
    assert Receipt.loads(text, keys=KEYS, now=NOW) == example(use_case="_OTHER")


def test_a_field_of_a_later_release_that_is_cut_short_is_malformed():
    text = _receipt._seal(later(example(), (200, b"value"))[:-1], KEYS)
    with pytest.raises(MalformedReceiptError):
        Receipt.loads(text, keys=KEYS, now=NOW)


@pytest.mark.parametrize("version", ["2", "9", "10", "123"])
def test_a_later_version_is_called_so_whatever_its_shape(version):
    text = f"{version}.k2.{'.'.join(['AAAA'] * 7)}"
    with pytest.raises(UnknownVersionError, match="update otel-clinical"):
        Receipt.loads(text, keys=KEYS, now=NOW)


@pytest.mark.parametrize("version", ["0", "01", "1.", "x", "12345", "-2", "²"])
def test_what_is_no_version_is_malformed(version):
    with pytest.raises((MalformedReceiptError, TruncatedReceiptError, UnknownKeyError)):
        Receipt.loads(f"{version}.k2.AAAA.AAAA", keys=KEYS, now=NOW)


def bad_receipts():
    """Return text, rejection and counted fault of each kind of receipt that cannot be used."""
    text = example().dumps(KEYS)
    foreign = example().dumps(ReceiptKeys({"other": b"z" * 16}, "other"))
    return {
        "tampered": (text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB"), "bad_signature", "BadSignatureError"),
        "truncated": (text[:90], "truncated", "TruncatedReceiptError"),
        "foreign key": (foreign, "unknown_key", "UnknownKeyError"),
        "later version": ("2" + text[1:], "unknown_version", "UnknownVersionError"),
        "from the future": (example(time=NOW + 3600).dumps(KEYS), "from_future", "FutureReceiptError"),
        "a year old": (example(time=NOW - YEAR).dumps(KEYS), "expired", "ExpiredReceiptError"),
        "no receipt": ("MRN 0012345", "malformed", "MalformedReceiptError"),
        "no text": (None, "malformed", "MalformedReceiptError"),
    }


REPORTS = {
    "outcome": lambda receipt, **where: record_outcome(receipt, result="correct", **where),
    "review": lambda receipt, **where: record_review(receipt, action="accepted", **where),
    "feedback": lambda receipt, **where: record_feedback(receipt, rating="positive", **where),
    "triage": lambda receipt, **where: record_feedback_triage(receipt, submitted_at=NOW - 60, **where),
    "safety event": lambda receipt, **where: record_safety_event(receipt, severity="near_miss", **where),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("bad", bad_receipts().values(), ids=bad_receipts())
def test_every_report_counts_a_bad_receipt_raises_nothing_and_says_what_to_do(capture, caplog, bad, report):
    configure_receipts(KEYS.keys, "k2")
    text, rejection, fault = bad
    recorded = report(text, at=NOW, telemetry=capture.telemetry)
    assert (recorded.ok, recorded.rejection) == (False, rejection)
    assert capture.errors() == {("receipt", fault): 1}
    assert capture.events == []
    (said,) = [record.getMessage() for record in caplog.records]
    assert re.search(rf"a receipt was refused as {rejection}, and what came with it was not recorded: \w.+", said)
    assert text is None or text not in said


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_every_report_takes_a_sound_receipt(capture, report):
    """The control."""
    configure_receipts(KEYS.keys, "k2")
    assert report(example(time=NOW - 364 * 86400).dumps(KEYS), at=NOW, telemetry=capture.telemetry)
    assert capture.errors() == {}


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
