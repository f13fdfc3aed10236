"""Decide about single values: what the allow-list admits, and what a foreign library may say."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Protocol

from otel_clinical.semconv import AGGREGATE, OTHER, SEGMENT_ATTRIBUTES, AttributeRule, allowlist, attributes
from otel_clinical.semconv.enums import TelemetryRedactionReason as Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.semconv.enums import TelemetryComponent

Value = str | int | float | bool

MAX_INT64: Final = 2**63 - 1
_SAFE_TEXT = re.compile(r"[A-Za-z0-9_.:+/<>-]+")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:+/@-]+")
_IDENTIFIERS = frozenset({attributes.MODEL_NAME, attributes.MODEL_VERSION, attributes.MODEL_PREVIOUS_VERSION})
"""Attributes that developers write into code and policy: they may hold the @ that an address would be known by."""

_SEGMENTS = frozenset(SEGMENT_ATTRIBUTES.values())

FOREIGN: Final[Mapping[str, AttributeRule]] = {
    "http.request.method": AttributeRule(
        "string",
        "none",
        "required",
        None,
        frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", OTHER}),
    ),
    "http.response.status_code": AttributeRule("int", "none", "required", None, None),
    "network.protocol.version": AttributeRule("string", "none", "required", None, frozenset({"1.0", "1.1", "2", "3"})),
    "url.scheme": AttributeRule("string", "none", "required", None, frozenset({"http", "https"})),
    "error.type": allowlist.ATTRIBUTES[attributes.ERROR_TYPE],
    "gen_ai.operation.name": AttributeRule(
        "string",
        "none",
        "required",
        None,
        frozenset({"chat", "create_agent", "embeddings", "execute_tool", "generate_content", "invoke_agent", OTHER}),
    ),
    "gen_ai.usage.input_tokens": AttributeRule("int", "none", "never", None, None),
    "gen_ai.usage.output_tokens": AttributeRule("int", "none", "never", None, None),
}
"""What signals of other libraries may carry: values of closed sets and small numbers, nothing that a library fills with
text, paths, hosts or identifiers."""


class Ledger(Protocol):
    """Counts what was withheld and what failed."""

    def withheld(self, reason: Reason) -> None:
        """Count a value that was not exported."""

    def failed(self, component: TelemetryComponent, error: BaseException | str) -> None:
        """Count a fault of telemetry itself."""


class Declared(Protocol):
    """Knows the declared values of an attribute."""

    def allowed(self, key: str) -> tuple[str, ...]:
        """Return the declared values of a key."""


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
        declared: Values that segments may have; everything else becomes ``_OTHER``.
    """
    kept: dict[str, Value] = {}
    for key, value in (found or {}).items():
        rule = rules.get(key)
        admitted, reason = (None, Reason.NOT_ALLOWED) if rule is None else _judge(key, value, rule, declared)
        if admitted is not None:
            kept[key] = admitted
        if reason is not None and ledger is not None:
            ledger.withheld(reason)
    return kept


def _judge(
    key: str, value: object, rule: AttributeRule, declared: Declared | None
) -> tuple[Value | None, Reason | None]:
    if rule.type == "string":
        if not isinstance(value, str):
            return None, Reason.BAD_TYPE
        # A subclass may run code of its own in any other method.
        return _text(key, str.__str__(value), rule, declared)
    return _number(value, rule)


def _text(key: str, text: str, rule: AttributeRule, declared: Declared | None) -> tuple[Value | None, Reason | None]:
    if rule.enum is not None:
        if text in rule.enum:
            return text, None
        return (OTHER if OTHER in rule.enum else None), Reason.NOT_DECLARED
    if rule.max_length is not None and len(text) > rule.max_length:
        return None, Reason.TOO_LONG
    if declared is not None and (key in _SEGMENTS or key == attributes.SEGMENT_VALUE):
        return (text, None) if _is_declared(key, text, declared) else (OTHER, Reason.NOT_DECLARED)
    pattern = _IDENTIFIER if key in _IDENTIFIERS else _SAFE_TEXT
    if pattern.fullmatch(text) or (declared is not None and text in declared.allowed(key)):
        return text, None
    return None, Reason.PATTERN


def _is_declared(key: str, text: str, declared: Declared) -> bool:
    if text == OTHER:
        return True
    if key == attributes.SEGMENT_VALUE:
        return text == AGGREGATE or any(text in declared.allowed(segment) for segment in _SEGMENTS)
    return text in declared.allowed(key)


def _number(value: object, rule: AttributeRule) -> tuple[Value | None, Reason | None]:
    if isinstance(value, bool) or rule.type == "boolean":
        accepted = isinstance(value, bool) and rule.type == "boolean"
        return (bool(value), None) if accepted else (None, Reason.BAD_TYPE)
    if isinstance(value, int):
        if not -MAX_INT64 <= value <= MAX_INT64:
            return None, Reason.BAD_TYPE
        return (int(value) if rule.type == "int" else float(value)), None
    if not isinstance(value, float) or rule.type == "int":
        return None, Reason.BAD_TYPE
    return (float(value), None) if math.isfinite(value) else (None, Reason.NON_FINITE)


def safe_text(text: object, max_length: int = 128) -> str | None:
    """Return a name without spaces or unusual characters, or None."""
    if not isinstance(text, str) or len(text) > max_length or not _SAFE_TEXT.fullmatch(text):
        return None
    return str.__str__(text)
