"""`otel-clinical rollback ack|veto|approve|arm|disarm|…`: what people tell the controller."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from otel_clinical.cli._errors import CliError

_UNITS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
_ABOUT_INCIDENTS = {
    "ack": ("acknowledge", "Say that you have seen INCIDENT and take care of it."),
    "veto": ("veto", "Stop what the controller has announced for INCIDENT, or would do by itself when time is up."),
    "approve": ("approve", "Decide INCIDENT where the guards do not: the controller acts if its version still serves."),
}
_ABOUT_MODELS = {
    "disarm": ("disarm", "Keep the controller from changing MODEL until it is armed; two people."),
    "arm": ("arm", "Let the controller act for MODEL again; two people."),
    "override": ("override", "Keep the controller from changing MODEL for a while; two people."),
    "freeze": ("freeze", "Freeze promotions and arming of MODEL for a while; rollbacks go on."),
    "freeze-rollbacks": ("freeze_rollback", "Freeze rollbacks of MODEL, at most 8 h: people are paged; two people."),
    "thaw": ("thaw", "End a freeze of MODEL; two people."),
    "now": ("rollback", "Go back to the version that is known good, now, whatever the figures say; one person."),
    "force-manual": ("force_manual", "Put every call of MODEL on the manual route at once; one person."),
    "end-force": ("end_force", "Take the FORCE_MANUAL file of MODEL away; two people."),
}
_STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="State directory of the controller.",
)
_BY = click.option("--by", required=True, help="Who orders it.")
_REASON = click.option("--reason", required=True, help="Why; no patient data.")
_FOR = click.option("--for", "how_long", help="How long it stands, such as 30m, 8h, 2d.")


def add_to(group: click.Group) -> None:
    """Add a command for every order to the rollback group."""
    for name, (kind, help_text) in _ABOUT_INCIDENTS.items():
        group.add_command(_about_incident(name, kind, help_text))
    for name, (kind, help_text) in _ABOUT_MODELS.items():
        group.add_command(_about_model(name, kind, help_text))
    group.add_command(approve_policy)


def _about_incident(name: str, kind: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @click.argument("incident_id", metavar="INCIDENT")
    @_STATE
    @_BY
    @_REASON
    def command(*, incident_id: str, state: Path, by: str, reason: str) -> None:
        from otel_clinical.rollback import model_of

        try:
            model = model_of(state, incident_id)
        except FileNotFoundError as error:
            raise CliError(str(error)) from error
        if model is None:
            raise CliError(f"{state}: no incident {incident_id}; `otel-clinical rollback status` lists them")
        give(state, kind, model, by=by, reason=reason, about=incident_id)

    return command


def _about_model(name: str, kind: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @click.argument("model")
    @_STATE
    @_BY
    @_REASON
    @_FOR
    def command(*, model: str, state: Path, by: str, reason: str, how_long: str | None) -> None:
        give(state, kind, model, by=by, reason=reason, how_long=how_long)

    return command


@click.command("approve-policy")
@click.argument("model")
@click.argument("policy_hash", metavar="HASH")
@_STATE
@_BY
@_REASON
def approve_policy(*, model: str, policy_hash: str, state: Path, by: str, reason: str) -> None:
    """Approve the changed policy that MODEL is run by in mode enforce, named by its HASH; two people."""
    give(state, "approve_policy", model, by=by, reason=reason, about=policy_hash)


def give(state: Path, kind: str, model: str, *, by: str, reason: str, **more: Any) -> None:
    """Leave an order in the state directory and say what happens with it."""
    from otel_clinical.rollback import Order, OrderKind, OrderRefusedError, give_order
    from otel_clinical.rollback.orders import TWO_PEOPLE

    now = time.time()
    until = now + seconds_of(more["how_long"]) if more.get("how_long") else None
    order = Order(OrderKind(kind), model, by, reason, now, more.get("about", ""), until, more.get("facts", {}))
    try:
        number = give_order(state, order)
    except (FileNotFoundError, OrderRefusedError) as error:
        raise CliError(str(error)) from error
    second = "; it counts once a second person orders the same within an hour" if order.kind in TWO_PEOPLE else ""
    click.echo(f"order {number}: the controller takes it up at its next turn{second}")


def seconds_of(text: str) -> float:
    """Return the seconds of a time such as 8h."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdigit() or not int(number):
        raise CliError(f"--for {text}: expected a whole number with a unit, such as 30m, 8h or 2d")
    return int(number) * _UNITS[unit]
