"""Report whether an answer proved right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from otel_clinical._spelling import spelled
from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import OutcomeClass, OutcomeResult, OutcomeSource, TelemetryRedactionReason

from ._admit import admit
from ._arguments import result_reader
from ._encounter import encounter_key
from ._event_fields import event_fields
from ._late import LateReport, claim_event_id, moment, required
from ._misuse import options_only
from ._numbers import ratio
from ._recorded import Recorded, attempt, open_receipt
from ._report import report_after
from ._telemetry import default_telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._receipt import Receipt
    from ._sink import Sink
    from ._telemetry import Telemetry

F = TypeVar("F")
_RIGHT: Final = frozenset({OutcomeClass.TRUE_POSITIVE, OutcomeClass.TRUE_NEGATIVE})
SCORES: Final = {OutcomeResult.CORRECT: 1.0, OutcomeResult.PARTIAL: 0.5, OutcomeResult.INCORRECT: 0.0}


@spelled
def record_outcome(
    receipt: Receipt | str,
    *,
    result: OutcomeResult | str,
    source: OutcomeSource | str = OutcomeSource.OTHER,
    score: object = None,
    outcome_class: OutcomeClass | str | None = None,
    encounter: object = None,
    at: object = None,
    event_id: str | None = None,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report the truth about an answer, minutes or weeks later, in any process. Never raises.

    Args:
        receipt: The receipt of the inference, or its text.
        result: Whether the answer proved right.
        source: Where the truth came from.
        score: How right it was, 0 to 1; without it correct is 1, partial 0.5, incorrect 0.
        outcome_class: Cell of the confusion matrix, for answers that are yes or no. One that contradicts `result` is
            left out and counted.
        encounter: Identifier of the encounter, text or whole number; only its keyed hash leaves. Several outcomes of
            one encounter are no independent news about a model: the drift processor counts the first.
        at: When the truth arrived, as Unix seconds or aware `datetime`; now otherwise.
        event_id: Hexadecimal id for reports that may be repeated; a repetition is not counted again.
        telemetry: Where to report; the process default otherwise.
    """
    where = telemetry or default_telemetry()

    def record() -> str:
        opened = open_receipt(where, receipt, at)
        verdict = required(where, OutcomeResult, result, "record_outcome: result")
        given = SCORES.get(verdict) if score is None else ratio(score)
        report = _OutcomeReport(where, opened, claim_event_id(where, event_id), moment(at))
        report.result, report.source, report.score = (
            verdict,
            required(where, OutcomeSource, source, "record_outcome: source"),
            given,
        )
        report.cell = _cell(where, outcome_class, verdict)
        report.encounter = encounter_key(where, encounter)
        where.put(report)
        return report.event_id

    return attempt(where, record)


@options_only('@outcome(receipt="receipt", result="verdict")')
def outcome(
    *,
    receipt: str = "receipt",
    result: OutcomeResult | str | Callable[[Any], object] | None = None,
    source: OutcomeSource = OutcomeSource.OTHER,
    score: str | Callable[[Any], object] | None = None,
    outcome_class: str | Callable[[Any], object] | None = None,
    encounter: str | Callable[[Any], object] | None = None,
    telemetry: Telemetry | None = None,
) -> Callable[[F], F]:
    """Report an outcome each time the decorated function returns.

    Args:
        receipt: Parameter (or dotted path) that holds the receipt.
        result: An `OutcomeResult`; or key, attribute or function of what the function returns; by default that itself.
        source: Where the truth came from.
        score: Key, attribute or function of what the function returns, 0 to 1.
        outcome_class: Key, attribute or function of what the function returns, an `OutcomeClass`.
        encounter: Key, attribute or function of what the function returns, the identifier of the encounter.
        telemetry: Where to report; the process default otherwise.
    """
    readers = {
        "result": result_reader(result) if result is not None else lambda returned: returned,
        "score": result_reader(score) if score is not None else lambda _: None,
        "outcome_class": result_reader(outcome_class) if outcome_class is not None else lambda _: None,
        "encounter": result_reader(encounter) if encounter is not None else lambda _: None,
    }

    def record(found: Any, **values: Any) -> Recorded:
        return record_outcome(found, source=source, telemetry=telemetry, **values)

    return report_after("outcome", receipt, readers, record, telemetry)


def _cell(telemetry: Telemetry, given: object, result: OutcomeResult) -> OutcomeClass | None:
    """Return the cell of the confusion matrix, None where none is given or it contradicts the result."""
    found = admit(telemetry, OutcomeClass, given, "record_outcome: outcome_class")
    if found is None or result is (OutcomeResult.CORRECT if found in _RIGHT else OutcomeResult.INCORRECT):
        return found
    telemetry.withheld(TelemetryRedactionReason.NOT_ALLOWED)
    telemetry.say_once("record_outcome: outcome_class contradicts result; it was left out")
    return None


class _OutcomeReport(LateReport):
    """An outcome on its way to the background thread."""

    __slots__ = ("cell", "encounter", "result", "score", "source")

    result: OutcomeResult
    source: OutcomeSource
    score: float | None
    cell: OutcomeClass | None
    encounter: str | None

    def derive(self, sink: Sink) -> None:
        """Write the event, then the points."""
        receipt = self.receipt
        verdict = (attributes.OUTCOME_RESULT, self.result.value)
        origin = (attributes.OUTCOME_SOURCE, self.source.value)
        fields = event_fields(receipt, self.event_id)
        fields.update((verdict, origin))
        if self.score is not None:
            fields[attributes.OUTCOME_SCORE] = self.score
        if self.cell is not None:
            fields[attributes.OUTCOME_CLASS] = self.cell.value
        if self.encounter is not None:
            fields[attributes.ENCOUNTER_KEY] = self.encounter
        wrong = self.result is OutcomeResult.INCORRECT
        sink.emit(events.OUTCOME, fields, at=self.at, context=self.context, elevated=wrong)

        used = (*self.served, (attributes.USE_CASE, receipt.use_case))
        sink.count(metrics.OUTCOMES, (*used, verdict, origin), 1, self.context)
        for labels in self.segments():
            sink.count(metrics.SEGMENT_OUTCOMES, (*labels, verdict), 1, self.context)
        if receipt.confidence is not None:
            sink.observe(metrics.OUTCOME_CONFIDENCE, (*self.served, verdict), receipt.confidence, self.context)
        self.observe_delay(sink, metrics.OUTCOME_DELAY, ((attributes.MODEL_NAME, receipt.model), origin))
