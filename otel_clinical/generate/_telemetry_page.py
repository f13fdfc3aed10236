"""Write the reference page of all telemetry names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.semconv._prometheus import prometheus_family, prometheus_label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.generate._registry import Attribute, Registry, Signal

_HEAD = """# Telemetry reference

Every attribute, span, event and metric that otel-clinical emits, with the exact name in Prometheus.
Written by `otel-clinical generate semconv` from `otel_clinical/semconv/registry/`: edit that, not this page.

Schema URL: <{schema_url}>. Instrumentation scope: `otel_clinical`.
"""
_METRIC_COLUMNS = ("metric", "Prometheus family", "instrument", "unit", "labels", "meaning")
_SOURCES = {
    "inference": "Exposed by the inference service",
    "processor": "Exposed by the drift processor",
    "controller": "Exposed by the rollback controller",
}


def telemetry_page(registry: Registry) -> str:
    """Return the page, in Markdown."""
    parts = [
        _HEAD.format(schema_url=registry.schema_url),
        _attributes(registry.attributes.values()),
        _signals("Spans", "The name of a span is formed from its attributes.", registry.spans),
        _signals("Events", "Events are log records with an event name and no body.", registry.events),
        *_metrics(registry.metrics),
    ]
    return "\n".join(parts)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(columns)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _attributes(attributes: Iterable[Attribute]) -> str:
    rows = [
        (
            f"`{a.key}`",
            _values(a),
            _label(a),
            a.phi,
            _brief(a),
        )
        for a in attributes
    ]
    intro = (
        "Label: the Prometheus label, for attributes that metric points may carry. Sensitivity: `none`, "
        "`quasi` (quasi-identifier), `linkable` (to a person, with other records) or `workforce`.\n"
    )
    columns = ("attribute", "type or values", "label", "sensitivity", "meaning")
    return f"## Attributes\n\n{intro}\n{_table(columns, rows)}"


def _label(attribute: Attribute) -> str:
    return "" if attribute.metric_label == "never" else f"`{prometheus_label(attribute.key)}`"


def _values(attribute: Attribute) -> str:
    if attribute.members:
        return ", ".join(f"`{m.value}`" for m in attribute.members)
    length = attribute.max_length
    return f"{attribute.type}, up to {length} characters" if length else attribute.type


def _brief(item: Attribute | Signal) -> str:
    return f"{item.brief} {item.note}".strip()


def _signals(title: str, intro: str, signals: Iterable[Signal]) -> str:
    parts = [f"## {title}\n\n{intro}\n"]
    for signal in signals:
        rows = [(f"`{r.key}`", r.level.replace("_", " ")) for r in signal.references]
        parts.append(
            f"### `{signal.name}`\n\n{_brief(signal)}{_extra(signal)}\n\n{_table(('attribute', 'level'), rows)}"
        )
    return "\n".join(parts)


def _extra(signal: Signal) -> str:
    if "name" in signal.fields and "type" in signal.fields:
        return f" Name: `{signal.fields['name']['note']}`. Kind: {signal.fields['kind']}."
    severity = signal.annotations["severity"]
    elevated = signal.annotations.get("elevated")
    return f" Severity {severity}." if elevated is None else f" Severity {severity}, {elevated} for bad news."


def _metrics(metrics: Iterable[Signal]) -> Iterable[str]:
    found = list(metrics)
    yield "## Metrics\n\nCounters end in `_total`; histograms add `_bucket`, `_sum` and `_count`.\n"
    for source, title in _SOURCES.items():
        rows = [_metric(m) for m in found if m.annotations["source"] == source]
        yield f"### {title}\n\n{_table(_METRIC_COLUMNS, rows)}"


def _metric(metric: Signal) -> tuple[str, ...]:
    instrument, unit = metric.fields["instrument"], metric.fields["unit"]
    labels = ", ".join(f"`{prometheus_label(r.key)}`" for r in metric.references)
    family = prometheus_family(metric.name, instrument, unit)
    return (f"`{metric.name}`", f"`{family}`", instrument, f"`{unit}`", labels, _brief(metric))
