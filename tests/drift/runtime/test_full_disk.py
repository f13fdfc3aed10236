"""A disk that takes no more writes: senders are told to come back, and nothing is lost when it does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc.status_pb2 import Status

from otel_clinical.simulate._waiting import wait_until
from tests.drift import _wire
from tests.drift.runtime._harness import TRACES, Processor, running

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = "clinical_ai_processor_events_total"


def body(number: int) -> bytes:
    return _wire.traces([_wire.span(number, time.time())])


def counts(processor: Processor, inferences: int) -> None:
    """Require a number of inferences, as soon as what was acknowledged is applied."""
    found = wait_until(lambda: processor.counter(EVENTS), within=30, what="events to show")
    if found["inference"] < inferences:
        wait_until(lambda: processor.counter(EVENTS)["inference"] >= inferences, within=30, what="the newest event")
    assert processor.counter(EVENTS) == {"inference": inferences}


@pytest.fixture
def full(tmp_path: Path, policy_path: Path):
    with running(tmp_path, policy_path) as processor:
        assert processor.post(TRACES, body(1)).status == 200
        counts(processor, 1)
        processor.limit_file_size(4096)
        yield processor


def test_a_full_disk_is_retryable_on_both_protocols_and_ends_by_itself(full: Processor):
    answer = full.post(TRACES, body(2))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert Status.FromString(answer.body).code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert full.refusal(TRACES, body(2)).code() is grpc.StatusCode.UNAVAILABLE
    assert full.get("/readyz").status == 503
    assert full.get("/healthz").status == 200
    counts(full, 1)

    full.limit_file_size(-1)
    wait_until(lambda: full.get("/readyz").status == 200, within=30, what="the processor to notice free space")
    assert full.post(TRACES, body(2)).status == 200
    counts(full, 2)


def test_what_was_acknowledged_before_the_disk_filled_is_there_after_a_kill(full: Processor):
    assert full.post(TRACES, body(2)).status == 503
    full.kill()
    full.start()
    counts(full, 1)
    assert full.post(TRACES, body(2)).status == 200
    counts(full, 2)


def test_a_stop_with_a_full_disk_loses_nothing(full: Processor):
    assert full.stop() == 0
    full.start()
    counts(full, 1)
