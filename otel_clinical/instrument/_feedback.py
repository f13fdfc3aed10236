"""Report what users say about an answer, and how soon somebody looked at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from otel_clinical._spelling import spelled
from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import FeedbackCategory, FeedbackChannel, FeedbackRating

from ._admit import admit
from ._arguments import result_reader
from ._event_fields import event_fields, new_event_id, receipt_context
from ._figure import Figure
from ._late import LateReport, claim_event_id, moment, required
from ._misuse import choice, options_only
from ._numbers import lasting, unix_seconds
from ._recorded import Recorded, attempt, open_receipt
from ._report import report_after
from ._telemetry import default_telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._receipt import Receipt
    from ._sink import Sink
    from ._telemetry import Telemetry

F = TypeVar("F")
_NANOSECONDS: Final = 1_000_000_000


@spelled
def record_feedback(
    receipt: Receipt | str,
    *,
    rating: FeedbackRating | str,
    category: FeedbackCategory | str | None = None,
    channel: FeedbackChannel | str = FeedbackChannel.OTHER,
    at: object = None,
    event_id: str | None = None,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report what a user says about an answer; there is no parameter for the comment. Never raises.

    Args:
        receipt: The receipt of the inference, or its text.
        rating: Whether the user was content.
        category: What the feedback is about.
        channel: How it arrived.
        at: When it was given, as Unix seconds or aware `datetime`; now otherwise.
        event_id: Hexadecimal id for reports that may be repeated; a repetition is not counted again.
        telemetry: Where to report; the process default otherwise.
    """
    where = telemetry or default_telemetry()

    def record() -> str:
        opened = open_receipt(where, receipt, at)
        given = required(where, FeedbackRating, rating, "record_feedback: rating")
        arrived = required(where, FeedbackChannel, channel, "record_feedback: channel")
        report = _FeedbackReport(where, opened, claim_event_id(where, event_id), moment(at))
        report.rating, report.channel = given, arrived
        report.category = admit(where, FeedbackCategory, category, "record_feedback: category")
        where.put(report)
        return report.event_id

    return attempt(where, record)


@spelled
def record_feedback_triage(
    receipt: Receipt | str,
    *,
    submitted_at: object,
    at: object = None,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report that somebody looked at a user's feedback. Never raises.

    Args:
        receipt: The receipt of the inference that the feedback was about, or its text.
        submitted_at: When the feedback was given, as Unix seconds or aware `datetime`.
        at: When it was looked at; now otherwise.
        telemetry: Where to report; the process default otherwise.
    """
    where = telemetry or default_telemetry()

    def record() -> str:
        opened = open_receipt(where, receipt, at)
        seconds = lasting(moment(at) / _NANOSECONDS - unix_seconds(submitted_at))
        labels = ((attributes.MODEL_NAME, opened.model),)
        where.put(Figure(metrics.FEEDBACK_TRIAGE_DURATION, labels, seconds, receipt_context(opened)))
        return new_event_id()

    return attempt(where, record)


@options_only('@feedback(receipt="receipt", rating="rating")')
def feedback(
    *,
    receipt: str = "receipt",
    rating: FeedbackRating | str | Callable[[Any], object] | None = None,
    category: FeedbackCategory | str | Callable[[Any], object] | None = None,
    channel: FeedbackChannel | str = FeedbackChannel.OTHER,
    telemetry: Telemetry | None = None,
) -> Callable[[F], F]:
    """Report feedback each time the decorated function returns.

    Args:
        receipt: Parameter (or dotted path) that holds the receipt.
        rating: A `FeedbackRating`; or key, attribute or function of what the function returns; by default that itself.
        category: A `FeedbackCategory`; or key, attribute or function of what the function returns.
        channel: How feedback arrives through this function.
        telemetry: Where to report; the process default otherwise.
    """
    arrived = choice("channel", FeedbackChannel, channel)
    readers = {
        "rating": result_reader(rating) if rating is not None else lambda returned: returned,
        "category": result_reader(category) if category is not None else lambda _: None,
    }

    def record(found: Any, **values: Any) -> Recorded:
        return record_feedback(found, channel=arrived, telemetry=telemetry, **values)

    return report_after("feedback", receipt, readers, record, telemetry)


class _FeedbackReport(LateReport):
    """Feedback on its way to the background thread."""

    __slots__ = ("category", "channel", "rating")

    category: FeedbackCategory | None
    channel: FeedbackChannel
    rating: FeedbackRating

    def derive(self, sink: Sink) -> None:
        """Write the event, then the point."""
        said = (attributes.FEEDBACK_RATING, self.rating.value)
        arrived = (attributes.FEEDBACK_CHANNEL, self.channel.value)
        fields = event_fields(self.receipt, self.event_id)
        fields.update((said, arrived))
        if self.category is not None:
            fields[attributes.FEEDBACK_CATEGORY] = self.category.value
        sink.emit(events.FEEDBACK, fields, at=self.at, context=self.context)
        sink.count(metrics.FEEDBACK_SUBMISSIONS, (*self.served, said, arrived), 1, self.context)
