"""Attributes that take the short way into a span are those that the span's own method would have added."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import get_current_span

from otel_clinical.instrument import inference
from otel_clinical.instrument._span_attributes import LONGEST, _plain, add_attributes
from otel_clinical.semconv import attributes

AT_START = {
    attributes.MODEL_NAME: "coding",
    attributes.MODEL_VERSION: "7",
    attributes.USE_CASE: "_OTHER",
    attributes.DEPLOYMENT_ROLE: "active",
    attributes.OPERATION_NAME: "predict",
}
FOUND = st.dictionaries(
    st.sampled_from([f"key{index}" for index in range(12)]),
    st.one_of(st.text(max_size=LONGEST), st.integers(), st.floats(allow_nan=False)),
)
LIMITS = st.builds(
    SpanLimits,
    max_span_attributes=st.sampled_from([0, 1, 5, 8, 128]),
    max_span_attribute_length=st.sampled_from([3, LONGEST - 1, LONGEST, 256]),
)


@pytest.fixture(autouse=True)
def unknown_spans():
    """Let no test rely on what another one made known."""
    before = dict(_plain)
    _plain.clear()
    yield
    _plain.clear()
    _plain.update(before)


def started(limits=None, **options):
    provider = TracerProvider(shutdown_on_exit=False, span_limits=limits, **options)
    return provider.get_tracer("test").start_span("predict coding")


def held(span):
    return {key: (type(value), value) for key, value in span.attributes.items()}, span.dropped_attributes


@given(LIMITS, st.lists(FOUND, max_size=4), st.booleans())
def test_any_attributes_within_any_limits_are_those_of_the_ordinary_way(limits, many, ended):
    logging.disable()
    ordinary, short = started(limits), started(limits)
    try:
        for found in many:
            ordinary.set_attributes(found)
            add_attributes(short, found)
        if ended:
            ordinary.end()
            short.end()
            ordinary.set_attributes({"late": 1})
            add_attributes(short, {"late": 1})
        assert held(short) == held(ordinary)
    finally:
        logging.disable(logging.NOTSET)


def test_the_short_way_is_taken_once_the_first_span_was_looked_at(monkeypatch):
    first, second = started(), started()
    add_attributes(first, {"a": 1})
    monkeypatch.setattr(type(second._attributes), "_set_items", None)
    add_attributes(second, {"a": 1})
    assert held(first) == held(second)


def test_a_method_in_the_place_of_the_ordinary_one_is_called(monkeypatch):
    add_attributes(started(), {"a": 1})
    seen, stock = [], Span.set_attributes

    def patched(self, found):
        seen.append(found)
        stock(self, found)

    monkeypatch.setattr(Span, "set_attributes", patched)
    for _ in range(2):
        span = started()
        add_attributes(span, {"a": 1})
        assert dict(span.attributes) == {"a": 1}
    assert seen == [{"a": 1}] * 2


def test_a_span_that_keeps_its_attributes_otherwise_gets_them_by_its_own_method():
    class Other:
        def __init__(self):
            self.found = {}

        def set_attributes(self, found):
            self.found.update(found)

    for _ in range(2):
        span = Other()
        add_attributes(span, {"a": 1})
        assert span.found == {"a": 1}


# --- at the start of a span ------------------------------------------------------------------------


def call(capture, times=2):
    function = inference(model="coding", version="7", telemetry=capture.telemetry)(lambda: 1)
    for _ in range(times):
        function()


class Looking(SpanProcessor):
    """Keeps what a span has when it starts."""

    def __init__(self):
        self.seen = []

    def on_start(self, span, **_):
        self.seen.append(dict(span.attributes))


def test_a_processor_sees_them_when_the_span_starts_also_when_it_comes_late(make_capture):
    capture, looking = make_capture(), Looking()
    call(capture)
    capture.tracer_provider.add_span_processor(looking)
    call(capture)
    assert looking.seen == [AT_START] * 2


def test_a_processor_whose_instance_was_patched_sees_them(make_capture):
    capture, seen = make_capture(), []
    quiet = SimpleSpanProcessor(InMemorySpanExporter())
    quiet.on_start = lambda span, **_: seen.append(dict(span.attributes))
    capture.tracer_provider.add_span_processor(quiet)
    call(capture, times=1)
    assert seen == [AT_START]


class Asking(Sampler):
    """Keeps what it is told, and adds an attribute."""

    def __init__(self):
        self.seen = []

    def should_sample(self, *given, attributes=None, **_):
        attributes = given[4] if attributes is None else attributes
        self.seen.append(dict(attributes))
        return SamplingResult(Decision.RECORD_AND_SAMPLE, {**attributes, "sampler": "mine"})

    def get_description(self):
        return "asking"


@pytest.mark.parametrize("wrap", [lambda one: one, ParentBased, lambda one: ParentBased(ALWAYS_ON, one)])
def test_a_sampler_is_told_wherever_it_stands(make_capture, wrap):
    capture, asking = make_capture(), Asking()
    provider = TracerProvider(sampler=wrap(asking), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(capture.span_exporter))
    capture.telemetry.tracer = provider.get_tracer("x")
    call(capture)
    for span in capture.spans:
        assert AT_START.items() <= dict(span.attributes).items()
    if not isinstance(provider.sampler, ParentBased) or provider.sampler._root is asking:
        assert asking.seen == [AT_START] * 2
        assert all(span.attributes["sampler"] == "mine" for span in capture.spans)


@pytest.mark.parametrize("sampler", [None, ALWAYS_ON, TraceIdRatioBased(1.0), ParentBased(TraceIdRatioBased(1.0))])
def test_the_function_finds_them_on_its_span_whoever_decides(make_capture, sampler, monkeypatch):
    capture = make_capture()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(capture.span_exporter))
    capture.telemetry.tracer = tracer = provider.get_tracer("x")
    given, plain = [], type(tracer).start_span
    found = []

    @inference(model="coding", version="7", telemetry=capture.telemetry)
    def predict():
        found.append(dict(get_current_span().attributes))

    predict()
    tracer.start_span = lambda *args, **options: (
        given.append(options.get("attributes")) or plain(tracer, *args, **options)
    )
    predict()
    provider.shutdown()
    assert found == [AT_START] * 2
    assert given == [AT_START], "a tracer that somebody patched is told"


def test_a_span_that_is_not_recorded_has_none(make_capture):
    capture = make_capture()
    provider = TracerProvider(sampler=TraceIdRatioBased(0.0), shutdown_on_exit=False)
    capture.telemetry.tracer = provider.get_tracer("x")
    call(capture)
    assert not capture.spans
    assert capture.errors() == {}
