"""Hold the names and labels that Prometheus knows against the registry, and say where a difference comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.doctor._finding import Finding, hint, ok, problem
from otel_clinical.semconv import metrics
from otel_clinical.semconv._prometheus import prometheus_label

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from otel_clinical.semconv import MetricDef

PREFIX: Final = "clinical_ai"
NAMES: Final = "names"
LABELS: Final = "labels"
_HISTOGRAM: Final = ("_bucket", "_count", "_sum")
_SUFFIXES: Final = ("_total", "_ratio", "_seconds", "_bytes", "_1")
_SERIES: Final = ("exported_job", "exported_instance")
_FAMILIES: Final = {metric.prometheus: metric for metric in metrics.ALL}
_SHOWN: Final = 3


def family_of(name: str) -> MetricDef | None:
    """Return the metric that a series name belongs to.

    >>> family_of("clinical_ai_inference_duration_seconds_bucket").name
    'clinical_ai.inference.duration'
    >>> family_of("clinical_ai_outcomes") is None
    True
    """
    found = _FAMILIES.get(name)
    for suffix in _HISTOGRAM:
        base = _FAMILIES.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
        if base is not None and base.instrument == "histogram":
            return base
    return found


def judge_names(names: AbstractSet[str], past: AbstractSet[str] = frozenset()) -> list[Finding]:
    """Return the findings about the names of series; recording rules, which have a colon, are left alone.

    Args:
        names: Names of series that are alive.
        past: Names of all series that are kept.
    """
    ours = _ours(names)
    if not ours and _ours(past):
        advice = "are the services up? does Prometheus still scrape them (its page /targets)?"
        return [problem(NAMES, "the series of clinical AI have had no sample for 5 minutes", advice)]
    if not ours:
        return [
            problem(
                NAMES,
                "Prometheus knows no series of clinical AI",
                "does it scrape the Collector or the service? are metrics sent, and cumulative? wait one interval",
            )
        ]
    known = {found.name for found in map(family_of, ours) if found is not None}
    by_reason: dict[tuple[str, str], list[str]] = {}
    for name in ours:
        if family_of(name) is None:
            by_reason.setdefault(_why(name), []).append(name)
    found = [problem(NAMES, f"{_few(strays)}: {said}", advice) for (said, advice), strays in by_reason.items()]
    if known:
        found.append(ok(NAMES, f"{len(known)} families have the registry's exact names"))
    return found


def _ours(names: AbstractSet[str]) -> list[str]:
    return sorted(name for name in names if PREFIX in name.replace(".", "_") and ":" not in name)


def _why(name: str) -> tuple[str, str]:
    """Return what happened to a name and what to do about it."""
    plain = name.replace(".", "_")
    if "." in name:
        return "names keep their dots", "set translation_strategy: UnderscoreEscapingWithSuffixes; rules need it"
    if any(family_of(f"{plain}{suffix}") for suffix in (*_SUFFIXES, "_seconds_total")) or _is_bare_histogram(plain):
        return "suffixes are missing", "set translation_strategy: UnderscoreEscapingWithSuffixes (add_metric_suffixes)"
    if any(family_of(plain.removesuffix(suffix)) for suffix in _SUFFIXES if plain.endswith(suffix)):
        return "a suffix too many", "something between service and Prometheus adds it: use otlp or prometheus exporters"
    if any(plain.endswith(f"_{family}") for family in _FAMILIES):
        return "a prefix too many", "remove `namespace` from the Collector's prometheus exporter"
    return "not in this version's registry", "bring services and this program to the same version of otel-clinical"


def _is_bare_histogram(name: str) -> bool:
    for suffix in _HISTOGRAM:
        base = family_of(f"{name.removesuffix(suffix)}_seconds") if name.endswith(suffix) else None
        if base is not None and base.instrument == "histogram":
            return True
    return False


def judge_labels(labels: Mapping[str, AbstractSet[str]]) -> list[Finding]:
    """Return the findings about the labels of our families.

    Args:
        labels: Labels found, by family.
    """
    strays: dict[str, list[str]] = {}
    for family, found in labels.items():
        metric = _FAMILIES.get(family)
        allowed = {prometheus_label(key) for key in metric.attributes} if metric is not None else set()
        for label in found:
            if (PREFIX in label or "." in label) and label not in allowed:
                strays.setdefault(label, []).append(family)
    findings = [
        problem(
            LABELS,
            f"{label} on {_few(families)} is not in the registry",
            "set translation_strategy: UnderscoreEscapingWithSuffixes"
            if "." in label
            else "bring services and this program to the same version of otel-clinical",
        )
        for label, families in sorted(strays.items())
    ]
    every = set().union(*labels.values()) if labels else set()
    if every & set(_SERIES):
        advice = "scrape the Collector with honor_labels: true"
        findings.append(problem(LABELS, "Prometheus renames job or instance (exported_job)", advice))
    if "otel_scope_version" in every:
        advice = "a release ends every series: set without_scope_info: true in the Collector's prometheus exporter"
        findings.append(hint(LABELS, "series carry otel_scope_version", advice))
    if labels and not strays:
        findings.append(ok(LABELS, f"the labels of {len(labels)} families are the registry's"))
    return findings


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
