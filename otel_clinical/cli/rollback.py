"""`otel-clinical rollback`: run the controller, read its incidents, activate a version."""

from __future__ import annotations

import gc
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otel_clinical.cli import answers, orders
from otel_clinical.cli._drill import drill
from otel_clinical.cli._errors import CliError
from otel_clinical.cli._explained import explained, zone_of
from otel_clinical.cli._policy import read_policy
from otel_clinical.cli._readiness import judge, readiness
from otel_clinical.cli._report import report
from otel_clinical.cli._simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback import Terms
    from otel_clinical.rollback.page import Proxy
    from otel_clinical.rollback.second_path import Pager
    from otel_clinical.rollback.service import People

_FILE = click.Path(path_type=Path, dir_okay=False)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)
_POLICY = click.option("--policy", "policy_path", type=_FILE, required=True, help="Policy file.")
_MODES = {
    "observe": "nothing will be changed",
    "recommend": "people are told what to change; nothing will be changed",
    "enforce": "what is proved and confirmed will be changed",
}


@click.group("rollback")
def command() -> None:
    """Run the rollback controller and read its incidents."""


@command.command("serve")
@_POLICY
@click.option("--state", type=_DIRECTORY, required=True, help="State directory, on a local disk; one per controller.")
@click.option("--listen", default="127.0.0.1:9466", show_default=True, help="Address of the HTTP interface.")
@click.option("--token-file", type=_FILE, required=True, help="Bearer tokens: one, or two while rotating.")
@click.option("--prometheus", "prometheus_url", required=True, help="Base URL of Prometheus.")
@click.option("--mode", type=click.Choice(["observe", "recommend", "enforce"]), help="Override the policy's mode.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM) of the HTTP interface; needs --tls-key.")
@click.option("--tls-key", type=_FILE, help="Its private key (PEM).")
@click.option("--tls-client-ca", type=_FILE, help="Authority (PEM): clients must show a certificate of it.")
@click.option("--insecure", is_flag=True, help="Listen where other machines can reach it without TLS.")
@click.option("--time-zone", default="UTC", show_default=True, help="Zone of the pages' times, such as Europe/Berlin.")
@click.option("--alertmanager", "alertmanager_url", help="Base URL of Alertmanager: post alerts for people there.")
@click.option("--alertmanager-token-file", type=_FILE, help="Bearer token that Alertmanager asks for.")
@click.option("--public-url", help="Address of this HTTP interface as people reach it; for the links in those alerts.")
@click.option("--people", "people_file", type=_FILE, help="Public keys of people, as `rollback key` prints them.")
@click.option("--proxy-address", help="Address of the one proxy that says who a visitor of the pages is.")
@click.option("--proxy-header", default="X-Forwarded-User", show_default=True, help="Header in which it says so.")
@click.option("--proxy-certificate", default="", help="Name in the certificate that this proxy must show.")
@click.option("--people-certificates", is_flag=True, help="Know visitors by the mail address in their certificate.")
@click.option("--caller", "callers", multiple=True, help="Name in the certificate of who may post alerts; repeatable.")
@click.option("--page-url", help="Second path to people, where the alerting path fails: PagerDuty or a hook.")
@click.option("--page-key-file", type=_FILE, help="Routing key that the second path asks for.")
@click.option("--audit-key", type=_FILE, help="Private key that signs the audit; in --state by default.")
@click.option("--pull", default=15.0, show_default=True, help="Seconds between two looks at what fires.")
@click.option("--retry", default=15.0, show_default=True, help="Seconds after which an open question is asked again.")
@click.option("--watch", default=5.0, show_default=True, help="Seconds between two looks at a recovery.")
def serve(
    *,
    policy_path: Path,
    state: Path,
    listen: str,
    token_file: Path,
    prometheus_url: str,
    mode: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    insecure: bool,
    time_zone: str,
    alertmanager_url: str | None,
    alertmanager_token_file: Path | None,
    public_url: str | None,
    people_file: Path | None,
    proxy_address: str | None,
    proxy_header: str,
    proxy_certificate: str,
    people_certificates: bool,
    callers: tuple[str, ...],
    page_url: str | None,
    page_key_file: Path | None,
    audit_key: Path | None,
    pull: float,
    retry: float,
    watch: float,
) -> None:
    """Hear alerts, confirm them, and reduce harm, until SIGTERM.

    Prints one line of JSON when it hears alerts: {"event": "ready", "http": …, "prometheus": …, "modes": …}.
    """
    from otel_clinical.access import Address, Certificate, require_tls_off_loopback
    from otel_clinical.rollback import ControllerService, Timing
    from otel_clinical.semconv.enums import RollbackMode

    if min(pull, retry, watch) <= 0:
        raise CliError("--pull, --retry and --watch are seconds above 0")
    if (tls_cert is None) is not (tls_key is None) or (tls_client_ca and not tls_cert):
        raise CliError("--tls-cert and --tls-key go together, and --tls-client-ca needs both")
    if (callers or proxy_certificate or people_certificates) and not tls_client_ca:
        raise CliError(
            "--caller, --proxy-certificate and --people-certificates need --tls-client-ca: without it nobody shows one"
        )
    policy = read_policy(policy_path)
    with explained():
        address = Address.parse(listen, "--listen")
        if not address.port:
            raise CliError(f"--listen {listen}: Alertmanager must know the port; choose one of 1-65535")
        require_tls_off_loopback(address, has_tls=tls_cert is not None, insecure=insecure)
        certificate = Certificate(tls_cert, tls_key, tls_client_ca) if tls_cert and tls_key else None
        service = ControllerService(
            policy,
            state,
            token_file,
            prometheus_url,
            mode=RollbackMode(mode) if mode else None,
            timing=Timing(confirm=min(1.0, retry), retry=retry, watch=watch),
            pull=pull,
            zone=zone_of(time_zone),
            proxy=_proxy(proxy_address, proxy_header, proxy_certificate),
            persons=people_file,
            people=_people(alertmanager_url, alertmanager_token_file, public_url or f"http://{listen}"),
            audit_key=audit_key,
            callers=frozenset(callers),
            certificates=people_certificates,
            pager=_pager(page_url, page_key_file, listen),
        )
    line = {
        "event": "ready",
        "pid": os.getpid(),
        "http": listen,
        "prometheus": service.prometheus,
        "modes": service.modes,
        "state": str(state),
    }
    gc.freeze()  # what is alive now stays: collections need not look at it again, while somebody waits for an answer
    service.run(address.host, address.port, certificate, ready=lambda: click.echo(json.dumps(line)))


@command.command("activate")
@click.argument("model")
@click.argument("version")
@_POLICY
@click.option("--by", required=True, help="Who activates it: a person or a pipeline.")
@click.option("--state", type=_DIRECTORY, help="State directory of the controller, to honour its quarantines.")
@click.option("--expect-epoch", type=int, help="Refuse unless the release pointer has this epoch.")
def activate(
    *, model: str, version: str, policy_path: Path, by: str, state: Path | None, expect_epoch: int | None
) -> None:
    """Let VERSION of MODEL serve: create its release pointer, or change it by compare-and-swap."""
    from otel_clinical.rollback import activate_version

    terms = _terms(policy_path, model)
    with explained():
        pointer = activate_version(terms, version, by=by, at=time.time(), state=state, expect_epoch=expect_epoch)
    click.echo(f"{model}: version {pointer.version} serves, activation {pointer.activation}, epoch {pointer.epoch}")
    click.echo(f"release pointer: {terms.pointer} (the `pointer` of each ModelRouter must be this file)", err=True)


@command.command("lift")
@click.argument("model")
@click.argument("marker")
@_POLICY
@click.option("--by", required=True, help="One person.")
@click.option("--and-by", required=True, help="Another person.")
def lift(*, model: str, marker: str, policy_path: Path, by: str, and_by: str) -> None:
    """Give back the reach that the rules of MARKER took from the AI, or the model's `route`; two people must ask."""
    from otel_clinical.rollback import lift_hold

    terms = _terms(policy_path, model)
    with explained():
        pointer = lift_hold(terms, marker, by=(by, and_by), at=time.time())
    click.echo(f"{model}: {marker} lifted, route {pointer.route}, {len(pointer.rules)} rules, epoch {pointer.epoch}")


@command.command("close")
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--state", type=_DIRECTORY, required=True, help="State directory of the controller.")
@click.option("--by", required=True, help="Who closes it.")
@click.option("--reason", required=True, help="Why; no patient data.")
def close(*, incident_id: str, state: Path, by: str, reason: str) -> None:
    """Close an incident that the controller could not decide; it is audited with your name."""
    from otel_clinical.rollback import close_incident

    with explained():
        found = close_incident(state, incident_id, by=by, reason=reason)
    if not found:
        raise CliError(f"{state}: no incident {incident_id}; `otel-clinical rollback status` lists them")
    click.echo(f"{incident_id}: the controller closes it at its next turn")


@command.command("status")
@_POLICY
@click.option("--state", type=_DIRECTORY, help="State directory of the controller, for its incidents.")
def status(policy_path: Path, state: Path | None) -> None:
    """Say what serves, what the controller may do, what is held back, and which incidents there are."""
    from otel_clinical.release import force_manual_path
    from otel_clinical.rollback import (
        activity,
        how_to_activate,
        incidents,
        quarantined,
        read_terms,
        serving,
        standing_orders,
    )

    policy = read_policy(policy_path)
    with explained():
        terms = read_terms(policy)
        seen = activity(state) if state is not None else None
        modes = {} if seen is None else seen.modes
        for model, pointer in serving(terms).items():
            if pointer is None:
                click.echo(f"{model}: no version activated yet; {how_to_activate(terms[model], str(policy_path))}")
            else:
                _print_release(model, pointer)
            if (by_hand := force_manual_path(terms[model].pointer)).exists():
                click.echo(
                    f"  ON MANUAL BY HAND: {by_hand} exists, so no call reaches the model; remove it to end that"
                )
            click.echo(f"  mode {_mode(terms[model].mode, modes.get(model))}")
            if state is not None and (versions := quarantined(state, model)):
                click.echo(f"  quarantined: {', '.join(sorted(versions))}")
            for order in standing_orders(state, model).values() if state is not None else ():
                click.echo(_order(order))
        if seen is not None:
            click.echo(f"controller: started {_when(seen.started)}")
            click.echo(f"  last heartbeat {_when(seen.heartbeat)}, last webhook {_when(seen.webhook)}")
            click.echo(f"incidents: {seen.open_incidents} open, {seen.incidents} in all")
        for item in incidents(state) if state is not None else []:
            click.echo(_line(item))
            for line in _guards(item):
                click.echo(line)


def _people(alertmanager: str | None, token_file: Path | None, url: str) -> People | None:
    from otel_clinical.access import TokenFile
    from otel_clinical.rollback.service import People

    for what, address in (("--alertmanager", alertmanager), ("--public-url", url)):
        if address is not None and not address.startswith(("http://", "https://")):
            raise CliError(f"{what} {address}: expected an address such as http://alertmanager:9093")
    if alertmanager is None:
        return None
    return People(alertmanager, url, TokenFile(token_file) if token_file else None)


def _pager(url: str | None, key: Path | None, listen: str) -> Pager | None:
    from otel_clinical.rollback.second_path import Pager

    if url is not None and not url.startswith(("http://", "https://")):
        raise CliError(f"--page-url {url}: expected an address such as https://events.pagerduty.com/v2/enqueue")
    if url is None and key is not None:
        raise CliError("--page-key-file needs --page-url")
    return Pager(url, key, f"otel-clinical rollback controller at {listen}") if url is not None else None


def _proxy(address: str | None, header: str, certificate: str) -> Proxy | None:
    from ipaddress import ip_address

    from otel_clinical.rollback.page import Proxy

    try:
        return Proxy(str(ip_address(address)), header, certificate) if address else None
    except ValueError:
        raise CliError(f"--proxy-address {address}: expected one IP address, such as 10.0.0.5") from None


orders.add_to(command)
answers.add_to(command)


def _print_release(model: str, pointer: ReleasePointer) -> None:
    click.echo(f"{model}: version {pointer.version} on route {pointer.route}, epoch {pointer.epoch}")
    for rule in pointer.rules:
        held = f" on version {rule.version}" if rule.version else ""
        where = f"{rule.segment.name}={rule.segment.value}"
        click.echo(f"  {where}: route {rule.route}{held} ({rule.reason}, {rule.marker})")


def _mode(declared: str, running: str | None) -> str:
    """Say in words what a mode means: the one the controller was started with, if that is known."""
    mode = running or declared
    differs = f" (the controller was started so; the policy says {declared})" if mode != declared else ""
    return f"{mode}: {_MODES[mode]}{differs}"


def _when(time: float | None) -> str:
    return "never" if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _order(order: dict[str, Any]) -> str:
    until = f" until {_when(order['until'])}" if order["until"] else ""
    waits = "" if order["in_force"] else ", waits for a second person"
    people = " and ".join(order["by"])
    return f"  {order['kind']} since {_when(order['since'])}{until} by {people}: {order['reason']}{waits}"


def _line(item: dict[str, Any]) -> str:
    key = item["key"]
    opened = _when(item["opened_at"])
    where = "all" if key["segment"]["name"] == "all" else f"{key['segment']['name']}={key['segment']['value']}"
    return f"{item['id']}  {opened}  {key['model']} {item['version']}  {where}  {item['state']}  {item['reason']}"


def _guards(item: dict[str, Any]) -> Iterator[str]:
    """Say which guards did not pass, or had nothing to compare with."""
    from otel_clinical.rollback.leaving import leaving

    for said in leaving(item)["guards"]:
        if said["result"] != "pass":
            yield f"    guard {said['guard']}: {said['result'].replace('_', ' ')} ({said['because']})"


def _terms(policy_path: Path, model: str) -> Terms:
    from otel_clinical.rollback import read_terms

    policy = read_policy(policy_path)
    with explained():
        terms = read_terms(policy)
    if model not in terms:
        raise CliError(f"{policy_path} declares no model {model}; declared: {', '.join(sorted(terms))}")
    return terms[model]


command.add_command(drill)
command.add_command(readiness)
command.add_command(judge)
command.add_command(simulate)
command.add_command(report)
