"""Write the Collector's rules for single values: what the registry allows of a key, and nothing of another shape."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from otel_clinical.instrument._errors import FAULTS
from otel_clinical.sdk._foreign import OVERFLOW
from otel_clinical.sdk._rules import COUNT, RANGES, RATIO
from otel_clinical.semconv import (
    AGGREGATE,
    OTHER,
    SCHEMA_URL,
    SEGMENT_ATTRIBUTES,
    allowlist,
    attributes,
    events,
    metrics,
    spans,
)
from otel_clinical.semconv.enums import OperationName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from otel_clinical.policy import Policy
    from otel_clinical.semconv import AttributeRule

    Declared = Mapping[str, frozenset[str]]

_WORD: Final = "[A-Za-z0-9_.:/+@-]"
_RANDOM_ID: Final = "[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DIGEST: Final = "(sha256:)?[0-9a-f]{16,64}"
_SHAPES: Final = {
    attributes.INFERENCE_ID: _RANDOM_ID,
    attributes.EVENT_ID: _RANDOM_ID,
    attributes.REVIEWER_HASH: _DIGEST,
    attributes.ENCOUNTER_KEY: "[0-9a-f]{32}",
    attributes.MODEL_DIGEST: _DIGEST,
    attributes.BASELINE_HASH: _DIGEST,
    attributes.ROLLBACK_INCIDENT_ID: "INC-[0-9a-f]{12}",
    attributes.INPUT_FEATURES: "[a-p]{8}[.][A-Za-z]{1,16}",
    attributes.BUSINESS_CURRENCY: "[A-Z]{3}",
}
_ENDINGS: Final = "Error|Exception|ExceptionGroup|Warning|Exit|Interrupt|Iteration|Refused|RoutedToManual"
"""Last words of the names of all of Python's exceptions, of ours, and of nearly everybody's."""
ERROR: Final = attributes.ERROR_TYPE
SERVICE_NAME: Final = f"^{_WORD}{{1,128}}$"


def declared_values(policy: Policy) -> dict[str, frozenset[str]]:
    """Return the values that a policy declares, per attribute: segments, and names of models, versions and work."""
    found: dict[str, set[str]] = {key: {OTHER} for key in SEGMENT_ATTRIBUTES.values()}
    for model in policy.models.values():
        for name, values in model.segments.items():
            found[SEGMENT_ATTRIBUTES[name]].update(map(str, values))
    whole = {AGGREGATE, *(value for values in found.values() for value in values)}
    versions = {OTHER, *(version for model in policy.models.values() for version in model.versions)}
    names = {
        attributes.SEGMENT_VALUE: whole,
        attributes.MODEL_NAME: {OTHER, *policy.models},
        attributes.MODEL_VERSION: versions,
        attributes.MODEL_PREVIOUS_VERSION: versions,
        attributes.TASK_NAME: {OTHER, *policy.vocabulary.tasks},
        attributes.BUSINESS_CATEGORY: {OTHER, *policy.vocabulary.categories},
    }
    return {key: frozenset(values) for key, values in (found | names).items()}


def span_names(policy: Policy) -> str:
    """Return the pattern of the names of our spans: what is done, and a model that the policy declares."""
    verbs = sorted({*(name.value for name in OperationName), "review", "rollback"})
    return f"^({'|'.join(verbs)}) ({_alternatives({OTHER, *policy.models})})$"


def span_values(declared: Declared) -> list[str]:
    """Return statements that leave of a span's attributes what the registry allows."""
    return list(_statements("span", (key for span in spans.DEFINITIONS.values() for key in span.attributes), declared))


def log_values(declared: Declared) -> list[str]:
    """Return statements that leave of an event's attributes what the registry allows."""
    return list(
        _statements("log", (key for event in events.DEFINITIONS.values() for key in event.attributes), declared)
    )


def datapoint_values(declared: Declared) -> list[str]:
    """Return statements that leave of a point's attributes what the registry allows."""
    kept, *rules = _statements("datapoint", (key for metric in metrics.ALL for key in metric.attributes), declared)
    value = f'datapoint.attributes["{OVERFLOW}"]'
    only_true = f'delete_key(datapoint.attributes, "{OVERFLOW}") where {value} != nil and {value} != true'
    return [kept.replace("])", f', "{OVERFLOW}"])'), *rules, only_true]


def resource_values(keys: Iterable[str]) -> list[str]:
    """Return statements that leave of a resource the given keys, each a word, and no schema of somebody else's."""
    rules = [_unless_matches(f'resource.attributes["{key}"]', "resource.attributes", key, SERVICE_NAME) for key in keys]
    return [*rules, _only_schema("resource")]


def scope_values() -> list[str]:
    """Return statements that leave of a scope its name, and a version that looks like one."""
    return [
        'set(scope.version, "") where not IsMatch(scope.version, "^[0-9]{1,3}[.][0-9]{1,3}([.][0-9a-z]{1,8})?$")',
        _only_schema("scope"),
    ]


def metric_names() -> str:
    """Return the pattern of the registry's metrics."""
    return _one_of(metric.name for metric in metrics.ALL)


def metric_units() -> str:
    """Return the pattern of the registry's units."""
    return _one_of({metric.unit for metric in metrics.ALL})


def event_names() -> str:
    """Return the pattern of the registry's events."""
    return _one_of(events.DEFINITIONS)


def _statements(context: str, keys: Iterable[str], declared: Declared) -> Iterator[str]:
    known = sorted(set(keys))
    owned = f"{context}.attributes"
    yield f"keep_keys({owned}, {json.dumps(known)})"
    for key in known:
        yield _value(owned, key, allowlist.ATTRIBUTES[key], declared.get(key))


def _value(owned: str, key: str, rule: AttributeRule, declared: frozenset[str] | None) -> str:
    value = f'{owned}["{key}"]'
    if rule.type == "string":
        closed = rule.enum or declared
        # Without any of these: neither of a closed set, nor declared, nor of a shape that a name has not.
        pattern = _one_of(closed) if closed else f"^({_error_types() if key == ERROR else _SHAPES.get(key, OTHER)})$"
        if key != ERROR and OTHER not in (closed or ()):
            return _unless_matches(value, owned, key, pattern)
        # Kept as a key: what is counted without it would be taken for something else, or for nothing.
        return f'set({value}, "{OTHER}") where {value} != nil and not IsMatch({value}, "{pattern}")'
    low, high = RANGES.get(key, COUNT if rule.type == "int" else RATIO)
    number = f"IsInt({value})" if rule.type == "int" else f"(IsDouble({value}) or IsInt({value}))"
    out = f"{value} < {low} or {value} > {high}"
    return f'delete_key({owned}, "{key}") where {value} != nil and (not {number} or {out})'


def _unless_matches(value: str, owned: str, key: str, pattern: str) -> str:
    return f'delete_key({owned}, "{key}") where {value} != nil and not IsMatch({value}, "{pattern}")'


def _one_of(values: Iterable[str]) -> str:
    return f"^({_alternatives(values)})$"


def _alternatives(values: Iterable[str]) -> str:
    """Return a pattern in which nothing needs a backslash, which OTTL would read as its own."""
    return "|".join(sorted(re.sub(r"[^A-Za-z0-9_]", lambda found: f"[{found[0]}]", value) for value in values))


def _error_types() -> str:
    """Return the pattern of what a failure may be called: our faults, and classes whose name says what they are.

    Other classes are `_OTHER` here, and so is a name with more than four digits in a row, as a record number has.
    """
    word = "[A-Za-z_]+([0-9]{1,4}[A-Za-z_]+)*"
    named = f"({word}[.])*([A-Za-z_]+[0-9]{{1,4}})*[A-Za-z_]*({_ENDINGS})"
    return f"{_alternatives(fault for fault in {OTHER, *FAULTS} if not re.fullmatch(named, fault))}|{named}"


def _only_schema(context: str) -> str:
    return f'set({context}.schema_url, "") where {context}.schema_url != "{SCHEMA_URL}"'
