"""What a decorated function reports, what it must never touch, and the twin with its own times."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult

from otel_clinical import __version__
from otel_clinical.instrument import (
    QualityProfile,
    QualityResult,
    Telemetry,
    current_inference,
    inference,
    record_inference,
    use_telemetry,
)
from otel_clinical.semconv import SCHEMA_URL, attributes, metrics, spans
from otel_clinical.semconv.enums import (
    AbstentionReason,
    ConfidenceMethod,
    InputQualityAction,
    OperationName,
    RoutingReason,
    UseCase,
)


def decorate(capture, **options):
    return inference(model="coding", version="7", telemetry=capture.telemetry, **options)


class Hostile:
    """Fails on everything that instrumentation must never do to a user's object."""

    def _never(self, *_):
        raise AssertionError("instrumentation evaluated a user's object")

    __str__ = __repr__ = __bool__ = __eq__ = __hash__ = __len__ = __iter__ = __contains__ = __format__ = _never
    __getitem__ = __lt__ = __gt__ = _never


# --- confidence ------------------------------------------------------------------------------------


def test_confidence_comes_from_a_key_an_attribute_or_a_function_of_the_result(capture):
    for source, result in (
        ("probability", {"probability": 0.9}),
        ("probability", SimpleNamespace(probability=0.9)),
        (lambda result: result[0], [0.9]),
    ):
        decorate(capture, confidence=source)(lambda result=result: result)()
    assert [span.attributes[attributes.CONFIDENCE_SCORE] for span in capture.spans] == [0.9] * 3


def test_confidence_set_inside_wins_over_the_extractor(capture):
    @decorate(capture, confidence="p", confidence_method=ConfidenceMethod.PROBABILITY)
    def predict():
        current_inference().set_confidence(0.25, ConfidenceMethod.ENSEMBLE)
        return {"p": 0.9}

    predict()
    assert capture.span.attributes[attributes.CONFIDENCE_SCORE] == 0.25
    assert capture.span.attributes[attributes.CONFIDENCE_METHOD] == "ensemble"


def test_a_result_that_supports_confidence_needs_no_extractor(capture):
    class Answer:
        clinical_confidence = 0.75

    decorate(capture)(lambda: Answer())()  # noqa: PLW0108 -- a class itself cannot be decorated
    assert capture.span.attributes[attributes.CONFIDENCE_SCORE] == 0.75


def test_an_extractor_that_raises_is_counted_and_the_result_is_returned(capture):
    @decorate(capture, confidence=lambda _: 1 // 0, segments={"payer": lambda _: {}["x"]})
    def predict():
        return "answer"

    assert predict() == "answer"
    assert capture.errors() == {("extractor", "ZeroDivisionError"): 1, ("extractor", "KeyError"): 1}
    assert attributes.CONFIDENCE_SCORE not in capture.span.attributes


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "non_finite"),
        (float("inf"), "non_finite"),
        (float("-inf"), "non_finite"),
        (-0.5, "not_allowed"),
        (1.5, "not_allowed"),
        (10**400, "bad_type"),
        ("0.9", "bad_type"),
        (b"0.9", "bad_type"),
        (True, "bad_type"),
        ([0.9], "bad_type"),
        (Hostile(), "bad_type"),
        (1j, "bad_type"),
    ],
)
def test_a_bad_number_is_counted_and_never_exported(capture, value, reason):
    @decorate(capture)
    def predict():
        current_inference().set_confidence(value)

    predict()
    assert attributes.CONFIDENCE_SCORE not in capture.span.attributes
    assert capture.redactions() == {reason: 1}
    assert capture.points(metrics.CONFIDENCE) == {}


@pytest.mark.parametrize("value", [1, Decimal("0.5"), 1.0000001, 0.0])
def test_every_kind_of_number_becomes_a_float_between_0_and_1(capture, value):
    record_inference(model="coding", version="7", confidence=value, telemetry=capture.telemetry)
    exported = capture.span.attributes[attributes.CONFIDENCE_SCORE]
    assert type(exported) is float
    assert exported == pytest.approx(float(value), abs=1e-6)
    assert 0 <= exported <= 1


def test_numpy_numbers_are_numbers(capture):
    numpy = pytest.importorskip("numpy")
    for value in (numpy.float32(0.5), numpy.float64(0.5), numpy.array(0.5), numpy.float16(0.5)):
        record_inference(model="coding", version="7", confidence=value, telemetry=capture.telemetry)
    record_inference(model="coding", version="7", confidence=numpy.array([0.5, 0.5]), telemetry=capture.telemetry)
    found = [span.attributes.get(attributes.CONFIDENCE_SCORE) for span in capture.spans]
    assert found == [0.5] * 4 + [None]
    assert capture.redactions() == {"bad_type": 1}


# --- never evaluated -------------------------------------------------------------------------------


def test_arguments_and_results_are_never_printed_compared_measured_or_iterated(capture):
    @decorate(capture, segments={"payer": "payer_code"}, quality=QualityProfile(required=("age",)))
    def predict(first, *, second):
        return first

    hostile = Hostile()
    assert predict(hostile, second=Hostile()) is hostile
    assert len(capture.spans) == 1


def test_hostile_values_in_fields_are_never_evaluated_either(capture):
    @decorate(
        capture,
        segments={"payer": "payer", "site": "site"},
        quality=QualityProfile(required=("age",), ranges={"weight": (0, 400)}),
        confidence="confidence",
    )
    def predict(record):
        return {"confidence": Hostile()}

    predict({"payer": Hostile(), "site": Hostile(), "age": Hostile(), "weight": Hostile()})
    assert capture.span.attributes[attributes.SEGMENT_PAYER] == "_OTHER"
    assert capture.redactions() == {"bad_type": 1, "not_declared": 2}


def test_a_property_that_raises_does_not_stop_the_inference(capture):
    class Record:
        @property
        def age(self):
            raise RuntimeError("MRN 00123")

    @decorate(capture, quality=QualityProfile(required=("age",), flag_below=0.9), segments={"payer": "record.age"})
    def predict(record):
        return 1

    assert predict(Record()) == 1
    assert capture.span.attributes[attributes.INPUT_QUALITY_ACTION] == "flag"
    assert capture.errors() == {("extractor", "RuntimeError"): 2}


# --- segments --------------------------------------------------------------------------------------


def test_segment_values_are_found_by_parameter_field_path_or_function(capture):
    @decorate(
        capture,
        segments={"payer": "plan.payer", "site": lambda arguments: arguments["where"].upper()[:3].lower()},
    )
    def predict(plan, where="h02"):
        return plan

    predict({"payer": "medicaid"})
    predict(SimpleNamespace(payer="commercial"), where="h01")
    found = [(s.attributes[attributes.SEGMENT_PAYER], s.attributes[attributes.SEGMENT_SITE]) for s in capture.spans]
    assert found == [("medicaid", "h02"), ("commercial", "h01")]


@given(value=st.none() | st.text() | st.integers() | st.floats() | st.binary() | st.lists(st.text(), max_size=2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_only_declared_values_leave_whatever_is_given(capture, value):
    capture.span_exporter.clear()
    record_inference(model="coding", version="7", segments={"payer": value}, telemetry=capture.telemetry)
    found = capture.span.attributes[attributes.SEGMENT_PAYER]
    assert found == (value if value in ("medicaid", "commercial") else "_OTHER")


def test_without_a_declaration_every_value_is_other(make_capture):
    bare = make_capture()
    record_inference(model="coding", version="7", segments={"payer": "medicaid"}, telemetry=bare.telemetry)
    assert bare.span.attributes[attributes.SEGMENT_PAYER] == "_OTHER"
    assert bare.redactions() == {"not_declared": 1}


def test_segments_are_counted_in_their_own_family(capture):
    for payer in ("medicaid", "medicaid", "commercial"):
        segments = {"payer": payer, "site": "h01"}
        record_inference(model="coding", version="7", segments=segments, telemetry=capture.telemetry)
    assert capture.points(metrics.SEGMENT_INFERENCES) == {
        ("coding", "7", "payer", "medicaid", "standard"): 2,
        ("coding", "7", "payer", "commercial", "standard"): 1,
        ("coding", "7", "site", "h01", "standard"): 3,
    }
    assert sum(capture.points(metrics.INFERENCES).values()) == 3


# --- what the body may say -------------------------------------------------------------------------


def test_abstention_and_route_are_reported(capture):
    @decorate(capture)
    def predict():
        now = current_inference()
        now.restrict("manual", RoutingReason.PATIENT_AGE)
        now.restrict("assisted", RoutingReason.LANGUAGE)
        now.abstain(AbstentionReason.OUT_OF_DISTRIBUTION)

    predict()
    found = capture.span.attributes
    assert (found[attributes.ROUTING_LEVEL], found[attributes.ROUTING_REASON]) == ("manual", "patient_age")
    assert found[attributes.INFERENCE_STATUS] == "abstained"
    assert capture.points(metrics.ABSTENTIONS) == {("coding", "7", "out_of_distribution"): 1}
    assert capture.points(metrics.ROUTING_DECISIONS) == {("coding", "7", "manual", "patient_age"): 1}


def test_nonsense_from_the_body_is_counted_and_does_not_raise(capture):
    @decorate(capture)
    def predict():
        now = current_inference()
        now.abstain("patient Smith died")
        now.restrict("off", "patient Smith")
        now.restrict(Hostile(), Hostile())
        now.set_segment("ward", "x")
        now.set_quality("nonsense")
        now.set_confidence(0.5, "guess")
        return 1

    assert predict() == 1
    assert capture.span.attributes[attributes.ABSTENTION_REASON] == "_OTHER"
    assert capture.redactions() == {"not_allowed": 4}
    assert set(capture.errors()) == {("decorator", "ValueError"), ("decorator", "AttributeError")}


def test_outside_of_an_inference_everything_is_accepted_and_ignored():
    nobody = current_inference()
    nobody.set_confidence(0.5)
    nobody.abstain()
    nobody.set_segment("payer", "x")
    nobody.end()
    assert nobody.confidence is None
    assert nobody.receipt.inference_id == "0" * 32
    assert nobody.bind(lambda: 5)() == 5


def test_a_receipt_taken_inside_is_complete_once_the_inference_has_ended(capture):
    @decorate(capture, confidence="p")
    def predict():
        receipt = current_inference().receipt
        current_inference().restrict("assisted")
        current_inference().set_segment("payer", "medicaid")
        return {"p": 0.8, "receipt": receipt}

    receipt = predict()["receipt"]
    assert (receipt.confidence, receipt.route, dict(receipt.segments)) == (0.8, "assisted", {"payer": "medicaid"})
    with pytest.raises(AttributeError):
        receipt.confidence = 0.9


def test_an_inner_inference_is_a_child_and_the_outer_one_comes_back(capture):
    @inference(model="inner", version="1", telemetry=capture.telemetry)
    def inner():
        return current_inference().model

    @decorate(capture)
    def outer():
        return current_inference().model, inner(), current_inference().model

    assert outer() == ("coding", "inner", "coding")
    child, parent = capture.spans
    assert child.parent.span_id == parent.context.span_id


def test_work_in_another_thread_belongs_to_the_inference_when_bound(capture):
    @decorate(capture)
    def predict():
        with ThreadPoolExecutor(1) as pool:
            bound = pool.submit(current_inference().bind(lambda: current_inference().id)).result()
            free = pool.submit(lambda: current_inference().id).result()
        return bound, free, current_inference().id

    bound, free, mine = predict()
    assert bound == mine
    assert free != mine


def test_setters_after_the_end_change_nothing(capture):
    @decorate(capture)
    def predict():
        return current_inference()

    ended = predict()
    ended.set_confidence(0.5)
    ended.end()
    assert ended.confidence is None
    assert len(capture.spans) == 1
    assert sum(capture.points(metrics.INFERENCES).values()) == 1


# --- declarations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "two words", "version": "7"}, "model is 'two words', expected 1 to 64"),
        ({"model": "", "version": "7"}, "model is ''"),
        ({"model": "coding", "version": "x" * 65}, "version is"),
        ({"model": "coding", "version": object()}, "version is 'object'"),
        ({"model": "coding"}, "give either version or router"),
        ({"model": "coding", "version": "7", "segments": {"ward": "x"}}, "segment 'ward': expected one of site"),
        ({"model": "coding", "version": "7", "use_case": "billing"}, "billing"),
        ({"model": "coding", "version": "7", "operation": "guess"}, "guess"),
    ],
)
def test_a_mistake_in_the_declaration_is_named_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        inference(**options)


# --- providers -------------------------------------------------------------------------------------


def test_an_sdk_that_appears_after_decoration_is_used(capture):
    @inference(model="coding", version="7")
    def predict():
        return current_inference().receipt

    with use_telemetry(Telemetry()):
        assert predict().traceparent == "00-" + "0" * 32 + "-" + "0" * 16 + "-00"
    with use_telemetry(capture.telemetry):
        receipt = predict()
    assert receipt.inference_id == capture.span.attributes[attributes.INFERENCE_ID]


def test_without_any_sdk_calls_work_and_receipts_are_issued():
    @inference(model="coding", version="7")
    def predict():
        return current_inference().receipt

    silent = Telemetry()
    with use_telemetry(silent):
        receipts = {predict().inference_id for _ in range(20)}
    assert len(receipts) == 20
    assert silent.worker._thread is None


def test_an_unsampled_inference_is_counted_all_the_same(make_capture):
    found = make_capture()
    found.telemetry.tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("x")
    record_inference(model="coding", version="7", confidence=0.5, telemetry=found.telemetry)
    assert not found.spans
    assert sum(found.points(metrics.INFERENCES).values()) == 1
    assert found.points(metrics.CONFIDENCE)


def test_the_sampler_sees_what_the_registry_calls_sampling_relevant(capture):
    seen = {}

    class Looking(Sampler):
        def should_sample(self, *args, **_):
            seen.update(args[4])
            return SamplingResult(Decision.DROP)

        def get_description(self):
            return "looking"

    capture.telemetry.tracer = TracerProvider(sampler=Looking(), shutdown_on_exit=False).get_tracer("x")
    record_inference(model="coding", version="7", telemetry=capture.telemetry)
    assert spans.DEFINITIONS[spans.INFERENCE].sampling_relevant <= set(seen)


def test_scope_name_version_and_schema_are_on_all_signals(capture):
    record_inference(
        model="coding",
        version="7",
        quality=QualityResult(0.1, InputQualityAction.REFUSE),
        telemetry=capture.telemetry,
    )
    metric_scope = capture.reader.get_metrics_data().resource_metrics[0].scope_metrics[0].scope
    log_scope = capture.log_exporter.get_finished_logs()[0].instrumentation_scope
    for scope in (capture.span.instrumentation_scope, metric_scope, log_scope):
        assert (scope.name, scope.version, scope.schema_url) == ("otel_clinical", __version__, SCHEMA_URL)


# --- telemetry that fails --------------------------------------------------------------------------


class Broken:
    """A tracer, meter or logger whose every method raises."""

    def __getattr__(self, name):
        raise RuntimeError("MRN 00123")


def test_a_broken_tracer_never_breaks_the_call(capture, caplog):
    capture.telemetry.tracer = Broken()

    @decorate(capture)
    def predict():
        return 1

    assert [predict() for _ in range(3)] == [1, 1, 1]
    assert capture.errors() == {("decorator", "RuntimeError"): 3}
    assert len(caplog.records) == 1
    assert "MRN" not in caplog.text


def test_a_broken_span_never_breaks_the_call(capture):
    class BadSpan(trace.NonRecordingSpan):
        def is_recording(self):
            return True

        def set_attributes(self, _):
            raise RuntimeError

    class Tracer:
        def start_span(self, *_, **__):
            return BadSpan(trace.INVALID_SPAN_CONTEXT)

    capture.telemetry.tracer = Tracer()
    assert decorate(capture)(lambda: 1)() == 1
    assert capture.errors() == {("decorator", "RuntimeError"): 1}


@pytest.mark.parametrize("part", ["_instruments", "_logger"])
def test_a_broken_meter_or_logger_never_breaks_the_call(capture, part):
    setattr(capture.telemetry, part, Broken())

    @decorate(capture, quality=QualityProfile(required=("age",), refuse_below=0.5), on_refuse=lambda _: "refused")
    def predict(record):
        return 1

    assert predict({}) == "refused"
    assert predict({"age": 1}) == 1


# --- the twin --------------------------------------------------------------------------------------


def test_a_recorded_inference_keeps_its_own_times_to_the_nanosecond(capture):
    receipt = record_inference(
        model="coding", version="7", started_at=1_600_000_000.25, duration=0.125, telemetry=capture.telemetry
    )
    assert capture.span.start_time == 1_600_000_000_250_000_000
    assert capture.span.end_time == 1_600_000_000_375_000_000
    assert receipt.time == 1_600_000_000.25
    ((_, (count, total)),) = capture.points(metrics.INFERENCE_DURATION).items()
    assert (count, total) == (1, 0.125)


@given(at=st.integers(0, 4_000_000_000), eighths=st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_any_time_survives_exactly(capture, at, eighths):
    capture.span_exporter.clear()
    record_inference(model="coding", version="7", started_at=at + eighths / 8, telemetry=capture.telemetry)
    assert capture.span.start_time == at * 10**9 + eighths * 125_000_000


def test_an_aware_datetime_is_a_time_and_a_naive_one_is_refused(capture):
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    record_inference(model="coding", version="7", started_at=moment, telemetry=capture.telemetry)
    assert capture.span.start_time == int(moment.timestamp()) * 10**9
    record_inference(model="coding", version="7", started_at=datetime(2026, 3, 1), telemetry=capture.telemetry)  # noqa: DTZ001
    assert capture.redactions() == {"bad_type": 1}


@pytest.mark.parametrize("field", ["started_at", "duration", "confidence"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, "yesterday", Hostile(), True, 1e300])
def test_bad_times_and_numbers_are_withheld_and_the_inference_is_still_recorded(capture, field, value):
    record_inference(model="coding", version="7", **{field: value}, telemetry=capture.telemetry)
    assert len(capture.spans) == 1
    assert sum(capture.redactions().values()) == 1


def test_a_bad_name_becomes_other_and_is_counted(capture):
    receipt = record_inference(model="Mr Smith", version=Hostile(), telemetry=capture.telemetry)
    assert (receipt.model, receipt.version) == ("_OTHER", "_OTHER")
    assert capture.redactions() == {"pattern": 2}


def test_every_field_of_the_twin_arrives(capture):
    receipt = record_inference(
        model="coding",
        version="7",
        use_case=UseCase.REVENUE_CYCLE,
        operation=OperationName.CLASSIFY,
        role="canary",
        segments={"payer": "medicaid"},
        confidence=0.876,
        confidence_method="calibrated",
        quality=QualityResult(0.8, InputQualityAction.FLAG),
        started_at=1_600_000_000,
        duration=1,
        activation=3,
        status="fallback",
        telemetry=capture.telemetry,
    )
    assert capture.span.name == "classify coding"
    assert dict(capture.span.attributes) == {
        attributes.INFERENCE_ID: receipt.inference_id,
        attributes.MODEL_NAME: "coding",
        attributes.MODEL_VERSION: "7",
        attributes.USE_CASE: "revenue_cycle",
        attributes.OPERATION_NAME: "classify",
        attributes.DEPLOYMENT_ROLE: "canary",
        attributes.DEPLOYMENT_ACTIVATION: 3,
        attributes.INFERENCE_STATUS: "fallback",
        attributes.CONFIDENCE_SCORE: 0.876,
        attributes.CONFIDENCE_METHOD: "calibrated",
        attributes.ROUTING_LEVEL: "assisted",
        attributes.ROUTING_REASON: "input_quality",
        attributes.INPUT_QUALITY_SCORE: 0.8,
        attributes.INPUT_QUALITY_ACTION: "flag",
        attributes.SEGMENT_PAYER: "medicaid",
    }
    assert (receipt.confidence, receipt.activation, receipt.route) == (0.88, 3, "assisted")
    capture.assert_conforms()


def test_many_threads_lose_no_inference(make_capture):
    found = make_capture(synchronous=False, queue_size=100_000)

    @inference(model="coding", version="7", telemetry=found.telemetry)
    def predict():
        return current_inference().id

    ids = []

    def work():
        ids.extend([predict() for _ in range(100)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 800
    assert sum(found.points(metrics.INFERENCES).values()) == 800
