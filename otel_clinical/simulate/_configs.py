"""Generate the configuration of Prometheus and Alertmanager for a stack, from the same policy as in production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.simulate._components import Ports
    from otel_clinical.simulate._layout import Layout

INTERVAL: Final = 1.0
"""Seconds between two scrapes and between two evaluations."""


def prometheus_config(layout: Layout, ports: Ports) -> dict[str, Any]:
    """Return the scrape jobs, rule files and Alertmanager of a stack."""
    processor = {"authorization": {"credentials_file": str(layout.processor_token)}}
    controller = {"authorization": {"credentials_file": str(layout.controller_token)}}
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(layout.rules / "clinical-ai-*.yaml")],
        "alerting": {"alertmanagers": [_targets(ports.alertmanager)]},
        "scrape_configs": [
            {"job_name": "inference", **_targets(*ports.services)},
            {"job_name": "processor", **processor, **_targets(ports.processor_metrics)},
            {"job_name": "controller", **controller, **_targets(ports.controller)},
            {"job_name": "prometheus", **_targets(ports.prometheus)},
            {"job_name": "alertmanager", **_targets(ports.alertmanager)},
        ],
    }


def write_yaml(path: Path, content: dict[str, Any]) -> Path:
    """Write ``content`` and return ``path``."""
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def _targets(*ports: int) -> dict[str, Any]:
    return {"static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
