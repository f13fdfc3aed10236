"""The columnar route and the general one give the same rows, rejections and counts, whatever is in the bytes."""

from __future__ import annotations

import math
import random
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue

from benchmarks._processor_load import Recorder
from otel_clinical.drift.explode import Exploded, PolicyIndex, _wire_recent, explode_logs, explode_traces
from otel_clinical.drift.explode import _wire as columnar
from otel_clinical.drift.explode._wire_columns import Columns
from otel_clinical.features import Feature, FeatureSet, Kind
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import OutcomeClass
from tests.drift import _wire as wire
from tests.drift.kernel._world import START, make_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span


def with_models(**changes: Any) -> PolicyIndex:
    """Return the test hospital's index with something changed in its model."""
    index = PolicyIndex.of(make_policy())
    return replace(index, models={name: replace(model, **changes) for name, model in index.models.items()})


FEATURES = FeatureSet(
    (Feature("age", Kind.NUMERIC, edges=(18.0, 65.0)), Feature("sex", Kind.CATEGORICAL, words=("f",)))
)
INDEX = with_models(features=FEATURES)
OF_CLASSES = with_models(counted=frozenset({OutcomeClass.TRUE_POSITIVE.value, OutcomeClass.FALSE_NEGATIVE.value}))
NOW = START + 60.0
NEVER = 10**9
ODD_TEXTS = ("", "_OTHER", "ø", "coding", "x" * 40, "x" * 130, "é" * 200, "x" * 300, "oncology\0")
PLACES = tuple(FEATURES.written([age, sex]) for age, sex in ((0, 1), (2, 51), (51, 50), (3, 0)))
ODD_VALUES = (
    *ODD_TEXTS,
    *(*PLACES, PLACES[0][:-1] + "7", PLACES[0][1:], PLACES[0] + "a"),
    *(-1, 0, 1, 127, 128, 300, 20_000, 2**31, 0.0, -0.0, 1.0, 1.5, -0.1, 1e-7, 0.1234565, 1e300),
    *(math.nan, math.inf, True, b"\xff", AnyValue(), AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)]))),
)
ENCOUNTERS = ("9c56cc51b374c3ba189210d5b6d4bf57", "0" * 32, "f" * 32, "A" * 32, "9" * 31, "9" * 33, "é" * 16, 7)
KEYS = [*sorted(columnar.LOG_KEYS | columnar.SPAN_KEYS), "http.route", "k" * 130, "k" * 2000]
DECLARED = {"department": "oncology", "payer": "private"}


def both(explode: Any, body: bytes, received: float = NOW, index: PolicyIndex = INDEX) -> tuple[Any, Any]:
    """Return what the columnar and the general route make of a body."""
    ours, general = (explode(body, received, index, fewest=fewest) for fewest in (1, NEVER))
    return comparable(ours), comparable(general)


def comparable(found: Exploded) -> tuple[Any, ...]:
    """Return everything in it, words in place of their numbers."""
    batch = found.batch
    words = [
        (batch.words[row["model"]], batch.words[row["version"]], [batch.words[word] for word in row["segments"]])
        for row in batch.rows
    ]
    names = [name for name in batch.rows.dtype.names or () if name not in {"model", "version", "segments"}]
    rest = [batch.rows[name].tolist() for name in names]
    return words, rest, found.rejections, found.ignored, found.undecodable


@st.composite
def odd_attributes(draw: st.DrawFn) -> dict[str, Any]:
    """Return overrides that may break a record in every way an attribute can."""
    found: dict[str, Any] = {"drop": draw(st.sets(st.sampled_from(KEYS), max_size=2))}
    found["extra"] = draw(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(ODD_VALUES), max_size=3))
    if draw(st.booleans()):
        found["extra"][attributes.OUTCOME_CLASS] = draw(st.sampled_from([*OutcomeClass, "", "true"]))
        found["extra"][attributes.ENCOUNTER_KEY] = draw(st.sampled_from(ENCOUNTERS))
        found["extra"][attributes.INPUT_FEATURES] = draw(st.sampled_from((*PLACES, *ODD_VALUES)))
    found["segments"] = DECLARED | {"payer": draw(st.sampled_from(("private", "nobody")))}
    found["activation"] = draw(st.sampled_from((1, 200)))
    return found


def disturb(draw: st.DrawFn, record: Span | LogRecord) -> None:
    """Write a record as some other exporter might."""
    how = draw(st.sampled_from(("", "", "", "twice", "turned", "no id", "unknown field", "no time")))
    if how == "twice":
        record.attributes.append(draw(st.sampled_from(list(record.attributes))))
    elif how == "turned":
        turned = list(reversed(record.attributes))
        del record.attributes[:]
        record.attributes.extend(turned)
    elif how == "no id":
        record.span_id = draw(st.sampled_from((b"", bytes(8), b"1234567", b"123456789")))
    elif how == "unknown field":
        record.MergeFromString(b"\xfa\x3f\x02hi\xc0\x3e\x81\x00")
    elif how == "no time":
        record.ClearField("start_time_unix_nano" if hasattr(record, "start_time_unix_nano") else "time_unix_nano")


@st.composite
def spans(draw: st.DrawFn) -> bytes:
    request = ExportTraceServiceRequest()
    for group in range(draw(st.integers(1, 2))):
        resource = request.resource_spans.add()
        if draw(st.booleans()):
            key = draw(st.sampled_from((attributes.MODEL_NAME, attributes.CONFIDENCE_SCORE, "host.name")))
            resource.resource.attributes.extend(wire.pairs({key: draw(st.sampled_from(ODD_VALUES))}))
        scope = resource.scope_spans.add()
        for number in range(draw(st.integers(0, 6))):
            one = wire.span(
                group * 10 + number, draw(moments), **draw(st.one_of(st.just({"segments": DECLARED}), odd_attributes()))
            )
            disturb(draw, one)
            scope.spans.append(one)
    return request.SerializeToString()


@st.composite
def events(draw: st.DrawFn) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    makers: list[Callable[..., LogRecord]] = [wire.outcome, wire.review]
    for number in range(draw(st.integers(0, 8))):
        maker = draw(st.sampled_from(makers))
        record = maker(number, draw(moments), inferred=draw(moments), **draw(overriding))
        if draw(st.integers(0, 9)) == 0:
            record.event_name = draw(st.sampled_from(("", "somebody.else", "clinical_ai.deployment.change")))
        disturb(draw, record)
        scope.log_records.append(record)
    return request.SerializeToString()


overriding = st.one_of(st.just({"segments": DECLARED}), odd_attributes())
moments = st.sampled_from((START, START + 0.1234567, NOW + 301.0, START - 400 * 86_400.0, 0.0))


@settings(max_examples=150, deadline=None)
@given(spans())
def test_any_spans_are_read_alike(body: bytes):
    ours, general = both(explode_traces, body)
    assert ours == general


@settings(max_examples=150, deadline=None)
@given(events())
def test_any_events_are_read_alike(body: bytes):
    for index in (INDEX, OF_CLASSES):
        ours, general = both(explode_logs, body, index=index)
        assert ours == general


def mutated(body: bytes, draw: random.Random) -> bytes:
    """Return `body` after a few edits of single bytes and of ranges."""
    data = bytearray(body)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(len(data))
        edit = draw.randrange(5)
        if edit == 0:
            data[at] ^= 1 << draw.randrange(8)
        elif edit == 1:
            data[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x12))
        elif edit == 2:
            del data[at : at + draw.choice((1, 2, 40))]
        elif edit == 3:
            data[at:at] = data[max(at - draw.choice((1, 2, 40)), 0) : at]
        else:
            data[at:at] = bytes([draw.choice((0, 0x80, 0x0A, 0x12))])
    return bytes(data)


@contextmanager
def watched() -> Iterator[list[int]]:
    """Give the numbers of records that the columnar route took."""
    found: list[int] = []
    gather = columnar.Wire.gather

    def noted(*arguments: Any) -> Any:
        gathered = gather(*arguments)
        found.append(sum(len(rows) for one in gathered.values() for rows in one.rows))
        return gathered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar.Wire, "gather", noted)
        yield found


def many(number: int) -> dict[str, Any]:
    """Return attributes that nobody reads, of every type and width that is passed over."""
    return {"tokens": number * 5000, "cached": number > 2, "cost": 0.1 * number, "route": f"/v{number}"}


SAID = {attributes.INPUT_FEATURES: PLACES[0]}
SOUND = {
    explode_traces: wire.traces(
        [wire.span(n, START + n, confidence=n / 8, segments=DECLARED, extra=SAID | many(n)) for n in range(6)]
    ),
    explode_logs: wire.logs(
        [
            *(wire.outcome(n, START, score=n / 6, segments=DECLARED) for n in range(3)),
            *(wire.review(n, START, segments=DECLARED, extra={attributes.REVIEW_DURATION: n}) for n in range(3)),
        ]
    ),
}


@pytest.mark.parametrize("explode", [explode_traces, explode_logs])
def test_a_request_with_any_bytes_changed_is_read_alike(explode: Any):
    draw = random.Random(13)
    made = SOUND[explode]
    accepted = 0
    with watched() as columns:
        for _ in range(1500):
            ours, general = both(explode, mutated(made, draw))
            assert ours == general
            accepted += len(general[0])
    assert accepted > 1500
    assert sum(columns) > accepted / 2  # it is the columnar route that was tested


LARGE = {
    explode_traces: wire.traces(
        [
            wire.span(n, START + n / 50, confidence=n / 60, segments=DECLARED, extra=SAID | many(n % 6))
            for n in range(50)
        ]
    ),
    explode_logs: wire.logs([wire.outcome(n, START, score=n / 60, segments=DECLARED) for n in range(50)]),
}


@pytest.mark.parametrize("explode", [explode_traces, explode_logs])
def test_one_changed_record_among_many_is_not_overlooked(explode: Any):
    """Many records are compared in blocks, and what is left of the last block by itself."""
    draw = random.Random(14)
    made = LARGE[explode]
    for _ in range(3):
        explode(made, NOW, INDEX)
    with watched() as columns:
        for _ in range(600):
            ours, general = (
                explode(body, NOW, INDEX, fewest=fewest) for body in [mutated(made, draw)] for fewest in (24, NEVER)
            )
            assert comparable(ours) == comparable(general)
    assert sum(columns) > 5000  # it is the columnar route that was tested


def test_what_the_sdk_sends_never_needs_the_general_route(monkeypatch: pytest.MonkeyPatch):
    recorder = Recorder("coding", make_policy().models["coding"])
    try:
        sent = [(explode_traces, recorder.spans(30)), (explode_logs, recorder.outcomes(30))]
        sent.append((explode_logs, recorder.reviews(30)))
    finally:
        recorder.close()
    for explode, template in sent:
        ours, general = both(explode, template.body, 1_790_000_000.0 + 1.0)
        assert ours == general
        with monkeypatch.context() as patch:
            patch.setattr("otel_clinical.drift.explode._explode._Work._take", lambda *_: pytest.fail("read one by one"))
            patch.setattr(
                "otel_clinical.drift.explode._explode._Shape.scopes", lambda *_: pytest.fail("given to protobuf")
            )
            assert len(explode(template.body, 1_790_000_000.0 + 1.0, INDEX, fewest=1).batch) == 30


def test_the_comparison_would_see_a_difference(monkeypatch: pytest.MonkeyPatch):
    body = wire.traces([wire.span(n, START, confidence=0.5, segments=DECLARED) for n in range(3)])
    share = Columns.share
    monkeypatch.setattr(Columns, "share", lambda columns, key: share(columns, key) + 1)
    ours, general = both(explode_traces, body)
    assert ours != general


def test_a_record_that_only_resembles_a_recent_one_is_read_in_columns_all_the_same(monkeypatch: pytest.MonkeyPatch):
    other = [wire.span(n, START, segments=DECLARED, extra={"more": n}) for n in range(3)]
    body = wire.traces([wire.span(n, START, confidence=0.5, segments=DECLARED) for n in range(3)])
    for recent in columnar._RECENT.values():
        recent.forget()
    explode_traces(wire.traces(other), NOW, INDEX, fewest=1)
    monkeypatch.setattr(_wire_recent, "resembles", lambda *_: True)
    share = Columns.share
    monkeypatch.setattr(Columns, "share", lambda columns, key: share(columns, key) + 1)
    ours, general = both(explode_traces, body)
    assert ours != general


def test_texts_and_numbers_of_any_length_are_compared_at_one_look(monkeypatch: pytest.MonkeyPatch):
    """Once an exporter's records are known no record is followed field by field, whatever its values are."""

    def made(number: int) -> Span:
        extra = {"route": "/v" * (number % 7), "tokens": number**3, "cost": number / 7, "cached": number % 2 > 0}
        payer = ("private", "medicaid", "_OTHER")[number % 3]
        return wire.span(number, START, confidence=number / 200, segments={"payer": payer}, extra=extra)

    for request in range(3):
        explode_traces(wire.traces([made(n) for n in range(60 * request, 60 * request + 60)]), NOW, INDEX)
    monkeypatch.setattr(columnar, "follow", lambda *_: pytest.fail("a record was followed"))
    body = wire.traces([made(n) for n in range(100, 160)])
    ours, general = (explode_traces(body, NOW, INDEX, fewest=fewest) for fewest in (24, NEVER))
    assert comparable(ours) == comparable(general)
    assert len(ours.batch) == 60
    with pytest.raises(pytest.fail.Exception, match="was followed"):  # a text that is not ASCII is looked at closely
        explode_traces(wire.traces([wire.span(n, START, extra={"route": "é"}) for n in range(60)]), NOW, INDEX)


def test_the_kinds_of_record_of_many_programs_are_all_known(monkeypatch: pytest.MonkeyPatch):
    """A hospital has more than a few instrumented programs, and their requests come in turn."""
    requests = [
        wire.traces([wire.span(n, START, extra={f"of.program.{program}": n}) for n in range(30)])
        for program in range(30)
    ]
    for body in requests:
        explode_traces(body, NOW, INDEX)
    monkeypatch.setattr(_wire_recent.Recent, "made", lambda *_: pytest.fail("a skeleton was learnt again"))
    for body in requests:
        assert len(explode_traces(body, NOW, INDEX).batch) == 30
    with pytest.raises(pytest.fail.Exception, match="learnt again"):
        explode_traces(wire.traces([wire.span(n, START, extra={"new": n}) for n in range(30)]), NOW, INDEX)


@pytest.mark.parametrize("length", [127, 128, 500, 1000, 2000, 20_000])
def test_a_key_of_any_length_is_read_alike(length: int):
    made = [wire.span(n, START, segments=DECLARED, extra={"k" * length: n}) for n in range(3)]
    ours, general = both(explode_traces, wire.traces(made))
    assert ours == general
    assert len(general[0]) == 3
