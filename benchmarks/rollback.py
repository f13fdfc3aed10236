"""What a rollback takes: from the webhook to the 202, from the webhook to the pointer, and what the router costs.

Every controller is a real process with its database on the disk, in front of a scripted Prometheus. Another process
sends the load, repeats of one alert after its rollback, over 32 connections: first as fast as answers come, then at
1,000 a second or at 70 % of that pace, whichever is less. A delay counts from when its webhook was due.

Each change of the pointer is the first of a controller of its own, which runs already. Both looks at Prometheus
are always in it; "20 ms apart" leaves out only the wait for a later evaluation, "a second apart" is what
the controller does by default, with a Prometheus that evaluates every second.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import _rollback_whole
from benchmarks._rollback_load import Load
from benchmarks._router import router_rows
from benchmarks._rows import Row, row
from otel_clinical.release import read_pointer
from otel_clinical.simulate._waiting import wait_until
from otel_clinical.simulate.stack import free_ports
from soak._controller import MortalController
from soak._nursery import CONTROLLER, Nursery
from tests.rollback._controller import TOKEN, alert, notification
from tests.rollback._prometheus import FakePrometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE: Final = 1_000.0
_SECONDS: Final = 5.0
_SHARE: Final = 0.7
_STRAIGHT: Final = 60
_CONFIRMED: Final = 24
_AT_ONCE: Final = 3
_LATEST: Final = 0.99
_LIMIT: Final = 60.0


class Evaluating(FakePrometheus):
    """A Prometheus that evaluates its rules every second."""

    def answer(self, query: str, at: float | None = None) -> dict[str, Any]:
        """Answer as `FakePrometheus`, with the time of the last whole second for an alert."""
        found = super().answer(query, at)
        if query.startswith("timestamp(ALERTS"):
            for series in found["result"]:
                series["value"][1] = str(math.floor(float(series["value"][1])))
        return found


class Bench:
    """Controllers in a folder, each on an address of its own."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self._folder, self._nursery, self._port = folder, nursery, free_ports(1)[0]
        self._made, self._lock = 0, threading.Lock()

    def controller(self, retry: float) -> MortalController:
        """Return a controller that has not been started."""
        with self._lock:
            self._made += 1
            number = self._made
        address = (f"127.31.{number // 250}.{number % 250 + 1}", self._port)
        return MortalController(
            self._nursery,
            self._folder / str(number),
            address,
            retry=retry,
            prometheus=Evaluating() if retry == 1 else None,
        )

    def applied(self, retry: float) -> float:
        """Return the seconds from a webhook to the pointer that it changes."""
        with closing(self.controller(retry)) as controller:
            controller.launch()
            controller.wait_ready()
            return _switched(controller)

    def loads(self, seconds: float) -> tuple[Load, Load, float]:
        """Return the load of as fast as it goes, the steady one, and how much a second that was to be."""
        with closing(self.controller(0.02)) as controller:
            controller.launch()
            controller.wait_ready()
            _switched(controller)
            body = notification(alert(controller.labels))
            fastest = _sent(controller, body, 0.0, seconds)
            offered = min(RATE, _SHARE * fastest.rate)
            # What is left of the first load is worked off before the second begins.
            within = _LIMIT + 10 * seconds
            wait_until(lambda: not controller.left(None).waiting, within=within, what="the alerts to be looked at")
            return fastest, _sent(controller, body, offered, seconds), offered


def run(seconds: float = _SECONDS) -> list[Row]:
    """Measure; each of the two loads of webhooks is sent for `seconds`."""
    with tempfile.TemporaryDirectory() as folder, Nursery(*CONTROLLER) as nursery:
        bench = Bench(Path(folder), nursery)
        rows = [*load_rows(*bench.loads(seconds)), *router_rows(Path(folder, "router"))]
        straight = [bench.applied(0.02) for _ in range(_STRAIGHT)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            confirmed = list(pool.map(bench.applied, [1.0] * _CONFIRMED))
    return [*rows, *applied_rows(straight, confirmed)]


def whole() -> list[Row]:
    """Measure a bad release of the whole system, stage by stage."""
    return _rollback_whole.run()


def load_rows(fastest: Load, steady: Load, offered: float) -> Iterator[Row]:
    """Say how fast and how late webhooks are answered."""
    yield row("webhooks answered 202 a second, as fast as it goes / 1,000", fastest.rate, RATE)
    yield row(f"answered a second / offered {offered:.0f}", steady.rate, offered)
    yield row("webhooks refused", steady.refused + fastest.refused, 1.0, "<= 0")
    measure = f"webhook to 202 at {offered:.0f} a second"
    yield row(f"{measure}, 99th percentile ms / 100", 1e3 * steady.delay(_LATEST), 100.0, "<= 1")
    yield row(f"{measure}, median ms / 100", 1e3 * steady.delay(0.5), 100.0)


def applied_rows(straight: list[float], confirmed: list[float]) -> Iterator[Row]:
    """Say how long it takes until the pointer is changed."""
    measure = f"webhook to pointer, looks 20 ms apart, {len(straight)} times"
    yield row(f"{measure}, 99th percentile ms / 250", 1e3 * _late(straight), 250.0, "<= 1")
    yield row(f"{measure}, median ms / 250", 1e3 * statistics.median(straight), 250.0)
    measure = f"webhook to pointer, looks a second apart, {len(confirmed)} times"
    yield row(f"{measure}, 99th percentile s / 5", _late(confirmed), 5.0, "<= 1")
    yield row(f"{measure}, median s / 5", statistics.median(confirmed), 5.0)


def _late(found: list[float]) -> float:
    return sorted(found)[min(int(_LATEST * len(found)), len(found) - 1)]


def _switched(controller: MortalController) -> float:
    """Post the alert and return the seconds until the pointer is changed."""
    body, pointer = notification(alert(controller.labels)), controller.terms.pointer
    before, started = pointer.stat().st_ino, time.monotonic()  # every change of it is a new file
    if not controller.post(body):
        raise RuntimeError(f"the webhook was refused: {controller.errors}")
    while pointer.stat().st_ino == before:
        if time.monotonic() - started > _LIMIT or controller.dead:
            raise RuntimeError(f"the pointer was not changed within {_LIMIT:g} s: {controller.errors}")
        time.sleep(0.001)
    seconds = time.monotonic() - started
    assert read_pointer(pointer).version == "7"
    return seconds


def _sent(controller: MortalController, body: bytes, rate: float, seconds: float) -> Load:
    host, port = controller.address
    command = [sys.executable, "-m", "benchmarks._rollback_load", host, str(port), TOKEN, str(rate), str(seconds)]
    done = subprocess.run(command, input=body, check=True, stdout=subprocess.PIPE)  # noqa: S603 -- ours
    return Load(**json.loads(done.stdout))
