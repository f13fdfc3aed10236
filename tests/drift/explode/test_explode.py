"""Taking requests apart: nothing valid is lost, nothing invalid is used, and every loss has a name."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_clinical.drift.explode import ABSENT, SEGMENTS, Batch, Kind, PolicyIndex, explode_logs, explode_traces
from otel_clinical.semconv import attributes, events
from otel_clinical.semconv.enums import ProcessorRejection
from tests.drift import _wire as wire
from tests.drift.kernel._world import START, make_kernel, make_policy

INDEX = PolicyIndex.of(make_policy())
NOW = START + 60.0
SUBJECT: dict[str, Any] = {"segments": {"department": "oncology", "payer": "private"}}
R = ProcessorRejection


def spans(*found: Any):
    return explode_traces(wire.traces(found), NOW, INDEX)


def records(*found: Any):
    return explode_logs(wire.logs(found), NOW, INDEX)


def words(batch: Batch, column: str) -> list[str]:
    return [batch.words[place] for place in batch.rows[column].tolist()]


def segments(batch: Batch) -> dict[str, str]:
    return {
        name: batch.words[place]
        for name, place in zip(SEGMENTS, batch.rows["segments"][0].tolist(), strict=True)
        if place
    }


def test_an_inference_becomes_numbers_and_declared_words():
    exploded = spans(wire.span(1, START, confidence=0.85, quality=0.95, activation=3, **SUBJECT))
    row = exploded.batch.rows[0]
    assert exploded.rejections == ()
    assert words(exploded.batch, "model") == ["coding"]
    assert words(exploded.batch, "version") == ["7"]
    assert segments(exploded.batch) == {"department": "oncology", "payer": "private"}
    assert (row["kind"], row["mark"], row["activation"]) == (Kind.INFERENCE, 1, 3)
    assert (row["score"], row["confidence"], row["quality"]) == (ABSENT, 850_000, 950_000)
    assert row["time"] == row["inferred"] == round(START * 1e6)


def test_an_outcome_points_at_its_inference():
    exploded = records(wire.outcome(1, START + 9.0, result="incorrect", inferred=START, **SUBJECT))
    other = records(wire.outcome(2, START + 9.0, result="incorrect", inferred=START, **SUBJECT))
    (review,) = records(wire.review(1, START + 9.0, inferred=START, **SUBJECT)).batch.rows
    (row,) = exploded.batch.rows
    assert (row["kind"], row["score"]) == (Kind.OUTCOME, 0)
    assert row["inference"] == review["inference"] != other.batch.rows[0]["inference"]
    assert (row["inferred"], row["time"]) == (round(START * 1e6), round((START + 9.0) * 1e6))


def test_an_inference_is_known_by_its_span_alone():
    """Its id is hashed only where an event asks for it: on disk there is nothing that nobody reads."""
    (row,) = spans(wire.span(1, START, **SUBJECT)).batch.rows
    assert row["inference"] == 0
    assert row["event"] != 0


@pytest.mark.parametrize(
    ("result", "score", "expected"),
    [
        ("correct", None, 1_000_000),
        ("incorrect", None, 0),
        ("partial", None, 500_000),
        ("partial", 0.25, 250_000),
        ("correct", 1, 1_000_000),
        ("indeterminate", None, ABSENT),
        ("indeterminate", 0.5, ABSENT),
    ],
)
def test_scores_of_outcomes(result, score, expected):
    exploded = records(wire.outcome(1, result=result, score=score, **SUBJECT))
    assert exploded.batch.rows["score"].tolist() == [expected]


def test_reviews_and_changes_are_records_too():
    exploded = records(wire.review(1, **SUBJECT), wire.change(2, activation=5))
    assert exploded.batch.rows["kind"].tolist() == [Kind.REVIEW, Kind.CHANGE]
    assert exploded.batch.rows["activation"].tolist()[1] == 5


def test_other_telemetry_is_ignored_and_not_refused():
    foreign = wire.span(1)
    del foreign.attributes[:]
    foreign.attributes.extend(wire.pairs({"http.route": "/x", "db.system": "sqlite"}))
    review = wire.span(2)
    review.attributes.extend(wire.pairs({attributes.REVIEW_ACTION: "accepted"}))
    exploded = spans(foreign, review)
    assert (len(exploded.batch), exploded.ignored, exploded.rejections) == (0, 2, ())
    other = wire.outcome(3)
    other.event_name = events.FEEDBACK
    assert records(other).ignored == 1


def test_the_subject_may_stand_on_the_resource():
    """The Collector's grouping processor moves attributes there."""
    request = ExportTraceServiceRequest.FromString(wire.traces([wire.span(1, START)]))
    (span,) = request.resource_spans[0].scope_spans[0].spans
    moved = [pair for pair in span.attributes if pair.key in (attributes.MODEL_NAME, attributes.SEGMENT_PAYER)]
    request.resource_spans[0].resource.attributes.extend(moved)
    kept = [pair for pair in span.attributes if pair not in moved]
    del span.attributes[:]
    span.attributes.extend(kept)
    exploded = explode_traces(request.SerializeToString(), NOW, INDEX)
    assert words(exploded.batch, "model") == ["coding"]


NAN, INF = math.nan, math.inf
REFUSED_SPANS = {
    "no model": (wire.span(1, drop=[attributes.MODEL_NAME]), R.BAD_ATTRIBUTE),
    "unknown model": (wire.span(1, model="surgery"), R.UNKNOWN_MODEL),
    "model is a number": (wire.span(1, extra={attributes.MODEL_NAME: 7}), R.BAD_ATTRIBUTE),
    "empty version": (wire.span(1, version=""), R.BAD_ATTRIBUTE),
    "endless version": (wire.span(1, version="9" * 300), R.BAD_ATTRIBUTE),
    "no inference id": (wire.span(1, drop=[attributes.INFERENCE_ID]), R.BAD_ATTRIBUTE),
    "no status": (wire.span(1, drop=[attributes.INFERENCE_STATUS]), R.BAD_ATTRIBUTE),
    "unknown status": (wire.span(1, status="great"), R.BAD_ATTRIBUTE),
    "activation is text": (wire.span(1, activation="3"), R.BAD_ATTRIBUTE),
    "activation is a truth value": (wire.span(1, activation=True), R.BAD_ATTRIBUTE),
    "negative activation": (wire.span(1, activation=-1), R.BAD_ATTRIBUTE),
    "endless activation": (wire.span(1, activation=2**40), R.BAD_ATTRIBUTE),
    "no time": (wire.span(1, 0.0), R.BAD_ATTRIBUTE),
    "future": (wire.span(1, NOW + 301.0), R.FUTURE_TIME),
    "older than the retention": (wire.span(1, NOW - 91 * 86400.0), R.EXPIRED),
}
REFUSED_OUTCOMES = {
    "no event id": (wire.outcome(1, drop=[attributes.EVENT_ID]), R.BAD_ATTRIBUTE),
    "no inference time": (wire.outcome(1, drop=[attributes.INFERENCE_TIME]), R.BAD_ATTRIBUTE),
    "inference time is text": (wire.outcome(1, inferred="yesterday"), R.BAD_ATTRIBUTE),
    "inference time is not finite": (wire.outcome(1, inferred=INF), R.NON_FINITE),
    "inference time is negative": (wire.outcome(1, inferred=-1.0), R.BAD_ATTRIBUTE),
    "inference after its outcome": (wire.outcome(1, START, inferred=START + 301.0), R.FUTURE_TIME),
    "inference older than the retention": (wire.outcome(1, inferred=NOW - 91 * 86400.0), R.EXPIRED),
    "no result": (wire.outcome(1, drop=[attributes.OUTCOME_RESULT]), R.BAD_ATTRIBUTE),
    "unknown result": (wire.outcome(1, result="splendid"), R.BAD_ATTRIBUTE),
    "score is not finite": (wire.outcome(1, score=NAN), R.NON_FINITE),
    "score above 1": (wire.outcome(1, score=1.5), R.BAD_ATTRIBUTE),
    "negative score": (wire.outcome(1, score=-0.1), R.BAD_ATTRIBUTE),
    "score is text": (wire.outcome(1, score="0.9"), R.BAD_ATTRIBUTE),
    "score is a truth value": (wire.outcome(1, score=True), R.BAD_ATTRIBUTE),
    "future": (wire.outcome(1, NOW + 400.0, inferred=START), R.FUTURE_TIME),
    "unknown model": (wire.outcome(1, model="surgery"), R.UNKNOWN_MODEL),
    "unknown review": (wire.review(1, action="shrugged"), R.BAD_ATTRIBUTE),
}


@pytest.mark.parametrize("case", REFUSED_SPANS)
def test_a_broken_span_is_refused_by_name_and_its_neighbours_are_kept(case):
    broken, reason = REFUSED_SPANS[case]
    exploded = spans(wire.span(8), broken, wire.span(9))
    (rejection,) = exploded.quarantine
    assert (rejection.reason, rejection.kept, len(rejection.digest)) == (reason, False, 64)
    assert rejection.size == broken.ByteSize()
    assert len(exploded.batch) == 2


@pytest.mark.parametrize("case", REFUSED_OUTCOMES)
def test_a_broken_event_is_refused_by_name_and_its_neighbours_are_kept(case):
    broken, reason = REFUSED_OUTCOMES[case]
    exploded = records(wire.outcome(8), broken, wire.outcome(9))
    (rejection,) = exploded.quarantine
    assert rejection.reason is reason
    assert len(exploded.batch) == 2


def test_a_span_id_of_the_wrong_length_is_refused():
    broken = wire.span(1)
    broken.span_id = b"123"
    assert spans(broken).counts == {R.BAD_ATTRIBUTE: 1}


SET_ASIDE = {
    "confidence is not finite": ({"confidence": NAN}, R.NON_FINITE, "confidence"),
    "confidence above 1": ({"confidence": 85.0}, R.BAD_ATTRIBUTE, "confidence"),
    "quality is text": ({"quality": "good"}, R.BAD_ATTRIBUTE, "quality"),
}


@pytest.mark.parametrize("case", SET_ASIDE)
def test_a_broken_measurement_is_set_aside_and_the_inference_kept(case):
    """A release that reports NaN as confidence must not become invisible by doing so."""
    broken, reason, column = SET_ASIDE[case]
    exploded = spans(wire.span(1, **broken, **SUBJECT))
    (rejection,) = exploded.rejections
    assert (rejection.reason, rejection.kept) == (reason, True)
    assert exploded.quarantine == ()
    assert exploded.batch.rows[column].tolist() == [ABSENT]


@pytest.mark.parametrize(
    ("about", "reason", "expected"),
    [
        ({"segments": {"payer": "lottery"}}, R.UNKNOWN_SEGMENT, {"payer": "_OTHER"}),
        ({"segments": {"payer": 7}}, R.BAD_ATTRIBUTE, {"payer": "_OTHER"}),
        ({"segments": {"payer": "_OTHER"}}, None, {"payer": "_OTHER"}),
    ],
)
def test_an_undeclared_segment_value_becomes_other(about, reason, expected):
    exploded = spans(wire.span(1, segments={**about["segments"], "department": "oncology"}))
    assert [rejection.reason for rejection in exploded.rejections] == ([reason] if reason else [])
    assert segments(exploded.batch) == {"department": "oncology", **expected}


def test_an_undeclared_version_becomes_other_and_is_counted():
    exploded = spans(wire.span(1, version="experimental", **SUBJECT))
    assert words(exploded.batch, "version") == ["_OTHER"]
    assert exploded.counts == {R.UNKNOWN_VERSION: 1}


def test_rejections_never_quote_what_was_sent():
    marker = "MRN-00012345"
    found = [
        wire.span(1, model=marker),
        wire.span(2, version=marker, segments={"payer": marker}),
        wire.span(3, extra={attributes.CONFIDENCE_SCORE: marker}),
        wire.span(4, status=marker),
    ]
    exploded = spans(*found)
    assert len(exploded.rejections) >= 4
    assert marker not in repr(exploded)
    assert marker.encode() not in exploded.batch.to_bytes()


@pytest.mark.parametrize("body", [b"\xff" * 40, b"garbage", wire.traces([wire.span(1)])[:-9]])
def test_an_undecodable_body_is_one_rejection(body):
    for explode in (explode_traces, explode_logs):
        exploded = explode(body, NOW, INDEX)
        if exploded.undecodable:
            (rejection,) = exploded.rejections
            assert (rejection.reason, rejection.size) == (R.UNDECODABLE, len(body))
        assert len(exploded.batch) == 0
    assert explode_traces(b"\xff" * 40, NOW, INDEX).undecodable


def test_one_text_that_is_no_utf8_costs_one_record():
    body = wire.traces([wire.span(1, **SUBJECT), wire.span(2, version="7", **SUBJECT), wire.span(3, **SUBJECT)])
    request = ExportTraceServiceRequest.FromString(body)
    request.resource_spans[0].scope_spans[0].spans[1].name = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    body = request.SerializeToString().replace("caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode(), b"caf\xff\xfe")
    exploded = explode_traces(body, NOW, INDEX)
    assert not exploded.undecodable
    assert exploded.counts == {R.UNDECODABLE: 1}
    assert len(exploded.batch) == 2


def test_the_same_for_logs():
    records_ = [wire.outcome(n, **SUBJECT) for n in range(3)]
    records_[1].severity_text = "XYZQ"
    exploded = explode_logs(wire.logs(records_).replace(b"XYZQ", b"\xff\xfe\xfd\xfc"), NOW, INDEX)
    assert exploded.counts == {R.UNDECODABLE: 1}
    assert len(exploded.batch) == 2


@pytest.mark.parametrize("broken", [False, True], ids=["whole", "salvaged"])
@pytest.mark.parametrize(
    ("explode", "body", "kind"),
    [
        (explode_traces, wire.traces([wire.span(n, **SUBJECT) for n in range(3)]), Kind.INFERENCE),
        (explode_logs, wire.logs([wire.outcome(n, **SUBJECT) for n in range(3)]), Kind.OUTCOME),
    ],
    ids=["traces", "logs"],
)
def test_both_signals_are_walked_alike_whole_or_record_by_record(explode, body, kind, broken):
    # A second group whose only record holds bytes that are no protobuf makes the whole request undecodable.
    torn = b"\x0a\x05\x12\x03\x12\x01\xff" if broken else b""
    exploded = explode(body + torn, NOW, INDEX)
    assert exploded.batch.rows["kind"].tolist() == [kind] * 3
    assert exploded.counts == ({R.UNDECODABLE: 1} if broken else {})
    assert exploded.batch.words == explode(body, NOW, INDEX).batch.words


def test_an_empty_request_is_fine():
    assert len(explode_traces(b"", NOW, INDEX).batch) == 0
    assert not explode_logs(b"", NOW, INDEX).undecodable


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=400))
def test_no_bytes_crash_it(body):
    for explode in (explode_traces, explode_logs):
        exploded = explode(body, NOW, INDEX)
        assert all(isinstance(rejection.reason, R) for rejection in exploded.rejections)


NAMED = ("model", "version")
KEYS = [
    attributes.MODEL_NAME,
    attributes.MODEL_VERSION,
    attributes.INFERENCE_ID,
    attributes.INFERENCE_TIME,
    attributes.EVENT_ID,
    attributes.OUTCOME_SCORE,
    attributes.OUTCOME_RESULT,
    attributes.DEPLOYMENT_ACTIVATION,
    attributes.CONFIDENCE_SCORE,
    attributes.SEGMENT_PAYER,
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=10),
)


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), times=st.integers(0, 2**64 - 1))
def test_no_attribute_value_crashes_it_or_costs_a_neighbour(changes, times):
    broken = wire.outcome(1, **SUBJECT)
    kept = [pair for pair in broken.attributes if pair.key not in changes]
    del broken.attributes[:]
    broken.attributes.extend(kept)
    for key, value in changes.items():
        broken.attributes.append(KeyValue(key=key, value=AnyValue() if value is None else wire.any_value(value)))
    broken.time_unix_nano = times
    exploded = records(wire.outcome(8, **SUBJECT), broken, wire.outcome(9, **SUBJECT))
    lost = len(exploded.quarantine)
    assert len(exploded.batch) == 3 - lost
    assert lost in {0, 1}
    assert Counter(exploded.counts).total() == len(exploded.rejections)
    assert np.all(exploded.batch.rows["score"] >= ABSENT)
    again = Batch.from_bytes(exploded.batch.to_bytes())
    assert [words(again, column) for column in NAMED] == [words(exploded.batch, column) for column in NAMED]


def test_ten_thousand_broken_records_cost_no_ten_thousand_digests():
    exploded = spans(*(wire.span(n, model="surgery") for n in range(150)))
    assert sum(bool(rejection.digest) for rejection in exploded.rejections) == 100
    assert exploded.counts == {R.UNKNOWN_MODEL: 150}


def test_trace_body_sent_as_logs_yields_no_rows():
    assert len(explode_logs(wire.traces([wire.span(1, **SUBJECT)]), NOW, INDEX).batch) == 0
    assert ExportLogsServiceRequest() is not None


@pytest.mark.parametrize("fewest", [1, 10**9])
@pytest.mark.parametrize(("role", "seen"), [("shadow", 0), ("canary", 30), ("active", 30), ("something new", 30)])
def test_a_shadow_is_passed_over_on_both_routes_because_nobody_was_shown_it(role, seen, fewest):
    body = wire.traces([wire.span(n, START, extra={attributes.DEPLOYMENT_ROLE: role}, **SUBJECT) for n in range(1, 31)])
    exploded = explode_traces(body, NOW, INDEX, fewest=fewest)
    assert (len(exploded.batch), exploded.ignored, exploded.rejections) == (seen, 30 - seen, ())


@pytest.mark.parametrize(("role", "activations"), [("shadow", {}), ("canary", {("coding", "7"): 9})])
def test_a_shadow_moves_no_activation(role, activations):
    kernel = make_kernel()
    kernel.apply(spans(wire.span(1, START, activation=9, extra={attributes.DEPLOYMENT_ROLE: role})).batch)
    assert kernel.activations == activations
