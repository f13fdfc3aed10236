"""Say so when the monitor cannot see: no inferences, no outcomes, no processor, no baseline, no active version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_amended import amended
from otel_clinical.generate._rules_baseline import outdated
from otel_clinical.generate._rules_constants import EXPECTED
from otel_clinical.generate._rules_model import Group
from otel_clinical.generate._rules_promql import (
    MODEL,
    VERSION,
    active,
    any_of,
    duration,
    happened,
    increase,
    indented,
    labels,
    matchers,
    none_of,
    number,
    only_active,
    other_than,
    over,
    select,
)
from otel_clinical.generate._rules_refusing import refusing
from otel_clinical.generate._rules_text import MODEL_NAME, MODEL_VERSION, WHOLE, Author, Message, label, looked_up
from otel_clinical.policy import duration_text, load_baseline
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import ProcessorRejection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.generate._rules_promql import Conditions
    from otel_clinical.policy import ModelPolicy, Policy

NO_INFERENCES: Final = "ClinicalAINoInferences"
PROCESSOR_DOWN: Final = "ClinicalAIProcessorDown"

REJECTED_SHARE: Final = 0.01
"""Share of unusable events above which telemetry is broken rather than unlucky."""

LATE_SHARE: Final = 0.05
"""Share of late events above which a clock or a queue is behind rather than a single message."""

RECORD_SHARE: Final = 0.8
"""Share of the record of late events in use at which it is time to export it."""

_HARMLESS = none_of(
    ProcessorRejection.DUPLICATE, ProcessorRejection.LATE, ProcessorRejection.FORGED, ProcessorRejection.RATE_LIMITED
)
"""Duplicates are ordinary and counted; late events, forged receipts and rate limits have alerts of their own."""

_ON_MODEL = f"on ({labels(MODEL)})"


def blind(policy: Policy, pace: Pace) -> Iterator[Group]:
    """Yield one group per model and one of the processor that they share."""
    author = Author(policy)
    for name, model in policy.models.items():
        yield Group(f"clinical-ai-blind-{name}", tuple(_of_model(author, name, model, pace)))
    yield Group("clinical-ai-processor", tuple(_of_processor(author, pace)))


def _of_model(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Iterator[Alert]:
    yield _no_inferences(author, name, model, pace)
    yield _no_outcomes(author, name, model, pace)
    yield _coverage_low(author, name, model, pace)
    yield amended(author, name, model, pace)
    yield _not_yet_watched(author, name, model, pace)
    yield _no_active_version(author, name, pace)
    yield _baseline_missing(author, name, pace)
    yield _baseline_changed(author, name, model, pace)
    yield outdated(author, name, pace)


def _expected(name: str) -> str:
    return EXPECTED + matchers({attributes.MODEL_NAME: name})


def _flowing(name: str, window: float) -> str:
    return over("sum", MODEL, increase(metrics.INFERENCES, window, {attributes.MODEL_NAME: name})) + " > 0"


def _no_inferences(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    window = pace.window(model.silence.inferences)
    return author.alert(
        NO_INFERENCES,
        f"{_expected(name)}\nunless {_ON_MODEL} ({_flowing(name, window)})",
        Message(
            f"{MODEL_NAME}: no inference for {duration_text(window)}",
            f"What: the policy expects inferences of {MODEL_NAME}; none was counted for {duration_text(window)}. "
            "Either the service is down, or its telemetry does not arrive. Nothing else can be said about this model.",
            "Is the service up, and do clinicians get answers? Then follow the telemetry: exporter, Collector, "
            "scrape. The machine does nothing.",
        ),
        severity="critical",
        category="telemetry",
        model=name,
        pending=pace.settle,
    )


def _no_outcomes(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    window = pace.window(model.silence.outcomes)
    here = {attributes.MODEL_NAME: name}
    served = select(metrics.INFERENCES, here, pace.recent)
    counted = over("sum", MODEL, increase(metrics.OUTCOMES, window, here)) + " > 0"
    newest = f"time() - {over('max', MODEL, select(metrics.LABEL_TIME, here))} < {number(window)}"
    return author.alert(
        "ClinicalAINoOutcomes",
        f"{_expected(name)}\n"
        f"and {_ON_MODEL} ({_flowing(name, window)})\n"
        # A service younger than the window has had no time to be late.
        f"and {_ON_MODEL} last_over_time({served} offset {duration(window)})\n"
        f"unless {_ON_MODEL} (\n{indented(f'{counted}{chr(10)}or{chr(10)}{newest}')}\n)",
        Message(
            f"{MODEL_NAME}: no outcome for {duration_text(window)}",
            f"What: {MODEL_NAME} serves, but no outcome arrived for {duration_text(window)}. The tiers are blind: "
            "a drop could not be seen.",
            "Find the feed that reports the truth (audit, laboratory, claims) and the job that calls "
            "record_outcome. The machine does nothing and cannot.",
        ),
        severity="warning",
        category="telemetry",
        model=name,
        pending=pace.settle,
    )


def _coverage_low(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    share = over("max", VERSION, select(metrics.LABEL_COVERAGE_RATIO, {attributes.MODEL_NAME: name}))
    minimum = model.labels.minimum_coverage
    return author.alert(
        "ClinicalAILabelCoverageLow",
        only_active(f"{share} < {number(minimum)}", name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: {{{{ $value | humanizePercentage }}}} of mature inferences have a label",
            f"What: {{{{ $value | humanizePercentage }}}} of the inferences of {MODEL_NAME} version {MODEL_VERSION} "
            f"that are older than {duration_text(model.labels.maturity)} have an outcome; {number(minimum * 100)} % "
            "are needed. Who is labelled is then no fair sample, and drops may be made or hidden by it.",
            "Find which site or source stopped reporting outcomes. Treat any tier alert of this model with care.",
        ),
        severity="warning",
        category="telemetry",
        model=name,
        pending=pace.recent,
    )


def _not_yet_watched(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    """Return the reminder that a version serves whose outcomes are too few or too young to prove anything."""
    everywhere: Conditions = {attributes.MODEL_NAME: name, attributes.SEGMENT_NAME: AGGREGATE}
    counted = over("max", VERSION, select(metrics.EVIDENCE_LABELS, everywhere))
    waiting = looked_up(metrics.LABEL_WAITING, WHOLE, keys=VERSION)
    needed = min(tier.minimum_labels for tier in model.tiers.values())
    nothing = f"0 * ({active(name)}) unless on ({labels(VERSION)}) ({counted})"
    return author.alert(
        "ClinicalAIVersionNotYetWatched",
        f"(\n  {counted} < {needed}\n  or\n  {nothing}\n)\nand on ({labels(VERSION)}) ({active(name)})\n"
        f"and on () {metrics.PROCESSOR_START_TIME.prometheus}",
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: not yet watched, {{{{ $value }}}} of {needed} mature labels",
            f"What: version {MODEL_VERSION} of {MODEL_NAME} serves, and {{{{ $value }}}} outcomes of it are counted "
            f"since it was activated (fewer than 11 read 0); {waiting} more wait until their inference is "
            f"{duration_text(model.labels.maturity)} old. Below {needed} no tier can fire: a drop would not be seen.",
            "Nothing tonight. Until it resolves rely on reviews, overrides and safety events, and do not widen the "
            "reach of this version. The machine does nothing.",
        ),
        severity="info",
        category="telemetry",
        model=name,
        pending=pace.settle,
    )


def _no_active_version(author: Author, name: str, pace: Pace) -> Alert:
    return author.alert(
        "ClinicalAINoActiveVersion",
        f"{_expected(name)}\nand {_ON_MODEL} ({_flowing(name, pace.recent)})\nunless {_ON_MODEL} ({active(name)})",
        Message(
            f"{MODEL_NAME}: serves, but no version says that it is active",
            f"What: {MODEL_NAME} makes inferences, and no router reports an active version. Every tier alert asks "
            "for the active version, so none of them can fire.",
            "Serve through ModelRouter, or bring back its metrics. Until then nobody is warned of a drop.",
        ),
        severity="critical",
        category="telemetry",
        model=name,
        pending=pace.settle,
    )


def _baseline_missing(author: Author, name: str, pace: Pace) -> Alert:
    status = over("max", MODEL, select(metrics.BASELINE_STATUS, {attributes.MODEL_NAME: name}))
    return author.alert(
        "ClinicalAIBaselineMissing",
        f"{_expected(name)}\nand on () {metrics.PROCESSOR_START_TIME.prometheus}\nunless {_ON_MODEL} ({status} == 1)",
        Message(
            f"{MODEL_NAME}: the processor has no baseline",
            f"What: the drift processor runs without a baseline of {MODEL_NAME}. It cannot tell a drop.",
            "Check the policy and the baseline file that the processor was started with, and restart it.",
        ),
        severity="critical",
        category="telemetry",
        model=name,
        pending=pace.settle,
    )


def _baseline_changed(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    expected = load_baseline(model.baseline.file).hash
    other: Conditions = {attributes.MODEL_NAME: name, attributes.BASELINE_HASH: other_than(expected)}
    keys = (*MODEL, attributes.BASELINE_HASH)
    return author.alert(
        "ClinicalAIBaselineChanged",
        over("max", keys, select(metrics.BASELINE_STATUS, other)) + " == 1",
        Message(
            f"{MODEL_NAME}: the baseline in use is not the accepted one",
            f"What: the processor measures {MODEL_NAME} against baseline {label(attributes.BASELINE_HASH)}; the "
            f"rules were generated from {expected}. Drops are measured from another zero.",
            "Was a new baseline accepted by two people? Then generate the rules again. If not, restore the file "
            "and restart the processor. The controller refuses to act meanwhile.",
        ),
        severity="critical",
        category="telemetry",
        model=name,
        pending=pace.settle,
    )


def _of_processor(author: Author, pace: Pace) -> Iterator[Alert]:
    yield author.alert(
        PROCESSOR_DOWN,
        # A failed scrape ends every series of its target, so absence covers `up == 0` and a target never set up.
        f"absent({metrics.PROCESSOR_START_TIME.prometheus})",
        Message(
            "The drift processor is down",
            "What: Prometheus has no metrics of the drift processor. No evidence is computed, nothing can be "
            "proved, nothing will be rolled back. Tiers 1 and 2 run on counters.",
            "Restart the processor with its old state directory; it loses nothing that it acknowledged. The "
            "Collector keeps what it cannot deliver.",
        ),
        severity="critical",
        category="telemetry",
        pending=pace.settle,
    )
    yield _stale(author, pace)
    yield refusing(author, pace)
    yield _rejecting(author, pace)
    yield _late(author, pace)
    yield _corrections_full(author, pace)
    yield _rate_limited(author, pace)
    yield _forged(author, pace)


def _stale(author: Author, pace: Pace) -> Alert:
    drift = author.policy.drift
    behind = pace.recent + drift.slot
    newest = f"time() - max({metrics.PROCESSOR_EVENT_TIME.prometheus}) > {number(behind)}"
    watermark = f"time() - max({metrics.PROCESSOR_WATERMARK_TIME.prometheus}) > {number(behind + drift.lateness)}"
    flowing = f"sum({increase(metrics.INFERENCES, pace.window(pace.recent))}) > 0"
    return author.alert(
        "ClinicalAIProcessorStale",
        f"(\n{indented(f'{newest}{chr(10)}or{chr(10)}{watermark}')}\n)\nand on () ({flowing})",
        Message(
            "The drift processor stands still while inferences flow",
            "What: inferences are counted, but the newest event in the drift processor is {{ $value | "
            "humanizeDuration }} old. Since: {{ with query "
            f'"max({metrics.PROCESSOR_EVENT_TIME.prometheus})" '
            "}}{{ . | first | value | humanizeTimestamp }}{{ else }}unknown{{ end }}. Its evidence is of the past.",
            "Follow the events: exporter of the service, queue of the Collector, receiver of the processor. The "
            "controller refuses to act on stale evidence.",
        ),
        severity="critical",
        category="telemetry",
        pending=pace.settle,
    )


def _rejecting(author: Author, pace: Pace) -> Alert:
    reason = (attributes.PROCESSOR_REJECTION,)
    refused = over("sum", reason, increase(metrics.PROCESSOR_REJECTIONS, pace.recent, {reason[0]: _HARMLESS}))
    accepted = f"scalar(sum({increase(metrics.PROCESSOR_EVENTS, pace.recent)}) or vector(0))"
    return author.alert(
        "ClinicalAIProcessorRejecting",
        f"{refused} > {number(REJECTED_SHARE)} * {accepted}",
        Message(
            f"The drift processor cannot use events: {label(reason[0])}",
            f"What: {{{{ $value | humanize }}}} events of the last {duration_text(pace.recent)} were not used, reason "
            f"{label(reason[0])}; that is more than {number(REJECTED_SHARE * 100)} % of what was accepted. They are "
            "kept out of every number.",
            "The reason says where to look: a new version or segment value must be declared in the policy; an "
            "undecodable body comes from a new exporter. The machine does nothing.",
        ),
        severity="warning",
        category="telemetry",
        pending=pace.settle,
    )


def _late(author: Author, pace: Pace) -> Alert:
    reason = (attributes.PROCESSOR_REJECTION,)
    behind = {reason[0]: any_of(ProcessorRejection.LATE)}
    late = over("sum", reason, increase(metrics.PROCESSOR_REJECTIONS, pace.recent, behind))
    accepted = f"scalar(sum({increase(metrics.PROCESSOR_EVENTS, pace.recent)}) or vector(0))"
    lateness = duration_text(author.policy.drift.lateness)
    return author.alert(
        "ClinicalAIEventsLate",
        f"{late} > {number(LATE_SHARE)} * {accepted}",
        Message(
            "Events reach the drift processor too late to be used",
            f"What: {{{{ $value | humanize }}}} events of the last {duration_text(pace.recent)} were more than "
            f"{lateness} behind the newest; that is more than {number(LATE_SHARE * 100)} % of what was accepted. Late "
            "inferences are used for nothing; late outcomes and reviews still count, as of now.",
            "One source's clock is behind (compare the clocks of the hosts), another's is ahead and made everybody "
            "else late, or a Collector delivers a queue it had kept. The machine does nothing.",
        ),
        severity="warning",
        category="telemetry",
        pending=pace.settle,
    )


def _corrections_full(author: Author, pace: Pace) -> Alert:
    return author.alert(
        "ClinicalAICorrectionRecordFull",
        f"max({metrics.PROCESSOR_CORRECTION_USED_RATIO.prometheus}) >= {number(RECORD_SHARE)}",
        Message(
            "The record of late events is nearly full",
            "What: {{ $value | humanizePercentage }} of the drift processor's record of late events is in use. When it "
            "is full the oldest are dropped; closed figures can then no longer be computed again with all of them.",
            "Export and empty it with `otel-clinical processor corrections`, then find out who is late. The machine "
            "goes on; no decision rests on late events.",
        ),
        severity="warning",
        category="telemetry",
        pending=pace.settle,
    )


def _rate_limited(author: Author, pace: Pace) -> Alert:
    reason = (attributes.PROCESSOR_REJECTION,)
    limited = {reason[0]: any_of(ProcessorRejection.RATE_LIMITED)}
    return author.alert(
        "ClinicalAISourceRateLimited",
        happened(metrics.PROCESSOR_REJECTIONS, reason, pace.recent, limited),
        Message(
            "A source sends more often than the drift processor lets it",
            f"What: {{{{ $value | humanize }}}} requests of the last {duration_text(pace.recent)} were told to come "
            "back later. Nothing is lost while the sender's queue holds.",
            "Find the source that sends too much, make its batches larger, or raise `--rate-limit`. The machine does "
            "nothing.",
        ),
        severity="warning",
        category="telemetry",
        pending=pace.settle,
    )


def _forged(author: Author, pace: Pace) -> Alert:
    reason = (attributes.PROCESSOR_REJECTION,)
    forged = {reason[0]: any_of(ProcessorRejection.FORGED)}
    return author.alert(
        "ClinicalAIForgedReceipt",
        happened(metrics.PROCESSOR_REJECTIONS, reason, pace.recent, forged),
        Message(
            "Outcomes arrive with receipts that we did not sign",
            f"What: {{{{ $value | humanize }}}} events of the last {duration_text(pace.recent)} carried a receipt "
            "whose signature is wrong. None was counted.",
            "Rule out a rotated key first. If no key was rotated, call security: somebody may be writing outcomes.",
        ),
        severity="critical",
        category="telemetry",
    )
