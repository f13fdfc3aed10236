"""What the drift processor costs, from the socket to the detectors, against the stock decoding of the same bytes.

A real processor on one core is sent OTLP/HTTP requests from another, over the loopback: 512 spans of 20 attributes
each, and one request in twenty of outcomes and of reviews. It journals each durably before it acknowledges, with all
default detectors on 40 segment values. Event time advances by a second per 5,000 events, so that a backlog is replayed.
The first slot closes after 750,000 events: what is measured begins behind it, and is a whole number of slots.
The two processors that are compared at 40 and 1,000 values both have six segments: an event feeds one stream of each.

Costs are processor time of all its threads, so that a second program on the machine does not count. The baseline is
what a receiver does at least without us: `ExportTraceServiceRequest`, and a dict of attributes per span, kept nowhere.
It is a receiver too: a process on the same core, with the HTTP front of the processor, fed by the same senders with the
same requests before and after. It has no journal, no detectors and no second thread.

Until this receiver was there, the baseline was the same decoding alone, in a loop, while our side received as well.
That row is still printed, without a must.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks._processor_process import ProcessorProcess, ReceiverProcess, cores
from benchmarks._processor_restart import fill
from benchmarks._processor_send import Feed, send, templates
from benchmarks._processor_site import FORTY, SIX, THOUSAND, make_site, read_site
from benchmarks._rows import Row, row

if TYPE_CHECKING:
    from collections.abc import Mapping


EVENTS: Final = 1_350_000
SLOT: Final = 150_000
"""Events of a slot of the example policy. Closing one is a quarter of the work, so a run has whole ones."""
WARM: Final = 6 * SLOT
_COMPARED: Final = 3 * SLOT
_PACED: Final = 3 * SLOT
_SHARE: Final = 0.8
_KEYS: Final = 50_000
_SCRAPES: Final = 7


def run(events: int = EVENTS) -> list[Row]:
    """Measure; `events` is how many the processor of 40 segment values is sent as fast as it takes them."""
    core, other = cores()
    os.sched_setaffinity(0, {other})
    with tempfile.TemporaryDirectory() as folder:
        before = _decoded(core), _received(Path(folder, "before"), core)
        forty = _loaded(Path(folder, "forty"), FORTY, core, events)
        six = _loaded(Path(folder, "six"), SIX, core, _COMPARED)
        thousand = _loaded(Path(folder, "thousand"), THOUSAND, core, _COMPARED)
        restart = _restarted(Path(folder, "restart"), core)
        after = _decoded(core), _received(Path(folder, "after"), core)
    decoded, received = (statistics.mean(pair) for pair in zip(before, after, strict=True))
    return _rows((decoded, received), forty, thousand, six["cost"], restart)


Figures = dict[str, float]


def _rows(stock: tuple[float, float], forty: Figures, thousand: Figures, six: float, restart: Figures) -> list[Row]:
    cost = forty["cost"]
    decoded, received = stock
    return [
        row("events per second of its core / 100,000", 1e6 / cost, 1e5, ">= 1"),
        row("the same / a stock receiver that decodes them", 1e6 / cost, 1e6 / received, ">= 3"),
        row("the same / stock decoding alone, spans a second", 1e6 / cost, 1e6 / decoded),
        row("events acknowledged and applied per second by the clock / 100,000", forty["rate"], 1e5),
        row("us per event with 1,000 values of six segments / with 40", thousand["cost"], six, "<= 1.5"),
        row("us per event, last third / first third", forty["late"], forty["early"], "<= 1.1"),
        row("acknowledgement at 80 % load, 99th percentile ms / 250", forty["p99"], 250.0, "<= 1"),
        row("scrape by the clock, ms per 10,000 series / 25", thousand["scrape"], 25.0, "<= 1"),
        row("the same, of processor time", thousand["scrape cpu"], 25.0),
        row("largest resident size MiB / 400", forty["peak"], 400.0, "<= 1"),
        row("largest resident size with 1,000 segment values MiB / 400", thousand["peak"], 400.0),
        row(f"start to serving with {_KEYS:,} keys by the clock, s / 2", restart["seconds"], 2.0, "<= 1"),
        row("the same, of processor time", restart["cpu"], 2.0),
    ]


def _loaded(folder: Path, segments: Mapping[str, int], core: int, events: int) -> Figures:
    """Send everything to one processor; return what it took."""
    folder.mkdir()
    policy = make_site(folder, segments)
    feed = Feed(templates(read_site(policy)[0]))
    with ProcessorProcess(policy, folder / "state", core) as processor:
        send(processor.address, feed, WARM)
        processor.settle()
        thirds = [_costed(processor, feed, max(events // 3 // SLOT, 1) * SLOT) for _ in range(3)]
        costs = [cost for cost, _ in thirds]
        rate = statistics.harmonic_mean([rate for _, rate in thirds])
        scrapes, scraped = _scrapes(processor, feed)
        delays = sorted(send(processor.address, feed, _PACED, _SHARE * rate).delays)
        return {
            "cost": statistics.mean(costs),
            "early": costs[0],
            "late": costs[-1],
            "rate": rate,
            "scrape": scrapes,
            "scrape cpu": scraped,
            "p99": 1e3 * delays[int(0.99 * len(delays))],
            "peak": processor.peak(),
        }


def _scrapes(processor: ProcessorProcess, feed: Feed) -> tuple[float, float]:
    """Return milliseconds per 10,000 series by the clock, in the median, and of processor time, on average.

    A slot is closed before each, so that every stream has changed.
    """
    found, spent = [], 0.0
    for _ in range(_SCRAPES):
        send(processor.address, feed, SLOT)
        processor.settle()
        before = processor.cpu()
        found.append(processor.scrape())
        spent += processor.cpu() - before
    return statistics.median(1e7 * seconds / each for seconds, each in found), 1e7 * spent / sum(n for _, n in found)


def _costed(processor: ReceiverProcess, feed: Feed, events: int) -> tuple[float, float]:
    """Return microseconds of processor time per event, and events per second by the clock, until all are applied."""
    before, started = processor.cpu(), time.perf_counter()
    sent = send(processor.address, feed, events)
    processor.settle()
    return 1e6 * (processor.cpu() - before) / sent.events, sent.events / (time.perf_counter() - started)


def _restarted(folder: Path, core: int) -> Figures:
    """Return the seconds a processor takes to serve that finds many keys, and its processor time until then."""
    folder.mkdir()
    policy = make_site(folder, THOUSAND)
    fill(policy, folder / "state", _KEYS)
    found = []
    for _ in range(3):
        with ProcessorProcess(policy, folder / "state", core) as processor:
            found.append((processor.seconds_to_ready, processor.cpu()))
    return {"seconds": statistics.median(one for one, _ in found), "cpu": statistics.median(one for _, one in found)}


def _received(folder: Path, core: int) -> float:
    """Return microseconds per event of a stock receiver."""
    folder.mkdir()
    feed = Feed(templates(read_site(make_site(folder, FORTY))[0]))
    with ReceiverProcess(["benchmarks._processor_receiver"], folder, core) as receiver:
        send(receiver.address, feed, SLOT // 10)
        return _costed(receiver, feed, SLOT)[0]


def _decoded(core: int) -> float:
    """Return microseconds per span of the stock decoding alone, in a process of its own."""
    command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks._processor_stock"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 -- ours
    return float(done.stdout)
