"""A span that ends straight into a queue is exported as one that the SDK copied first."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import INVALID_SPAN, SpanContext, StatusCode

from otel_clinical.instrument import _span_end as span_end
from otel_clinical.instrument._span_end import end_span


class Kept(SpanProcessor):
    """Keeps what ends, as it is given."""

    def __init__(self):
        self.spans = []

    def on_end(self, span):
        self.spans.append(span)


class AtOnce(Kept):
    """Writes down what ends."""

    reads_at_once = True

    def on_end(self, span):
        self.spans.append(span.to_json())


@pytest.fixture
def copied(monkeypatch):
    """Return the spans that the SDK copies because they end."""
    found = []
    kind = type(TracerProvider(shutdown_on_exit=False).get_tracer("a").start_span("a"))
    ordinary = kind._readable_span

    def copy(span):
        made = ordinary(span)
        found.append(made)
        return made

    monkeypatch.setattr(kind, "_readable_span", copy)
    return found


def spans_of(*processors):
    provider = TracerProvider(shutdown_on_exit=False)
    for one in processors:
        provider.add_span_processor(one)
    return provider.get_tracer("a")


def start(tracer):
    span = tracer.start_span("predict coding", start_time=1, attributes={"a": 1}, links=None)
    span.add_event("event", timestamp=2)
    span.add_link(SpanContext(3, 4, is_remote=True))
    span.set_status(StatusCode.ERROR)
    return span


def test_a_queue_alone_is_given_the_span_that_it_would_have_been_given_a_copy_of(copied):
    queue, span = AtOnce(), None
    span = start(spans_of(queue))
    end_span(span, 5)
    assert copied == []
    assert not span.is_recording()
    span.set_attribute("late", 1)
    assert queue.spans == [span.to_json()]
    assert '"late"' not in queue.spans[0]
    span._end_time = None
    span.end(5)
    assert queue.spans[1] == queue.spans[0]
    assert len(copied) == 1


@pytest.mark.parametrize("others", [(), (AtOnce(), Kept())])
def test_beside_another_processor_or_none_a_span_ends_as_ever(copied, others):
    end_span(start(spans_of(*others)), 5)
    assert len(copied) == 1
    assert [len(one.spans) for one in others] == [1] * len(others)


def test_a_processor_that_comes_later_is_given_copies(copied):
    queue, later, provider = AtOnce(), Kept(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(queue)
    tracer = provider.get_tracer("a")
    end_span(start(tracer), 5)
    assert copied == []
    provider.add_span_processor(later)
    end_span(start(tracer), 5)
    assert later.spans == copied
    assert len(queue.spans) == 2


def test_a_span_ends_once_and_the_sdk_says_so_the_second_time(caplog):
    queue = AtOnce()
    span = start(spans_of(queue))
    end_span(span, 5)
    end_span(span, 6)
    assert len(queue.spans) == 1
    assert span.end_time == 5
    assert "ended span" in caplog.text


def test_an_sdk_that_ends_spans_otherwise_ends_them_itself(monkeypatch, copied):
    monkeypatch.setattr(span_end, "_USED", span_end._USED - {"_on_ending"})
    queue = AtOnce()
    end_span(start(spans_of(queue)), 5)
    assert len(copied) == len(queue.spans) == 1


def test_a_span_that_is_not_the_sdks_is_ended():
    end_span(INVALID_SPAN, 5)
