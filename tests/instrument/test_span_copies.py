"""A span that is a copy is the span that the tracer would have started."""

from __future__ import annotations

import json

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import RandomIdGenerator, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from otel_clinical.instrument import _span_copies as span_copies
from otel_clinical.instrument._span_copies import copies_of
from otel_clinical.instrument._span_start import SpanStarter

FOUND = {"clinical_ai.model.name": "coding", "clinical_ai.confidence.score": 0.5}
LONG = "a" * 300


class Seen(SpanProcessor):
    """Keeps what ends."""

    def __init__(self):
        self.spans = []

    def on_end(self, span):
        self.spans.append(span)


class Numbered(RandomIdGenerator):
    """Gives out ids in order."""

    def __init__(self):
        self.last = 0

    def generate_span_id(self):
        self.last += 1
        return self.last

    def generate_trace_id(self):
        return self.generate_span_id()


class Wordy(Sampler):
    """Adds an attribute to every span."""

    def should_sample(self, _parent, _trace_id, _name, kind=None, attributes=None, *_):  # noqa: ARG002
        return SamplingResult(Decision.RECORD_AND_SAMPLE, {**attributes, "why": "because"})

    def get_description(self):
        return "wordy"


def within(trace_flags=TraceFlags.SAMPLED, *, remote=False):
    return set_span_in_context(NonRecordingSpan(SpanContext(7, 8, remote, TraceFlags(trace_flags))), Context())


def provider_and_seen(**options):
    provider = TracerProvider(shutdown_on_exit=False, **options)
    seen = Seen()
    provider.add_span_processor(seen)
    return provider, seen


def start(tracer, context=None, found=FOUND):
    return SpanStarter().start(tracer, "predict coding", context, 5, found)


def use(span):
    """Do everything to a span that users do."""
    span.set_attribute("later", 1)
    span.set_attributes({"text": LONG})
    span.add_event("event", {"a": 1}, timestamp=6)
    span.add_link(SpanContext(3, 4, is_remote=True), {"b": 2})
    span.update_name("another name")
    span.set_status(StatusCode.ERROR, "why")
    span.end(9)
    assert not span.is_recording()
    assert span.attributes["later"] == 1


@pytest.mark.parametrize("context", [None, Context(), within(), within(3), within(remote=True)])
@pytest.mark.parametrize("limits", [SpanLimits(), SpanLimits(max_attribute_length=128, max_events=1, max_links=1)])
def test_whatever_is_done_to_it_a_copy_is_exported_as_the_tracers_own(context, limits):
    exported = []
    for copied in (True, False):
        provider, seen = provider_and_seen(id_generator=Numbered(), span_limits=limits)
        tracer = provider.get_tracer("a", "1", "https://example.org/schema")
        assert copies_of(tracer) is not None
        provider.id_generator.last = tracer.id_generator.last = 100
        copies = copies_of(tracer) if copied else None
        tracer.id_generator.last = 200
        if copies is not None:
            parent = next(iter((context or {}).values()), None)
            above = parent.get_span_context() if parent is not None else INVALID_SPAN_CONTEXT
            span = copies.start("predict coding", above, 5, FOUND)
        else:
            span = tracer.start_span("predict coding", context or Context(), start_time=5, attributes=FOUND)
        use(span)
        (ended,) = seen.spans
        exported.append((json.loads(ended.to_json()), ended.instrumentation_scope, ended.context, ended.dropped_links))
    assert exported[0] == exported[1]


def test_the_spans_of_a_plain_tracer_are_copies(monkeypatch):
    provider, _ = provider_and_seen()
    tracer, starter = provider.get_tracer("a"), SpanStarter()
    starter.start(tracer, "first", None, 5, FOUND)
    monkeypatch.setattr(span_copies, "_new", None)
    with pytest.raises(TypeError):  # the control: it was a copy
        starter.start(tracer, "second", None, 5, FOUND)


@pytest.mark.parametrize(
    ("sampler", "copied"),
    [
        (ALWAYS_ON, True),
        (ParentBased(ALWAYS_ON), True),
        (ALWAYS_OFF, False),
        (TraceIdRatioBased(0.5), False),
        (ParentBased(TraceIdRatioBased(0.5)), False),
        (ParentBased(ALWAYS_ON, local_parent_sampled=ALWAYS_OFF), False),
        (Wordy(), False),
        (ParentBased(Wordy()), False),
    ],
)
def test_only_a_sampler_that_takes_every_span_leads_to_copies(sampler, copied):
    tracer = TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("a")
    assert (copies_of(tracer) is not None) is copied


def test_what_a_sampler_adds_is_there():
    provider, seen = provider_and_seen(sampler=Wordy())
    start(provider.get_tracer("a")).end()
    assert seen.spans[0].attributes == {**FOUND, "why": "because"}


@pytest.mark.parametrize("context", [within(0), within(0, remote=True)])
def test_a_span_below_one_that_was_not_sampled_is_not_recorded(context):
    provider, seen = provider_and_seen()
    span = start(provider.get_tracer("a"), context)
    span.end()
    assert not span.is_recording()
    assert seen.spans == []


def test_a_limit_that_the_attributes_exceed_holds():
    provider, seen = provider_and_seen(span_limits=SpanLimits(max_span_attributes=1))
    start(provider.get_tracer("a")).end()
    assert len(seen.spans[0].attributes) == 1
    assert seen.spans[0].dropped_attributes == 1


def test_a_tracer_that_is_switched_off_later_starts_nothing():
    provider, seen = provider_and_seen()
    tracer, starter = provider.get_tracer("a"), SpanStarter()
    starter.start(tracer, "seen", None, 5, FOUND).end()
    tracer._set_tracer_config(type(tracer._tracer_config)(is_enabled=False))
    starter.start(tracer, "unseen", None, 5, FOUND).end()
    assert [span.name for span in seen.spans] == ["seen"]


def test_a_starter_that_is_given_another_tracer_starts_spans_of_that_one():
    starter, names = SpanStarter(), []
    for name in ("a", "b", "a"):
        provider, seen = provider_and_seen(resource=Resource({"service.name": name}))
        starter.start(provider.get_tracer(name), "predict", None, 5, FOUND).end()
        names += [(span.instrumentation_scope.name, span.resource.attributes["service.name"]) for span in seen.spans]
    assert names == [("a", "a"), ("b", "b"), ("a", "a")]


def test_the_attributes_that_were_given_stay_the_givers():
    provider, seen = provider_and_seen()
    given = dict(FOUND)
    span = start(provider.get_tracer("a"), found=given)
    span.set_attribute("more", 1)
    given["later"] = 1
    span.end()
    assert seen.spans[0].attributes == {**FOUND, "more": 1}


def other_fields(monkeypatch, kind):
    ordinary = kind.__mro__[1].__init__

    def init(self, *args, **kwargs):
        ordinary(self, *args, **kwargs)
        self._tenant = "somebody"

    monkeypatch.setattr(kind, "__init__", init)


def other_start(monkeypatch, kind):
    monkeypatch.setattr(kind, "start", lambda self, start_time=None, **_: setattr(self, "_start_time", start_time))


def other_names(monkeypatch, _kind):
    monkeypatch.setattr(span_copies, "_USED", span_copies._USED - {"should_sample"})


def other_values(monkeypatch, _kind):
    monkeypatch.setattr(span_copies, "_COMPARED", {"a": LONG, "b": [1, 2]})


@pytest.mark.parametrize("change", [other_fields, other_start, other_names, other_values])
def test_an_sdk_that_starts_spans_otherwise_starts_them_itself(monkeypatch, change):
    provider, seen = provider_and_seen()
    tracer = provider.get_tracer("a")
    kind = type(tracer.start_span("a"))
    assert copies_of(tracer) is not None
    change(monkeypatch, kind)
    assert copies_of(tracer) is None
    start(tracer).end()
    assert seen.spans[0].attributes == FOUND


def test_what_is_no_tracer_of_the_sdk_makes_no_copies():
    assert copies_of(object()) is None


def test_links_of_a_copy_are_its_own():
    provider, seen = provider_and_seen()
    tracer, starter = provider.get_tracer("a"), SpanStarter()
    first, second = (starter.start(tracer, name, None, 5, FOUND) for name in ("first", "second"))
    first.add_link(SpanContext(3, 4, is_remote=True))
    first.add_event("event")
    second.end()
    first.end()
    assert [(len(span.links), len(span.events)) for span in seen.spans] == [(0, 0), (1, 1)]
    assert isinstance(seen.spans[1].links[0], Link)
