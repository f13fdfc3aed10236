"""`otel-clinical rollback report`: the report of one incident, and its signature."""

from __future__ import annotations

import json
import time
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._explained import explained, zone_of
from otel_clinical.cli._policy import read_policy

if TYPE_CHECKING:
    from otel_clinical.rollback.prometheus import Prometheus

_FILE = click.Path(path_type=Path, dir_okay=False)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.command("report")
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--state", type=_DIRECTORY, required=True, help="State directory of the controller.")
@click.option("--out", type=_FILE, required=True, help="File to write.")
@click.option("--format", "form", type=click.Choice(["html", "markdown", "json"]), default="html", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Write everything recorded as JSON instead.")
@click.option("--prometheus", "prometheus_url", help="Base URL: count what the degraded version served.")
@click.option(
    "--policy", "policy_path", type=_FILE, help="The policy: draw the drop with its tiers, with --prometheus."
)
@click.option("--time-zone", default="UTC", show_default=True, help="Zone of the times, such as Europe/Berlin.")
@click.option("--sign", is_flag=True, help="Sign it with the audit's key: writes FILE.sig beside it.")
@click.option("--audit-key", type=_FILE, help="The audit's private key; in --state by default.")
def report(
    *,
    incident_id: str,
    state: Path,
    out: Path,
    form: str,
    as_json: bool,
    prometheus_url: str | None,
    policy_path: Path | None,
    time_zone: str,
    sign: bool,
    audit_key: Path | None,
) -> None:
    """Write the report of one incident: what, since when, who may be affected, evidence, guards, people, actions."""
    from otel_clinical.rollback import incident
    from otel_clinical.rollback.leaving import leaving

    with explained():
        found = incident(state, incident_id)
    if found is None:
        raise CliError(f"{state}: no incident {incident_id}; `otel-clinical rollback status` lists them")
    if as_json:
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    else:
        asked = (prometheus_url, policy_path)
        out.write_text(_rendered(leaving(found), form, asked, zone_of(time_zone)), encoding="utf-8")
    click.echo(f"{out}")
    if sign:
        with explained():
            click.echo(f"{_sealed(out, state, audit_key)}")


def _sealed(out: Path, state: Path, audit_key: Path | None) -> Path:
    from otel_clinical.rollback import DATABASE, verify_file
    from otel_clinical.rollback.sealing import seal
    from otel_clinical.rollback.signing import PRIVATE, signer

    if not (audit_key or state / PRIVATE).is_file():
        raise CliError(f"{audit_key or state / PRIVATE}: no audit key; the controller makes it at its first start")
    found = signer(state, audit_key)
    if found is None:
        raise CliError("a report is signed with the library cryptography; install otel-clinical[rollback]")
    return seal(out, found, verify_file(state / DATABASE), time.time())


def _rendered(found: dict[str, Any], form: str, asked: tuple[str | None, Path | None], zone: tzinfo) -> str:
    from otel_clinical.report import incident_report, render_html, render_json, render_markdown
    from otel_clinical.rollback.exposure import exposure_of
    from otel_clinical.rollback.prometheus import Prometheus

    def said(at: float) -> str:
        return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S %Z")

    prometheus_url, policy_path = asked
    drawn = ""
    prometheus = Prometheus(prometheus_url) if prometheus_url else None
    try:
        exposure = exposure_of(prometheus, found, now=time.time(), said=said)
        if prometheus is not None and policy_path is not None and form == "html":
            drawn = _drawn(prometheus, policy_path, found, zone)
    finally:
        if prometheus is not None:
            prometheus.close()
    report = incident_report(found, zone=zone, exposure=exposure)
    if form == "html":
        return render_html(report, drawing=drawn)
    return {"markdown": render_markdown, "json": render_json}[form](report)


def _drawn(prometheus: Prometheus, policy_path: Path, found: dict[str, Any], zone: tzinfo) -> str:
    """Return the plot of the incident, empty where the policy no longer names its model."""
    from otel_clinical.rollback.page import Moments, drawing, show_evidence

    model = read_policy(policy_path).models.get(found["key"]["model"])
    return "" if model is None else drawing(show_evidence(prometheus, found, model, Moments(time.time(), zone)))
