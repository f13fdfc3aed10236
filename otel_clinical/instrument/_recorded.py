"""What became of a report about an inference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from otel_clinical.semconv.enums import TelemetryComponent

from ._numbers import Withheld, unix_seconds
from ._receipt import NO_INFERENCE, Receipt
from ._receipt_checks import checked_receipt
from ._receipt_errors import (
    BadSignatureError,
    ExpiredReceiptError,
    FutureReceiptError,
    MalformedReceiptError,
    ReceiptError,
    TruncatedReceiptError,
    UnknownKeyError,
    UnknownVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._telemetry import Telemetry


class Rejection(StrEnum):
    """Why a report was not taken."""

    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_VERSION = "unknown_version"
    FROM_FUTURE = "from_future"
    EXPIRED = "expired"
    NO_INFERENCE = "no_inference"
    BAD_VALUE = "bad_value"
    DUPLICATE = "duplicate"
    INTERNAL = "internal"


_REJECTIONS: dict[type[ReceiptError], Rejection] = {
    MalformedReceiptError: Rejection.MALFORMED,
    TruncatedReceiptError: Rejection.TRUNCATED,
    BadSignatureError: Rejection.BAD_SIGNATURE,
    UnknownKeyError: Rejection.UNKNOWN_KEY,
    UnknownVersionError: Rejection.UNKNOWN_VERSION,
    FutureReceiptError: Rejection.FROM_FUTURE,
    ExpiredReceiptError: Rejection.EXPIRED,
}

_ADVICE: dict[type[ReceiptError], str] = {  # fixed texts: the message of an error may name a key
    MalformedReceiptError: "hand back the text of receipt.dumps() as it was",
    TruncatedReceiptError: "store the whole text of receipt.dumps(), up to 400 characters",
    BadSignatureError: "it was altered, or signed with another key of the same name",
    UnknownKeyError: "give this process the key that signed it (OTEL_CLINICAL_RECEIPT_KEYS), and sign them all",
    UnknownVersionError: "a later release wrote it: update otel-clinical here",
    FutureReceiptError: "compare the clocks of the two hosts",
    ExpiredReceiptError: "where truth takes longer, raise OTEL_CLINICAL_RECEIPT_MAX_DAYS",
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """Whether a report was taken, under which event id, or why not. True when it was."""

    event_id: str | None = None
    rejection: Rejection | None = None

    @property
    def ok(self) -> bool:
        """Whether the report was taken."""
        return self.rejection is None

    def __bool__(self) -> bool:
        return self.ok


class Rejected(Exception):  # noqa: N818 -- a decision on a report
    """Ends the recording of one report; never leaves this package."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.value)
        self.rejection = rejection


def attempt(telemetry: Telemetry, record: Callable[[], str]) -> Recorded:
    """Run `record`, which returns the event id; turn everything that goes wrong into a counted rejection."""
    try:
        return Recorded(event_id=record())
    except ReceiptError as error:
        rejection = _REJECTIONS.get(type(error), Rejection.MALFORMED)
        advice = _ADVICE.get(type(error), _ADVICE[MalformedReceiptError])
        said = f"a receipt was refused as {rejection}, and what came with it was not recorded: {advice}"
        telemetry.failed(TelemetryComponent.RECEIPT, type(error).__qualname__, said)
        return Recorded(rejection=rejection)
    except Withheld as refusal:
        telemetry.withheld(refusal.reason)
        return Recorded(rejection=Rejection.BAD_VALUE)
    except Rejected as decision:
        return Recorded(rejection=decision.rejection)
    except Exception as error:  # noqa: BLE001 -- reporting must not break the workflow it is called from
        telemetry.failed(TelemetryComponent.DECORATOR, error)
        return Recorded(rejection=Rejection.INTERNAL)


def open_receipt(telemetry: Telemetry, receipt: Receipt | str, at: object) -> Receipt:
    """Return a checked receipt: an inference of this process wrote it, a key signed it, or its fields are sound."""
    opened = (
        receipt
        if isinstance(receipt, Receipt)
        else Receipt.loads(receipt, now=None if at is None else unix_seconds(at))
    )
    if opened.inference_id == NO_INFERENCE:
        telemetry.failed(TelemetryComponent.RECEIPT, "NoInference")
        raise Rejected(Rejection.NO_INFERENCE)
    if not opened.vouched:
        opened = checked_receipt(telemetry, opened)
    telemetry.check_declared(opened.model, opened.version)
    told = (opened.model, opened.version)
    model, version = telemetry.models.admit(*told)
    return opened if told == (model, version) else replace(opened, model=model, version=version)
