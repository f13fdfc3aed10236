"""`otel-clinical rollback key|answer`: a key per person, and what a person answers from another machine with it."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

import click

from otel_clinical.cli._errors import CliError

_FILE = click.Path(path_type=Path, dir_okay=False)


def add_to(group: click.Group) -> None:
    """Add the commands to the rollback group."""
    group.add_command(key)
    group.add_command(answer)


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
    import httpx

    from otel_clinical.access import AccessError
    from otel_clinical.rollback.persons import Asked, sign

    asked = Asked(
        f"/v1/incidents/{incident_id}/{act}",
        request_key or secrets.token_urlsafe(16),
        json.dumps({"reason": reason, "note": note}).encode(),
    )
    try:
        headers = {"authorization": sign(key_file, asked, time.time()), "idempotency-key": asked.idempotency}
        headers["content-type"] = "application/json"
        told = httpx.post(url.rstrip("/") + asked.path, content=asked.body, headers=headers, timeout=30)
    except AccessError as error:
        raise CliError(str(error)) from error
    except httpx.HTTPError as error:
        again = f"send it again with --request {asked.idempotency}: it is done once"
        raise CliError(f"{url}: no answer ({type(error).__name__}); {again}") from error
    if told.status_code != 200:  # noqa: PLR2004 -- HTTP
        raise CliError(f"refused ({told.status_code}): {_problem(told.text)}")
    found = told.json()
    click.echo(f"{found['incident']}: {found['act']} stored for {found['by']}")


def _problem(text: str) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
