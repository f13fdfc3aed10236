"""What users' own tests get: everything captured, the same in every run, held against the registry."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import re
import subprocess
import sys
import urllib.parse
import zlib
from pathlib import Path

import pytest

from otel_clinical import (
    current_inference,
    default_telemetry,
    inference,
    record_feedback,
    record_outcome,
    record_safety_event,
    task,
)
from otel_clinical.instrument import Telemetry
from otel_clinical.semconv import SCHEMA_URL, SCOPE_NAME, attributes, metrics
from otel_clinical.testing import Clock, assert_conforms, assert_no_phi, capture

ROOT = Path(__file__).parents[2]
MARKER = "MRN-0012345 Ärztin"


@inference(model="coding", version="7", segments={"payer": "payer"}, confidence="p")
def predict(encounter):
    return {"p": 0.93, "receipt": current_inference().receipt}


def report_everything(found):
    receipt = predict({"payer": "medicaid", "note": MARKER})["receipt"]
    found.clock.advance(60)
    record_outcome(receipt.dumps(), result="correct")
    record_feedback(receipt, rating="positive")
    record_safety_event(receipt, severity="near_miss")
    with task("chart_review"):
        found.clock.advance(5)


def snapshot(found):
    spans = [(span.to_json(indent=None)) for span in found.spans]
    texts = [re.sub(r'"service\.instance\.id": "[^"]*"', "", text) for text in spans]
    return texts, [(dict(event.log_record.attributes), event.log_record.timestamp) for event in found.events]


def test_what_decorated_code_reports_is_captured_without_changing_it():
    with capture(segments={"payer": ["medicaid"]}) as found:
        report_everything(found)
    assert [span.name for span in found.spans] == ["predict coding"]
    assert found.points(metrics.SEGMENT_INFERENCES) == {("coding", "7", "payer", "medicaid", "standard"): 1}
    assert found.points(metrics.TASK_DURATION) == {("chart_review", "with_ai"): 1}
    assert len(found.events) == 3


def test_the_default_is_restored_after_a_capture_even_one_that_fails():
    before = default_telemetry()
    with pytest.raises(ValueError, match="mine"), capture():
        raise ValueError("mine")
    assert default_telemetry() is before
    assert predict({})["receipt"].time != Clock().now


def test_two_runs_report_the_same_ids_and_times():
    runs = []
    for _ in range(2):
        with capture() as found:
            report_everything(found)
            runs.append(snapshot(found))
    assert runs[0] == runs[1]
    with capture(seed=1) as found:
        report_everything(found)
        assert snapshot(found) != runs[0]


def test_time_passes_only_when_told(clinical_telemetry):
    @inference(model="coding", version="7")
    def slow():
        clinical_telemetry.clock.advance(0.25)

    slow()
    (span,) = clinical_telemetry.spans
    assert span.end_time - span.start_time == 250_000_000
    with pytest.raises(ValueError, match="does not run backwards"):
        clinical_telemetry.clock.advance(-1)


def test_the_fixture_is_there_without_any_import(clinical_telemetry):
    predict({})
    assert len(clinical_telemetry.spans) == 1


# --- conformance -----------------------------------------------------------------------------------


def test_what_the_package_reports_conforms(clinical_telemetry):
    report_everything(clinical_telemetry)
    assert_conforms(clinical_telemetry)


def test_an_outcome_that_nobody_can_judge_has_no_score_and_conforms(clinical_telemetry):
    receipt = predict({})["receipt"]
    record_outcome(receipt, result="indeterminate")
    (event,) = clinical_telemetry.events
    assert attributes.OUTCOME_SCORE not in (event.log_record.attributes or {})
    assert_conforms(clinical_telemetry)


def test_a_capture_of_nothing_proves_nothing(clinical_telemetry):
    with pytest.raises(AssertionError, match="nothing was captured"):
        assert_conforms(clinical_telemetry)
    with pytest.raises(AssertionError, match="nothing was captured"):
        assert_no_phi(clinical_telemetry, [MARKER])


def own_tracer(found):
    return found.tracer_provider.get_tracer(SCOPE_NAME, "1", SCHEMA_URL)


def own_meter(found):
    return found.meter_provider.get_meter(SCOPE_NAME, "1", SCHEMA_URL)


def bad_span(found, **changes):
    with own_tracer(found).start_as_current_span("x") as span:
        span.set_attributes(changes)


def bad_metric(found, metric=metrics.INFERENCES, unit=None, **labels):
    counter = own_meter(found).create_counter(metric.name, unit or metric.unit, metric.description)
    counter.add(1, labels)


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (lambda f: bad_span(f, note="x"), "span .*: note is not one of its attributes"),
        (bad_span, "lacks clinical_ai.inference.id"),
        (lambda f: bad_span(f, **{attributes.CONFIDENCE_SCORE: "high"}), "is of type str, expected double"),
        (lambda f: bad_span(f, **{attributes.INFERENCE_STATUS: "odd"}), "is 'odd', expected one of abstained"),
        (lambda f: bad_span(f, **{attributes.MODEL_NAME: "x" * 500}), "has 500 characters, expected at most"),
        (lambda f: bad_metric(f, unit="s"), "has unit 's', expected '{inference}'"),
        (lambda f: bad_metric(f, **{attributes.INFERENCE_ID: "0" * 32}), "may never be a label .*'linkable'"),
        (lambda f: own_meter(f).create_counter("home.made").add(1), "metric 'home.made' is not in the registry"),
        (
            lambda f: (
                own_meter(f)
                .create_histogram(metrics.CONFIDENCE.name, metrics.CONFIDENCE.unit, metrics.CONFIDENCE.description)
                .record(1)
            ),
            "has buckets .*, expected",
        ),
    ],
)
def test_what_does_not_conform_is_named(clinical_telemetry, break_it, problem):
    """Negative controls."""
    predict({})
    assert_conforms(clinical_telemetry)
    break_it(clinical_telemetry)
    with pytest.raises(AssertionError, match=problem):
        assert_conforms(clinical_telemetry)


def test_an_exception_text_on_a_span_does_not_conform(clinical_telemetry):
    with pytest.raises(ValueError, match="text"), own_tracer(clinical_telemetry).start_as_current_span("x"):
        raise ValueError("text")
    with pytest.raises(AssertionError, match=r"(?s)has events.*has a status description"):
        assert_conforms(clinical_telemetry)


def test_telemetry_of_other_libraries_need_not_conform(clinical_telemetry):
    predict({})
    with clinical_telemetry.tracer_provider.get_tracer("other").start_as_current_span("GET"):
        pass
    assert_conforms(clinical_telemetry)


# --- patient data ----------------------------------------------------------------------------------


def test_no_marker_in_the_inputs_comes_out(clinical_telemetry):
    report_everything(clinical_telemetry)
    assert_no_phi(clinical_telemetry, [MARKER])


def leak(found, text):
    with found.tracer_provider.get_tracer("other").start_as_current_span("GET") as span:
        span.set_attribute("url", text)


@pytest.mark.parametrize(
    "encode",
    [
        str,
        str.upper,
        lambda text: f"https://host/?q={urllib.parse.quote(text)}",
        lambda text: f"https://host/?q={urllib.parse.quote_plus(text)}",
        lambda text: text.encode().hex(),
        *(lambda text, pad=pad: base64.b64encode(b"x" * pad + text.encode() + b"yz").decode() for pad in range(4)),
    ],
)
def test_a_marker_is_found_however_it_is_written(clinical_telemetry, encode):
    """Negative control: the search can find it."""
    leak(clinical_telemetry, encode(MARKER))
    with pytest.raises(AssertionError, match="patient data would leave"):
        assert_no_phi(clinical_telemetry, [MARKER])


def leak_event(found):
    found.logger_provider.get_logger("other").emit(body={"note": [MARKER]})


def leak_metric(found):
    found.meter_provider.get_meter("other").create_counter("c").add(1, {"mrn": MARKER})


@pytest.mark.parametrize(
    "spill",
    [
        leak_event,
        leak_metric,
        lambda found: found.tracer_provider.get_tracer("other").start_span(MARKER).end(),
        lambda found: found.tracer_provider.get_tracer("other").start_span("x", attributes={MARKER: 1}).end(),
        lambda found: found.meter_provider.get_meter(MARKER).create_counter("c").add(1),
        lambda found: found.logger_provider.get_logger(MARKER).emit(body="x"),
    ],
)
def test_a_marker_is_found_wherever_it_is(clinical_telemetry, spill):
    """Negative control."""
    predict({})
    assert_no_phi(clinical_telemetry, [MARKER])
    spill(clinical_telemetry)
    with pytest.raises(AssertionError, match="patient data would leave"):
        assert_no_phi(clinical_telemetry, [MARKER])


@pytest.mark.parametrize("noise", ["b'H\xe9'", "b'\\xZZ'", r"b'\d'", "b'\0'", "b'\udcff'"])
def test_noise_that_looks_like_bytes_is_searched_and_breaks_nothing(clinical_telemetry, noise):
    """Random ids, decoded from what looks like base64, hold such things now and then."""
    predict({})
    assert_no_phi(clinical_telemetry, [MARKER], also=[noise])
    with pytest.raises(AssertionError, match="patient data would leave"):
        assert_no_phi(clinical_telemetry, [MARKER], also=[f"{noise} {MARKER.encode()!r}"])


ENCODERS = {
    "UTF-16, little endian": lambda raw: raw.decode().encode("utf-16-le"),
    "UTF-16, big endian": lambda raw: raw.decode().encode("utf-16-be"),
    "UTF-16 with its mark": lambda raw: raw.decode().encode("utf-16"),
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda raw: lzma.compress(raw, lzma.FORMAT_ALONE),
    "gzip in zlib": lambda raw: zlib.compress(gzip.compress(raw)),
    "base64 in xz": lambda raw: lzma.compress(base64.b64encode(raw)),
    "UTF-16 in bz2": lambda raw: bz2.compress(raw.decode().encode("utf-16-le")),
}
WRITERS = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "URL-safe base64": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "hexadecimal": bytes.hex,
    "bytes as Python shows them": repr,
    "bytes as letters": lambda data: data.decode("latin-1"),
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_an_encoded_or_compressed_marker_is_found(clinical_telemetry, encoder, writer):
    """Negative control, with the same around another text, which is none."""
    predict({})
    for text, sound in ((f"note: {MARKER.upper()}, 61", False), ("note: nobody at all, 61", True)):
        data = encoder(text.encode())
        for given in (f"body={writer(data)};", data):
            if sound:
                assert_no_phi(clinical_telemetry, [MARKER], also=[given])
            else:
                with pytest.raises(AssertionError, match="patient data would leave"):
                    assert_no_phi(clinical_telemetry, [MARKER], also=[given])


def test_a_compressed_marker_is_found_in_a_span(clinical_telemetry):
    leak(clinical_telemetry, base64.b64encode(bz2.compress(MARKER.encode())).decode())
    with pytest.raises(AssertionError, match=r"encoded or compressed\) in span GET"):
        assert_no_phi(clinical_telemetry, [MARKER])


def test_a_number_is_found_as_text_and_other_texts_are_searched(clinical_telemetry):
    leak(clinical_telemetry, 12345678)
    with pytest.raises(AssertionError, match=r"'12345678' \(text\) in span GET"):
        assert_no_phi(clinical_telemetry, ["12345678"])
    with pytest.raises(AssertionError, match="in also"):
        assert_no_phi(clinical_telemetry, [MARKER], also=[f"log: {MARKER}"])


@pytest.mark.parametrize(
    ("markers", "problem"), [([], "is empty"), (["short"], "expected 6 or more"), (MARKER, "list")]
)
def test_markers_that_could_not_prove_anything_are_refused(clinical_telemetry, markers, problem):
    predict({})
    with pytest.raises(ValueError, match=problem):
        assert_no_phi(clinical_telemetry, markers)


# --- the plugin ------------------------------------------------------------------------------------


def test_the_plugin_imports_nothing_that_users_without_it_would_pay_for():
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import otel_clinical._pytest_plugin\n"
        "new = sorted(set(sys.modules) - before)\n"
        "sys.exit(', '.join(m for m in new if m.split('.')[0] != 'otel_clinical' or m.count('.') > 1) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_synchronous_telemetry_of_ones_own_is_left_alone(clinical_telemetry):
    inference(model="coding", version="7", telemetry=Telemetry(synchronous=True))(lambda: 1)()
    with pytest.raises(AssertionError, match="nothing was captured"):
        assert_conforms(clinical_telemetry)
