"""Every road by which a text of an application gets into telemetry, one at a time: closed behind the redaction.

Each is first walked without the redaction: where nothing would leave, nothing would be proved.
"""

from __future__ import annotations

import logging
import threading

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggingHandler
from opentelemetry.sdk.resources import (
    OTELResourceDetector,
    ProcessResourceDetector,
    Resource,
    get_aggregated_resources,
)
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState

from otel_clinical import inference
from tests._receivers import sinks
from tests.phi._marker import NUMBER, hits, marker
from tests.phi._pipes import http_pipe


def note_and_group():
    """Return a group of exceptions with patient data in its text, its notes, its members and their causes."""
    inner = ValueError(marker("member"), {"mrn": NUMBER})
    inner.__cause__ = KeyError(marker("cause"))
    inner.__notes__ = [marker("note of a member")]
    group = ExceptionGroup(marker("group"), [inner, ExceptionGroup(marker("inner group"), [OSError(marker("os"))])])
    group.add_note(marker("note of the group"))
    return group


def raised_by_an_inference(pipe):
    @inference(model="coding", version="7", telemetry=pipe.telemetry)
    def fails():
        # What the application does with its own error inside its own span is the application's.
        with pipe.tracer_provider.get_tracer("app").start_as_current_span("app"):
            raise note_and_group()

    with pytest.raises(ExceptionGroup):
        fails()


def recorded_exception(pipe):
    span = pipe.tracer_provider.get_tracer("app").start_span("app")
    span.record_exception(note_and_group(), {"patient": marker("attribute")})
    span.end()


def logged_exception(pipe):
    log = logging.Logger(f"ehr.{marker('logger')}")  # noqa: LOG001 -- of this test alone
    with pytest.deprecated_call():  # the SDK's own, which is what most have
        log.addHandler(LoggingHandler(logger_provider=pipe.logger_provider))
    source = f"def {marker('function')}(log, error):\n    log.exception('%s', error, exc_info=error, stack_info=True)\n"
    made = {}
    exec(compile(source, f"/srv/{marker('file')}.py", "exec"), made)  # noqa: S102 -- a file named after a patient
    (write,) = (value for name, value in made.items() if name != "__builtins__")
    thread = threading.Thread(target=write, args=(log, note_and_group()), name=marker("thread"))
    thread.start()
    thread.join()
    log.warning({"mrn": marker("mapping")}, extra={marker("key").lower(): [marker("extra")]})


def baggage_on_spans(pipe):
    class Copies(SpanProcessor):
        def on_start(self, span, parent_context=None):
            for key, value in baggage.get_all(parent_context).items():
                span.set_attribute(key, str(value))

    pipe.tracer_provider.add_span_processor(Copies())
    token = context.attach(baggage.set_baggage(marker("key"), marker("baggage")))
    try:
        inference(model="coding", version="7", telemetry=pipe.telemetry)(lambda: None)()
        pipe.tracer_provider.get_tracer("app").start_span("app").end()
    finally:
        context.detach(token)


def links_and_their_state(pipe):
    state = TraceState([("vendor", marker("state"))])
    far = SpanContext(3, 4, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    span = pipe.tracer_provider.get_tracer("app").start_span("app", links=[Link(far, {marker("key"): marker("link")})])
    span.add_link(far, {"patient": marker("later")})
    span.end()


def names_changed_later(pipe):
    span = pipe.tracer_provider.get_tracer("app").start_span("GET")
    span.update_name(f"GET /patients/{marker('name')}")
    span.set_attribute(marker("key"), "yes")
    span.add_event(marker("event"))
    span.set_status(trace.StatusCode.ERROR, marker("status"))
    span.end()


def statements(pipe):
    keys = ("db.statement", "db.query.text", "db.query.parameter.mrn", "db.collection.name", "db.namespace")
    span = pipe.tracer_provider.get_tracer("app").start_span(f"SELECT {marker('table')}")
    span.set_attributes({key: f"SELECT '{marker('statement')}'" for key in keys})
    span.end()


def code_and_threads(pipe):
    keys = ("code.file.path", "code.function.name", "code.stacktrace", "thread.name", "process.command_line")
    pipe.tracer_provider.get_tracer("app").start_span("app", attributes={key: marker("code") for key in keys}).end()


def observed_by_a_callback(pipe):
    def observe(_):
        yield Observation(1, {"mrn": marker("label"), marker("key"): NUMBER})

    pipe.meter_provider.get_meter("app").create_observable_gauge("process.thread.count", [observe])
    pipe.meter_provider.get_meter("app").create_observable_gauge(marker("gauge").lower(), [observe])


ROADS = [
    raised_by_an_inference,
    recorded_exception,
    logged_exception,
    baggage_on_spans,
    links_and_their_state,
    names_changed_later,
    statements,
    code_and_threads,
    observed_by_a_callback,
]


def sent(receiver, walk, *, redact, **options):
    """Return what leaves by a road."""
    made = http_pipe(receiver, redact=redact, **options)
    walk(made)
    made.close()
    found = {name: data for name, data in sinks(receiver).items() if not name.startswith("head")}
    assert found, "nothing was exported"
    return found


@pytest.mark.parametrize("road", ROADS, ids=lambda road: road.__name__)
def test_nothing_leaves_by_this_road(http_receiver, road, caplog):
    assert hits(sent(http_receiver, road, redact=True)) == {}
    assert not [record for record in caplog.records if record.name == "otel_clinical" and hits(said(record))]


@pytest.mark.parametrize("road", ROADS, ids=lambda road: road.__name__)
def test_without_the_redaction_it_is_open(http_receiver, road):
    """Negative control."""
    assert hits(sent(http_receiver, road, redact=False))


def said(record):
    return {"log": record.getMessage().encode()}


def resource_of_the_environment(monkeypatch):
    """Return what the SDK's detectors find on a host whose command line and environment name a patient."""
    monkeypatch.setattr("sys.argv", ["serve.py", "--patient", marker("argument")])
    monkeypatch.setattr("sys.orig_argv", ["python", f"/srv/{marker('path')}/serve.py", marker("argument")])
    pairs = {"patient": marker("value"), marker("key"): "1", "host.name": marker("host"), "service.name": "coding"}
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", ",".join(f"{key}={value}" for key, value in pairs.items()))
    detectors = [OTELResourceDetector(), ProcessResourceDetector()]
    found = get_aggregated_resources(detectors, Resource({}))
    return found.merge(Resource({"process.command_args": ["--patient", marker("argument")]}))


@pytest.mark.parametrize("redact", [True, False])
def test_the_resource_of_the_environment_keeps_the_service_alone(http_receiver, monkeypatch, redact):
    found = resource_of_the_environment(monkeypatch)
    body = sent(http_receiver, _span, redact=redact, resource=found)
    assert bool(hits(body)) is not redact
    assert any(b"coding" in data for data in body.values())


def _span(pipe):
    pipe.tracer_provider.get_tracer("app").start_span("app").end()


class Telling(Sampler):
    """Writes what it likes onto every span, as samplers may."""

    def should_sample(self, *_, **__):
        state = TraceState([("vendor", marker("state"))])
        return SamplingResult(Decision.RECORD_AND_SAMPLE, {marker("key"): marker("attribute")}, state)

    def get_description(self):
        return "telling"


@pytest.mark.parametrize("redact", [True, False])
def test_what_a_sampler_writes_stays(http_receiver, redact):
    def walk(pipe):
        pipe.telemetry.tracer.sampler = Telling()  # a tracer keeps the one that its provider began with
        inference(model="coding", version="7", telemetry=pipe.telemetry)(lambda: None)()

    assert bool(hits(sent(http_receiver, walk, redact=redact))) is not redact
