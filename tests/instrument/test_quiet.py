"""Without an SDK: the same answers, refusals and receipts as with one, and nothing of the rest."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace

from otel_clinical.instrument import (
    InputRefused,
    QualityProfile,
    Telemetry,
    current_inference,
    declare_segments,
    inference,
    input_quality,
)
from otel_clinical.instrument import _quiet as quiet
from otel_clinical.semconv.enums import RoutingReason

SEGMENTS = {"payer": "plan", "site": "where.code", "department": "dept"}
PROFILE = QualityProfile(
    required=("plan", "age"), ranges={"age": (0, 120)}, flag_below=1.0, fallback_below=0.6, refuse_below=0.4
)
DECLARED = {"payer": ["medicaid", "medicare"], "site": ["h01"], "department": ["ed"]}


@pytest.fixture
def silent():
    """Telemetry of a process without an SDK."""
    telemetry = Telemetry()
    declare_segments(DECLARED, telemetry=telemetry)
    assert telemetry.quiet()
    return telemetry


@pytest.fixture
def loud():
    """The same with everything observed, and nobody to send it to."""
    telemetry = Telemetry()
    declare_segments(DECLARED, telemetry=telemetry)
    telemetry._heard = True
    return telemetry


def seen(current):
    """Return what an inference says of itself, but for its random id and its times."""
    receipt = current.receipt
    return {
        "model": current.model,
        "version": current.version,
        "segments": dict(current.segments),
        "route": current.route,
        "quality": current.quality,
        "confidence": current.confidence,
        "status": current.status,
        "error": current.error,
        "abstention": current.abstention,
        "receipt": (receipt.traceparent, receipt.route, receipt.confidence, dict(receipt.segments), receipt.activation),
    }


def follow(telemetry, record, options, *, ask):
    """Call a decorated function; return what became of the call and, when asked, what its inference said and says."""
    during, asked = [], []

    def answer(record, where):
        if ask:
            asked.append(current_inference())
            during.append(seen(asked[0]))
        if record.get("boom"):
            raise KeyError("boom")
        return {"probability": record.get("p", 0.5)}

    decorated = inference(
        model="coding", version="7", segments=SEGMENTS, confidence="probability", telemetry=telemetry, **options
    )(answer)
    try:
        result = decorated(record, where={"code": "h01"})
    except Exception as error:  # noqa: BLE001 -- compared below
        result = type(error)
    return result, during, [seen(one) for one in asked]


RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "plan": st.sampled_from(["medicaid", "cash", "", None, 7]),
        "age": st.sampled_from([40, 400, "40", None]),
        "dept": st.sampled_from(["ed", "lab"]),
        "p": st.sampled_from([0.9, 2.0, "high", None]),
        "boom": st.booleans(),
    },
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "quality": st.just(PROFILE),
        "fallback": st.just(lambda *_, **__: "fallback"),
        "on_refuse": st.just(lambda *_, **__: "refused"),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=RECORDS, options=OPTIONS, ask=st.booleans())
def test_a_call_that_nobody_sees_is_answered_refused_and_receipted_as_any_other(silent, loud, record, options, ask):
    assert follow(silent, record, options, ask=ask) == follow(loud, record, options, ask=ask)
    assert silent.quiet()
    assert not loud.quiet()


def test_what_nobody_asks_for_is_not_read(silent):
    read = []
    declared = inference(
        model="coding",
        version="7",
        segments={"payer": read.append},
        confidence=read.append,
        telemetry=silent,
    )
    assert declared(lambda value: value)("answer") == "answer"
    assert read == []
    declared(lambda _: current_inference().id)("answer")
    assert len(read) == 2


def test_the_current_inference_is_one_and_the_same_for_the_whole_call(silent):
    @inference(model="coding", version="7", telemetry=silent)
    def predict():
        found = [current_inference()]
        thread = threading.Thread(target=current_inference().bind(lambda: found.append(current_inference())))
        thread.start()
        thread.join()
        found.append(current_inference())
        return found

    found = predict()
    assert len({id(one) for one in found}) == 1
    assert found[0].ended


def test_threads_that_ask_at_once_get_the_same_inference(silent):
    barrier, found = threading.Barrier(4), []

    def ask(context):
        otel_context.attach(context)
        barrier.wait(10)
        found.append(current_inference())

    @inference(model="coding", version="7", telemetry=silent)
    def predict():
        context = otel_context.get_current()
        threads = [threading.Thread(target=ask, args=(context,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    predict()
    assert len(found) == 4
    assert len({id(one) for one in found}) == 1


def test_setters_take_effect_until_the_call_ends(silent):
    @inference(model="coding", version="7", telemetry=silent)
    def predict():
        current = current_inference()
        current.set_confidence(0.8)
        current.restrict("assisted", RoutingReason.EDGE_CASE)
        current.set_segment("payer", "medicare")
        return current

    current = predict()
    current.set_confidence(0.1)
    receipt = current.receipt
    assert (receipt.confidence, receipt.route, dict(receipt.segments)) == (0.8, "assisted", {"payer": "medicare"})


def test_an_inference_asked_for_after_its_call_has_ended(silent):
    kept = []

    @inference(model="coding", version="7", telemetry=silent)
    def predict():
        kept.append(otel_context.get_current())

    predict()
    token = otel_context.attach(kept[0])
    try:
        assert current_inference().ended
        assert current_inference().model == "coding"
    finally:
        otel_context.detach(token)


def test_gates_below_and_above_reach_the_inference(silent):
    gate = input_quality(PROFILE, on_refuse=lambda _: current_inference().quality.action.value, telemetry=silent)
    declared = inference(model="coding", version="7", telemetry=silent)
    assert declared(gate(lambda _: "answer"))({}) == "refuse"
    flagged = {"plan": "medicaid", "age": 400}
    assert gate(declared(lambda _: current_inference().quality.action.value))(flagged) == "flag"


def test_refusal_is_enforced(silent):
    declared = inference(model="coding", version="7", quality=PROFILE, telemetry=silent)
    with pytest.raises(InputRefused, match="age, plan"):
        declared(lambda _: "answer")({})


def test_the_inference_is_gone_after_the_call_and_nesting_finds_the_inner_one(silent):
    outer = inference(model="outer", version="1", telemetry=silent)
    inner = inference(model="inner", version="1", telemetry=silent)

    @outer
    def predict():
        return current_inference().model, inner(lambda: current_inference().model)(), current_inference().model

    assert predict() == ("outer", "inner", "outer")
    assert current_inference().model == "_OTHER"


def test_coroutines_and_generators_find_their_inference_in_every_step(silent):
    declared = inference(model="coding", version="7", telemetry=silent)

    @declared
    async def predict():
        first = current_inference()
        await asyncio.sleep(0)
        return first is current_inference(), first

    @declared
    def stream():
        first = current_inference()
        yield current_inference().model
        yield current_inference() is first

    same, found = asyncio.run(predict())
    assert same
    assert found.ended
    assert list(stream()) == ["coding", True]


def test_nothing_is_left_for_the_garbage_collector(silent):
    import gc  # noqa: PLC0415 -- only this test looks at it

    declared = inference(model="coding", version="7", quality=PROFILE, segments=SEGMENTS, telemetry=silent)
    predict = declared(lambda value: value)
    with suppress(InputRefused):
        predict({"plan": "medicaid", "age": 40, "where": {}})
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            predict({"plan": "medicaid", "age": 40, "where": {}})
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_the_undeclared_version_is_still_said(silent, caplog):
    silent.models.declare("coding", ["7"])
    inference(model="coding", version="9", telemetry=silent)(lambda: 1)()
    assert "names a version of model coding that the policy does not declare" in caplog.text


def test_the_api_still_has_the_name_that_tells_whether_a_provider_is_set():
    # Without it nothing breaks, but no call is quiet any more.
    assert hasattr(trace, "_TRACER_PROVIDER")


def test_without_that_name_nothing_is_quiet(silent, monkeypatch):
    monkeypatch.delattr(trace, "_TRACER_PROVIDER")
    assert not silent.quiet()


LATE = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otel_clinical import default_telemetry, flush, inference

predict = inference(model="coding", version="7")(lambda: "answer")
predict(), predict()
assert default_telemetry().quiet()
spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
if {tracing}:
    trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(spans))
if {measuring}:
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    default_telemetry()._next_look = 0.0
predict()
assert not default_telemetry().quiet()
flush()
assert len(spans.get_finished_spans()) == {tracing}, spans.get_finished_spans()
found = reader.get_metrics_data() if {measuring} else None
print(found is not None and "clinical_ai.inferences" in found.to_json())
"""


@pytest.mark.parametrize(("tracing", "measuring"), [(1, 1), (1, 0), (0, 1)])
def test_the_first_call_after_an_sdk_appears_is_observed(tracing, measuring):
    program = LATE.format(tracing=tracing, measuring=measuring)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, str(bool(measuring))), done.stderr


def test_an_explicit_provider_is_never_quiet(capture):
    assert not capture.telemetry.quiet()
    assert isinstance(
        quiet.observe(inference(model="m", version="1", telemetry=capture.telemetry)._plan, None, (), {}),
        quiet.InferenceObservation,
    )
