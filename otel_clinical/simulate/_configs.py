"""Generate rules and configuration of Prometheus and Alertmanager from the policy, as in production but faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from otel_clinical.generate import alertmanager, rules
from otel_clinical.policy import load_policy

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.simulate._components import Ports
    from otel_clinical.simulate._layout import Layout

INTERVAL: Final = 1.0
"""Seconds between two scrapes and between two evaluations."""

_MACHINE_INTERVAL: Final = 2.0


def write_rules(layout: Layout) -> list[Path]:
    """Write the alert rules of the policy below the folder of the stack; return the files."""
    content = rules.render(load_policy(layout.policy), evaluation_interval=INTERVAL)
    return [_write(layout.folder / path, text) for path, text in content.items()]


def write_prometheus(layout: Layout, ports: Ports) -> Path:
    """Write the configuration of a Prometheus that scrapes the stack and evaluates its rules."""
    processor = {"authorization": {"credentials_file": str(layout.processor_token)}}
    interval = f"{INTERVAL:g}s"
    content = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(path) for path in write_rules(layout)],
        "alerting": {"alertmanagers": [_targets(ports.alertmanager)]},
        "scrape_configs": [
            {"job_name": "inference", **_targets(*ports.services)},
            {"job_name": "processor", **processor, **_targets(ports.processor_metrics)},
            {"job_name": "controller", **_targets(ports.controller)},
            {"job_name": "prometheus", **_targets(ports.prometheus)},
            {"job_name": "alertmanager", **_targets(ports.alertmanager)},
        ],
    }
    return _write(layout.folder / "prometheus.yml", yaml.safe_dump(content, sort_keys=False))


def write_alertmanager(layout: Layout, ports: Ports) -> Path:
    """Write the configuration of an Alertmanager that tells the controller; people look at its API instead."""
    content = alertmanager.render(
        load_policy(layout.policy),
        webhook_url=f"http://127.0.0.1:{ports.controller}/v1/alertmanager",
        credentials_file=str(layout.controller_token),
        group_wait=0.0,
        group_interval=INTERVAL,
        machine_interval=_MACHINE_INTERVAL,
        receivers={name: {} for name in alertmanager.PEOPLE},
    )
    (text,) = content.values()
    return _write(layout.folder / "alertmanager.yml", text)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _targets(*ports: int) -> dict[str, Any]:
    return {"static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
