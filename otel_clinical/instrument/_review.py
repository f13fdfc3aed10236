"""Report what a clinician did with an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from otel_clinical._spelling import spelled
from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import OverrideReason, ReviewAction, ReviewerRole

from ._admit import admit
from ._arguments import result_reader
from ._event_fields import event_fields
from ._late import LateReport, claim_event_id, moment, required
from ._misuse import options_only
from ._numbers import optional_attention, optional_ratio
from ._recorded import Recorded, attempt, open_receipt
from ._report import report_after
from ._review_span import mark_review
from ._telemetry import default_telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._receipt import Receipt
    from ._sink import Sink
    from ._telemetry import Telemetry

F = TypeVar("F")
_OVERRIDES = (ReviewAction.EDITED, ReviewAction.REJECTED)


@spelled
def record_review(
    receipt: Receipt | str,
    *,
    action: ReviewAction | str,
    edit_ratio: object = None,
    duration: object = None,
    reason: OverrideReason | str | None = None,
    role: ReviewerRole | str | None = None,
    at: object = None,
    event_id: str | None = None,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report what a reviewer did with an answer. Never raises.

    Args:
        receipt: The receipt of the inference, or its text.
        action: What the reviewer did.
        edit_ratio: Share of the answer that was changed, 0 to 1, as `edit_ratio` computes it; never the text.
        duration: Seconds, up to a day, that the reviewer actively looked at the answer, if the application measures
            that. Without it nobody can tell whether an accepted answer was read; it is never estimated.
        reason: Why it was edited or rejected.
        role: Role of the reviewer, never the person.
        at: When, as Unix seconds or aware `datetime`; now otherwise.
        event_id: Hexadecimal id for reports that may be repeated; a repetition is not counted again.
        telemetry: Where to report; the process default otherwise.
    """
    where = telemetry or default_telemetry()

    def record() -> str:
        opened = open_receipt(where, receipt, at)
        done = required(where, ReviewAction, action, "record_review: action")
        report = _ReviewReport(where, opened, claim_event_id(where, event_id), moment(at))
        report.action = done
        report.edit_ratio = optional_ratio(where, edit_ratio)
        report.duration = optional_attention(where, duration)
        given = admit(where, OverrideReason, reason, "record_review: reason")
        report.reason = (given or OverrideReason.OTHER) if done in _OVERRIDES else None
        report.role = admit(where, ReviewerRole, role, "record_review: role")
        mark_review(report, done, report.duration)
        where.put(report)
        return report.event_id

    return attempt(where, record)


@options_only('@review(receipt="receipt", action="verdict")')
def review(
    *,
    receipt: str = "receipt",
    action: ReviewAction | str | Callable[[Any], object] | None = None,
    edit_ratio: str | Callable[[Any], object] | None = None,
    duration: str | Callable[[Any], object] | None = None,
    reason: OverrideReason | str | Callable[[Any], object] | None = None,
    role: ReviewerRole | None = None,
    telemetry: Telemetry | None = None,
) -> Callable[[F], F]:
    """Report a review each time the decorated function returns.

    Args:
        receipt: Parameter (or dotted path) that holds the receipt.
        action: A `ReviewAction`; or key, attribute or function of what the function returns; by default that itself.
        edit_ratio: Key, attribute or function of what the function returns, 0 to 1.
        duration: Key, attribute or function of what the function returns: seconds of active review. The run time of
            the function is not taken for it.
        reason: An `OverrideReason`; or key, attribute or function of what the function returns.
        role: Role of the reviewers who use this function.
        telemetry: Where to report; the process default otherwise.
    """
    readers = {
        "action": result_reader(action) if action is not None else lambda returned: returned,
        "edit_ratio": result_reader(edit_ratio) if edit_ratio is not None else lambda _: None,
        "duration": result_reader(duration) if duration is not None else lambda _: None,
        "reason": result_reader(reason) if reason is not None else lambda _: None,
    }

    def record(found: Any, **values: Any) -> Recorded:
        return record_review(found, role=role, telemetry=telemetry, **values)

    return report_after("review", receipt, readers, record, telemetry)


class _ReviewReport(LateReport):
    """A review on its way to the background thread."""

    __slots__ = ("action", "duration", "edit_ratio", "reason", "role")

    action: ReviewAction
    edit_ratio: float | None
    duration: float | None
    reason: OverrideReason | None
    role: ReviewerRole | None

    def derive(self, sink: Sink) -> None:
        """Write the event, then the points."""
        receipt = self.receipt
        done = (attributes.REVIEW_ACTION, self.action.value)
        fields = event_fields(receipt, self.event_id)
        fields.update((done,))
        if self.edit_ratio is not None:
            fields[attributes.REVIEW_EDIT_RATIO] = self.edit_ratio
        if self.duration is not None:
            fields[attributes.REVIEW_DURATION] = self.duration
        if self.reason is not None:
            fields[attributes.OVERRIDE_REASON] = self.reason.value
        if self.role is not None:
            fields[attributes.REVIEWER_ROLE] = self.role.value
        rejected = self.action is ReviewAction.REJECTED
        sink.emit(events.REVIEW, fields, at=self.at, context=self.context, elevated=rejected)

        route = (attributes.ROUTING_LEVEL, receipt.route)
        labels = (*self.served, (attributes.USE_CASE, receipt.use_case), route, done)
        sink.count(metrics.REVIEWS, labels, 1, self.context)
        for segment in self.segments():
            sink.count(metrics.SEGMENT_REVIEWS, (*segment, done), 1, self.context)
        if self.reason is not None:
            overridden = (*self.served, (attributes.OVERRIDE_REASON, self.reason.value))
            sink.count(metrics.OVERRIDES, overridden, 1, self.context)
        if self.edit_ratio is not None:
            sink.observe(metrics.REVIEW_EDIT_RATIO, self.served, self.edit_ratio, self.context)
        self.observe_delay(sink, metrics.REVIEW_DELAY, ((attributes.MODEL_NAME, receipt.model), done))
