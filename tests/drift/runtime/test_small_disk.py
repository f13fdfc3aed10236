"""A small disk of its own: read-only at the start is one sentence, full while it runs is retryable."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.drift.runtime import StateDirectoryError
from otel_clinical.drift.runtime.store import Store
from otel_clinical.simulate._waiting import wait_until
from tests.drift import _wire
from tests.drift.runtime._harness import TRACES, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
        events = "clinical_ai_processor_events_total"
        wait_until(lambda: processor.counter(events) == {"inference": first + 1_999}, within=60, what="every event")
        assert processor.stop() == 0
