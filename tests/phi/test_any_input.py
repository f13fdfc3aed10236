"""Ring 1 for whatever looks like JSON: any object in any argument of any decorator or report, keys included."""

from __future__ import annotations

from contextlib import suppress
from inspect import signature

from hypothesis import given, settings
from hypothesis import strategies as st

import otel_clinical as ai
from tests.phi._marker import NUMBER, hits, marker
from tests.phi._patients import text
from tests.phi._pipes import MemoryPipe

# Words of developers are checked for their shape only, so what stands in for patients has a blank, as names have.
MARKS = st.builds(text, st.sampled_from(["a", "b", "c"]))
WORDS = st.builds(marker, st.sampled_from(["a", "b", "c"]))
NUMBERS = st.sampled_from([NUMBER, float(NUMBER), -NUMBER, NUMBER + 0.5])


def anything(marks):
    """Return a strategy of JSON-like objects whose leaves and keys are marked."""
    leaves = marks | NUMBERS | st.none() | st.booleans() | st.floats() | marks.map(str.encode)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(marks, inner, max_size=3))


ANY = anything(MARKS | WORDS)
# A word in these places is a developer's, and a number of money is the money.
NAMES = anything(MARKS).filter(lambda value: not isinstance(value, int))
WORTH = ANY.filter(lambda value: isinstance(value, bool) or not isinstance(value, int | float))


def check(call):
    """Run a call and search everything that the stock exporters would send."""
    pipe = MemoryPipe()
    try:
        with suppress(ValueError, TypeError, ai.InputRefused):
            call(pipe.telemetry)
        assert hits(pipe.sinks()) == {}
    finally:
        pipe.close()


def sound(telemetry):
    return ai.record_inference(model="coding", version="7", telemetry=telemetry)


@given(st.lists(ANY, max_size=3), st.dictionaries(st.sampled_from(["record", "note", "payer"]), ANY), ANY)
@settings(max_examples=150)
def test_arguments_and_results_of_an_inference(args, kwargs, result):
    profile = ai.QualityProfile(required=("age",), ranges={"age": (0, 120)})

    def call(telemetry):
        @ai.inference(
            model="coding",
            version="7",
            segments={"payer": "payer", "site": lambda arguments: arguments[0]},
            confidence="confidence",
            quality=profile,
            telemetry=telemetry,
        )
        def answer(*_, **__):
            return result

        answer(*args, **kwargs)

    check(call)


@given(ANY, ANY)
@settings(max_examples=100)
def test_what_an_inference_is_told_and_what_it_raises(value, other):
    def call(telemetry):
        with ai.inference(model="coding", version="7", segments={"payer": value}, telemetry=telemetry) as current:
            current.set_confidence(value, other)
            current.set_segment("site", value)
            current.set_segment(other, value)
            current.restrict(value, other)
            current.abstain(value)
            current.set_quality(value)
            raise ValueError(value, other)

    check(call)


INFERENCE = (
    *("use_case", "operation", "role", "confidence", "confidence_method", "quality", "started_at", "duration"),
    *("route", "route_reason", "activation", "status"),
)


@given(NAMES, st.fixed_dictionaries({}, optional=dict.fromkeys(INFERENCE, ANY)), st.dictionaries(WORDS, ANY))
@settings(max_examples=150)
def test_a_recorded_inference(name, arguments, segments):
    def call(telemetry):
        where = {"segments": {"payer": name, **segments}, "telemetry": telemetry}
        ai.record_inference(model=name, version=name, **arguments, **where)

    check(call)


REPORTS = (
    ai.record_outcome,
    ai.record_review,
    ai.record_feedback,
    ai.record_safety_event,
    ai.record_feedback_triage,
)
REQUIRED = {"result": "correct", "action": "edited", "rating": "positive", "severity": "near_miss", "submitted_at": 0}


@given(st.data(), st.sampled_from(REPORTS), ANY, st.booleans())
@settings(max_examples=200)
def test_a_report_of_an_inference(data, report, receipt, known):
    names = set(signature(report).parameters) - {"receipt", "telemetry"}
    given_ = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(names), ANY)))
    arguments = {name: REQUIRED[name] for name in REQUIRED if name in names} | given_
    check(lambda telemetry: report(sound(telemetry) if known else receipt, **arguments, telemetry=telemetry))


@given(st.sampled_from([ai.outcome, ai.review, ai.feedback, ai.safety_event]), ANY, st.booleans(), ANY)
@settings(max_examples=100)
def test_a_reporting_decorator(decorate, returned, known, other):
    def call(telemetry):
        @decorate(telemetry=telemetry)
        def report(receipt, note):
            return returned

        report(sound(telemetry) if known else other, other)

    check(call)


@given(NAMES, ANY, WORTH)
@settings(max_examples=100)
def test_work_money_and_deployments(name, value, worth):
    def call(telemetry):
        where = {"telemetry": telemetry}
        ai.record_revenue(worth, use_case=value, currency=value, assistance=value, entry=value, **where)
        ai.record_revenue(worth, use_case="imaging", **where)
        ai.record_cost(1, use_case="imaging", currency=value, category=value, **where)
        ai.record_encounter(use_case=value, assistance=value, **where)
        ai.record_risk_event(use_case="imaging", category=value, **where)
        ai.record_task(value, value, assistance=value, **where)
        versions = {"from_version": name, "to_version": name}
        ai.record_deployment_change(name, **versions, type=value, trigger=value, reason=value, at=value, **where)
        ai.record_deployment_change("coding", from_version="7", to_version="8", activation=value, **where)
        ai.business(task="coding", revenue="revenue", telemetry=telemetry)(lambda: {"revenue": worth})()

    check(call)
