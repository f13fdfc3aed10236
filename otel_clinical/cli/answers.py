"""`otel-clinical rollback key|answer`: a key per person, and what a person answers from another machine with it."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli.orders import seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE = click.Path(path_type=Path, dir_okay=False)


def add_to(group: click.Group) -> None:
    """Add the commands to the rollback group."""
    group.add_command(key)
    group.add_command(answer)
    group.add_command(order)


@click.command("key")
@click.argument("name")
@click.option("--role", required=True, help="Such as on-call or governance; no spaces.")
@click.option("--out", type=_FILE, required=True, help="Private key to write; it stays with NAME.")
def key(*, name: str, role: str, out: Path) -> None:
    """Make a key for NAME, and print the line for the controller's --people file."""
    from otel_clinical.rollback.persons import new_key

    if not role or any(letter.isspace() for letter in role) or not name.strip() or not name.isprintable():
        raise CliError("expected a name, and a role without spaces")
    try:
        public = new_key(out)
    except FileExistsError:
        raise CliError(f"{out}: there is a file already; a key is never written over another") from None
    except OSError as error:
        raise CliError(f"{out}: cannot be written ({error.strerror})") from error
    click.echo(f"{public} {role} {name.strip()}")


@click.command("answer")
@click.argument("incident_id", metavar="INCIDENT")
@click.argument("act", metavar="acknowledge|veto|approve")
@click.option("--url", required=True, help="Address of the controller, such as https://ai-rollback.example.org.")
@click.option("--key", "key_file", type=_FILE, required=True, help="Your private key.")
@click.option("--reason", required=True, help="One of the reasons of the page; a wrong one lists them.")
@click.option("--note", default="", help="In your own words; no patient data.")
@click.option("--request", "request_key", help="Send the same again safely: the Idempotency-Key of the first try.")
def answer(
    *, incident_id: str, act: str, url: str, key_file: Path, reason: str, note: str, request_key: str | None
) -> None:
    """Acknowledge, veto or approve INCIDENT under your own name."""
    path = f"/v1/incidents/{incident_id}/{act}"
    found = _send(url, path, {"reason": reason, "note": note}, key_file, request_key)
    click.echo(f"{found['incident']}: {found['act']} stored for {found['by']}")


@click.command("order")
@click.argument("model")
@click.argument("kind")
@click.option("--url", required=True, help="Address of the controller, such as https://ai-rollback.example.org.")
@click.option("--key", "key_file", type=_FILE, required=True, help="Your private key.")
@click.option("--reason", required=True, help="Why; no patient data.")
@click.option("--version", help="Of quarantine, unquarantine, known_good and retire.")
@click.option("--marker", help="Of lift: the rules to lift, or `route`.")
@click.option("--hash", "policy_hash", help="Of approve_policy: as `otel-clinical check` prints it.")
@click.option("--for", "how_long", help="Of freeze, freeze_rollback and override: such as 30m, 8h, 2d.")
@click.option("--request", "request_key", help="Send the same again safely: the Idempotency-Key of the first try.")
def order(
    *,
    model: str,
    kind: str,
    url: str,
    key_file: Path,
    reason: str,
    version: str | None,
    marker: str | None,
    policy_hash: str | None,
    how_long: str | None,
    request_key: str | None,
) -> None:
    """Order KIND for MODEL under your own name: arm, disarm, freeze, quarantine, force_manual and the like.

    KIND is one of arm, disarm, override, freeze, freeze_rollback, thaw, force_manual, end_force, lift, approve_policy,
    quarantine, unquarantine, known_good, retire, activate and rollback (what the command `now` orders).
    """
    seconds = None if how_long is None else seconds_of(how_long)
    body = {"reason": reason, "version": version, "marker": marker, "hash": policy_hash, "seconds": seconds}
    given = {name: value for name, value in body.items() if value is not None}
    found = _send(url, f"/v1/models/{model}/{kind}", given, key_file, request_key)
    second = "; it counts once a second person orders the same within an hour" if found["second_within"] else ""
    click.echo(f"{model}: {kind} stored for {found['by']} (order {found['order']}){second}")


def _send(url: str, path: str, body: Mapping[str, object], key_file: Path, request_key: str | None) -> dict[str, Any]:
    """Send what a person does, signed with their key, and return the answer."""
    import httpx

    from otel_clinical.access import AccessError
    from otel_clinical.rollback.persons import Asked, sign

    asked = Asked(path, request_key or secrets.token_urlsafe(16), json.dumps(body).encode())
    try:
        headers = {"authorization": sign(key_file, asked, time.time()), "idempotency-key": asked.idempotency}
        headers["content-type"] = "application/json"
        told = httpx.post(url.rstrip("/") + asked.path, content=asked.body, headers=headers, timeout=30)
    except AccessError as error:
        raise CliError(str(error)) from error
    except httpx.HTTPError as error:
        again = f"send it again with --request {asked.idempotency}: it is done once"
        raise CliError(f"{url}: no answer ({type(error).__name__}); {again}") from error
    if told.status_code not in {200, 202}:
        raise CliError(f"refused ({told.status_code}): {_problem(told.text)}")
    answered: dict[str, Any] = told.json()
    return answered


def _problem(text: str) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
