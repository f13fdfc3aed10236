"""Send a processor hundreds of thousands of requests that nobody should send, and see that it does not mind."""

from __future__ import annotations

import http.client
import random
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc

from otel_clinical.simulate._waiting import wait_until
from soak._mutations import Mutator
from tests.drift import _wire
from tests.drift.runtime._harness import _RPC, LOGS, Processor
from tests.drift.runtime.conftest import write_policy

if TYPE_CHECKING:
    from collections.abc import Callable

_SENDERS: Final = 4
_ALLOWED: Final = frozenset({"200", "400", "413", "415", "503"})
_CODES: Final = frozenset({"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNAVAILABLE"})
_WARM, _WARM_REQUESTS = 0.1, 20_000  # of the requests, before memory is first looked at
_CHANGES: Final = "change"


@dataclass
class Result:
    """What came back.

    Attributes:
        answers: By protocol and status.
        problems: What must not be; empty when all is well.
        memory: Resident MiB after the first tenth of the requests (20,000 at most), and the most after it.
        rejections: As the processor counted them.
        events: As the processor counted them.
    """

    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    memory: tuple[float, float] = (0.0, 0.0)
    rejections: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)


class _Sender:
    """One connection of each protocol, used in turn."""

    def __init__(self, processor: Processor, seed: int) -> None:
        self._where = processor.where
        self._mutator = Mutator(seed)
        self._chance = random.Random(seed)
        self._channel = grpc.insecure_channel(self._where["grpc"], [("grpc.max_send_message_length", -1)])
        self._calls = {path: self._channel.unary_unary(method) for path, method in _RPC.items()}
        self._connection = http.client.HTTPConnection(self._where["http"], timeout=60)

    def send(self) -> str:
        """Send one request; return the protocol and the answer."""
        path, body = self._mutator.next()
        return self._rpc(path, body) if self._chance.random() < 0.5 else self._http(path, body)

    def close(self) -> None:
        """Close both connections."""
        self._connection.close()
        self._channel.close()

    def _http(self, path: str, body: bytes) -> str:
        packed, headers = self._mutator.wrap(body)
        try:
            self._connection.request("POST", path, packed, dict(headers))
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return f"http {type(error).__name__}"
        return f"http {answer.status}"

    def _rpc(self, path: str, body: bytes) -> str:
        compression = self._chance.choice((None, grpc.Compression.Gzip))
        try:
            self._calls[path](body, timeout=60, compression=compression)
        except grpc.RpcError as error:
            return f"grpc {error.code().name}"
        return "grpc OK"


def fuzz(
    requests: int,
    seed: int,
    *,
    seconds: float = float("inf"),
    growth: float = 64.0,
    say: Callable[[str], None] = lambda _line: None,
) -> Result:
    """Send mutated requests over both protocols and look for anything but a typed answer.

    Args:
        requests: How many.
        seed: Of everything random.
        seconds: Stop after so long, however many were sent.
        growth: MiB by which the resident memory may grow after the first tenth.
        say: Told about the progress.
    """
    result = Result()
    with tempfile.TemporaryDirectory(prefix="otel-clinical-fuzz-") as name:
        folder = Path(name)
        with closing(Processor(folder, write_policy(folder))) as processor:
            processor.start()
            memory = _send_all(processor, Mutations(requests, seed, seconds), result, say)
            result.memory = memory
            result.rejections = processor.counter("clinical_ai_processor_rejections_total")
            result.events = processor.counter("clinical_ai_processor_events_total")
            if (counted := _sound(processor)) != 1:
                result.problems.append(f"a sound event counted {counted} times")
            code = processor.stop()
            if code:
                result.problems.append(f"exit code {code}")
            if words := processor.errors.read_text():
                result.problems.append(f"it complained: {words[-2000:]}")
    result.problems += [f"answer {one}: {count} times" for one, count in result.answers.items() if not _typed(one)]
    if result.memory[1] - result.memory[0] > growth:
        result.problems.append(f"memory grew from {result.memory[0]:.0f} to {result.memory[1]:.0f} MiB")
    return result


@dataclass(frozen=True)
class Mutations:
    """How many requests to send, made from which seed, within how many seconds."""

    requests: int
    seed: int
    seconds: float


def _send_all(
    processor: Processor, wanted: Mutations, result: Result, say: Callable[[str], None]
) -> tuple[float, float]:
    """Send from several threads; return the memory early on and the most after it."""
    counted = threading.Lock()
    left, until = wanted.requests, time.monotonic() + wanted.seconds

    def run(number: int) -> None:
        nonlocal left
        with closing(_Sender(processor, wanted.seed * _SENDERS + number)) as sender:
            while True:
                with counted:
                    if left <= 0 or time.monotonic() > until:
                        return
                    left -= 1
                answer = sender.send()
                with counted:
                    result.answers[answer] += 1

    early, most, said = 0.0, 0.0, time.monotonic()
    with ThreadPoolExecutor(_SENDERS) as pool:
        under_way = [pool.submit(run, number) for number in range(_SENDERS)]
        while not all(one.done() for one in under_way) and processor.alive:
            now = _resident(processor)
            if result.answers.total() >= min(_WARM * wanted.requests, _WARM_REQUESTS):
                early = early or now
                most = max(most, now)
            if time.monotonic() - said > 10:
                said = time.monotonic()
                say(f"{result.answers.total():,} requests, {now:.0f} MiB")
            time.sleep(0.1)
        if not processor.alive:
            left = 0
            result.problems.append("the processor died")
        for one in under_way:
            one.result()
    return (early, most) if early else (_resident(processor),) * 2


def _sound(processor: Processor) -> int:
    """Send an event that is as it should be, twice, and return how often it counts."""
    body = _wire.logs([_wire.change(10**6, time.time() + 1, version="8", activation=2)])

    def found() -> int:
        return processor.counter("clinical_ai_processor_events_total").get(_CHANGES, 0)

    processor.settle()
    before = found()
    for _ in range(2):
        wait_until(lambda: processor.post_ok(LOGS, body), within=60, what="an acknowledgement")
    processor.settle()
    return found() - before


def _typed(answer: str) -> bool:
    protocol, _, status = answer.partition(" ")
    return status in (_ALLOWED if protocol == "http" else _CODES)


def _resident(processor: Processor) -> float:
    """Return the resident memory, MiB."""
    assert processor.process is not None
    try:
        status = Path(f"/proc/{processor.process.pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)
