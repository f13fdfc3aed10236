"""The receipt of an inference: small, signed, free of patient data, good in any process and after weeks."""

from __future__ import annotations

import binascii
import re
import struct
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv.enums import RoutingLevel, SegmentName, UseCase

from . import _ambient
from ._names import CODE
from ._receipt_errors import (
    BadSignatureError,
    ExpiredReceiptError,
    FutureReceiptError,
    MalformedReceiptError,
    TruncatedReceiptError,
    UnknownKeyError,
    UnknownVersionError,
)
from ._receipt_keys import DAY, MAX_DAYS, current_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._receipt_keys import ReceiptKeys

MAX_LENGTH: Final = 400
SIGNATURE_BYTES: Final = 16
CHECKSUM_BYTES: Final = 4
# Clocks of two hospitals may differ by this much.
CLOCK_SKEW_SECONDS: Final = 300.0
NO_INFERENCE: Final = "0" * 32

# Codes on the wire: append only, a receipt may come back months later.
_SEGMENTS: Final = (
    SegmentName.SITE,
    SegmentName.DEPARTMENT,
    SegmentName.ENCOUNTER_TYPE,
    SegmentName.PAYER,
    SegmentName.SOURCE_SYSTEM,
    SegmentName.LANGUAGE,
    SegmentName.AGE_GROUP,
    SegmentName.SPECIALTY,
)
_ROUTES: Final = (RoutingLevel.STANDARD, RoutingLevel.ASSISTED, RoutingLevel.MANUAL)
_USE_CASES: Final = (
    UseCase.OTHER,
    UseCase.AMBIENT_DOCUMENTATION,
    UseCase.DECISION_SUPPORT,
    UseCase.REVENUE_CYCLE,
    UseCase.PATIENT_COMMUNICATION,
    UseCase.IMAGING,
)
# The version changes when a reader of before can no longer understand the rest. What may be added without that: members
# at the end of the tuples above, and fields of a code past the last segment, each with its length.
_VERSION: Final = "1"
_LATER_VERSION: Final = re.compile(r"[2-9]|[1-9][0-9]{1,3}")
# inference, trace, span, flags, time, activation, use case, route, confidence
_FIXED: Final = struct.Struct(">16s16s8sBdIBBB")
_NO_CONFIDENCE: Final = 255
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Receipt:
    """Identify one inference to whoever learns later what became of it.

    `traceparent` is the W3C header of its span, `confidence` has two decimals, `time` is its start in Unix seconds,
    `segments` holds declared values only.
    """

    inference_id: str
    traceparent: str
    model: str
    version: str
    activation: int
    use_case: str
    route: str
    time: float
    confidence: float | None = None
    segments: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    vouched: bool = field(default=False, init=False, repr=False, compare=False)
    """Whether an inference of this process wrote it, or a key of this process signed it."""

    def vouch(self) -> None:
        """Say that every field is what an inference wrote."""
        object.__setattr__(self, "vouched", True)

    def dumps(self, keys: ReceiptKeys | None = None) -> str:
        """Write the receipt as at most 400 characters, signed when keys are configured.

        Segments that do not fit are left out, the longest first.
        """
        keys = keys or current_keys()
        segments = dict(self.segments)
        text = _seal(_pack(self, segments), keys)
        while len(text) > MAX_LENGTH and segments:
            del segments[max(segments, key=lambda name: len(segments[name].encode()))]
            text = _seal(_pack(self, segments), keys)
        return text

    @classmethod
    def loads(cls, text: str, *, keys: ReceiptKeys | None = None, now: float | None = None) -> Receipt:
        """Read a receipt and check signature and age.

        Raises:
            ReceiptError: one of its subclasses says why the receipt cannot be used.
        """
        keys = keys or current_keys()
        receipt = _unpack(_unseal(text, keys))
        if keys.keys:
            receipt.vouch()
            CODE.declare(receipt.model, receipt.version)  # a process of ours did, or had it from the policy
        moment = _ambient.time_ns() / 1_000_000_000 if now is None else now
        if receipt.time > moment + CLOCK_SKEW_SECONDS:
            raise FutureReceiptError("receipt: issued in the future; check the clocks of the two hosts")
        if moment - receipt.time >= keys.max_age:
            raise ExpiredReceiptError(
                f"receipt: {keys.max_age / DAY:g} days old or older; where truth comes later, set "
                f"{MAX_DAYS} or configure_receipts(max_age=…)"
            )
        return receipt


def _pack(receipt: Receipt, segments: Mapping[str, str]) -> bytes:
    _, trace_id, span_id, flags = receipt.traceparent.split("-")
    confidence = _NO_CONFIDENCE if receipt.confidence is None else round(receipt.confidence * _PERCENT)
    fixed = _FIXED.pack(
        bytes.fromhex(receipt.inference_id),
        bytes.fromhex(trace_id),
        bytes.fromhex(span_id),
        int(flags, 16),
        receipt.time,
        receipt.activation,
        _USE_CASES.index(UseCase(receipt.use_case)),
        _ROUTES.index(RoutingLevel(receipt.route)),
        confidence,
    )
    parts = [fixed, _pack_text(receipt.model), _pack_text(receipt.version)]
    for name, value in segments.items():
        parts += (bytes((_SEGMENTS.index(SegmentName(name)),)), _pack_text(value))
    return b"".join(parts)


def _pack_text(text: str) -> bytes:
    encoded = text.encode()
    return bytes((len(encoded),)) + encoded


def _unpack(payload: bytes) -> Receipt:
    try:
        inference, trace, span, flags, issued, activation, use_case, route, confidence = _FIXED.unpack_from(payload)
        reader = _Reader(payload, _FIXED.size)
        receipt = Receipt(
            inference_id=inference.hex(),
            traceparent=f"00-{trace.hex()}-{span.hex()}-{flags:02x}",
            model=reader.text(),
            version=reader.text(),
            activation=activation,
            use_case=(_USE_CASES[use_case] if use_case < len(_USE_CASES) else UseCase.OTHER).value,
            route=_ROUTES[route].value,
            time=issued,
            confidence=None if confidence == _NO_CONFIDENCE else confidence / _PERCENT,
            segments=MappingProxyType(reader.segments()),
        )
    except (struct.error, IndexError, UnicodeDecodeError):
        raise MalformedReceiptError("receipt: content is not that of a receipt") from None
    if not 0 <= receipt.time < float("inf") or (receipt.confidence or 0) > 1:
        raise MalformedReceiptError("receipt: time or confidence is out of range")
    return receipt


class _Reader:
    """Take length-prefixed text from the end of a payload."""

    def __init__(self, payload: bytes, start: int) -> None:
        self._payload = payload
        self._at = start

    def text(self) -> str:
        return self._take().decode()

    def _take(self) -> bytes:
        length = self._payload[self._at]
        start, self._at = self._at + 1, self._at + 1 + length
        if self._at > len(self._payload):
            raise IndexError
        return self._payload[start : self._at]

    def segments(self) -> dict[str, str]:
        """Read what is left; skip the fields of later releases, whose codes this one does not know."""
        found = {}
        while self._at < len(self._payload):
            code = self._payload[self._at]
            self._at += 1
            if code < len(_SEGMENTS):
                found[_SEGMENTS[code].value] = self.text()
            else:
                self._take()
        return found


def _seal(payload: bytes, keys: ReceiptKeys) -> str:
    body = f"{_VERSION}.{keys.active}.{_encode(payload)}"
    return f"{body}.{_encode(_signature(body, keys, keys.active))}"


def _unseal(text: str, keys: ReceiptKeys) -> bytes:
    if not isinstance(text, str):
        raise MalformedReceiptError(f"receipt: {type(text).__qualname__}, expected the text of Receipt.dumps()")
    parts = text.strip().split(".") if len(text) <= 2 * MAX_LENGTH else []
    if parts and parts[0] != _VERSION and _LATER_VERSION.fullmatch(parts[0]):
        raise UnknownVersionError("receipt: of a version this release cannot read; update otel-clinical here")
    if parts[:1] != [_VERSION] or len(parts) > len(("version", "key", "payload", "signature")):
        raise MalformedReceiptError("receipt: not the text of Receipt.dumps() of version 1")
    if len(parts) < len(("version", "key", "payload", "signature")):
        raise TruncatedReceiptError("receipt: cut short; store the whole text, up to 400 characters")
    version, key, payload, signature = parts
    if key not in keys.names():
        raise UnknownKeyError("receipt: signed with a key this process does not have; configure_receipts(keys=…)")
    import hmac  # noqa: PLC0415 -- see `_signature`

    expected = _signature(f"{version}.{key}.{payload}", keys, key)
    given = _decode(signature)
    if len(given) < len(expected):
        raise TruncatedReceiptError("receipt: signature cut short; store the whole text, up to 400 characters")
    if not hmac.compare_digest(given, expected):
        raise BadSignatureError("receipt: signature does not match; it was altered or signed by somebody else")
    return _decode(payload)


def _signature(body: str, keys: ReceiptKeys, key: str) -> bytes:
    if not key:  # unsigned: a checksum still tells a damaged receipt from a sound one
        return binascii.crc32(body.encode()).to_bytes(CHECKSUM_BYTES, "big")
    # Here, not above: they load a cryptographic library, which costs as much as the rest of the import.
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415

    return hmac.new(keys.keys[key], body.encode(), hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _encode(data: bytes) -> str:
    import base64  # noqa: PLC0415 -- see `_signature`

    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    import base64  # noqa: PLC0415 -- see `_signature`

    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise TruncatedReceiptError("receipt: text is damaged or cut short") from None
    if _encode(data) != text:
        raise BadSignatureError("receipt: text is not canonical; it was altered")
    return data
