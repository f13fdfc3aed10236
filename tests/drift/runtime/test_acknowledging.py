"""What a sender is told while the processor starts and stops, and what it may not take for a reason to come back."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc.status_pb2 import Status

from otel_clinical.access import Address
from otel_clinical.drift.runtime import Phase, ProcessorService, ProcessorSettings, http, rpc
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime._refusals import UnavailableError
from otel_clinical.drift.runtime.intake import MAXIMUM_BODY
from otel_clinical.drift.runtime.writer import WriterSettings
from otel_clinical.policy import load_policy
from otel_clinical.simulate._waiting import wait_until
from tests.drift import _wire
from tests.drift.runtime._harness import PROTOBUF, ROOT, TRACES, ask

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.drift.runtime._pipeline import Work

ANY = Address("127.0.0.1", 0)
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def told(service: ProcessorService, body: bytes) -> tuple[int, bool, grpc.StatusCode, list[str]]:
    """Return HTTP status, whether it says when to come back, gRPC code, and the keys of its trailers."""
    answer = ask(str(service.addresses.http), "POST", TRACES, body, PROTOBUF)
    with grpc.insecure_channel(str(service.addresses.grpc), [("grpc.max_send_message_length", -1)]) as channel:
        try:
            channel.unary_unary(EXPORT)(body, timeout=60)
        except grpc.RpcError as error:
            trailers = [key for key, _ in error.trailing_metadata()]
            return answer.status, "retry-after" in answer.headers, error.code(), trailers
    return answer.status, "retry-after" in answer.headers, grpc.StatusCode.OK, []


def test_starting_and_stopping_are_retryable_and_nothing_is_taken(tmp_path: Path, policy_path: Path):
    service = ProcessorService(load_policy(policy_path), ProcessorSettings(tmp_path, ANY, ANY, ANY))
    body = _wire.traces([_wire.span(1, time.time())])
    try:
        service._web.start()
        service._rpc.start()
        wait_until(lambda: told(service, body)[0], within=60, what="an answer")
        assert service.phase is Phase.STARTING
        assert told(service, body) == (503, True, grpc.StatusCode.UNAVAILABLE, [])
        service._writer.start()
        assert service.wait_ready(60)
        assert told(service, body)[::2] == (200, grpc.StatusCode.OK)
        service._writer.close()
        assert service._writer.join(60)
        assert told(service, body) == (503, True, grpc.StatusCode.UNAVAILABLE, [])
    finally:
        service._writer.started.wait(60)
        assert service.stop()
    assert service.events()["inference"] == 1


def test_a_disk_that_is_too_slow_and_a_queue_that_is_full_are_retryable(
    tmp_path: Path, policy_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for receiver in (http, rpc):
        monkeypatch.setattr(receiver, "_COMMIT_SECONDS", 0.5)
    settings = ProcessorSettings(tmp_path, ANY, ANY, ANY, writer=WriterSettings(queue_items=1))
    released, entered = threading.Event(), threading.Event()
    with ProcessorService(load_policy(policy_path), settings) as service:
        assert service.wait_ready(60)
        commit = service._writer._pipeline.commit

        def slow(works: list[Work]) -> list[int]:
            entered.set()
            assert released.wait(60)
            return commit(works)

        monkeypatch.setattr(service._writer._pipeline, "commit", slow)
        first, second = (_wire.traces([_wire.span(n, time.time())]) for n in range(2))
        late = (503, True, grpc.StatusCode.UNAVAILABLE, [])
        assert told(service, first) == late  # being written, for too long; the second of the two waits behind it
        assert entered.is_set()
        with pytest.raises(UnavailableError, match="busy"):
            service._intake.accept(Signal.TRACES, second)
        assert told(service, second) == late  # at once: nothing more may wait
        released.set()
        wait_until(lambda: service.events()["inference"] == 1, within=60, what="what was being written to be applied")
        assert told(service, second)[::2] == (200, grpc.StatusCode.OK)
        assert told(service, first)[::2] == (200, grpc.StatusCode.OK)  # it is known already, and counts once
        wait_until(lambda: service.events()["inference"] == 2, within=60, what="the rest to be applied")


@pytest.mark.parametrize(
    "body",
    [bytes(MAXIMUM_BODY + 1), b"\x0a\x00" * 20_000, b"\x0a\x04\x12\x02\x12\x00" * 9_000],
    ids=["bytes", "resources", "scopes"],
)
def test_too_large_is_permanent_on_both_protocols(tmp_path: Path, policy_path: Path, body: bytes):
    """RESOURCE_EXHAUSTED without RetryInfo: with it, a Collector would send the same again and again."""
    with ProcessorService(load_policy(policy_path), ProcessorSettings(tmp_path, ANY, ANY, ANY)) as service:
        assert service.wait_ready(60)
        assert told(service, body) == (413, False, grpc.StatusCode.RESOURCE_EXHAUSTED, [])
        answer = ask(str(service.addresses.http), "POST", TRACES, body, PROTOBUF)
        assert Status.FromString(answer.body).details == []


def test_a_person_at_a_terminal_sees_how_fast_events_come_in(tmp_path: Path, policy_path: Path):
    """A real terminal: the line is written over, and is gone from what a pipe gets."""
    ours, theirs = pty.openpty()
    places = [word for name in ("http", "grpc", "metrics") for word in (f"--{name}", "127.0.0.1:0")]
    words = ["processor", "run", "--policy", str(policy_path), "--state", str(tmp_path / "state"), *places]
    shown = b""
    with (
        closing(os.fdopen(ours, "rb", buffering=0)) as screen,
        subprocess.Popen(
            [sys.executable, "-m", "otel_clinical.cli", *words],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process,
    ):
        os.close(theirs)
        assert process.stdout is not None
        where = re.search(rb'"http": "([^"]+)"', process.stdout.readline())
        assert where is not None
        answer = ask(where[1].decode(), "POST", TRACES, _wire.traces([_wire.span(1, time.time())]), PROTOBUF)
        assert answer.status == 200
        deadline = time.monotonic() + 60
        while b"ready: 1 events" not in shown and time.monotonic() < deadline:
            shown += screen.read(4096)
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        with suppress(OSError):  # a terminal whose other side is closed
            while part := screen.read(4096):
                shown += part
        assert process.wait(60) == 0
    assert re.search(rb"ready: 1 events, \d+ a second, \d+ waiting", shown)
    assert shown.count(b"\n") == 1
    assert b"\r\x1b[K" not in rest
