# ruff: noqa: E501 -- the rows of a table do not wrap
"""Write the reference page of all settings, from the fields that hold them."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from otel_clinical.sdk import Settings

PAGE: Final = "docs/settings.md"
_HEAD: Final = """# Settings reference

What `otel_clinical.sdk.configure` is not told it takes from the environment, and else the default counts: code before
environment before default. Written by `otel-clinical generate settings` from `otel_clinical/sdk/_settings.py`: edit that, not
this page. How to set up: [setup.md](setup.md).

| variable | argument of `configure` | default | meaning |
|---|---|---|---|
"""
_ARGUMENTS: Final = {"page": "metrics", "push_metrics": "metrics", "disabled": ""}
"""Arguments that are not called like their field; empty where there is none."""

_TAIL: Final = """
The SDK reads these by itself, in every set-up:

| variable | effect |
|---|---|
| `OTEL_RESOURCE_ATTRIBUTES` | `service.*` and `deployment.environment.name` pass; host, process and your own attributes do not leave |
| `OTEL_METRICS_EXEMPLAR_FILTER` | `trace_based` (default), `always_on` or `always_off`; exemplars never carry attributes |
| `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which spans are exported; metrics and events count every inference all the same |
| `OTEL_EXPORTER_OTLP_CERTIFICATE`, `…_CLIENT_KEY`, `…_CLIENT_CERTIFICATE` | TLS files of the exporters |
| `OTEL_EXPORTER_OTLP_{TRACES,LOGS,METRICS}_ENDPOINT` | URL of one signal, with its path; where `configure` has no `endpoint` |
| `OTEL_EXPORTER_OTLP_{TRACES,LOGS,METRICS}_PROTOCOL` | protocol of one signal; in a set-up without code |
| `OTEL_EXPORTER_PROMETHEUS_HOST`, `…_PORT` | page of `OTEL_METRICS_EXPORTER=prometheus_clinical`; the loopback and 9464 by default |

No effect, on purpose: `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` and
`OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`. Prometheus drops delta points, and the rules read the registry's buckets.
"""


def render() -> dict[str, str]:
    """Return the page by its path."""
    rows: dict[str, str] = {}
    for found in fields(Settings):
        said = found.metadata
        argument = _ARGUMENTS.get(found.name, found.name)
        cells = (_code(said["variable"]), f"`{argument}`" if argument else "", said["default"], said["meaning"])
        rows[argument or found.name] = "| " + " | ".join(cells) + " |\n"
    return {PAGE: _HEAD + "".join(rows.values()) + _TAIL}


def _code(variable: str) -> str:
    """Mark names as code and leave the words between them."""
    return " ".join(word if word == "in" else f"`{word}`" for word in variable.split(" "))
