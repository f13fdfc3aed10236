"""Tell outcomes of one encounter apart from those of others, without saying which encounter it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.semconv.enums import TelemetryRedactionReason

from ._declared import plain_text
from ._receipt_errors import ReceiptError
from ._receipt_keys import current_keys

if TYPE_CHECKING:
    from ._telemetry import Telemetry

_LABEL: Final = b"otel_clinical encounter "
_DIGITS: Final = 32
_LONGEST: Final = 256
_NO_KEY: Final = (
    "record_outcome: encounter needs a receipt key, and this process has none: its hash could be undone by trying "
    "every number; it was left out. configure_receipts(keys=…), the same keys in every process that reports outcomes"
)


def encounter_key(telemetry: Telemetry, encounter: object) -> str | None:
    """Return the keyed hash of an encounter's identifier, None where none can be made; that is counted.

    The key is the one that signs receipts, for another purpose: a hash of this kind is no signature, and the other
    way round. Another active key gives another hash, and the encounters open at that moment count once more.
    """
    if encounter is None:
        return None
    text = plain_text(encounter)
    if text is None or not 0 < len(text) <= _LONGEST:
        telemetry.withheld(TelemetryRedactionReason.BAD_TYPE)
        return None
    try:
        keys = current_keys()
    except ReceiptError:
        keys = None
    if keys is None or not keys.active:
        telemetry.withheld(TelemetryRedactionReason.NOT_ALLOWED)
        telemetry.say_once(_NO_KEY)
        return None
    # Here, not above: they load a cryptographic library, which costs as much as the rest of the import.
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415

    digest = hmac.new(keys.keys[keys.active], _LABEL + text.encode(errors="surrogatepass"), hashlib.sha256)
    return digest.hexdigest()[:_DIGITS]
