"""The page that is written directly is the page of prometheus_client, byte by byte."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.registry import Collector

from otel_clinical.drift.runtime._families import counter, gauge
from otel_clinical.drift.runtime._text import PageText
from otel_clinical.drift.runtime.exporter import registry
from otel_clinical.semconv import metrics
from tests.drift.runtime._world import policy
from tests.drift.runtime.test_exporter import KERNEL, shown

ODD = ("", "_OTHER", 'quote " and \\ and \n', "\\n", "ø", "\u2028")
texts = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=6))
numbers = st.one_of(
    st.floats(), st.integers(-(10**20), 10**20), st.sampled_from((0, 1, 123456.0, 1234567.0, 1e21, 1e-7, math.nan))
)
streams = st.lists(st.tuples(st.tuples(texts, texts, texts, texts), numbers), max_size=5)


class Fixed(Collector):
    def __init__(self) -> None:
        self.found = []

    def collect(self):
        return self.found


def registered(collector: Collector) -> CollectorRegistry:
    made = CollectorRegistry(auto_describe=False)
    made.register(collector)
    return made


@settings(deadline=None)
@given(st.lists(streams, min_size=1, max_size=3))
def test_any_labels_and_numbers_are_written_alike_page_after_page(pages):
    fixed = Fixed()
    found = registered(fixed)
    text = PageText(found)
    for rows in pages:
        totals = {labels[:1]: 3 for labels, _ in rows}
        fixed.found = [gauge(metrics.DEGRADATION_RATIO, rows), counter(metrics.PROCESSOR_EVENTS, totals)]
        fixed.found += [gauge(metrics.PROCESSOR_START_TIME, [((), 1.5)]), gauge(metrics.EVIDENCE, [])]
        assert text() == generate_latest(found)


def test_a_processor_page_is_written_alike():
    found = registry(lambda: shown(replace(KERNEL, newest=1.7e9)), policy())
    assert PageText(found)() == generate_latest(found)


def test_families_of_others_are_written_too():
    fixed = Fixed()
    fixed.found = [GaugeMetricFamily("a", "of\nothers", 1.0), InfoMetricFamily("b", "info", {"k": "v"})]
    found = registered(fixed)
    assert PageText(found)() == generate_latest(found)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "text/plain;version=0.0.4",
        "text/plain;version=1.0.0;escaping=allow-utf-8",
        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    ],
)
def test_every_format_that_may_be_asked_for_is_served(accept):
    found = registry(shown, policy())
    encode, content_type = choose_encoder(accept)
    assert PageText(found).answer(accept) == (encode(found), content_type)
