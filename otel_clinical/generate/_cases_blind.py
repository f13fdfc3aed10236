"""Situations in which the monitor cannot see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_model import (
    LOOKS,
    Scenario,
    Series,
    Subject,
    born,
    gone,
    growing,
    in_segment,
    late,
    level,
)
from otel_clinical.generate._rules_baseline import OUTDATED
from otel_clinical.generate._rules_blind import NO_INFERENCES, PROCESSOR_DOWN
from otel_clinical.policy import load_baseline
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import OutcomeResult, ProcessorRejection, ProcessorSignal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.policy import Policy


def blind_cases(subject: Subject) -> Iterator[Scenario]:
    """Yield the scenarios of one model that need no long history."""
    yield _no_inferences(subject)
    yield _coverage(subject)
    yield _amended(subject)
    yield _not_yet_watched(subject)
    yield Scenario(
        "ClinicalAINoActiveVersion",
        fires={"inferences flow and no router reports": (subject.flowing(),)},
        quiet={
            "a router reports": (subject.flowing(), subject.active()),
            "nothing is served": (level(metrics.INFERENCES, subject.served, 7),),
        },
        about=(subject.model,),
        model=subject.name,
    )
    yield from _baseline(subject)


def silence_cases(subject: Subject) -> Iterator[Scenario]:
    """Yield the scenario of outcomes, whose window is long; `subject` is looked at less often."""
    outcome = {**subject.served, attributes.OUTCOME_RESULT: OutcomeResult.CORRECT.value}
    label_time = metrics.LABEL_TIME
    yield Scenario(
        "ClinicalAINoOutcomes",
        fires={
            "inferences flow and no outcome was ever counted": (subject.flowing(),),
            "inferences flow and outcomes stopped": (
                subject.flowing(),
                level(metrics.OUTCOMES, outcome, 7),
                level(label_time, subject.model, 1),
            ),
        },
        quiet={
            "outcomes are counted": (subject.flowing(), growing(metrics.OUTCOMES, outcome, 1)),
            "a job that Prometheus does not see sends outcomes": (
                subject.flowing(),
                growing(label_time, subject.model, subject.interval),
            ),
            "the service is young": (born(metrics.INFERENCES, subject.served), subject.active()),
            "nothing is served": (level(metrics.INFERENCES, subject.served, 7),),
        },
        about=(subject.model,),
        model=subject.name,
    )


def _no_inferences(subject: Subject) -> Scenario:
    window = round(subject.policy.silence.inferences / subject.interval)
    looks = max(LOOKS, 2 * window)
    inferences = metrics.INFERENCES
    return Scenario(
        NO_INFERENCES,
        fires={
            "the counter stands still": (level(inferences, subject.served, 7, looks),),
            "the service is gone": (gone(inferences, subject.served, 7, looks),),
        },
        quiet={"inferences flow": (growing(inferences, subject.served, 1, looks),)},
        about=(subject.model,),
        model=subject.name,
        without_data=(subject.model,),
        looks=looks,
    )


def _coverage(subject: Subject) -> Scenario:
    minimum = subject.policy.labels.minimum_coverage
    share = metrics.LABEL_COVERAGE_RATIO
    low = level(share, subject.served, minimum / 2)
    return Scenario(
        "ClinicalAILabelCoverageLow",
        fires={"half of the labels are missing": (subject.active(), low)},
        quiet={
            "labels are complete enough": (subject.active(), level(share, subject.served, minimum)),
            "another version serves": (subject.active("another"), low),
        },
        about=(subject.served,),
        model=subject.name,
    )


def _amended(subject: Subject) -> Scenario:
    most = subject.policy.labels.maximum_amended
    share = metrics.LABEL_AMENDED_RATIO
    many = level(share, subject.stream, min(2 * most, 1.0))
    return Scenario(
        "ClinicalAIOutcomesAmended",
        fires={"outcomes are amended after they counted": (subject.active(), many)},
        quiet={
            "few are": (subject.active(), level(share, subject.stream, most)),
            "another version serves": (subject.active("another"), many),
        },
        about=(subject.stream,),
        model=subject.name,
    )


def _not_yet_watched(subject: Subject) -> Scenario:
    needed = min(tier.minimum_labels for tier in subject.policy.tiers.values())
    running = level(metrics.PROCESSOR_START_TIME, {}, 1)

    def counted(labels: float, segment: tuple[str, str] = (AGGREGATE, AGGREGATE)) -> Series:
        return level(metrics.EVIDENCE_LABELS, {**subject.served, **in_segment(segment)}, labels)

    few = counted(needed - 1)
    return Scenario(
        "ClinicalAIVersionNotYetWatched",
        fires={
            "no outcome is mature yet": (subject.active(), running, counted(0)),
            "too few are mature": (subject.active(), running, few),
            "the processor has not heard of the version": (subject.active(), running),
        },
        quiet={
            "enough are mature": (subject.active(), running, counted(needed)),
            "one segment alone has few": (subject.active(), running, counted(needed), counted(0, ("site", "x"))),
            "it no longer serves": (running, few),
            "the processor is down, which has its own alert": (subject.active(), few),
        },
        about=(subject.served,),
        model=subject.name,
    )


def _baseline(subject: Subject) -> Iterator[Scenario]:
    accepted = load_baseline(subject.policy.baseline.file).hash
    running = level(metrics.PROCESSOR_START_TIME, {}, 1)
    in_use = {**subject.model, attributes.BASELINE_HASH: accepted}
    other = {**subject.model, attributes.BASELINE_HASH: "sha256:other"}
    yield Scenario(
        "ClinicalAIBaselineMissing",
        fires={"the processor runs without one": (running,)},
        quiet={
            "the processor has it": (running, level(metrics.BASELINE_STATUS, in_use, 1)),
            "the processor is down, which has its own alert": (subject.flowing(),),
        },
        about=(subject.model,),
        model=subject.name,
    )
    yield Scenario(
        "ClinicalAIBaselineChanged",
        fires={"another baseline is in use": (running, level(metrics.BASELINE_STATUS, other, 1))},
        quiet={"the accepted one is in use": (running, level(metrics.BASELINE_STATUS, in_use, 1))},
        about=(other,),
        model=subject.name,
    )
    end = metrics.BASELINE_END_TIME
    yield Scenario(
        OUTDATED,
        fires={"its time has passed": (level(end, subject.model, 1),)},
        quiet={"its time has not come": (level(end, subject.model, 1e9),), "it has no end": (running,)},
        about=(subject.model,),
        model=subject.name,
    )


def processor_cases(policy: Policy, interval: float) -> Iterator[Scenario]:
    """Yield the scenarios of the drift processor."""
    running = level(metrics.PROCESSOR_START_TIME, {}, 1)
    yield Scenario(
        PROCESSOR_DOWN,
        fires={"its target fails": (gone(metrics.PROCESSOR_START_TIME, {}, 1),)},
        quiet={"it runs": (running,)},
        without_data=({},),
    )
    yield _stale(policy, interval)
    yield _rejecting()
    yield _late_events()
    yield _refusing()
    yield _corrections()
    limited = {attributes.PROCESSOR_REJECTION: ProcessorRejection.RATE_LIMITED.value}
    yield Scenario(
        "ClinicalAISourceRateLimited",
        fires={
            "requests are turned away": (growing(metrics.PROCESSOR_REJECTIONS, limited, 10),),
            "the first of all is": (born(metrics.PROCESSOR_REJECTIONS, limited),),
        },
        quiet={"the last one is long past": (level(metrics.PROCESSOR_REJECTIONS, limited, 3),)},
        about=(limited,),
    )
    forged = {attributes.PROCESSOR_REJECTION: ProcessorRejection.FORGED.value}
    yield Scenario(
        "ClinicalAIForgedReceipt",
        fires={
            "one was rejected": (late(metrics.PROCESSOR_REJECTIONS, forged),),
            "the first of all was rejected": (born(metrics.PROCESSOR_REJECTIONS, forged),),
        },
        quiet={"the last one is long past": (level(metrics.PROCESSOR_REJECTIONS, forged, 3),)},
        about=(forged,),
    )


def _stale(policy: Policy, interval: float) -> Scenario:
    """Return the scenario of a processor behind the times; the clock of a test starts at 0."""
    name, model = next(iter(policy.models.items()))
    allowed = 20 * interval + policy.drift.slot + policy.drift.lateness
    looks = max(LOOKS, round(2 * allowed / interval))
    served = {attributes.MODEL_NAME: name, attributes.MODEL_VERSION: model.versions[0]}
    flowing = growing(metrics.INFERENCES, served, 10, looks)
    event, watermark = metrics.PROCESSOR_EVENT_TIME, metrics.PROCESSOR_WATERMARK_TIME
    return Scenario(
        "ClinicalAIProcessorStale",
        fires={
            "no event arrives any more": (
                flowing,
                level(event, {}, 0, looks),
                growing(watermark, {}, interval, looks),
            ),
            "the watermark stands still": (
                flowing,
                growing(event, {}, interval, looks),
                level(watermark, {}, 0, looks),
            ),
        },
        quiet={
            "both move": (flowing, growing(event, {}, interval, looks), growing(watermark, {}, interval, looks)),
            "nothing is served": (level(event, {}, 0, looks), level(watermark, {}, 0, looks)),
        },
        looks=looks,
    )


def _late_events() -> Scenario:
    accepted = {attributes.PROCESSOR_SIGNAL: ProcessorSignal.INFERENCE.value}
    behind = {attributes.PROCESSOR_REJECTION: ProcessorRejection.LATE.value}
    other = {attributes.PROCESSOR_REJECTION: ProcessorRejection.UNKNOWN_VERSION.value}
    many = growing(metrics.PROCESSOR_EVENTS, accepted, 1000)
    return Scenario(
        "ClinicalAIEventsLate",
        fires={
            "one event in ten is late": (many, growing(metrics.PROCESSOR_REJECTIONS, behind, 100)),
            "every event is late": (growing(metrics.PROCESSOR_REJECTIONS, behind, 100),),
        },
        quiet={
            "one in a hundred is late": (many, growing(metrics.PROCESSOR_REJECTIONS, behind, 10)),
            "they are refused for another reason": (many, growing(metrics.PROCESSOR_REJECTIONS, other, 100)),
            "a burst is long past": (many, level(metrics.PROCESSOR_REJECTIONS, behind, 5000)),
        },
        about=(behind,),
    )


def _refusing() -> Scenario:
    accepting = metrics.PROCESSOR_ACCEPT_STATUS
    return Scenario(
        "ClinicalAIProcessorRefusing",
        fires={"it tells senders to come back": (level(accepting, {}, 0),)},
        quiet={"it accepts": (level(accepting, {}, 1),)},
    )


def _corrections() -> Scenario:
    used = metrics.PROCESSOR_CORRECTION_USED_RATIO
    return Scenario(
        "ClinicalAICorrectionRecordFull",
        fires={"nine tenths are in use": (level(used, {}, 0.9),), "it is full": (level(used, {}, 1),)},
        quiet={"half of it is in use": (level(used, {}, 0.5),), "it is empty": (level(used, {}, 0),)},
    )


def _rejecting() -> Scenario:
    accepted = {attributes.PROCESSOR_SIGNAL: ProcessorSignal.OUTCOME.value}
    unknown = {attributes.PROCESSOR_REJECTION: ProcessorRejection.UNKNOWN_VERSION.value}
    again = {attributes.PROCESSOR_REJECTION: ProcessorRejection.DUPLICATE.value}
    many = growing(metrics.PROCESSOR_EVENTS, accepted, 1000)
    return Scenario(
        "ClinicalAIProcessorRejecting",
        fires={
            "one event in twenty is rejected": (many, growing(metrics.PROCESSOR_REJECTIONS, unknown, 50)),
            "every event is rejected": (growing(metrics.PROCESSOR_REJECTIONS, unknown, 50),),
        },
        quiet={
            "one in a thousand is rejected": (many, growing(metrics.PROCESSOR_REJECTIONS, unknown, 1)),
            "duplicates are rejected": (many, growing(metrics.PROCESSOR_REJECTIONS, again, 500)),
        },
        about=(unknown,),
    )
