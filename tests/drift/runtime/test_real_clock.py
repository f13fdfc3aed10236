"""A real processor whose system clock is put back and forward by a day while it runs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import grpc
import pytest

from otel_clinical.semconv import metrics
from otel_clinical.simulate._waiting import wait_until
from tests.drift import _wire
from tests.drift.runtime._harness import TRACES, running
from tests.rollback.test_faked_clock import faketime

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["faketime"]
pytestmark = pytest.mark.stack
ACCEPT = metrics.PROCESSOR_ACCEPT_STATUS.prometheus, ()


def test_a_day_back_is_retryable_and_a_day_ahead_is_nothing(
    tmp_path: Path, policy_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    first, second = (_wire.traces([_wire.span(number, time.time())]) for number in (1, 2))
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    monkeypatch.setenv("LD_PRELOAD", request.getfixturevalue("faketime"))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    with running(tmp_path, policy_path) as processor:
        for name in ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE"):
            monkeypatch.delenv(name)
        assert "LD_PRELOAD" not in os.environ
        assert processor.post(TRACES, first).status == 200
        processor.settle()
        clock.write_text("-1d\n")
        answer = processor.post(TRACES, second)
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
        assert processor.refusal(TRACES, second).code() is grpc.StatusCode.UNAVAILABLE
        assert "clock" in processor.get("/readyz").body.decode()
        assert processor.metrics()[ACCEPT] == 0
        for step in ("+0", "+1d", "+0"):
            clock.write_text(f"{step}\n")
            wait_until(lambda: processor.get("/readyz").status == 200, within=60, what="it to accept")
            assert processor.post(TRACES, second).status == 200
        processor.settle()
        assert processor.metrics()[ACCEPT] == 1
        assert processor.counter(metrics.PROCESSOR_EVENTS.prometheus) == {"inference": 2}
        assert processor.counter(metrics.PROCESSOR_REJECTIONS.prometheus) == {"duplicate": 2}
        assert processor.stop() == 0
