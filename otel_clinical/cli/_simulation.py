"""`otel-clinical rollback simulate`: what would the controller do with this notification?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._explained import explained
from otel_clinical.cli._policy import read_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.rollback.simulation import Outcome

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("simulate")
@click.option("--policy", "policy_path", type=_FILE, required=True, help="Policy file.")
@click.option("--payload", type=_FILE, required=True, help="What Alertmanager would post, JSON.")
@click.option("--prometheus", required=True, help="Base URL of Prometheus.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Controller whose memory counts.")
@click.option("--at", help="A moment in the past, such as 2026-03-01T03:00:00Z; now without it.")
def simulate(*, policy_path: Path, payload: Path, prometheus: str, state: Path | None, at: str | None) -> None:
    """Say what the controller would do with a notification, guards and all; on copies, so that nothing changes."""
    from otel_clinical.rollback import read_terms
    from otel_clinical.rollback.alerts import MalformedNotificationError
    from otel_clinical.rollback.simulation import simulate as play

    policy, moment = read_policy(policy_path), None if at is None else _moment(at)
    with explained():
        terms = read_terms(policy)
        try:
            outcomes = play(terms, payload.read_bytes(), prometheus, state=state, at=moment)
        except MalformedNotificationError as error:
            raise CliError(f"{payload}: {error}") from error
        except FileNotFoundError as error:
            raise CliError(str(error)) from error
    for outcome in outcomes:
        for line in _lines(outcome, terms[outcome.model].mode):
            click.echo(line)
    if not outcomes:
        click.echo("no alert of it is one that the controller acts on")


def _lines(outcome: Outcome, mode: str) -> Iterator[str]:
    yield f"{outcome.alert}, {outcome.model}, {outcome.segment}"
    incident = outcome.incident
    if incident is None:
        yield f"  no incident: {', '.join(outcome.notes) or 'nothing follows from it'}"
        return
    decision = incident["decision"] or "none yet"
    yield f"  decision: {decision} ({incident['reason'] or 'still asking'}); the policy's mode is {mode}"
    for guard in incident["guards"]:
        yield f"  {guard['result'].replace('_', ' '):12} {guard['guard']}: {guard['because']}"


def _moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CliError(f"--at {text}: expected a moment such as 2026-03-01T03:00:00Z") from None
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if at > datetime.now(UTC).timestamp():
        raise CliError(f"--at {text}: that is in the future")
    return at
