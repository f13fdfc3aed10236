"""Write the Python constants and the telemetry reference from the registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from otel_clinical.generate._registry import Registry, load_registry
from otel_clinical.generate._telemetry_page import telemetry_page
from otel_clinical.semconv._prometheus import prometheus_family

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.generate._registry import Attribute, Signal

PREFIX = "clinical_ai."
GENERATED = "otel_clinical/semconv/_generated"
PAGE = "docs/telemetry.md"
DEFAULT_MAX_LENGTH = 64


def render(registry: Registry | None = None) -> dict[str, str]:
    """Return every generated file.

    Args:
        registry: The registry to render; the packaged one by default.

    Returns:
        Content by path relative to the root of the repository.
    """
    found = registry or load_registry()
    modules = {
        "__init__": _package(found),
        "attributes": _attributes(found),
        "enums": _enums(found),
        "metrics": _metrics(found),
        "events": _events(found),
        "spans": _spans(found),
        "allowlist": _allowlist(found),
    }
    files = {f"{GENERATED}/{name}.py": content for name, content in modules.items()}
    return {**files, PAGE: telemetry_page(found)}


def constant_name(key: str) -> str:
    """Return the constant of a key: without the namespace, upper case.

    >>> constant_name("clinical_ai.model.name")
    'MODEL_NAME'
    """
    return key.removeprefix(PREFIX).replace(".", "_").upper()


def enum_name(key: str) -> str:
    """Return the class of an enumeration.

    >>> enum_name("clinical_ai.use_case")
    'UseCase'
    """
    return "".join(word.capitalize() for word in constant_name(key).split("_"))


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tuple(values: Iterable[object]) -> str:
    items = [_text(v) if isinstance(v, str) else repr(v) for v in values]
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _frozenset(values: Iterable[str]) -> str:
    items = ", ".join(_text(v) for v in values)
    return f"frozenset({{{items}}})" if items else "frozenset()"


def _module(doc: str, imports: Iterable[str], names: Iterable[str], body: str) -> str:
    head = f'"""{doc} Written by `otel-clinical generate semconv`; do not edit."""\n\n'
    head += "from __future__ import annotations\n\n" + "".join(f"{line}\n" for line in imports) + "\n"
    exported = "".join(f"    {_text(name)},\n" for name in sorted(names))
    return f"{head}__all__ = [\n{exported}]\n\n{body}"


def _package(registry: Registry) -> str:
    body = f"SCHEMA_URL: Final = {_text(registry.schema_url)}\n"
    return _module("What the registry defines.", ["from typing import Final"], ["SCHEMA_URL"], body)


def _attributes(registry: Registry) -> str:
    names = [constant_name(key) for key in registry.attributes]
    lines = [_constant(a.key, a.brief) for a in registry.attributes.values()]
    return _module("Attribute keys.", ["from typing import Final"], names, "\n".join(lines))


def _constant(name: str, brief: str) -> str:
    return f'{constant_name(name)}: Final = {_text(name)}\n"""{_escape(brief)}"""\n'


def _frozen_mapping(name: str, callee: str, entries: str) -> str:
    return f"{name}: Final[Mapping[str, {callee}]] = MappingProxyType(\n    {{\n{entries}    }}\n)\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")


def _enums(registry: Registry) -> str:
    enums = [a for a in registry.attributes.values() if a.members]
    body = "\n\n".join(_enum(a) for a in enums)
    names = [enum_name(a.key) for a in enums]
    return _module("Values of attributes.", ["from enum import StrEnum"], names, "\n" + body)


def _enum(attribute: Attribute) -> str:
    members = [m for m in attribute.members if not m.aggregate]
    lines = "".join(f"    {m.id.upper()} = {_text(m.value)}\n" for m in members)
    return f'class {enum_name(attribute.key)}(StrEnum):\n    """{_escape(attribute.brief)}"""\n\n{lines}'


def _metrics(registry: Registry) -> str:
    names = [constant_name(m.name) for m in registry.metrics]
    body = "\n".join(_metric(m) for m in registry.metrics)
    body += "\nALL: Final[tuple[MetricDef, ...]] = (\n" + "".join(f"    {name},\n" for name in names) + ")\n"
    imports = ["from typing import Final", "", "from otel_clinical.semconv._definitions import MetricDef"]
    return _module("Metrics.", imports, [*names, "ALL"], body)


def _metric(metric: Signal) -> str:
    buckets = metric.prometheus.get("buckets")
    family = prometheus_family(metric.name, metric.fields["instrument"], metric.fields["unit"])
    fields = {
        "name": _text(metric.name),
        "instrument": _text(metric.fields["instrument"]),
        "unit": _text(metric.fields["unit"]),
        "description": _text(metric.brief),
        "attributes": _tuple(r.key for r in metric.references),
        "buckets": _tuple(float(b) for b in buckets) if buckets else "None",
        "prometheus": _text(family),
        "source": _text(metric.annotations["source"]),
    }
    return _call(f"{constant_name(metric.name)}: Final", "MetricDef", fields)


def _call(target: str, callee: str, fields: dict[str, str]) -> str:
    arguments = "".join(f"    {name}={value},\n" for name, value in fields.items())
    return f"{target} = {callee}(\n{arguments})\n"


def _events(registry: Registry) -> str:
    entries = [_definition(e.name, "EventDef", _event_fields(e)) for e in registry.events]
    return _named(registry.events, "Events.", "EventDef", entries)


def _event_fields(event: Signal) -> dict[str, str]:
    severity = event.annotations["severity"]
    return {
        "name": constant_name(event.name),
        "description": _text(event.brief),
        "severity": _text(severity),
        "elevated_severity": _text(event.annotations.get("elevated", severity)),
        **_keys(event),
    }


def _spans(registry: Registry) -> str:
    entries = [_definition(s.name, "SpanDef", _span_fields(s)) for s in registry.spans]
    return _named(registry.spans, "Span types.", "SpanDef", entries)


def _span_fields(span: Signal) -> dict[str, str]:
    return {
        "type": constant_name(span.name),
        "kind": _text(span.fields["kind"]),
        "name_pattern": _text(span.fields["name"]["note"]),
        "description": _text(span.brief),
        **_keys(span),
        "sampling_relevant": _frozenset(r.key for r in span.references if r.sampling_relevant),
    }


def _keys(signal: Signal) -> dict[str, str]:
    return {
        "attributes": _tuple(r.key for r in signal.references),
        "required": _frozenset(r.key for r in signal.references if r.level == "required"),
    }


def _definition(name: str, callee: str, fields: dict[str, str]) -> str:
    arguments = "".join(f"            {key}={value},\n" for key, value in fields.items())
    return f"        {constant_name(name)}: {callee}(\n{arguments}        ),\n"


def _named(signals: Iterable[Signal], doc: str, callee: str, entries: list[str]) -> str:
    signals = list(signals)
    body = "\n".join(_constant(s.name, s.brief) for s in signals)
    body += "\n" + _frozen_mapping("DEFINITIONS", callee, "".join(entries))
    names = [*(constant_name(s.name) for s in signals), "DEFINITIONS"]
    return _module(doc, _mapping_imports(callee), names, body)


def _mapping_imports(callee: str) -> list[str]:
    return [
        "from types import MappingProxyType",
        "from typing import TYPE_CHECKING, Final",
        "",
        f"from otel_clinical.semconv._definitions import {callee}",
        "",
        "if TYPE_CHECKING:",
        "    from collections.abc import Mapping",
    ]


def _allowlist(registry: Registry) -> str:
    signals = [a for a in registry.attributes.values() if a.imported != "resource"]
    resource = [a for a in registry.attributes.values() if a.imported == "resource"]
    body = _rules("ATTRIBUTES", signals) + "\n" + _rules("RESOURCE", resource)
    imports = _mapping_imports("AttributeRule")
    return _module("What may leave the process.", imports, ["ATTRIBUTES", "RESOURCE"], body)


def _rules(name: str, attributes: list[Attribute]) -> str:
    entries = "".join(f"        {_text(a.key)}: {_rule(a)},\n" for a in attributes)
    return _frozen_mapping(name, "AttributeRule", entries)


def _rule(attribute: Attribute) -> str:
    enum = _frozenset(m.value for m in attribute.members) if attribute.members else "None"
    bounded = attribute.type == "string" and not attribute.members
    length = attribute.max_length or DEFAULT_MAX_LENGTH if bounded else None
    words = ", ".join(_text(w) for w in (attribute.type, attribute.phi, attribute.metric_label))
    return f"AttributeRule({words}, {length}, {enum})"
