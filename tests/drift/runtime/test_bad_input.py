"""Whatever is sent gets a typed answer or a counted rejection, and what was valid beside it is used."""

from __future__ import annotations

import gzip
import math
import time
import zlib
from collections import Counter
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_clinical.semconv import attributes
from otel_clinical.simulate._waiting import wait_until
from tests.drift import _wire
from tests.drift.runtime._harness import LOGS, PROTOBUF, TRACES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.drift.runtime._harness import Processor

MEBIBYTE = 1024 * 1024
EVENTS = "clinical_ai_processor_events_total"
REJECTIONS = "clinical_ai_processor_rejections_total"
GZIP = {**PROTOBUF, "Content-Encoding": "gzip"}
NUMBERS = count(1)


def fresh() -> int:
    """Return a number no other record of this run has."""
    return next(NUMBERS)


@contextmanager
def counted(processor: Processor, *, events: dict[str, int] | None = None, **rejections: int) -> Iterator[None]:
    """Require the block to change the counters by exactly this, once what it sent is applied."""
    before = Counter(processor.counter(EVENTS)), Counter(processor.counter(REJECTIONS))
    yield
    flush(processor)
    after = Counter(processor.counter(EVENTS)), Counter(processor.counter(REJECTIONS))
    del before[0]["change"], after[0]["change"]
    assert (after[0] - before[0], after[1] - before[1]) == (Counter(events or {}), Counter(rejections))


def flush(processor: Processor) -> None:
    """Send an event of a kind no test here counts and wait until it shows: everything before it is applied."""
    before = processor.counter(EVENTS).get("change", 0)
    body = _wire.logs([_wire.change(fresh(), time.time(), version="7", activation=1)])
    assert processor.post(LOGS, body).status == 200
    wait_until(
        lambda: processor.counter(EVENTS).get("change", 0) > before, within=30, what="the event to show", every=0.01
    )


def refused_spans(body: bytes) -> tuple[int, str]:
    answer = ExportTraceServiceResponse.FromString(body).partial_success
    return answer.rejected_spans, answer.error_message


def refused_logs(body: bytes) -> tuple[int, str]:
    answer = ExportLogsServiceResponse.FromString(body).partial_success
    return answer.rejected_log_records, answer.error_message


def good_span() -> bytes:
    return _wire.traces([_wire.span(fresh(), time.time())])


class TestBodies:
    @pytest.mark.parametrize("path", [TRACES, LOGS])
    @pytest.mark.parametrize(
        "body", [b"garbage", b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f"], ids=["words", "ones", "length"]
    )
    def test_garbage_is_a_permanent_error_with_a_status_in_protobuf(self, processor: Processor, path: str, body: bytes):
        with counted(processor, undecodable=1):
            answer = processor.post(path, body)
        assert answer.status == 400
        assert answer.headers["content-type"] == "application/x-protobuf"
        status = Status.FromString(answer.body)
        assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert "protobuf" in status.message

    @pytest.mark.parametrize("path", [TRACES, LOGS])
    def test_garbage_over_grpc_is_invalid_argument(self, processor: Processor, path: str):
        with counted(processor, undecodable=1):
            assert processor.refusal(path, b"garbage").code() is grpc.StatusCode.INVALID_ARGUMENT

    def test_a_truncated_message_is_undecodable(self, processor: Processor):
        with counted(processor, undecodable=2):
            assert processor.post(TRACES, good_span()[:-3]).status == 400
            assert processor.refusal(TRACES, good_span()[:-3]).code() is grpc.StatusCode.INVALID_ARGUMENT

    @pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
    def test_another_content_type_is_answered_with_a_sentence(self, processor: Processor, kind: str):
        with counted(processor, wrong_content_type=1):
            answer = processor.post(TRACES, b"{}", {"Content-Type": kind})
        assert answer.status == 415
        assert b"application/x-protobuf" in answer.body

    def test_an_unknown_content_encoding_is_answered_with_a_sentence(self, processor: Processor):
        with counted(processor, wrong_content_type=1):
            answer = processor.post(TRACES, good_span(), {**PROTOBUF, "Content-Encoding": "br"})
        assert answer.status == 415
        assert b"gzip" in answer.body

    def test_one_byte_too_many_is_too_large(self, processor: Processor):
        with counted(processor, oversized=1):
            assert processor.post(TRACES, bytes(16 * MEBIBYTE + 1)).status == 413

    def test_one_byte_too_many_without_an_announced_length_is_too_large(self, processor: Processor):
        # http.client sends an iterable in chunks, so the receiver learns of the size while reading
        chunks = iter([bytes(MEBIBYTE)] * 16 + [b"\0"])
        with counted(processor, oversized=1):
            answer = processor.post(TRACES, chunks, PROTOBUF)  # type: ignore[arg-type]
        assert answer.status == 413

    def test_one_byte_too_many_over_grpc_is_resource_exhausted(self, processor: Processor):
        assert processor.refusal(TRACES, bytes(16 * MEBIBYTE + 1)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    def test_a_body_of_the_largest_size_is_read(self, processor: Processor):
        answer = processor.post(TRACES, bytes(16 * MEBIBYTE))
        assert answer.status == 400  # read to the end, then found to be no protobuf

    def test_a_gzip_bomb_stops_at_the_limit(self, processor: Processor):
        bomb = gzip.compress(bytes(256 * MEBIBYTE), 9)
        assert len(bomb) < MEBIBYTE
        with counted(processor, oversized=1):
            assert processor.post(TRACES, bomb, GZIP).status == 413

    def test_a_gzip_bomb_over_grpc_stops_at_the_limit(self, processor: Processor):
        error = processor.refusal(TRACES, bytes(256 * MEBIBYTE), compression=grpc.Compression.Gzip)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    @pytest.mark.parametrize(
        "body",
        [b"not gzip", gzip.compress(b"x" * 100)[:-9], zlib.compress(b"x")],
        ids=["words", "truncated", "zlib"],
    )
    def test_broken_gzip_is_undecodable(self, processor: Processor, body: bytes):
        with counted(processor, undecodable=1):
            assert processor.post(TRACES, body, GZIP).status == 400

    def test_gzip_and_plain_and_both_protocols_carry_the_same(self, processor: Processor):
        with counted(processor, events={"inference": 4}):
            assert processor.post(TRACES, gzip.compress(good_span()), GZIP).status == 200
            assert processor.post(TRACES, good_span()).status == 200
            processor.call(TRACES, good_span())
            processor.call(TRACES, good_span(), compression=grpc.Compression.Gzip)

    def test_an_empty_request_is_accepted(self, processor: Processor):
        with counted(processor):
            assert processor.post(TRACES, b"").status == 200
            assert processor.call(LOGS, b"") == b""

    def test_unknown_paths_and_methods_are_typed(self, processor: Processor):
        assert processor.post("/v1/metrics", b"").status == 404
        assert b"/v1/traces" in processor.post("/v1/metrics", b"").body
        assert processor.get(TRACES, "http").status == 405
        assert processor.post("/nothing", b"").status == 404


BAD_SPANS = {
    "no model": ({"drop": [attributes.MODEL_NAME]}, "bad_attribute"),
    "no inference id": ({"drop": [attributes.INFERENCE_ID]}, "bad_attribute"),
    "model is a number": ({"extra": {attributes.MODEL_NAME: 7}}, "bad_attribute"),
    "version is a double": ({"extra": {attributes.MODEL_VERSION: 7.0}}, "bad_attribute"),
    "activation is negative": ({"activation": -1}, "bad_attribute"),
    "activation is huge": ({"activation": 2**40}, "bad_attribute"),
    "status is bytes": ({"extra": {attributes.INFERENCE_STATUS: b"\xff"}}, "bad_attribute"),
    "unknown model": ({"model": "nobody"}, "unknown_model"),
    "year 2150": ({"at": 5_680_000_000.0}, "future_time"),
    "an hour ahead": ({"at": 3600.0}, "future_time"),
    "a year ago": ({"at": -365 * 86400.0}, "expired"),
}
KEPT_SPANS = {
    "confidence is NaN": ({"confidence": math.nan}, "non_finite"),
    "confidence is infinite": ({"confidence": -math.inf}, "non_finite"),
    "confidence is negative": ({"confidence": -0.5}, "bad_attribute"),
    "confidence is text": ({"confidence": "high"}, "bad_attribute"),
    "quality is infinite": ({"quality": math.inf}, "non_finite"),
    "unknown version": ({"version": "99"}, "unknown_version"),
    "unknown segment value": ({"segments": {"payer": "a-marker-for-nobody"}}, "unknown_segment"),
    "segment is a number": ({"segments": {"payer": 12}}, "bad_attribute"),
}
BAD_OUTCOMES = {
    "no event id": ({"drop": [attributes.EVENT_ID]}, "bad_attribute"),
    "no inference time": ({"drop": [attributes.INFERENCE_TIME]}, "bad_attribute"),
    "inference time is NaN": ({"inferred": math.nan}, "non_finite"),
    "inference time is negative": ({"inferred": -5.0}, "bad_attribute"),
    "score is NaN": ({"score": math.nan}, "non_finite"),
    "score is infinite": ({"score": math.inf}, "non_finite"),
    "score is negative": ({"score": -0.1}, "bad_attribute"),
    "score is above one": ({"score": 1.5}, "bad_attribute"),
    "unknown result": ({"result": "splendid"}, "bad_attribute"),
    "unknown model": ({"model": "nobody"}, "unknown_model"),
    "inference older than the retention": ({"inferred": "expired"}, "expired"),
}


def moment(changes: dict[str, object]) -> dict[str, object]:
    """Make times relative to now: small numbers are an offset, "expired" is before the retention."""
    now = time.time()
    resolved = dict(changes)
    given = resolved.pop("at", 0.0)
    assert isinstance(given, float)
    resolved["at"] = given if given > now else now + given
    if resolved.get("inferred") == "expired":
        resolved["inferred"] = now - 91 * 86400.0
    return resolved


class TestRecords:
    @pytest.mark.parametrize(("changes", "reason"), BAD_SPANS.values(), ids=BAD_SPANS)
    def test_a_bad_span_is_refused_and_its_neighbours_are_used(
        self, processor: Processor, changes: dict[str, object], reason: str
    ):
        spans = [
            _wire.span(fresh(), time.time()),
            _wire.span(fresh(), **moment(changes)),
            _wire.span(fresh(), time.time()),
        ]
        with counted(processor, events={"inference": 2}, **{reason: 1}):
            answer = processor.post(TRACES, _wire.traces(spans))
        assert answer.status == 200
        assert refused_spans(answer.body) == (1, f"1 records were not used: {reason}=1")

    @pytest.mark.parametrize(("changes", "reason"), KEPT_SPANS.values(), ids=KEPT_SPANS)
    def test_a_bad_optional_value_is_set_aside_and_its_span_is_used(
        self, processor: Processor, changes: dict[str, object], reason: str
    ):
        with counted(processor, events={"inference": 1}, **{reason: 1}):
            answer = processor.post(TRACES, _wire.traces([_wire.span(fresh(), **moment(changes))]))
        assert (answer.status, answer.body) == (200, b"")

    @pytest.mark.parametrize(("changes", "reason"), BAD_OUTCOMES.values(), ids=BAD_OUTCOMES)
    def test_a_bad_outcome_is_refused_and_its_neighbours_are_used(
        self, processor: Processor, changes: dict[str, object], reason: str
    ):
        records = [_wire.outcome(fresh(), time.time()), _wire.outcome(fresh(), **moment(changes))]
        with counted(processor, events={"outcome": 1}, **{reason: 1}):
            answer = processor.call(LOGS, _wire.logs(records))
        assert refused_logs(answer) == (1, f"1 records were not used: {reason}=1")

    def test_an_outcome_that_arrives_twice_counts_once(self, processor: Processor):
        body = _wire.logs([_wire.outcome(fresh(), time.time())])
        with counted(processor, events={"outcome": 1}, duplicate=2):
            assert processor.post(LOGS, body).body == b""
            assert processor.post(LOGS, body).body == b""
            assert processor.call(LOGS, body) == b""

    def test_every_reason_stands_in_the_answer(self, processor: Processor):
        spans = [_wire.span(fresh(), time.time(), model="nobody") for _ in range(3)]
        spans.append(_wire.span(fresh(), time.time(), drop=[attributes.MODEL_NAME]))
        with counted(processor, unknown_model=3, bad_attribute=1):
            answer = processor.post(TRACES, _wire.traces(spans))
        assert refused_spans(answer.body) == (4, "4 records were not used: bad_attribute=1, unknown_model=3")

    def test_spans_of_other_software_are_ignored(self, processor: Processor):
        other = _wire.span(fresh(), time.time())
        del other.attributes[:]
        with counted(processor):
            assert processor.post(TRACES, _wire.traces([other])).body == b""

    def test_nothing_of_what_was_refused_is_stored(self, processor: Processor):
        marker = "PATIENT-MARKER-4711"
        bodies = [
            marker.encode(),
            _wire.traces([_wire.span(fresh(), time.time(), model=marker, segments={"payer": marker})]),
            _wire.traces([_wire.span(fresh(), time.time(), version=marker, segments={"site": marker})]),
        ]
        for body in bodies:
            for answer in (processor.post(TRACES, body), processor.post(LOGS, body)):
                assert marker.encode() not in answer.body
        processor.get("/metrics")
        for file in [*processor.state.iterdir(), processor.errors]:
            assert marker.encode() not in file.read_bytes()
        assert marker not in processor.get("/metrics").body.decode()
