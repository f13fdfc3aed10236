"""Decide about single values: what the allow-list admits, and what a foreign library may say."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Protocol

from otel_clinical.instrument._errors import is_error_type
from otel_clinical.instrument._names import NAME_KEYS
from otel_clinical.semconv import AGGREGATE, OTHER, SEGMENT_ATTRIBUTES, attributes
from otel_clinical.semconv.enums import TelemetryRedactionReason as Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from otel_clinical.semconv import AttributeRule
    from otel_clinical.semconv.enums import TelemetryComponent

Value = str | int | float | bool

_SAFE_TEXT = re.compile(r"[A-Za-z0-9_.:+/-]+")
# Developers write these into code and policy: they may hold the @ that an address would be known by.
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:+/@-]+")
_CLASS_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_RANDOM_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{16,64}")
_FEATURES = re.compile(r"[a-p]{8}\.[A-Za-z]{1,16}")
# What only the controller's own page shows has no business on the wire.
_NOTHING = re.compile(r"(?!)")
SHAPES: Final[Mapping[str, re.Pattern[str]]] = {
    attributes.MODEL_NAME: _IDENTIFIER,
    attributes.MODEL_VERSION: _IDENTIFIER,
    attributes.MODEL_PREVIOUS_VERSION: _IDENTIFIER,
    attributes.ERROR_TYPE: _CLASS_NAME,
    attributes.INFERENCE_ID: _RANDOM_ID,
    attributes.EVENT_ID: _RANDOM_ID,
    attributes.REVIEWER_HASH: _DIGEST,
    attributes.ENCOUNTER_KEY: re.compile("[0-9a-f]{32}"),
    attributes.MODEL_DIGEST: _DIGEST,
    attributes.BASELINE_HASH: _DIGEST,
    attributes.ROLLBACK_INCIDENT_ID: re.compile("INC-[0-9a-f]{12}"),
    attributes.INPUT_FEATURES: _FEATURES,
    attributes.BUSINESS_CURRENCY: re.compile("[A-Z]{3}"),
    attributes.TARGET_NAME: _NOTHING,
}
"""Attributes whose values have a shape of their own, which a name or a record number has not."""

RATIO: Final = (0, 1)
COUNT: Final = (0, 999_999)
RANGES: Final[Mapping[str, tuple[int, int]]] = {
    attributes.INFERENCE_TIME: (1_000_000_000, 4_102_444_800),  # from 2001 to 2100
    attributes.REVIEW_DURATION: (0, 86_400),
    attributes.HTTP_RESPONSE_STATUS_CODE: (100, 599),
    "gen_ai.usage.input_tokens": (0, 9_999_999),
    "gen_ai.usage.output_tokens": (0, 9_999_999),
}
"""Numbers that are neither a ratio nor a count of six digits: record numbers mostly have more."""

_SEGMENTS = frozenset(SEGMENT_ATTRIBUTES.values())
_NAMES = NAME_KEYS | {attributes.ERROR_TYPE}


class Ledger(Protocol):
    """Counts what was withheld and what failed."""

    def withheld(self, reason: Reason) -> None:
        """Count a value that was not exported."""

    def failed(self, component: TelemetryComponent, error: BaseException | str) -> None:
        """Count a fault of telemetry itself."""


class Declared(Protocol):
    """Knows the declared values of an attribute."""

    def allowed(self, key: str) -> Collection[str]:
        """Return the declared values of a key."""

    def missed(self, key: str) -> None:
        """Note that a value of a key left as `_OTHER`, because nobody declared it."""


def admit(
    found: Mapping[str, object] | None,
    rules: Mapping[str, AttributeRule],
    ledger: Ledger | None = None,
    declared: Declared | None = None,
) -> dict[str, Value]:
    """Return the attributes that may leave the process.

    Args:
        found: Attributes as recorded.
        rules: Rule per admitted key; every other key is withheld.
        ledger: Counts what is withheld; None does not count, for libraries whose attributes are withheld as a matter
            of course.
        declared: Values of segments, names of models, versions, tasks and whatever else is neither of a closed set nor
            of a shape of its own; everything else becomes ``_OTHER``. None admits any single word for them.
    """
    kept: dict[str, Value] = {}
    for key, value in (found or {}).items():
        admitted, reason = judge(key, value, rules, declared)
        if admitted is not None:
            kept[key] = admitted
        if reason is not None and ledger is not None:
            ledger.withheld(reason)
    return kept


def judge(
    key: str, value: object, rules: Mapping[str, AttributeRule], declared: Declared | None = None
) -> tuple[Value | None, Reason | None]:
    """Return what may leave in place of a value, None for nothing, and why it is not the value itself."""
    rule = rules.get(key)
    if rule is None:
        return None, Reason.NOT_ALLOWED
    if rule.type == "string":
        if not isinstance(value, str):
            return None, Reason.BAD_TYPE
        # A subclass may run code of its own in any other method.
        return _text(key, str.__str__(value), rule, declared)
    return _number(key, value, rule)


def _text(key: str, text: str, rule: AttributeRule, declared: Declared | None) -> tuple[Value | None, Reason | None]:
    if rule.enum is not None:
        if text in rule.enum:
            return text, None
        return (OTHER if OTHER in rule.enum else None), Reason.NOT_DECLARED
    if rule.max_length is not None and len(text) > rule.max_length:
        return None, Reason.TOO_LONG
    shape = SHAPES.get(key)
    if declared is not None and (shape is None or key in _NAMES):
        if _is_declared(key, text, declared):
            return text, None
        declared.missed(key)
        return OTHER, Reason.NOT_DECLARED
    return (text, None) if (shape or _SAFE_TEXT).fullmatch(text) else (None, Reason.PATTERN)


def _is_declared(key: str, text: str, declared: Declared) -> bool:
    if text == OTHER:
        return True
    if key == attributes.ERROR_TYPE:
        return is_error_type(text)
    if key == attributes.SEGMENT_VALUE:
        return text == AGGREGATE or any(text in declared.allowed(segment) for segment in _SEGMENTS)
    return text in declared.allowed(key)


def _number(key: str, value: object, rule: AttributeRule) -> tuple[Value | None, Reason | None]:
    if isinstance(value, bool) or rule.type == "boolean":
        accepted = isinstance(value, bool) and rule.type == "boolean"
        return (bool(value), None) if accepted else (None, Reason.BAD_TYPE)
    if not isinstance(value, int | float) or (rule.type == "int" and not isinstance(value, int)):
        return None, Reason.BAD_TYPE
    if isinstance(value, float) and not math.isfinite(value):
        return None, Reason.NON_FINITE
    low, high = RANGES.get(key, COUNT if rule.type == "int" else RATIO)
    if not low <= value <= high:
        return None, Reason.NOT_ALLOWED
    return (int(value) if rule.type == "int" else float(value)), None


def safe_text(text: object, max_length: int = 128) -> str | None:
    """Return a name without spaces or unusual characters, or None."""
    if not isinstance(text, str) or len(text) > max_length or not _SAFE_TEXT.fullmatch(text):
        return None
    return str.__str__(text)
