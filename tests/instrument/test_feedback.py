"""Feedback, safety events and timed work: events, points, rejections, and who waits for the export."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from otel_clinical.instrument import (
    Rejection,
    current_inference,
    feedback,
    inference,
    record_feedback,
    record_feedback_triage,
    record_inference,
    record_safety_event,
    record_task,
    safety_event,
    task,
)
from otel_clinical.instrument._urgent import UrgentFlush
from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import FeedbackRating, SafetyEventSeverity, SafetyEventType

AT = 1_700_000_000.0
DEADLINE = 10.0


@pytest.fixture
def receipt(capture):
    return record_inference(model="coding", version="7", started_at=AT, duration=0.5, telemetry=capture.telemetry)


def wait_for(condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        threading.Event().wait(0.01)


# --- feedback --------------------------------------------------------------------------------------


def test_feedback_is_counted_and_lies_in_the_trace_of_its_inference(capture, receipt):
    recorded = record_feedback(
        receipt.dumps(),
        rating="negative",
        category="omission",
        channel="in_workflow",
        at=AT + 5,
        telemetry=capture.telemetry,
    )
    (event,) = capture.events
    assert event.event_name == events.FEEDBACK
    assert event.attributes[attributes.EVENT_ID] == recorded.event_id
    assert event.attributes[attributes.FEEDBACK_CATEGORY] == "omission"
    assert event.trace_id == capture.span.context.trace_id
    assert capture.points(metrics.FEEDBACK_SUBMISSIONS) == {("coding", "7", "negative", "in_workflow"): 1}
    capture.assert_conforms()


def test_a_comment_has_no_way_out(capture, receipt):
    for field in ("category", "channel"):
        options = {"rating": "neutral", field: "the patient Mr Smith complained"}
        assert record_feedback(receipt, at=AT + 5, telemetry=capture.telemetry, **options)
    assert record_feedback(receipt, rating="awful", telemetry=capture.telemetry).rejection is Rejection.BAD_VALUE
    assert all("Smith" not in str(dict(event.attributes)) for event in capture.events)
    assert capture.redactions() == {"not_allowed": 3}


def test_repeated_feedback_is_counted_once(capture, receipt):
    first, second = (
        record_feedback(receipt, rating="positive", event_id="ab" * 16, at=AT + 5, telemetry=capture.telemetry)
        for _ in range(2)
    )
    assert first.ok
    assert second.rejection is Rejection.DUPLICATE
    assert sum(capture.points(metrics.FEEDBACK_SUBMISSIONS).values()) == 1


def test_a_function_that_takes_feedback_reports_it(capture, receipt):
    @feedback(rating="stars", category="about", channel="survey", telemetry=capture.telemetry)
    def submit(receipt):
        return {"stars": FeedbackRating.POSITIVE, "about": "usability"}

    assert submit(receipt) == {"stars": FeedbackRating.POSITIVE, "about": "usability"}
    assert capture.points(metrics.FEEDBACK_SUBMISSIONS) == {("coding", "7", "positive", "survey"): 1}


@pytest.mark.parametrize("submitted", [AT + 600, datetime.fromtimestamp(AT + 600, UTC)])
def test_the_time_to_triage_is_measured_from_the_feedback(capture, receipt, submitted):
    assert record_feedback_triage(receipt, submitted_at=submitted, at=AT + 4200, telemetry=capture.telemetry)
    assert capture.points(metrics.FEEDBACK_TRIAGE_DURATION) == {("coding",): (1, 3600.0)}
    capture.assert_conforms()


@pytest.mark.parametrize("submitted", [AT + 9000, AT - 400 * 86400, "yesterday", float("nan"), None])
def test_an_implausible_time_to_triage_is_rejected(capture, receipt, submitted):
    recorded = record_feedback_triage(receipt, submitted_at=submitted, at=AT + 4200, telemetry=capture.telemetry)
    assert recorded.rejection is Rejection.BAD_VALUE
    assert capture.points(metrics.FEEDBACK_TRIAGE_DURATION) == {}


# --- safety events ---------------------------------------------------------------------------------


@pytest.mark.parametrize("severity", SafetyEventSeverity)
def test_what_reached_a_patient_is_an_error_and_what_did_not_a_warning(capture, receipt, severity):
    record_safety_event(receipt, severity=severity, type="medication", at=AT + 5, telemetry=capture.telemetry)
    (event,) = capture.events
    spared = severity in {SafetyEventSeverity.UNSAFE_CONDITION, SafetyEventSeverity.NEAR_MISS}
    assert event.severity_text == ("WARN" if spared else "ERROR")
    assert capture.points(metrics.SAFETY_EVENTS) == {("coding", "7", severity.value, "medication"): 1}
    capture.assert_conforms()


def test_the_first_safety_event_is_an_increase_from_zero(capture, receipt):
    inference(model="coding", version="7", telemetry=capture.telemetry)(lambda: 1)()
    zeros = capture.points(metrics.SAFETY_EVENTS, zeros=True)
    assert set(zeros.values()) == {0}
    assert len(zeros) == len(SafetyEventSeverity) * len(SafetyEventType)


def test_a_function_that_files_a_safety_report_reports_it(capture, receipt):
    @safety_event(receipt="case.receipt", severity="harm", type=SafetyEventType.DELAY, telemetry=capture.telemetry)
    async def file(case):
        return {"harm": "near_miss"}

    asyncio.run(file({"receipt": receipt}))
    assert capture.points(metrics.SAFETY_EVENTS) == {("coding", "7", "near_miss", "delay"): 1}


def test_a_safety_event_without_a_known_severity_is_not_guessed(capture, receipt):
    recorded = record_safety_event(receipt, severity="bad", telemetry=capture.telemetry)
    assert recorded.rejection is Rejection.BAD_VALUE
    assert not capture.events


def test_a_safety_event_is_exported_at_once(make_capture):
    """The worker lingers to gather records and readers export by the interval; a safety event waits for neither."""
    flushed = threading.Event()
    capture = make_capture(synchronous=False)
    capture.telemetry.worker._linger = 3600.0
    capture.meter_provider.force_flush = lambda _: flushed.set()
    receipt = record_inference(model="coding", version="7", started_at=AT, telemetry=capture.telemetry)
    record_safety_event(receipt, severity="death", telemetry=capture.telemetry)
    assert flushed.wait(DEADLINE)
    assert [event.event_name for event in capture.events] == [events.SAFETY_EVENT]


def test_whoever_reports_a_safety_event_does_not_wait_for_a_dead_collector(make_capture):
    released = threading.Event()
    capture = make_capture(synchronous=False)
    capture.logger_provider.force_flush = lambda _: released.wait(DEADLINE)
    receipt = record_inference(model="coding", version="7", started_at=AT, telemetry=capture.telemetry)
    others = set(threading.enumerate())
    started = time.perf_counter()
    for _ in range(50):
        assert record_safety_event(receipt, severity="near_miss", telemetry=capture.telemetry)
    assert time.perf_counter() - started < DEADLINE / 2
    assert sum(thread.name == "otel-clinical-urgent" for thread in set(threading.enumerate()) - others) <= 1
    released.set()


def test_an_urgent_flush_has_two_seconds():
    given = []
    urgent = UrgentFlush(lambda timeout: bool(given.append(timeout)) or True)
    urgent.request()
    wait_for(lambda: given)
    assert given == [2.0]


def test_requests_during_an_urgent_flush_lead_to_exactly_one_more():
    begun, released, runs = threading.Event(), threading.Event(), []

    def flush(timeout):
        runs.append(timeout)
        begun.set()
        return released.wait(DEADLINE)

    urgent = UrgentFlush(flush)
    urgent.request()
    assert begun.wait(DEADLINE)
    for _ in range(10):
        urgent.request()
    released.set()
    wait_for(lambda: urgent._thread is None)
    assert len(runs) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_flushes_although_its_parent_was_flushing():
    begun, released, parent = threading.Event(), threading.Event(), os.getpid()
    reading, writing = os.pipe()

    def flush(_):
        if os.getpid() != parent:
            os.write(writing, b"flushed")
            return True
        begun.set()
        return released.wait(DEADLINE)

    urgent = UrgentFlush(flush)
    urgent.request()
    assert begun.wait(DEADLINE)
    child = os.fork()
    if child == 0:
        urgent.request()
        thread = urgent._thread
        if thread is not None:
            thread.join(DEADLINE)
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 7) == b"flushed"
    os.waitpid(child, 0)
    os.close(reading)
    released.set()


# --- timed work ------------------------------------------------------------------------------------


def durations(capture):
    return {key: count for key, (count, _) in capture.points(metrics.TASK_DURATION).items()}


def test_a_decorated_function_and_a_block_time_the_same_work(capture):
    @task("chart_review", telemetry=capture.telemetry)
    def with_model():
        return "done"

    assert with_model() == "done"
    with task("chart_review", assistance="without_ai", telemetry=capture.telemetry):
        pass
    assert durations(capture) == {("chart_review", "with_ai"): 1, ("chart_review", "without_ai"): 1}
    assert record_task("chart_review", 60, telemetry=capture.telemetry)
    capture.assert_conforms()


def test_work_that_raises_is_unfinished_and_its_exception_passes(capture):
    timed = task("chart_review", telemetry=capture.telemetry)
    with pytest.raises(ValueError, match="mine"), timed:
        raise ValueError("mine")
    with timed:
        pass
    assert durations(capture) == {("chart_review", "with_ai"): 1}


def test_interleaved_tasks_and_threads_time_their_own_work(capture):
    timed = task("chart_review", telemetry=capture.telemetry)

    async def work():
        with timed:
            await asyncio.sleep(0)
            with timed:
                await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*(work() for _ in range(5)))

    def in_thread(_):
        with timed:
            pass

    asyncio.run(main())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(in_thread, range(10)))
    assert durations(capture) == {("chart_review", "with_ai"): 20}


def test_an_inference_inside_timed_work_is_still_the_current_one(capture):
    with inference(model="coding", version="7", telemetry=capture.telemetry) as current, task("chart_review"):
        assert current_inference() is current


def test_a_mistake_in_the_declaration_of_work_is_named_at_once():
    with pytest.raises(TypeError, match=r'write @task\("chart_review"\)'):
        task(lambda: None)
    with pytest.raises(ValueError, match="task is 'two words'"):
        task("two words")
    with pytest.raises(ValueError, match="assistance is 'some', expected one of with_ai, without_ai"):
        task("chart_review", assistance="some")


@pytest.mark.parametrize("make", [feedback, safety_event])
def test_a_decorator_without_parentheses_says_what_to_write(make):
    with pytest.raises(TypeError, match=rf"write @{make.__name__}\("):
        make(lambda: None)
