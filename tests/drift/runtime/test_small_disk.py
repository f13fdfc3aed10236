"""A disk that takes no writes: one sentence at the start, retryable while it runs, whether full or read-only."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import grpc
import pytest

from otel_clinical.drift.runtime import StateDirectoryError
from otel_clinical.drift.runtime.store import Store
from otel_clinical.semconv import metrics
from otel_clinical.simulate._waiting import wait_until
from tests.drift import _wire
from tests.drift.runtime._harness import TRACES, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENTS = metrics.PROCESSOR_EVENTS.prometheus


def mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=16m", "otel-clinical-test", str(folder)):
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_start_on_it_is_one_sentence(disk: Path):
    Store(disk / "state").close()
    assert mount("-o", "remount,ro", str(disk))
    with pytest.raises(StateDirectoryError, match="Read-only file system"):
        Store(disk / "state")
    with pytest.raises(StateDirectoryError, match="Read-only file system"):
        Store(disk / "another")


def test_while_it_runs_senders_are_told_to_come_back(disk: Path, policy_path: Path):
    with running(disk / "here", policy_path) as processor:
        assert processor.post(TRACES, _wire.traces([_wire.span(1, time.time())])).status == 200
        processor.settle()
        (disk / "filler").write_bytes(b"")
        with (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                try:
                    filler.write(bytes(65536))
                except OSError:
                    break
        # The journal's log may have room of its own left: it is filled request by request.
        for first in range(2, 200_000, 2_000):
            body = _wire.traces(_wire.span(n, time.time()) for n in range(first, first + 2_000))
            if (status := processor.post(TRACES, body).status) != 200:
                break
        assert status == 503
        assert processor.get("/readyz").status == 503
        (disk / "filler").unlink()
        wait_until(lambda: processor.get("/readyz").status == 200, within=60, what="the processor to notice free space")
        assert processor.post(TRACES, body).status == 200
        wait_until(lambda: processor.counter(EVENTS) == {"inference": first + 1_999}, within=60, what="every event")
        assert processor.stop() == 0


def test_read_only_while_it_runs_senders_are_told_to_come_back(tmp_path: Path, policy_path: Path):
    """As a file system does after an error of its disk: what is open can still be read, and takes no write."""
    with running(tmp_path, policy_path) as processor:
        assert processor.post(TRACES, _wire.traces([_wire.span(1, time.time())])).status == 200
        processor.settle()
        files = [str(processor.state / name) for name in ("state.db", "state.db-wal")]
        if subprocess.run(["chattr", "+i", *files], capture_output=True, check=False).returncode:
            pytest.skip("needs a file system whose files can be made immutable")
        body = _wire.traces([_wire.span(2, time.time())])
        try:
            answer = processor.post(TRACES, body)
            assert (answer.status, "retry-after" in answer.headers) == (503, True)
            assert processor.refusal(TRACES, body).code() is grpc.StatusCode.UNAVAILABLE
            assert (processor.get("/readyz").status, processor.get("/healthz").status) == (503, 200)
            assert processor.metrics()[metrics.PROCESSOR_ACCEPT_STATUS.prometheus, ()] == 0
            assert processor.counter(EVENTS) == {"inference": 1}
            assert "does not take writes" in processor.errors.read_text()
        finally:
            subprocess.run(["chattr", "-i", *files], check=True)
        wait_until(lambda: processor.get("/readyz").status == 200, within=60, what="the processor to notice")
        assert processor.metrics()[metrics.PROCESSOR_ACCEPT_STATUS.prometheus, ()] == 1
        assert processor.post(TRACES, body).status == 200
        processor.settle()
        assert processor.counter(EVENTS) == {"inference": 2}  # what was refused before counts once
        assert processor.stop() == 0
