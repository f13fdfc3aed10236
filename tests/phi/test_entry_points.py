"""Ring 1 alone: every public name is called with patient data, and the stock exporters find none to send."""

from __future__ import annotations

import logging

import pytest

import otel_clinical
from otel_clinical import declare_segments
from tests._receivers import sinks
from tests.phi._calls import Calls
from tests.phi._marker import hits, marker
from tests.phi._patients import RECORDS
from tests.phi._pipes import MemoryPipe, http_pipe

SEGMENTS = {"payer": ["medicaid", "commercial"], "site": ["h01"]}


@pytest.fixture
def memory():
    found = MemoryPipe()
    declare_segments(SEGMENTS, telemetry=found.telemetry)
    yield found
    found.close()


def test_every_public_name_has_a_call(memory, tmp_path):
    """A new public name without a call fails here, and so does a call of a name that is gone."""
    assert Calls(memory.telemetry, tmp_path).names() == set(otel_clinical.__all__)


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("name", sorted(otel_clinical.__all__))
def test_no_marker_leaves_by_a_public_name(memory, tmp_path, caplog, name, record):
    caplog.set_level(logging.DEBUG)
    Calls(memory.telemetry, tmp_path).run(name, RECORDS[record])
    assert hits(memory.sinks() | {"log": caplog.text.encode()}) == {}


def test_no_marker_is_in_what_the_stock_exporters_send(http_receiver, tmp_path, caplog, capfd):
    """All calls in one process, over the wire, with nothing of ours between the API and the receiver."""
    caplog.set_level(logging.DEBUG)
    pipe = http_pipe(http_receiver, redact=False)
    declare_segments(SEGMENTS, telemetry=pipe.telemetry)
    calls = Calls(pipe.telemetry, tmp_path)
    for name in sorted(otel_clinical.__all__):
        for record in RECORDS.values():
            calls.run(name, record)
    pipe.close()
    printed = capfd.readouterr()
    bodies = sinks(http_receiver)
    assert {request.signal for request in http_receiver.requests} == {"traces", "logs", "metrics"}
    assert hits(bodies | {"log": caplog.text.encode(), "out": printed.out.encode(), "err": printed.err.encode()}) == {}


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_the_same_search_finds_a_careless_application(memory, signal):
    """Negative control: one marker by the raw API."""
    if signal == "traces":
        memory.tracer_provider.get_tracer("app").start_span(marker("name")).end()
    elif signal == "logs":
        memory.logger_provider.get_logger("app").emit(body=marker("body"))
    else:
        memory.meter_provider.get_meter("app").create_counter("n").add(1, {"patient": marker("label")})
    assert hits(memory.sinks()) == {signal: {"raw"}}
