"""`otel-clinical processor backup|restore`: copies of the state directory."""

from __future__ import annotations

from pathlib import Path

import click

from otel_clinical.cli._errors import CliError

_FILE = click.Path(path_type=Path, dir_okay=False)
_STATE = click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), required=True, help="State directory of the processor."
)


@click.command("backup")
@_STATE
@click.argument("file", type=_FILE)
def backup(state: Path, file: Path) -> None:
    """Copy the state into FILE, verified, while the processor runs or not."""
    from otel_clinical.drift.runtime import StateDirectoryError
    from otel_clinical.drift.runtime.backup import back_up

    try:
        found = back_up(state, file)
    except StateDirectoryError as error:
        raise CliError(str(error)) from error
    click.echo(
        f"{file}: {found.requests:,} requests, {found.events:,} events, {found.pending:,} requests to be applied"
    )


@click.command("restore")
@_STATE
@click.argument("file", type=_FILE)
def restore(state: Path, file: Path) -> None:
    """Put FILE, made by `backup`, into the place of the state; the processor must be stopped.

    The files that were there are moved into a folder beside, named in the last line.
    """
    from otel_clinical.drift.runtime import StateDirectoryError
    from otel_clinical.drift.runtime.backup import restore as put_back

    try:
        found, aside = put_back(state, file)
    except StateDirectoryError as error:
        raise CliError(str(error)) from error
    click.echo(f"{state}: {found.requests:,} requests, {found.events:,} events")
    click.echo("requests acknowledged after the backup are not in it and will not be sent again")
    if aside is not None:
        click.echo(f"what was there before is in {aside}")
