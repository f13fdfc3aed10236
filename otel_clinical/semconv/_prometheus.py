"""How OpenTelemetry names look in Prometheus.

The rules are those of the OpenTelemetry specification of Prometheus compatibility, with underscores and suffixes,
reduced to the names the registry's lints admit: on those, every exporter gives the same family.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_clinical.semconv._definitions import Instrument

_UNIT_WORDS = {"s": "seconds", "By": "bytes"}


def prometheus_label(key: str) -> str:
    """Return the Prometheus label of an attribute key.

    >>> prometheus_label("clinical_ai.model.name")
    'clinical_ai_model_name'
    """
    return key.replace(".", "_")


def prometheus_family(name: str, instrument: Instrument, unit: str) -> str:
    """Return the Prometheus family of a metric.

    Args:
        name: OpenTelemetry name of the metric.
        instrument: Kind of instrument; only counters get ``_total``.
        unit: UCUM unit; annotations such as ``{outcome}`` and the unit ``1`` add nothing.

    >>> prometheus_family("clinical_ai.outcome.delay", "histogram", "s")
    'clinical_ai_outcome_delay_seconds'
    >>> prometheus_family("clinical_ai.outcomes", "counter", "{outcome}")
    'clinical_ai_outcomes_total'
    """
    family = name.replace(".", "_")
    word = _UNIT_WORDS.get(unit)
    if word is not None and not family.endswith(f"_{word}"):
        family = f"{family}_{word}"
    return f"{family}_total" if instrument == "counter" else family
