"""Render Grafana dashboards of a policy, in classic JSON: what file provisioning reads in every version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.generate._dashboard_flow import causes, confidence, sight, traffic, versions
from otel_clinical.generate._dashboard_inputs import inputs
from otel_clinical.generate._dashboard_model import DATASOURCE, Colour, laid_out
from otel_clinical.generate._dashboard_people import time_spent
from otel_clinical.generate._dashboard_queries import LABEL_MODEL, serving
from otel_clinical.generate._dashboard_status import attribution, headline, history, proof, where
from otel_clinical.generate._rules_constants import EXPECTED
from otel_clinical.generate._rules_text import ONCALL_UID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_clinical.policy import Policy

FOLDER: Final = "dashboards"
ONCALL: Final = f"{FOLDER}/{ONCALL_UID}.json"
SCHEMA_VERSION: Final = 39


def render(policy: Policy) -> dict[str, str]:
    """Return the dashboards as relative path to content."""
    return {ONCALL: json.dumps(oncall(policy), indent=2, ensure_ascii=False) + "\n"}


def oncall(policy: Policy) -> dict[str, Any]:
    """Return the dashboard of the person on call: ten seconds on top, the reasons below."""
    rows = (
        headline(),
        history(),
        proof(),
        where(),
        attribution(),
        versions(),
        traffic(),
        causes(),
        confidence(),
        inputs(),
        time_spent(),
        sight(),
    )
    return {
        "uid": ONCALL_UID,
        "title": "Clinical AI: on call",
        "description": f"Is a model of {policy.fleet.name} degraded, where, since when, how sure, and what now.",
        "tags": ["otel-clinical"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), _model()]},
        "annotations": {"list": list(_annotations())},
        "links": [
            {
                "type": "link",
                "title": "Runbooks",
                "url": policy.fleet.runbooks,
                "icon": "doc",
                "tooltip": "What to do, alert by alert",
                "targetBlank": True,
            }
        ],
        "panels": laid_out(rows),
    }


def queries(dashboard: Mapping[str, Any], *, model: str = ".*", window: str = "1m") -> list[tuple[str, str]]:
    """Return every query of a dashboard as (panel title, expression), with its variables filled in.

    Args:
        dashboard: As `json.loads` gives it.
        model: Regular expression in place of the chosen model.
        window: PromQL duration in place of every interval that Grafana computes.
    """
    return [
        (panel["title"], _filled(target["expr"], model, window))
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


def _filled(expr: str, model: str, window: str) -> str:
    for variable in ("$__rate_interval", "$__interval", "$__range"):
        expr = expr.replace(variable, window)
    return expr.replace("$model", model)


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "type": "datasource",
        "label": "Prometheus",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
    }


def _model() -> dict[str, Any]:
    query = f"label_values({EXPECTED}, {LABEL_MODEL})"
    return {
        "name": "model",
        "type": "query",
        "label": "Model",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": "model"},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
        "hide": 0,
    }


def _annotations() -> Iterator[dict[str, Any]]:
    executed = f'ALERTS{{alertname="ClinicalAIRollbackExecuted",alertstate="firing",{LABEL_MODEL}=~"$model"}}'
    yield _annotation("Rolled back", executed, Colour.VERMILLION)
    # The version serves now, and did not a moment ago.
    yield _annotation("Version activated", f"{serving()} unless {serving(ago='1m')}", Colour.BLUE)


def _annotation(name: str, expr: str, colour: Colour) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": colour.value,
        "expr": expr,
        "titleFormat": f"{name}: {{{{{LABEL_MODEL}}}}}",
        "step": "60s",
    }
