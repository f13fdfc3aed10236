"""Words a policy may contain: names that become metric labels, segment values and file paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema

from otel_clinical._spelling import did_you_mean
from otel_clinical.policy._quantities import mistake
from otel_clinical.semconv import AGGREGATE, OTHER
from otel_clinical.semconv.enums import EscalationLevel

TIERS = (EscalationLevel.ENGINEERING_REVIEW, EscalationLevel.GOVERNANCE_REVIEW, EscalationLevel.ROLLBACK)
"""The tiers from the mildest to the strongest."""
RESERVED_VALUES = {AGGREGATE: "the aggregate over every value", OTHER: "every value that is not declared"}
"""Segment values that mean something else."""
NAME_ALLOWED = "a lower-case letter, then up to 62 lower-case letters, digits, _ . or -"
VERSION_ALLOWED = 'text in quotes such as "7" or "2026.1", up to 64 characters without spaces'
VALUE_ALLOWED = "up to 64 letters, digits or _ . : / + - without spaces"
METRIC_ALLOWED = "a lower-case letter, then lower-case letters, digits or _"

_NAME = re.compile(r"[a-z][a-z0-9_.\-]{0,62}")
_METRIC = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:@/\-]{0,63}")
_VALUE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/+\-]{0,63}")


def text(value: object) -> str:
    """Return text; a number or boolean that YAML made of unquoted text is a mistake."""
    if isinstance(value, str):
        return value
    kind = {bool: "a boolean", int: "a number", float: "a number", type(None): "nothing"}.get(type(value))
    if kind is None:
        raise mistake(f"a {'mapping' if isinstance(value, dict) else 'list'} where text belongs", "text")
    # `unquoted` asks the loader to show what was typed, which YAML has already turned into something else.
    raise mistake(f"unquoted text that YAML reads as {kind}", "unquoted")


def model_name(value: object) -> str:
    """Return a model name that is safe as metric label, file name and URL part."""
    return _matching(_NAME, text(value), "a model name", NAME_ALLOWED)


def metric_name(value: object) -> str:
    """Return a performance metric's name."""
    return _matching(_METRIC, text(value), "a metric name", METRIC_ALLOWED)


def version(value: object) -> str:
    """Return a model version."""
    return _matching(_VERSION, text(value), "a version", VERSION_ALLOWED)


def segment_value(value: object) -> str:
    """Return a declared segment value; `_OTHER` and `all` are taken."""
    word = text(value)
    if word in RESERVED_VALUES:
        raise mistake(f'"{word}" is reserved for {RESERVED_VALUES[word]}', "another word")
    return _matching(_VALUE, word, "a segment value", VALUE_ALLOWED)


def vocabulary_word(value: object) -> str:
    """Return the name of a unit of work, or of a kind of cost or risk event; `_OTHER` is taken."""
    word = text(value)
    if word == OTHER:
        raise mistake(f'"{word}" is reserved for {RESERVED_VALUES[word]}', "another word")
    return _matching(_VALUE, word, "a word", VALUE_ALLOWED)


def is_segment_value(word: str) -> bool:
    """Return whether a word could be a declared value."""
    return word not in RESERVED_VALUES and _VALUE.fullmatch(word) is not None


def tier_level(value: object) -> EscalationLevel:
    """Return one of the three tiers."""
    known = [level.value for level in TIERS]
    if value not in known:
        raise mistake(f'"{value}" is no tier{did_you_mean(str(value), known)}', ", ".join(known))
    return EscalationLevel(value)


def web_address(value: object) -> str:
    """Return an http(s) address without trailing slash."""
    word = text(value)
    try:
        parts = urlsplit(word)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username
    except ValueError:
        fine = False
    if not fine or any(c.isspace() for c in word):
        raise mistake(f'"{word}" is not a web address', "https://HOST/PATH without user or password")
    return word.rstrip("/")


def file_path(value: object) -> Path:
    """Return a path of a file, as written."""
    word = text(value)
    if not word.strip() or "\0" in word or word.endswith("/"):
        raise mistake(f'"{word}" does not name a file', "a file path, absolute or relative to the policy file")
    return Path(word)


def team(value: object) -> str:
    """Return the owner that alerts are routed to."""
    return _matching(re.compile(r"[\w][\w .@\-]{0,63}"), text(value), "an owner", "a team name of up to 64 letters")


def _matching(pattern: re.Pattern[str], word: str, what: str, allowed: str) -> str:
    if not pattern.fullmatch(word):
        raise mistake(f'"{word}" is not {what}', allowed)
    return word


def _schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


ModelName = Annotated[str, BeforeValidator(model_name), _schema(_NAME.pattern)]
MetricName = Annotated[str, BeforeValidator(metric_name), _schema(_METRIC.pattern)]
Version = Annotated[str, BeforeValidator(version), _schema(_VERSION.pattern)]
SegmentValue = Annotated[str, BeforeValidator(segment_value), _schema(_VALUE.pattern)]
VocabularyWord = Annotated[str, BeforeValidator(vocabulary_word), _schema(_VALUE.pattern)]
TierLevel = Annotated[
    EscalationLevel,
    BeforeValidator(tier_level),
    WithJsonSchema({"enum": [level.value for level in TIERS]}),
]
WebAddress = Annotated[str, BeforeValidator(web_address), WithJsonSchema({"type": "string", "format": "uri"})]
FilePath = Annotated[Path, BeforeValidator(file_path), WithJsonSchema({"type": "string", "minLength": 1})]
Team = Annotated[str, BeforeValidator(team), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64})]
