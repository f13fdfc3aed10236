"""A real processor process, and senders that behave as OpenTelemetry exporters do: they retry until acknowledged."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from prometheus_client.parser import text_string_to_metric_families

from otel_clinical.simulate._waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[3]
START_SECONDS = 60.0
PROTOBUF = {"Content-Type": "application/x-protobuf"}
TRACES, LOGS = "/v1/traces", "/v1/logs"
_RPC = {
    TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]


class Processor:
    """One processor process over a state directory; start it again as often as the test kills it.

    Args:
        folder: Keeps the state directory and what the process prints.
        policy: Policy file.
        options: More command-line options.
        host: Loopback address to listen on.
    """

    def __init__(self, folder: Path, policy: Path, *options: str, host: str = "127.0.0.1") -> None:
        self.state = folder / "state"
        self.policy = policy
        self._options = options
        self._host = host
        self._output = folder / "stdout"
        self.errors = folder / "stderr"
        self.process: subprocess.Popen[bytes] | None = None
        self.where: dict[str, str] = {}

    def launch(self, fault: str = "") -> None:
        """Start the process and return at once."""
        places = [word for name in ("http", "grpc", "metrics") for word in (f"--{name}", f"{self._host}:0")]
        files = ["--policy", str(self.policy), "--state", str(self.state)]
        words = ["processor", "run", *files, *places, *self._options]
        self.process = self._spawn(words, {"OTEL_CLINICAL_FAULT": fault, "OTEL_CLINICAL_DEBUG": "1"})

    def _spawn(self, words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with self._output.open("wb") as out, self.errors.open("ab") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "otel_clinical.cli", *words],
                stdout=out,
                stderr=err,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            )

    def start(self, fault: str = "") -> Processor:
        """Start the process and wait until it accepts."""
        self.launch(fault)
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Wait for the line that says where it listens."""
        self.where = wait_until(self._ready_line, within=START_SECONDS, what="the processor to be ready")

    def lines(self) -> list[dict[str, object]]:
        """Return what this start has printed."""
        return [json.loads(line) for line in self._output.read_text().splitlines()]

    def _ready_line(self) -> dict[str, str] | None:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the processor ended with {self.process.returncode}: {self.errors.read_text()}")
        return self.first_line()

    def first_line(self) -> dict[str, str] | None:
        """Return what it said when it was ready; None before."""
        with self._output.open("rb") as out:
            line = out.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_SECONDS)

    def kill(self) -> None:
        """Kill it without warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(START_SECONDS)

    def close(self) -> None:
        """Leave no process behind."""
        if self.alive:
            self.kill()

    def limit_file_size(self, size: int) -> None:
        """Make every write past `size` bytes of a file fail, as on a full disk; -1 lifts it."""
        assert self.process is not None
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    # -- talking to it ----------------------------------------------------------------------------------------

    def post(self, path: str, body: bytes, headers: Mapping[str, str] = PROTOBUF) -> Answer:
        """Send one HTTP request to the receiver."""
        return ask(self.where["http"], "POST", path, body, headers)

    def get(self, path: str, listener: str = "metrics", headers: Mapping[str, str] | None = None) -> Answer:
        """Ask one of the HTTP listeners for a page."""
        return ask(self.where[listener], "GET", path, None, headers or {})

    def call(self, path: str, body: bytes, **options: object) -> bytes:
        """Send one gRPC request; raises ``grpc.RpcError``."""
        with grpc.insecure_channel(self.where["grpc"], [("grpc.max_send_message_length", -1)]) as channel:
            return bytes(channel.unary_unary(_RPC[path])(body, timeout=30, **options))

    def post_ok(self, path: str, body: bytes) -> bool:
        """Send one HTTP request; say whether it was acknowledged, and raise if it must not be sent again."""
        try:
            answer = self.post(path, body)
        except (OSError, http.client.HTTPException):
            return False
        assert answer.status in {200, 503}, answer
        return answer.status == 200

    def call_ok(self, path: str, body: bytes) -> bool:
        """Send one gRPC request; the same."""
        try:
            self.call(path, body)
        except grpc.RpcError as error:
            if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                return False
            raise
        return True

    def refusal(self, path: str, body: bytes, **options: object) -> grpc.RpcError:
        """Send one gRPC request that must be refused, and return how."""
        try:
            self.call(path, body, **options)
        except grpc.RpcError as error:
            return error
        raise AssertionError("the request was accepted")

    # -- looking at it ----------------------------------------------------------------------------------------

    def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Return every sample of ``/metrics``."""
        page = self.get("/metrics").body.decode()
        families = text_string_to_metric_families(page)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}

    def counter(self, name: str) -> dict[str, int]:
        """Return a counter with one label, without its zeros."""
        return {
            labels[0][1]: int(value) for (found, labels), value in self.metrics().items() if found == name and value
        }

    def settle(self) -> None:
        """Wait until everything acknowledged is applied and in a checkpoint."""
        pending = ("clinical_ai_processor_journal_pending", ())
        wait_until(lambda: self.metrics()[pending] == 0, within=START_SECONDS, what="a checkpoint")

    def evidence(self) -> dict[object, float]:
        """Return what the metrics say about models: everything but the processor's own numbers."""
        own = ("clinical_ai_processor_",)
        return {key: value for key, value in self.metrics().items() if not key[0].startswith(own)}

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Return rows of the state database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.state / 'state.db'}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def states(self) -> dict[str, bytes]:
        """Return the kernel's states as of the last checkpoint."""
        return dict(self.rows("SELECT key, blob FROM state"))


def ask(where: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    """Send one HTTP request on a connection of its own."""
    connection = http.client.HTTPConnection(where, timeout=30)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(), dict(answer.getheaders()))
    finally:
        connection.close()


def send(processor: Processor, path: str, body: bytes) -> None:
    """Deliver one HTTP request: try again until it is acknowledged, whatever happens in between."""
    wait_until(lambda: processor.post_ok(path, body), within=START_SECONDS, what="an acknowledgement", every=0.02)


def send_rpc(processor: Processor, path: str, body: bytes) -> None:
    """Deliver one gRPC request: try again until it is acknowledged."""
    wait_until(lambda: processor.call_ok(path, body), within=START_SECONDS, what="an acknowledgement", every=0.02)


@contextlib.contextmanager
def running(folder: Path, policy: Path, *options: str) -> Iterator[Processor]:
    """Run a processor for the length of a block."""
    folder.mkdir(parents=True, exist_ok=True)
    processor = Processor(folder, policy, *options)
    try:
        yield processor.start()
    finally:
        processor.close()
