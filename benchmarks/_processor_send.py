"""Senders: a few connections that post one request after the other, as exporters do."""

from __future__ import annotations

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks._processor_load import Recorder, seed
from benchmarks._processor_site import MODEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks._processor_load import Template
    from otel_clinical.policy import Policy

SENDERS: Final = 4
PER_REQUEST: Final = 512
"""Records of a request: what the SDK's batch processor sends."""
EVENT_RATE: Final = 5000.0
"""Events per second of event time: a national chain. The processor is sent a backlog of it, as fast as it takes it."""
_PAST: Final = 30 * 86_400.0  # so that no event time is ahead of the clock, whatever is sent
_HEADERS: Final = {"Content-Type": "application/x-protobuf"}
_OK: Final = 200
_SPAN_TEMPLATES: Final = 8
_ROUND: Final = 20


def templates(policy: Policy, per_request: int = PER_REQUEST) -> list[Template]:
    """Return one round of requests: eighteen of spans, one of outcomes, one of reviews."""
    recorder = Recorder(MODEL, policy.models[MODEL])
    try:
        spans = [recorder.spans(per_request) for _ in range(_SPAN_TEMPLATES)]
        outcomes, reviews = recorder.outcomes(per_request), recorder.reviews(per_request)
    finally:
        recorder.close()
    found = [spans[number % len(spans)] for number in range(_ROUND)]
    found[_ROUND // 2 - 1], found[-1] = outcomes, reviews
    return found


@dataclass(frozen=True)
class Sent:
    """What a run sent and how long it was waited for.

    Attributes:
        events: Acknowledged.
        seconds: From the first request to the last answer.
        delays: Seconds from when each request was due to its acknowledgement.
        refused: Requests that were refused and sent again.
    """

    events: int
    seconds: float
    delays: Sequence[float]
    refused: int


class Feed:
    """Requests without end, each with ids and times of its own; event time goes on from one run to the next."""

    def __init__(self, made: Sequence[Template]) -> None:
        self._made = made
        self._seed = seed()
        self._lock = threading.Lock()
        self._number = 0
        self._at = time.time() - _PAST

    def __next__(self) -> tuple[Template, bytes]:
        with self._lock:
            template, number, at = self._made[self._number % len(self._made)], self._number, self._at
            self._number += 1
            self._at += len(template) / EVENT_RATE
        draw = np.random.default_rng([self._seed, number])
        return template, template.fresh(draw, at, 1.0 / EVENT_RATE)


def send(address: str, feed: Feed, events: int, rate: float | None = None) -> Sent:
    """Send about `events` events; as fast as they are taken, or `rate` a second whether they are or not."""
    run = _Run(address, feed, events, rate)
    with ThreadPoolExecutor(SENDERS) as pool:
        started = time.perf_counter()
        for done in [pool.submit(run.sender, started) for _ in range(SENDERS)]:
            done.result()
        seconds = time.perf_counter() - started
    return Sent(run.taken, seconds, run.delays, run.refused)


class _Run:
    def __init__(self, address: str, feed: Feed, events: int, rate: float | None) -> None:
        self._address, self._feed, self._events, self._rate = address, feed, events, rate
        self._lock = threading.Lock()
        self._claimed = self.taken = self.refused = 0
        self.delays: list[float] = []

    def sender(self, started: float) -> None:
        """Post until everything is claimed."""
        connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            while (due := self._claim(started)) is not None:
                template, body = next(self._feed)
                time.sleep(max(due - time.perf_counter(), 0.0))
                begun = due if self._rate else time.perf_counter()
                refused = self._post(connection, template.path, body)
                with self._lock:
                    self.taken += len(template)
                    self.refused += refused
                    self.delays.append(time.perf_counter() - begun)
        finally:
            connection.close()

    def _claim(self, started: float) -> float | None:
        """Return when the next request is due; None if all are claimed."""
        with self._lock:
            if self._claimed >= self._events:
                return None
            due = started + self._claimed / self._rate if self._rate else 0.0
            self._claimed += PER_REQUEST
            return due

    def _post(self, connection: http.client.HTTPConnection, path: str, body: bytes) -> int:
        """Post until it is acknowledged; return how often it was not."""
        for refused in range(1000):
            connection.request("POST", path, body, _HEADERS)
            answer = connection.getresponse()
            answer.read()
            if answer.status == _OK:
                return refused
            time.sleep(0.02)
        raise RuntimeError(f"the processor does not accept: {answer.status}")
