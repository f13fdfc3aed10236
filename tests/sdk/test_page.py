"""The page answers one scrape at a time, because the reader behind it can only serve one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from otel_clinical.sdk._page import SerialRegistry


class Meeting:
    """A collector that finds out whether two scrapes are ever inside it together."""

    def __init__(self):
        self.barrier = threading.Barrier(2)
        self.met = False

    def collect(self):
        try:
            self.barrier.wait(0.3)
            self.met = True
        except threading.BrokenBarrierError:
            pass
        return [GaugeMetricFamily("meeting", "Whether scrapes met.", 1.0)]


@pytest.mark.parametrize(("kind", "meets"), [(CollectorRegistry, True), (SerialRegistry, False)])
def test_two_scrapes_do_not_meet_in_a_collector(kind, meets):
    """The plain registry is the negative control."""
    registry, meeting = kind(), Meeting()
    registry.register(meeting)
    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(lambda _: list(registry.collect()), range(2)))
    assert [len(families) for families in pages] == [1, 1]
    assert meeting.met is meets
